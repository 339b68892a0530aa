# SPDX-License-Identifier: Apache-2.0
"""`hepqc targets`: the list, a device shown and drawn, a vendor's calibration imported."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from hepq.cli import app
from hepq.compiler.targets.quantum import device, known
from hepq.core.diagnostics.diagnostic import HepqError

CHIP = {
    "calibration_time": "2026-05-03 21:12:46",
    "qubits_info": {f"Q{i}": {"T1": 70.0, "T2": 12.5, "fidelity": 0.999 - i / 1e4} for i in range(4)},
    "couplers_info": {f"C{i}": {"fidelity": 0.99 - 0.02 * i, "qubits_index": [i, i + 1]} for i in range(3)},
}


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, ["targets", *map(str, args)], env={"COLUMNS": "200"})


@pytest.mark.parametrize("command", [[], ["show"], ["import"]], ids=lambda c: " ".join(c) or "list")
def test_help_has_examples(command: list[str]) -> None:
    shown = hepqc(*command, "--help")
    assert shown.exit_code == 0
    assert " ".join(["hepqc targets", *command]) in shown.output.partition("Examples")[2]


def test_list_has_every_device() -> None:
    shown = hepqc()
    assert shown.exit_code == 0
    rows = {line.split()[0]: line for line in shown.output.splitlines() if line.strip()}
    assert set(known()) <= set(rows)
    torino = rows["ibm:torino"].split()
    assert torino[1:] == ["IBM", "Torino", "133", "124", "cz", "calibrated", "calibrated", "2025-02-26"]
    assert "assumed" in rows["quafu:baihua"]
    assert all(word in shown.output for word in ("line:N", "grid:RxC", "ibm is ibm:torino", "cpu:x86-64-v3"))


def test_a_narrow_terminal_shows_whole_names() -> None:
    shown = CliRunner().invoke(app, ["targets"], env={"COLUMNS": "80"}).output
    rows = {line.split()[0]: line.split()[-1] for line in shown.splitlines() if line.strip()}
    assert set(known()) <= set(rows)
    assert rows["tianyan:zuchongzhi2"].count("-") == 2
    assert "…" not in shown


def test_show_gives_figures_and_what_is_dead() -> None:
    shown = hepqc("show", "ibm:torino")
    assert shown.exit_code == 0
    assert "Dead qubits: 0, 19, 41, 53, 58, 59, 86, 90, 97\n" in shown.output
    assert "Dead couplings: 0-1, 0-15" in shown.output
    figures = {line[:21].strip(): line[21:].split() for line in shown.output.splitlines()}
    assert figures["2-qubit gate, error"][:6] == ["0.15", "%", "0.407", "%", "4.35", "%"]
    assert figures["T1"][:2] == ["308", "µs"]
    assert "fake_provider.FakeTorino" in shown.output
    counts = [int(line.split()[-1]) for line in shown.output.splitlines() if "█" in line]
    assert sum(counts) == 129
    assert "warning[HQ0725]: the calibration of `ibm:torino` is of 2025-02-26" in shown.output


def test_show_of_equal_figures() -> None:
    shown = hepqc("show", "line:4")
    assert shown.exit_code == 0
    assert "Nothing is dead." in shown.output
    assert "█" not in shown.output
    assert "HQ0725" not in shown.output
    assert hepqc("show", "line:1").exit_code == 0


@pytest.mark.parametrize("target", ["ibm:torino", "ibm:sherbrooke", "iqm:adonis", "line:1", "ring:5", "full:40"])
def test_svg(target: str, tmp_path: Path) -> None:
    path = tmp_path / "chip.svg"
    assert hepqc("show", target, "--picture", path).exit_code == 0
    first = path.read_bytes()
    assert ElementTree.fromstring(first).tag.endswith("svg")
    chip = device(target)
    texts = [element.text for element in ElementTree.fromstring(first).iter() if element.text]
    assert len(texts) > 1
    comments = first.decode().count("<!--")
    assert comments >= chip.size  # matplotlib tells each text it draws as paths
    hepqc("show", target, "--picture", path)
    assert path.read_bytes() == first


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_other_pictures(suffix: str, magic: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"chip.{suffix}"
    assert hepqc("show", "ibm:boston", "--picture", path).exit_code == 0
    assert path.read_bytes().startswith(magic)
    assert path.stat().st_size > 10_000


def test_picture_of_another_kind(tmp_path: Path) -> None:
    shown = hepqc("show", "line:4", "--picture", tmp_path / "chip.bmp")
    assert shown.exit_code == 1
    assert "[HQ0817]" in shown.output
    assert not (tmp_path / "chip.bmp").exists()


def test_import_makes_a_target(tmp_path: Path) -> None:
    (tmp_path / "chip.json").write_text(json.dumps(CHIP))
    done = hepqc("import", tmp_path / "chip.json", "--vendor", "quafu", "--name", "Test")
    assert done.exit_code == 0, done.output
    assert "quafu:Test as of 2026-05-03, 4 qubits of which 4 work, 3 couplings of which 3 work" in done.output
    chip = device(str(tmp_path / "chip.toml"))
    assert [c.error for c in chip.couplings] == pytest.approx([0.01, 0.03, 0.05])
    shown = hepqc("show", tmp_path / "chip.toml")
    assert shown.exit_code == 0
    assert "quafu:Test" in shown.output
    also = hepqc("import", tmp_path / "chip.json", "--vendor", "quafu", "--name", "Test", "-o", tmp_path / "own.json")
    assert also.exit_code == 0
    assert device(str(tmp_path / "own.json")) == chip


def test_import_refuses(tmp_path: Path) -> None:
    (tmp_path / "chip.json").write_text(json.dumps(CHIP))
    wrong = hepqc("import", tmp_path / "chip.json", "--vendor", "iqm")
    assert (wrong.exit_code, "error[HQ0723]" in wrong.output) == (1, True)
    assert not (tmp_path / "chip.toml").exists()
    kind = hepqc("import", tmp_path / "chip.json", "--vendor", "quafu", "-o", tmp_path / "chip.yaml")
    assert (kind.exit_code, "[HQ0817]" in kind.output) == (1, True)
    assert hepqc("import", tmp_path / "chip.json", "--vendor", "nobody").exit_code == 2
    assert hepqc("show", "nowhere").exit_code == 1


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_an_imported_calibration_that_was_changed_is_noticed(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "chip.json").write_text(json.dumps(CHIP))
    path = tmp_path / f"own{suffix}"
    hepqc("import", tmp_path / "chip.json", "--vendor", "quafu", "--name", "Test", "-o", path)
    text, whole = path.read_text(), device(str(path))
    place = text.index("couplings") + text[text.index("couplings") :].index("0.") + 2
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    with pytest.raises(HepqError, match="checksum does not fit"):
        device(str(path))
    lines = text.splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "sha256" not in line))
    assert device(str(path)) == whole
