# SPDX-License-Identifier: Apache-2.0
"""What the documentation says of the tree, written from the tree: its folders and the passes. And paths it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

from hepq.compiler.passes.base import Pass
from hepq.compiler.passes.log_softmax import LogSoftmax
from hepq.compiler.passes.pipelines import INFERENCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/compiler.md"
PACKAGES = ("core", "grammar", "lang", "compiler", "runtime", "stdlib", "hepq")
_PATH = re.compile(rf"`((?:{'|'.join(PACKAGES)}|examples|benchmarks|docs|tests)/[\w./*-]*)`")
_FILE = re.compile(r"`(\w+\.py)`")


def about(file: Path) -> str:
    """The first line of a module's docstring."""
    found = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert found, f"{file}: no docstring"
    return found.split("\n")[0].replace("``", "`")


def folders() -> str:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("__init__.py"))]
    rows = [f"| `{file.parent.relative_to(ROOT).as_posix()}/` | {about(file)} |" for file in files]
    return "\n".join(["| folder | what |", "|---|---|", *rows])


def passes() -> str:
    """In the order of their first run; the one for training last."""
    found: dict[str, type[Pass]] = {}
    for one in (*INFERENCE, LogSoftmax()):
        found.setdefault(one.name, type(one))
    files = {
        name: ROOT / f"{kind.__module__.removeprefix('hepq.').replace('.', '/')}.py" for name, kind in found.items()
    }
    rows = [f"| `{name}` | `{file.name}` | {about(file)} |" for name, file in files.items()]
    return "\n".join(["| pass | file | what |", "|---|---|---|", *rows])


#: what stands between `<!-- NAME: generated -->` and `<!-- end -->`
PARTS: dict[str, Callable[[], str]] = {"folders": folders, "passes": passes}


def renewed() -> str:
    """The compiler's page with its generated parts as they must be."""
    text = PAGE.read_text(encoding="utf-8")
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}: generated -->", "<!-- end -->"
        assert begin in text, f"{PAGE} has lost its part `{name}`"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{part()}\n{end}{rest.partition(end)[2]}"
    return text


def missing(page: Path) -> list[str]:
    """Paths, and on contributors' pages names of files, that a page names and the tree has not."""
    text = page.read_text(encoding="utf-8")
    paths = [path for path in _PATH.findall(text) if not any(ROOT.glob(path.rstrip("/").replace("NAME", "*")))]
    if page.name not in ("compiler.md", "CONTRIBUTING.md"):
        return paths
    names = {file.name for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    return paths + [name for name in _FILE.findall(text) if name not in names]
