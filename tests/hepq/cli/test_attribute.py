# SPDX-License-Identifier: Apache-2.0
"""`hepqc attribute`: a table, a picture, a file; nothing is begun that could not be written."""

from __future__ import annotations

import csv
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import hepq
from hepq.cli import app
from tests.support.attribution_programs import PLANTED, compiled, events, write
from tests.support.diagnostic_page import Page

PNG, SVG = b"\x89PNG", b"<?xml"
CUT = "model Cut(x: real) -> real = floor(x)\n"


def hepqc(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "100"})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attribute")
    compiled(folder, PLANTED)
    write(events(), folder / "events.root")
    return folder


@pytest.mark.parametrize(("by", "name", "first"), [
    ("permutation", "p.png", "b"), ("gradient", "g.svg", "2 * b"), ("integrated", "i.png", "2 * b"),
])  # fmt: skip
def test_table_picture_and_file(project: Path, tmp_path: Path, by: str, name: str, first: str) -> None:
    picture, table = tmp_path / name, tmp_path / "table.csv"
    repeats = ("--repeats", 2) if by == "permutation" else ()
    given = ("attribute", project / "m.hepqx", project / "events.root", "--by", by, "--events", 200)
    done = hepqc(*given, *repeats, "-o", picture, "--csv", table)
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(PNG if name.endswith("png") else SVG)
    found = hepq.attributions(project / "m.hepqx", project / "events.root", by=by, limit=200, repeats=2)  # type: ignore[arg-type]
    with table.open() as file:
        head, *rows = csv.reader(file)
    assert head == ["input", found.quantity, "error"]
    assert [r[0] for r in rows] == [n for n, _, _ in found.ranking]
    np.testing.assert_allclose([float(r[1]) for r in rows], [v for _, v, _ in found.ranking])
    assert rows[0][0] == first
    lines = done.output.splitlines()
    assert lines[0].startswith(f"Planted, output.signal: {found.events} events")
    assert lines[2].split("  ")[0].strip() == first
    assert ("add up to the score" in done.output) == (by == "integrated")
    assert hepqc(*given, "--quiet").output == ""


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("-o", "a.bmp"), 1, "HQ0817"), (("-o", "none/a.png"), 1, "HQ0817"), (("--csv", "a.txt"), 1, "HQ0817"),
        (("--class", "signl"), 1, "HQ0831"), (("--together", "a,bb"), 1, "HQ0833"),
        (("--by", "gradient", "--together", "a,b"), 2, "--together is for"),
        (("--by", "integrated", "--repeats", "2", "--ragged", "ranks"), 2, "--repeats, --ragged are for"),
        (("--by", "integrated", "--metric", "auc"), 2, "--metric is for"),
        (("--steps", "8", "--baseline", "zero"), 2, "--baseline, --steps are for"),
        (("--by", "gradient", "--steps", "8"), 2, "--steps is for"), (("--events", "1"), 2, "--events"),
        (("--repeats", "0"), 2, "--repeats"),
    ],
)  # fmt: skip
def test_wrong_use(
    project: Path, options: tuple[str, ...], status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = set(project.iterdir())
    done = hepqc("attribute", "m.hepqx", "events.root", *options)
    assert done.exit_code == status
    assert words in done.output
    assert set(project.iterdir()) == before


def test_a_score_without_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compiled(tmp_path, "", CUT)
    Path("m.hepqx").rename("cut.hepqx")
    write(ak.Array({"x": np.linspace(0, 3, 20)}), Path("jets.root"))
    page = Page("HQ0832")
    done = CliRunner().invoke(app, page.command)
    assert done.exit_code == 1
    page.expect("\n".join(line.rstrip() for line in done.output.strip().splitlines()) + "\n")
