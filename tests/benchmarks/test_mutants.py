# SPDX-License-Identifier: Apache-2.0
"""Faults that are planted: which there are, and that the tests which execute their lines are found and notice."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.robustness import forked, line_tests, mutants
from benchmarks.robustness.line_tests import Timed, body_lines, selected
from benchmarks.robustness.mutants import Fault, Kept, Verdict
from benchmarks.robustness.mutations import mutations, planted


def found(source: str) -> set[str]:
    return {m.what for m in mutations(source)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a < b → a <= b", "a < b → a > b"}),
        ("a is not b", {"a is not b → a is b"}),
        ("a and b", {"a and b → a or b", "a and b → a", "a and b → b"}),
        ("x = a + 2", {"a + 2 → a - 2", "2 → 3 in a + 2", "2 → 1 in a + 2"}),
        ("x = not a", {"not a → a"}),
        ("x = a if b else c", {"a if b else c → a if not b else c"}),
        ("x = 0.5", {"0.5 → 1.0"}),
        ("x = True", {"True → False"}),
        ("x = max(a, b)", {"max → min in max(a, b)"}),
        ("x = np.any(a)", {"np.any → np.all in np.any(a)"}),
        ("x = f(a, b)", {"f(a, b) → f(b, a)"}),
        ("x = f(a, key=b)", {"f(a, key=b) → f(a)"}),
        ("x = a[i:]", {"a[i:] → a[i - 1:]"}),
        ("x = (a, b)", {"(a, b) → (b,)", "(a, b) → (a,)"}),
        ("x = {a: b, c: d}", {"{a: b, c: d} → {c: d}", "{a: b, c: d} → {a: b}"}),
        ("x = [a for a in b if a]", {"[a for a in b if a] → [a for a in b]"}),
        ("if a:\n    raise b", {"if a: raise b → if not a: raise b", "if a: raise b → pass", "raise b → pass"}),
        ("if a:\n  b()\nelse:\n  c()", {"if a: b() else: c() → if not a: b() else: c()", "b() → pass", "c() → pass"}),
        ("a[b] = c", {"a[b] = c → pass"}),
        ("def f():\n    return a", {"return a → return None"}),
    ],
)  # fmt: skip
def test_faults_of_each_kind(source: str, expected: set[str]) -> None:
    if source.startswith(("a <", "a is", "a and")):
        expected = expected | {f"{source} → pass"}
    assert found(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Words."""',
        "import a",
        "assert a < 1",
        "def f(a: tuple[int, 1]) -> Literal[1]: ...",
        "x: tuple[int, 1]",
        "if TYPE_CHECKING:\n    x = 1",
        "class A:\n    def __repr__(self):\n        return f(1)",
        "@dataclass(frozen=True)\nclass A:\n    pass",
        'x = f"{a + 1}"',
        "x = f(help=a + 1)",
    ],
)
def test_words_types_and_imports_are_left_alone(source: str) -> None:
    assert not found(source)


def test_each_fault_is_planted_where_it_says() -> None:
    source = "def f(a, b):\n    if a > 1:\n        return a - b\n    return max(a, b)\n"
    before = {"f(2, 1)": 1, "f(1, 2)": 2}
    for mutation in mutations(source):
        code = compile(planted(source, mutation.number), "f", "exec")
        space: dict[str, object] = {}
        exec(code, space)
        after = {text: eval(text, space) for text in before}
        assert after != before, mutation


def test_lines_inside_functions_belong_to_their_statements() -> None:
    source = "x = 1\ndef f(\n  a=2,\n):\n  if (a\n    or b):\n    return g(\n      a,\n    )\n  return b\n"
    assert body_lines(source) == {2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 7, 8: 7, 9: 7, 10: 10}


def test_tests_are_taken_in_turn_while_time_lasts() -> None:
    tests = [Timed("a::t[1]", 1, 10), Timed("a::t[2]", 2, 10), Timed("b::u", 3, 10), Timed("b::slow", 50, 10)]
    assert [t.id for t in selected(tests, 1000, "lang/b.py")] == ["a::t[1]", "b::u", "b::slow", "a::t[2]"]
    assert [t.id for t in selected(tests, 6, "lang/b.py")] == ["a::t[1]", "b::u", "a::t[2]"]
    assert [t.id for t in selected(tests[3:], 6, "lang/b.py")] == ["b::slow"]
    named = [replace(t, id=f"tests/lang/test_{t.id.replace('::', '.py::')}") for t in tests]
    ids = [t.id.partition("test_")[2] for t in selected(named, 1000, "lang/b.py")]
    assert ids == ["b.py::u", "b.py::slow", "a.py::t[1]", "a.py::t[2]"]


def test_lines_of_a_shared_fixture_are_of_all_that_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (forked, line_tests):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(line_tests, "KEPT", tmp_path / "kept")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/shared_code.py").write_text("def made():\n    return 1\n\n\ndef alone():\n    return 2\n")
    test_file = tmp_path / "test_shared_code.py"
    (tmp_path / "conftest.py").write_text("")
    test_file.write_text(
        "import sys\nimport pytest\nsys.path.insert(0, 'code')\nimport shared_code\n"
        "@pytest.fixture(scope='module')\ndef one():\n    return shared_code.made()\n"
        "def test_first(one):\n    assert one == 1\n"
        "def test_second(one):\n    assert one + shared_code.alone() == 3\n"
        "def test_third(tmp_path):\n    assert shared_code.alone() == 2\n"
        "def test_fails():\n    assert shared_code.alone() == 3\n"
        "def test_skipped():\n    pytest.skip('not here')\n"
    )
    [(name, ended)] = line_tests.record([test_file], ["code"], 1)
    assert (name, ended.why) == ("test_shared_code.py", "")
    tests = ended.value["tests"].items()
    executed = {t.partition("::")[2]: found["lines"]["code/shared_code.py"] for t, found in tests}
    assert executed == {"test_first": [2], "test_second": [2, 6], "test_third": [6]}
    assert ended.value["failed"] == ["test_shared_code.py::test_fails"]
    assert line_tests.LineTests([test_file]).failed == ["test_shared_code.py::test_fails"]
    assert not list(line_tests.record([test_file], ["code"], 1))


def test_children_that_end_hang_and_die(tmp_path: Path) -> None:
    def hang() -> str:
        time.sleep(60)
        return ""

    jobs = [(lambda: "first", 30.0), (hang, 0.5), (lambda: os.kill(os.getpid(), 9), 30.0), (lambda: "last", 30.0)]
    ended = dict(forked.run_all(jobs, 2, tmp_path))
    assert [(ended[i].value, ended[i].why) for i in range(4)] == [
        ("first", ""),
        (None, "hang"),
        (None, "died with status 9"),
        ("last", ""),
    ]


def test_lines_follow_a_source_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_tests, "ROOT", tmp_path)
    monkeypatch.setattr(line_tests, "KEPT", tmp_path)
    source = tmp_path / "a.py"
    source.write_text("def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    (tmp_path / f"{line_tests.digest(source)}.py").write_text(source.read_text())
    recorded = {"tests": {"t.py::t": {"seconds": 0.1, "lines": {"a.py": [2, 6]}}}}
    entry = {**recorded, "sources": {"a.py": line_tests.digest(source)}}
    test_file = tmp_path / "t.py"
    line_tests._place(test_file).write_text(json.dumps(entry))
    source.write_text("import b\n\n\ndef f():\n    return 1\n\n\ndef g():\n    return 3\n")
    by_line = line_tests.LineTests([test_file])
    assert [[t.id for t in by_line.of("a.py", line)] for line in (5, 9, 1)] == [["t.py::t"], [], ["t.py::t"]]


def test_what_only_runs_at_import_is_judged_by_the_file_named_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``f`` makes a table when its file is imported: no test executes it."""
    monkeypatch.setattr(line_tests, "ROOT", tmp_path)
    monkeypatch.setattr(line_tests, "KEPT", tmp_path)
    source = tmp_path / "a.py"
    source.write_text("def f():\n    return 1\n\n\nTABLE = f()\n")
    (tmp_path / f"{line_tests.digest(source)}.py").write_text(source.read_text())
    test_files = [tmp_path / "test_a.py", tmp_path / "test_b.py"]
    for file in test_files:
        tests = {f"{file.name}::t": {"seconds": 0.1, "lines": {"a.py": []}}}
        line_tests._place(file).write_text(json.dumps({"tests": tests, "sources": {"a.py": line_tests.digest(source)}}))
    assert [t.id for t in line_tests.LineTests(test_files).of("a.py", 2)] == ["test_a.py::t"]


def test_the_same_seed_draws_the_same_faults_though_lines_move() -> None:
    among = [Fault("a.py", i // 2, i, f"{i % 2}", f"line {i // 2}") for i in range(40)]
    first, again, other = (mutants.drawn(among, 6, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert len({f.line for f in first}) == 6
    assert len(mutants.drawn(among, 99, 0)) == 20
    moved = [Fault("a.py", 7, 0, "new", "a new line"), *(replace(f, line=f.line + 3) for f in among)]
    assert len({f.name for f in mutants.drawn(moved, 6, 0)} & {f.name for f in first}) >= 5


def test_equal_lines_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    (tmp_path / "lang").mkdir()
    (tmp_path / "lang/a.py").write_text("if a < 1:\n    b()\nif a < 1:\n    c()\n")
    (tmp_path / "lang/codes_a.py").write_text("x = 1\n")
    found = [f for f in mutants.faults(["lang"]) if f.what == "1 → 2 in a < 1"]
    assert [(f.line, f.text, f.nth) for f in found] == [(1, "if a < 1:", 0), (3, "if a < 1:", 1)]
    assert mutants.faults(["lang"], "lang/b") == []


def test_only_faults_that_can_change_a_result_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed = tmp_path / "reviewed.toml"
    reviewed.write_text(
        '[[unnoticed]]\nfile = "a.py"\nline = "x"\nfault = "1"\nreason = "only speed"\nchanges_results = false\n'
        '[[unnoticed]]\nfile = "a.py"\nline = "x"\nfault = "2"\nreason = "no peer"\nchanges_results = true\n'
    )
    monkeypatch.setattr(mutants, "REVIEWED", reviewed)
    kept, among = Kept(tmp_path / "kept"), [Fault("a.py", n, n, f"{n}", "x") for n in range(5)]
    for fault, noticed in zip(among, ("t", "", "", "hang", ""), strict=True):
        kept.add(fault, Verdict(noticed, 1, 1, 1.0))
    kept = Kept(tmp_path / "kept")
    summary = mutants.summarise(among, kept, Console(width=100))
    assert (summary.planted, summary.noticed, summary.equivalent, summary.share) == (5, 2, 1, 0.5)
    said = capsys.readouterr().out
    assert [word in said for word in ("only speed", "no peer", "not reviewed")] == [True] * 3


def test_reviewed_faults_have_a_reason() -> None:
    assert all(entry["reason"] and entry["changes_results"] in (True, False) for entry in mutants.reviewed().values())


def test_reviewed_faults_can_be_planted() -> None:
    """Where a line or a file changed, the review is of something that is gone."""
    keys = mutants.reviewed().keys()
    files = {file for file, _, _ in keys}
    assert keys <= {f.key for file in files for f in mutants.faults([file.partition("/")[0]], file)}
