# SPDX-License-Identifier: Apache-2.0
"""Seeded single faults planted in core, lang, compiler and runtime: do the tests that execute the line notice?

Each fault is planted in memory, in a child forked after the libraries are imported; no file is changed. A test that
fails, a crash and a hang notice it. Which tests execute which line is recorded the first time, and again for test files
that changed. What goes unnoticed is listed with its reason, from mutants.toml; a fault that cannot change a result is
not counted. The bar: 95 % noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from benchmarks.robustness import forked
from benchmarks.robustness.forked import ROOT, Ended, run_all, run_pytest
from benchmarks.robustness.line_tests import LineTests, Timed, record, selected
from benchmarks.robustness.mutations import mutations, planted

FOLDERS = ("core", "lang", "compiler", "runtime")
TESTS = (
    *(f"tests/{area}" for area in ("core", "lang", "compiler", "runtime", "analyses", "hepq", "stdlib", "pipeline")),
    "tests/docs/test_diagnostics.py",
    "tests",
)
QUICK = ("tests/lang/format/test_format.py", "tests/lang/syntax/test_parser.py")
#: files of words alone: the catalogue of diagnostics
WORDS = "codes_"
REVIEWED = Path(__file__).with_suffix(".toml")
BAR = 0.95
#: recorded seconds of tests that are run against one fault
BUDGET = 120.0


@dataclass(frozen=True)
class Fault:
    """``text``: the line, stripped; ``nth``: which of the file's lines of that text, from 0.

    With ``file`` and ``what`` a fault is known by them, wherever the line moves.
    """

    file: str
    line: int
    number: int
    what: str
    text: str
    nth: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.file, self.text, self.what)

    @property
    def name(self) -> str:
        """Of one fault, also where a file has several lines of one text."""
        return " | ".join((*self.key, str(self.nth)))


@dataclass(frozen=True)
class Verdict:
    """``noticed``: by what; empty if it went unnoticed. ``ran`` of ``tests`` that execute the line were run."""

    noticed: str
    ran: int
    tests: int
    seconds: float


class _Chosen:
    """A plugin of pytest: these tests, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.place = {name: i for i, name in enumerate(tests)}
        self.first = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda i: self.place[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid


def faults(folders: Iterable[str], only: str = "") -> list[Fault]:
    """All that could be planted in files whose path begins with ``only``."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file.startswith(only) and not path.name.startswith(WORDS):
                source = path.read_text()
                lines = [line.strip() for line in source.splitlines()]
                nth = [lines[:i].count(line) for i, line in enumerate(lines)]
                found += [
                    Fault(file, m.line, m.number, m.what, lines[m.line - 1], nth[m.line - 1]) for m in mutations(source)
                ]
    return found


def drawn(among: Sequence[Fault], count: int, seed: int) -> list[Fault]:
    """``count`` lines at random, and of each one of its faults; mostly the same ones when some lines have changed."""

    def lot(*words: object) -> str:
        return hashlib.sha256(repr((seed, *words)).encode()).hexdigest()

    by_line: dict[tuple[str, str, int], list[Fault]] = {}
    for fault in among:
        by_line.setdefault((fault.file, fault.text, fault.nth), []).append(fault)
    places = sorted(by_line, key=lambda place: lot(*place))[:count]
    return [min(by_line[place], key=lambda fault: lot(fault.name)) for place in places]


def _compiled(fault: Fault) -> CodeType:
    """Found again by its name: the source may have changed since it was drawn."""
    path, only = ROOT / fault.file, fault.file
    now = next(f for f in faults([only.partition("/")[0]], only) if f.name == fault.name)
    return compile(planted(path.read_text(), now.number), str(path), "exec")


def _judge(fault: Fault, tests: Sequence[str]) -> str:
    """In a child: the first test that fails with the fault planted; empty if none does."""
    forked.plant((ROOT / fault.file).resolve(), _compiled(fault))
    chosen = _Chosen(tests)
    status = run_pytest(sorted({t.partition("::")[0] for t in tests}), [chosen], "-x", "--tb=line")
    return "" if status == pytest.ExitCode.OK else chosen.first or f"pytest ended with {status}"


def _verdict(ended: Ended, ran: int, tests: int) -> Verdict:
    noticed = ended.why if ended.value is None else str(ended.value)
    return Verdict(noticed, ran, tests, round(ended.seconds, 1))


class Kept:
    """Verdicts in a file of JSON lines, so that a run may be stopped and gone on with."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.verdicts: dict[str, Verdict] = {}
        if path and path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                self.verdicts[entry["fault"]] = Verdict(**entry["verdict"])

    def add(self, fault: Fault, verdict: Verdict) -> None:
        self.verdicts[fault.name] = verdict
        if self.path:
            with self.path.open("a") as file:
                file.write(json.dumps({"fault": fault.name, "line": fault.line, "verdict": asdict(verdict)}) + "\n")


def measure(chosen: Sequence[Fault], line_tests: LineTests, kept: Kept, workers: int, again: bool = False) -> None:
    """Verdicts for those of ``chosen`` that have none; with ``again``, for those that went unnoticed unreviewed too."""
    done = {n for n, verdict in kept.verdicts.items() if not again or verdict.noticed}
    done |= {f.name for f in chosen if f.name in kept.verdicts and f.key in reviewed()}
    todo = [f for f in chosen if f.name not in done]
    plans: list[tuple[Fault, list[Timed], int]] = []
    for fault in todo:
        tests = line_tests.of(fault.file, fault.line)
        if tests:
            plans.append((fault, selected(tests, BUDGET, fault.file), len(tests)))
        else:
            kept.add(fault, Verdict("", 0, 0, 0.0))
    jobs = [
        (partial(_judge, fault, [t.id for t in tests]), 120 + 3 * sum(t.seconds for t in tests))
        for fault, tests, _ in plans
    ]
    with (
        tempfile.TemporaryDirectory(prefix="hepq-mutants-") as scratch,
        Progress(console=Console(stderr=True)) as bar,
    ):
        task = bar.add_task("faults", total=len(jobs))
        for place, ended in run_all(jobs, workers, Path(scratch)):
            fault, tests, number = plans[place]
            kept.add(fault, _verdict(ended, len(tests), number))
            bar.advance(task)


def reviewed() -> dict[tuple[str, str, str], dict[str, Any]]:
    """By the key of its fault: the reason it goes unnoticed, and whether it could change a result."""
    return {(e["file"], e["line"], e["fault"]): e for e in tomllib.loads(REVIEWED.read_text())["unnoticed"]}


@dataclass(frozen=True)
class Summary:
    planted: int
    noticed: int
    equivalent: int

    @property
    def share(self) -> float:
        """Of those that can change a result."""
        return self.noticed / max(1, self.planted - self.equivalent)


def summarise(chosen: Sequence[Fault], kept: Kept, console: Console) -> Summary:
    """Prints what went unnoticed, with the reason if it was reviewed."""
    reasons, counts = reviewed(), Counter[str]()
    for fault in chosen:
        verdict = kept.verdicts[fault.name]
        if verdict.noticed:
            counts["noticed"] += 1
            continue
        entry = reasons.get(fault.key, {})
        counts["equivalent"] += bool(entry) and not entry["changes_results"]
        run = f"{verdict.ran} of {verdict.tests} tests" if verdict.tests else "no test executes the line"
        console.print(f"[bold]{fault.file}:{fault.line}[/bold] {escape(fault.what)} ({run})", highlight=False)
        console.print(f"    {escape(entry.get('reason', 'not reviewed'))}", highlight=False)
    return Summary(len(chosen), counts["noticed"], counts["equivalent"])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many faults (200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="PATH", help="in files whose path begins so, hepq/ too")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="append verdicts to FILE, and do not judge again")
    parser.add_argument(
        "--again", action="store_true", help="judge those of FILE again that are unnoticed and not reviewed"
    )
    parser.add_argument("--recorded", action="store_true", help="take the lines of tests as recorded, changed or not")
    parser.add_argument("--workers", type=int, default=2, help="children at once (2)")
    parser.add_argument("--quick", action="store_true", help="8 faults of the formatter, under a minute")
    options = parser.parse_args(argv)
    console = Console(width=160)
    only, count = ("lang/format", 8) if options.quick else (options.only, options.count)
    folders = ("hepq",) if only.startswith("hepq") else FOLDERS
    test_files = _test_files(QUICK if options.quick else TESTS)
    forked.import_libraries()
    if not options.recorded:
        for name, ended in record(test_files, (*FOLDERS, "hepq"), options.workers):
            console.print(f"recorded {name} in {ended.seconds:.0f} s {ended.why}", highlight=False)
    line_tests = LineTests(test_files)
    if line_tests.failed:
        console.print(f"not used, since recording failed: {', '.join(line_tests.failed)}", highlight=False)
    chosen, kept = drawn(faults(folders, only), count, options.seed), Kept(options.keep)
    measure(chosen, line_tests, kept, options.workers, options.again)
    summary = summarise(chosen, kept, console)
    console.print(
        f"seed {options.seed}: {summary.planted} faults planted, {summary.equivalent} of them cannot change a result; "
        f"{summary.noticed} noticed: {summary.share:.1%} (bar {BAR:.0%})"
    )
    return 0 if summary.share >= BAR else 1


def _test_files(places: Iterable[str]) -> list[Path]:
    """Test files in these folders and of these names; those beside ``tests`` itself, not in it."""
    found: dict[Path, None] = {}
    for place in places:
        path = ROOT / place
        deep = path.glob if place == "tests" else path.rglob
        found.update(dict.fromkeys(sorted(deep("test_*.py")) if path.is_dir() else [path]))
    return list(found)
