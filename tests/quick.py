# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.quick [COMMIT]`: the tests that what changed since COMMIT needs, as many as a minute holds.

First the tests that changed, then those that mirror a changed file, those that import one, and the rest of the folders
that mirror. By default COMMIT is where this branch left main.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest

from tests.modules import ROOT, files, graph

SECONDS = 55
ALWAYS = "tests/test_architecture.py"


def changed(since: str | None = None) -> list[str]:
    """Files that differ from a commit, and those that git does not know yet."""

    def git(*words: str) -> list[str]:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    since = since or git("merge-base", "HEAD", "main")[0]
    return git("diff", "--name-only", since) + git("ls-files", "--others", "--exclude-standard")


def wanted(names: Iterable[str]) -> list[str]:
    """Test files for changed files, the nearest first."""
    ours = files()
    modules = {path.relative_to(ROOT).as_posix(): module for module, path in ours.items()}
    nearness: dict[str, int] = {ALWAYS: 0}

    def take(paths: Iterable[Path], near: int) -> None:
        for path in paths:
            name = path.relative_to(ROOT).as_posix()
            if path.name.startswith("test_") and path.is_file():
                nearness[name] = min(near, nearness.get(name, near))

    for name in names:
        path = PurePosixPath(name)
        importers = [ours[m] for m, others in graph(typed=False).items() if modules.get(name) in others]
        if path.parts[0] == "tests":
            take([ROOT / name], 0)
            take([ROOT / f"tests/test_{path.parts[1]}.py"], 1)  # of good and bad programs
            take(importers, 2)
            continue
        mirrors = (ROOT / "tests" / folder for folder in path.parents)
        mirror = next(folder for folder in mirrors if folder.is_dir())
        take(mirror.glob(f"test_{path.stem}*.py"), 1)
        take(importers, 2)
        take(mirror.glob("test_*.py") if mirror != ROOT / "tests" else [], 3)
    return sorted(nearness, key=lambda name: (nearness[name], name))


class Deadline:
    """A plugin of pytest: no test begins after it. ``left``: those that did not."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.left = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.session, self.left = session, len(session.items)

    def pytest_runtest_logfinish(self) -> None:
        self.left -= 1
        if self.left and time.monotonic() > self.end:
            self.session.shouldstop = "the minute is over"


def main(argv: list[str]) -> int:
    chosen = wanted(changed(*argv))
    print("\n".join(chosen), flush=True)
    deadline = Deadline(SECONDS)
    status = pytest.main(["-q", "-x", "--no-header", *chosen], plugins=[deadline])
    if status == pytest.ExitCode.INTERRUPTED and deadline.left:
        print(f"{deadline.left} of the tests did not fit into a minute: `make test` runs all")
        return 0
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
