# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks cases`: a case without a test, with a failing or with only skipped ones is not right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.robustness import cases

TESTS = """
import pytest

@pytest.mark.case("rt")
@pytest.mark.case("fold")
def test_both(): pass

@pytest.mark.case("rt")
def test_wrong(): assert False

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.case("labels")), 2])
def test_some(n): assert n == 1

@pytest.mark.case("threads")
def test_not_here(): pytest.skip("no data")

@pytest.mark.case("islands")
def test_in_setup(missing_fixture): pass

@pytest.mark.case("not_a_case")
def test_of_nothing(): pass
"""


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> cases.Tally:
    folder = tmp_path_factory.mktemp("cases")
    (folder / "test_of_cases.py").write_text(TESTS)
    return cases.measure(cases.CASES, folder)[0]


@pytest.mark.parametrize(
    ("name", "passed", "skipped", "failed", "verdict"),
    [
        ("rt", 1, 0, 1, "wrong"),
        ("fold", 1, 0, 0, "right"),
        ("labels", 1, 0, 0, "right"),
        ("threads", 0, 1, 0, "skipped"),
        ("islands", 0, 0, 1, "wrong"),
        ("keep_types", 0, 0, 0, "no test"),
    ],
)
def test_a_case_is_judged_by_its_tests(
    tally: cases.Tally, name: str, passed: int, skipped: int, failed: int, verdict: str
) -> None:
    outcome = tally.outcomes[name]
    assert (outcome.passed, outcome.skipped, len(outcome.failed)) == (passed, skipped, failed)
    assert cases.verdict(name, outcome) == verdict


def test_a_mark_that_names_no_case_is_noticed(tally: cases.Tally) -> None:
    assert tally.unknown == {"not_a_case"}


def test_a_file_that_does_not_load_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text('import nonesuch\nnonesuch.mark.case("rt")\n')
    with pytest.raises(ValueError, match="No module named 'nonesuch'"):
        cases.measure(["rt"], tmp_path)


def test_the_status_says_whether_all_are_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(names: list[str]) -> tuple[cases.Tally, str]:
        tally = cases.Tally(names)
        tally.outcomes["nan_max"] = cases.Outcome(passed=1)
        return tally, ""

    monkeypatch.setattr(cases, "measure", measured)
    assert cases.main(["nan_max"]) == 0
    assert cases.main(["nan_max", "rt"]) == 1
    assert "1 of 2 right; not: rt" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        cases.main(["nonesuch"])


def test_marks_of_our_tests_name_cases() -> None:
    named = {
        name
        for path in cases.TESTS.rglob("*.py")
        if path != Path(__file__).resolve()
        for name in re.findall(r"mark\.case\(\"(\w+)\"", path.read_text())
    }
    assert named <= set(cases.CASES)


def test_cases_are_those_that_failed(root: Path) -> None:
    page = root / "../shared/cases/README.md"
    if not page.is_file():
        pytest.skip("no ../shared/cases: the inputs that failed are not here")
    rows = page.read_text().split("## Planted faults")[0].splitlines()
    listed = {
        name.split(" ")[0]
        for row in rows
        if row.startswith("| ") and not row.startswith("| case")
        for name in row.split("|")[1].strip().replace(" (`programs/rt.hepq`)", "").split(", ")
    }
    assert listed == set(cases.CASES)
