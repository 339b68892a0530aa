# SPDX-License-Identifier: Apache-2.0
"""Which tests execute a line, and how long each takes: recorded for each test file, kept while that file is the same.

When a source changes, what was recorded of it is moved along with its unchanged lines.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.robustness.forked import ROOT, Ended, run_all, run_pytest

KEPT = ROOT / "build/mutants"
#: seconds that one test file may take, with its lines recorded
PATIENCE = 600.0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@dataclass(eq=False)  # pytest hashes its plugins
class _Recorder:
    """A plugin of pytest: the lines that each test executes in these folders, from after the imports on.

    Those of a fixture that tests share are of each of these, and not of the first one alone.
    """

    folders: Sequence[str]
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    #: test -> contexts of the fixtures that it uses
    fixtures: dict[str, set[str]] = field(default_factory=dict)
    _now: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        import coverage

        include = [str(ROOT / folder / "*") for folder in self.folders]
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=include)

    def pytest_collection_finish(self) -> None:
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self._now = [item.nodeid]
        self.coverage.switch_context(item.nodeid)
        self.fixtures[item.nodeid] = {_context(name) for name in getattr(item, "fixturenames", ())}
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        if fixturedef.scope == "function":
            return (yield)
        self._now.append(_context(fixturedef.argname))
        self.coverage.switch_context(self._now[-1])
        try:
            return (yield)
        finally:
            self._now.pop()
            self.coverage.switch_context(self._now[-1])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            (self.failed if report.failed else self.skipped).add(report.nodeid)

    def found(self) -> dict[str, Any]:
        self.coverage.stop()
        data, lines = self.coverage.get_data(), dict[str, dict[str, set[int]]]()
        for path in sorted(data.measured_files()):
            name = Path(path).relative_to(ROOT).as_posix()
            for line, contexts in data.contexts_by_lineno(path).items():
                for context in contexts:
                    lines.setdefault(context, {}).setdefault(name, set()).add(line)
        found = {}
        for test in self.fixtures.keys() - self.failed - self.skipped:
            mine: dict[str, set[int]] = defaultdict(set)
            for context in (test, *self.fixtures[test]):
                for name, some in lines.get(context, {}).items():
                    mine[name] |= some
            executed = {name: sorted(some) for name, some in mine.items()}
            found[test] = {"seconds": round(self.seconds[test], 3), "lines": executed}
        return found


def _context(fixture: str) -> str:
    return f"fixture {fixture}"


def _record(file: str, folders: Sequence[str]) -> dict[str, Any]:
    """In a child: what ``record`` writes of a file's tests. Those that fail when they are recorded say nothing."""
    recorder = _Recorder(folders)
    run_pytest([file], [recorder])
    return {"tests": recorder.found(), "failed": sorted(recorder.failed)}


def record(files: Iterable[Path], folders: Sequence[str], workers: int) -> Iterator[tuple[str, Ended]]:
    """Those of ``files`` that are new or changed since they were last recorded, or were recorded in another way; yields
    each and how it ended."""
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = [p for p in files if not _is_known(_kept(p), p)]
    names = [p.relative_to(ROOT).as_posix() for p in wanted]
    jobs = [(partial(_record, name, folders), PATIENCE) for name in names]
    for place, ended in run_all(jobs, workers, KEPT):
        tests, failed = (ended.value or {"tests": {}, "failed": []}).values()
        sources = {s for test in tests.values() for s in test["lines"]}
        texts = {s: digest(ROOT / s) for s in sources}
        for source, version in texts.items():
            (KEPT / f"{version}.py").write_bytes((ROOT / source).read_bytes())
        entry = {
            "test": digest(wanted[place]),
            "by": digest(Path(__file__)),
            "sources": texts,
            "tests": tests,
            "failed": failed,
            "why": ended.why,
        }
        _place(wanted[place]).write_text(json.dumps(entry))
        yield names[place], ended


def _is_known(entry: dict[str, Any], test_file: Path) -> bool:
    return entry.get("test") == digest(test_file) and entry.get("by") == digest(Path(__file__))


def _place(test_file: Path) -> Path:
    return KEPT / (test_file.relative_to(ROOT).as_posix().replace("/", "--") + ".json")


def _kept(test_file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_place(test_file).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@cache
def _moved(source: str, version: str) -> dict[int, int]:
    """Line of a recorded version of a source -> line of it now."""
    old = (KEPT / f"{version}.py").read_text().splitlines()
    new = (ROOT / source).read_text().splitlines()
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return {a + i + 1: b + i + 1 for a, b, size in blocks for i in range(size)}


def body_lines(source: str) -> dict[int, int]:
    """Line -> the first line of its statement, for lines inside functions: what runs only when they are called.

    What a function takes by default is looked at with its first statement, though it is computed before.
    """
    found = dict[int, int]()
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = function.body[1 if len(function.body) > 1 and ast.get_docstring(function) else 0]
        found.update(dict.fromkeys(range(function.lineno, function.body[0].lineno), first.lineno))
        for top in function.body:
            for node in ast.walk(top):
                if isinstance(node, ast.stmt):
                    last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno or node.lineno
                    found.update(dict.fromkeys(range(node.lineno, last + 1), node.lineno))
    return found


@dataclass(frozen=True)
class Timed:
    """``size``: how many lines it executes in all."""

    id: str
    seconds: float
    size: int


class LineTests:
    """The tests that were recorded, by line of the sources as they are now."""

    def __init__(self, test_files: Iterable[Path]) -> None:
        self._by_line: dict[str, dict[int, list[Timed]]] = defaultdict(lambda: defaultdict(list))
        self._by_file: dict[str, list[Timed]] = defaultdict(list)
        #: tests that failed when they were recorded, and test files that could not be
        self.failed: list[str] = []
        for path in test_files:
            entry = _kept(path)
            self.failed += [path.relative_to(ROOT).as_posix()] if entry.get("why") else entry.get("failed", [])
            for name, test in entry.get("tests", {}).items():
                one = Timed(name, test["seconds"], sum(map(len, test["lines"].values())))
                self._by_file[path.stem].append(one)
                for source, lines in test["lines"].items():
                    if not (ROOT / source).is_file():
                        continue
                    version = entry["sources"][source]
                    moved = _moved(source, version) if digest(ROOT / source) != version else {n: n for n in lines}
                    for line in {moved[n] for n in lines if n in moved}:
                        self._by_line[source][line].append(one)

    def of(self, source: str, line: int) -> list[Timed]:
        """Tests that execute a line, and those of the file named after its own: what runs it may be what is imported.

        Of a line that runs at import: those that execute anything of the file.
        """
        lines, own = self._by_line[source], set(self._by_file[f"test_{Path(source).stem}"])
        body = body_lines((ROOT / source).read_text())
        # a statement over several lines may be recorded by any of them
        same = {n for n, start in body.items() if start == body[line]} if line in body else set(lines)
        return list(own | {t for n in same for t in lines[n]})

    def executed(self, source: str) -> set[int]:
        return {line for line, tests in self._by_line[source].items() if tests}


def selected(tests: Sequence[Timed], budget: float, source: str) -> list[Timed]:
    """In the order to run them: those of the file named after the source; then one of each test function in turn,
    quick and narrow ones first, while time lasts.
    """
    own = f"/test_{Path(source).stem}.py::"
    functions: dict[str, list[Timed]] = defaultdict(list)
    for test in sorted(tests, key=lambda t: (t.seconds + t.size / 2000, t.id)):
        functions[test.id.partition("[")[0]].append(test)
    turns = sorted(
        (own not in t.id, turn, t.seconds + t.size / 2000, t.id, t)
        for same in functions.values()
        for turn, t in enumerate(same)
    )
    chosen, spent = list[Timed](), 0.0
    for *_, test in turns:
        if not chosen or spent + test.seconds <= budget:
            chosen.append(test)
            spent += test.seconds
    return chosen
