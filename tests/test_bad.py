# SPDX-License-Identifier: Apache-2.0
"""Bad programs: what a user reads for each is kept beside it, letter by letter, in a ``.err`` file.

``HEPQ_UPDATE_GOLDEN=1 pytest tests/test_bad.py`` rewrites the files; read the difference before keeping it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hepq.compiler.driver.check import check_path
from hepq.core.diagnostics.catalogue import entries
from hepq.core.diagnostics.diagnostic import Diagnostic
from hepq.core.diagnostics.render import render_text
from hepq.lang.syntax.reading import MAX_BYTES

ROOT = Path(__file__).resolve().parents[1]
BAD = Path("tests/bad")
FILES = sorted((ROOT / BAD).glob("*.hepq"))
UPDATE = os.environ.get("HEPQ_UPDATE_GOLDEN") == "1"

#: said about a file that cannot be read at all; ``test_unreadable_files`` covers them
FILE_CODES = {"HQ0002", "HQ0003", "HQ0004", "HQ0005", "HQ0030", "HQ0044"}
#: limits of very long texts, in tests/lang/test_hostile.py
LIMIT_CODES = {"HQ0042", "HQ0043", "HQ0045"}
#: said when a model is chosen and its dims are sized, which `check` does not do
BUILD_CODES = {
    "HQ0216",
    "HQ0217",
    "HQ0620",
    "HQ0621",
    "HQ0622",
    "HQ0623",
    "HQ0624",
    "HQ0638",
    "HQ0639",
    "HQ0658",
    "HQ0935",
}
#: said when events to train on are read, and their labels made ready
TRAINING_CODES = {"HQ0632", "HQ0636", "HQ0637"}
#: said of artifacts that programs call: tests/analyses/test_models.py
MODEL_CODES = {"HQ0939"}
#: said about weights, targets and files that are written
COMPILE_CODES = {code for code in entries() if code.startswith("HQ07")}


def diagnostics(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Diagnostic]:
    """As a user in the repository's root would get them."""
    monkeypatch.chdir(ROOT)
    return check_path(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_transcript(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = diagnostics(path, monkeypatch)
    assert found, "a bad program has at least one diagnostic"
    transcript = render_text(found)
    golden = path.with_suffix(".err")
    if UPDATE:
        golden.write_text(transcript, encoding="utf-8")
    assert transcript == golden.read_text(encoding="utf-8")


def test_there_are_many() -> None:
    assert len(FILES) >= 85
    assert {p.stem for p in (ROOT / BAD).glob("*.err")} == {p.stem for p in FILES}


def test_every_code_that_check_can_give_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {d.code for path in FILES for d in diagnostics(path, monkeypatch)}
    elsewhere = FILE_CODES | LIMIT_CODES | BUILD_CODES | TRAINING_CODES | MODEL_CODES | COMPILE_CODES
    assert shown == set(entries()) - elsewhere


@pytest.mark.parametrize("stem", ["many_mistakes", "syntax_many_mistakes", "dataset_mistakes", "names_misspelt"])
def test_one_run_reports_many(stem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = diagnostics(ROOT / BAD / f"{stem}.hepq", monkeypatch)
    assert len({d.code for d in found} | {str(d) for d in found}) >= 5
    places = [d.labels[0].span.start for d in found]
    assert places == sorted(places)


def test_one_mistake_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(diagnostics(ROOT / BAD / "cascade_one_unknown.hepq", monkeypatch)) == 1


def test_unreadable_files(tmp_path: Path) -> None:
    latin, huge, folder = tmp_path / "latin.hepq", tmp_path / "huge.hepq", tmp_path / "folder.hepq"
    latin.write_bytes(b"# caf\xe9\n")
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    folder.mkdir()
    expected = {latin: "HQ0004", huge: "HQ0005", folder: "HQ0003", tmp_path / "none.hepq": "HQ0002"}
    for path, code in expected.items():
        (only,) = check_path(path)
        assert only.code == code
        assert str(path) in render_text([only])


def test_a_name_that_the_system_refuses() -> None:
    (only,) = check_path(Path("a" * 5000 + ".hepq"))
    assert only.code == "HQ0030"
