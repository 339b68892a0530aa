# SPDX-License-Identifier: Apache-2.0
"""Users' devices in TOML and JSON: round trips, short forms, and every mistake in words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hepq.compiler.circuits.portfolio.recipes import laid_out
from hepq.compiler.targets.files import to_json, to_toml
from hepq.compiler.targets.quantum import device
from hepq.core.diagnostics.diagnostic import HepqError
from tests.support.families import feature_map

GOOD = """\
name = "lab:six"
title = "six in a row"
vendor = "our lab"
one_qubit = ["rz", "sx", "x"]
durations = {gate = 2.5e-8, readout = 1e-6}

[qubits]
count = 6
error = 0.001
readout_error = 0.02
t1 = 5e-5

[couplings]
pairs = "line"
gate = "cz"
error = 0.01
duration = 6e-8

[source]
source = "our notebook, page 12"
date = 2026-10-01
status = "assumed"

[sources.gate_errors]
source = "benchmarking"
date = 2026-10-02
status = "calibrated"
"""


def written(folder: Path, text: str, name: str = "chip.toml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def problems(path: str) -> list[tuple[str, str]]:
    with pytest.raises(HepqError) as caught:
        device(path)
    assert {d.code for d in caught.value.diagnostics} == {"HQ0721"}
    return [(d.title, d.help or "") for d in caught.value.diagnostics]


def test_short_form(tmp_path: Path) -> None:
    chip = device(written(tmp_path, GOOD))
    assert [(c.a, c.b, c.gate, c.error, c.duration) for c in chip.couplings] == [
        (i, i + 1, "cz", 0.01, 6e-8) for i in range(5)
    ]
    assert {(q.error, q.readout_error, q.t1, q.t2) for q in chip.qubits} == {(0.001, 0.02, 5e-5, None)}
    assert chip.sources["gate_errors"].status == "calibrated"
    assert {chip.sources[f].source for f in ("topology", "readout_errors", "durations", "coherence")} == {
        "our notebook, page 12"
    }
    assert chip.sources["topology"].date == date(2026, 10, 1)
    assert chip.positions is not None


def test_pairs_of_couplings(tmp_path: Path) -> None:
    text = GOOD.replace('pairs = "line"', "pairs = [[0, 1], [5, 2]]")
    assert [(c.a, c.b) for c in device(written(tmp_path, text)).couplings] == [(0, 1), (5, 2)]
    grid = device(written(tmp_path, GOOD.replace('pairs = "line"', 'pairs = "grid:2x3"')))
    assert len(grid.couplings) == 7


def test_tables_of_qubits(tmp_path: Path) -> None:
    text = (
        'name = "a"\ntitle = "b"\nvendor = "c"\none_qubit = ["r"]\nfree = []\n'
        "qubits = [{error = 0.1}, {usable = false}, {}]\n"
        'couplings = [[0, 2, "cz", 0.2], {a = 1, b = 2, gate = "cz", usable = false}]\n'
        '[source]\nsource = "s"\ndate = 2026-01-01\nstatus = "published"\n'
    )
    chip = device(written(tmp_path, text))
    assert [(q.error, q.usable) for q in chip.qubits] == [(0.1, True), (None, False), (None, True)]
    assert [(c.a, c.b, c.error, c.usable) for c in chip.couplings] == [(0, 2, 0.2, True), (1, 2, None, False)]


def test_an_error_of_one_is_dead(tmp_path: Path) -> None:
    text = (
        'name = "a"\ntitle = "b"\nvendor = "c"\none_qubit = ["rz", "sx", "x"]\n'
        "qubits = [{error = 0.1}, {error = 1}, {readout_error = 1.0, usable = true}, {readout_error = 0.9}, {}]\n"
        'couplings = [[0, 3, "cz", 1.0], [0, 4, "cz", 0.9], [3, 4, "cz", 0.1], [2, 4, "cz", 0.1], [1, 4, "cz"]]\n'
        '[source]\nsource = "s"\ndate = 2026-01-01\nstatus = "assumed"\n'
    )
    chip = device(written(tmp_path, text))
    assert [q.usable for q in chip.qubits] == [True, False, False, True, True]
    assert [c.usable for c in chip.couplings] == [False, True, True, True, True]
    assert [(c.a, c.b) for c in chip.usable] == [(0, 4), (3, 4)]
    assert device(written(tmp_path, to_toml(chip))) == chip
    source = feature_map(3, 1, "linear")
    made = laid_out(source, range(3), chip, source, seed=0)
    assert made.used == (0, 3, 4)
    assert all(set(op.qubits) != {0, 3} for op in made.circuit.ops)


@pytest.mark.parametrize("name", ["ibm:torino", "ibm:sherbrooke", "iqm:adonis", "rigetti:ankaa3", "ring:5"])
@pytest.mark.parametrize("kind", ["toml", "json"])
def test_round_trip(name: str, kind: str, tmp_path: Path) -> None:
    chip = device(name)
    path = written(tmp_path, to_toml(chip) if kind == "toml" else to_json(chip), f"chip.{kind}")
    again = device(path)
    assert again.model_copy(update={"positions": None}) == chip.model_copy(update={"positions": None})
    for ours, theirs in zip(again.positions or (), chip.positions or (), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "title", "help"),
    [
        ("error = 0.001", "error = 1.5", "`error` of qubit 0 should be less than or equal to 1, not 1.5", "devices.md"),
        ("error = 0.01\n", "error = -1\n", "`error` of coupling 0 should be greater than or equal to 0, not -1", ""),
        ("readout_error", "readout_eror", "`readout_eror` of qubit 0 is not known", "`readout_error`"),
        ('vendor = "our lab"\n', "", "`vendor` is missing", "devices.md"),
        ('title = "six', 'titel = "six', "`title` is missing", "devices.md"),
        ('status = "assumed"', 'status = "guessed"', "should be 'calibrated', 'published' or 'assumed'", ""),
        ("date = 2026-10-01", 'date = "soon"', "`date` of `topology` of `sources`", ""),
        ('gate = "cz"', 'gate = "cy9"', "no two-qubit gate cy9", ""),
        ('"sx", "x"]', '"sx", "cz"]', "no one-qubit gate cz", ""),
        ("{gate = 2.5e-8", "{gate = -1.0", "duration of gate: -1.0 seconds", ""),
        ('pairs = "line"', "pairs = [[0, 9]]", "coupling 0-9: qubits are numbered 0 to 5", ""),
        ('pairs = "line"', "pairs = [[0, 1], [0, 1]]", "a coupling is given twice", ""),
        ('pairs = "line"', 'pairs = "hexagon"', "no lattice 'hexagon'", ""),
        ('pairs = "line"', 'pairs = "grid:2x4"', "grid:2x4 has 8 qubits, not 6", ""),
        ('pairs = "line"', "", "with their `pairs`", ""),
        ("count = 6", "", "with their `count`", ""),
        ("count = 6", "count = -1", "with their `count`", ""),
        ("durations = {gate", "durations = {gates", "`gates` of `durations`", ""),
        ("[source]", "[sources.topology]", "where its readout errors and durations", "[sources]"),
        ("error = 0.001", "error = 'small'", "`error` of qubit 0 should be a valid number", ""),
        ("count = 6", "count = ", "not TOML: invalid value (at line 8, column 9)", ""),
    ],
)  # fmt: skip
def test_mistake_is_told_in_words(old: str, new: str, title: str, help: str, tmp_path: Path) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    found = problems(path)
    assert any(title in t and help in h for t, h in found), found
    assert all(t.startswith(f"`{path}` does not describe a device: ") for t, _ in found)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("chip.json", "{", "not JSON"), ("chip.json", "[1, 2]", "a table of names and values"),
        ("chip.json", '{"qubits": [[1, 2, 3, 4, true, null, 7]]}', "has 7 figures, at most 6 are known"),
        ("chip.json", '{"qubits": 7}', "`qubits` should be a valid"), ("chip.json", "[" * 100_000, "not JSON"),
        ("chip.json", '{"couplings": {"pairs": [[0, "1"]]}}', "with their `pairs`"),
    ],
)  # fmt: skip
def test_json_mistakes(name: str, text: str, words: str, tmp_path: Path) -> None:
    assert any(words in title for title, _ in problems(written(tmp_path, text, name)))


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.toml").mkdir()
    assert "not text" in problems(str(tmp_path / "bytes.toml"))[0][0]
    assert "directory" in problems(str(tmp_path / "folder.toml"))[0][0]
    assert "no such file" in problems(str(tmp_path / "none.toml"))[0][0]


def test_at_most_five_mistakes(tmp_path: Path) -> None:
    assert len(problems(written(tmp_path, GOOD.replace("error = 0.001", "error = 2")))) == 5
