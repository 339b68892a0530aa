# SPDX-License-Identifier: Apache-2.0
"""`hepqc plot`, `fit` and `write` of a made-up result."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner

from hepq.cli import app
from hepq.runtime.analysis.description import Fit, Rate
from hepq.runtime.analysis.fits.likelihood import fit as fitted
from hepq.runtime.analysis.results import Result
from tests.runtime.analysis.toy import ANALYSIS, result

FITS = (
    Fit(name="Xsec", channels=("jets",), free=("ttbar",), rates=(Rate(name="lumi", size=1.03),)),
    Fit(name="Both", channels=("jets", "sr.ht"), data=("run",)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a result of two fits, ``two.hepqr``, and a folder ``one`` with that of one."""
    place = tmp_path_factory.mktemp("results")
    made = result()
    (place / "one").mkdir()
    for name, fits in (("two", FITS), ("one/toy", FITS[:1]), ("none", ())):
        changed = replace(made, analysis=ANALYSIS.model_copy(update={"fits": fits}))
        changed.save(place / f"{name}.hepqr")
    return place


def run(*words: object) -> tuple[int, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def test_plot_all(folder: Path, tmp_path: Path) -> None:
    status, said = run("plot", folder / "one", "-o", tmp_path / "pics", "--format", "svg")
    assert status == 0
    made = sorted(p.name for p in (tmp_path / "pics").iterdir())
    assert made == [
        "jets.svg", "sr_cutflow.svg", "sr_ht.svg", "sr_map_b.svg", "sr_map_light.svg", "sr_n_minus_one.svg",
    ]  # fmt: skip
    assert sorted(Path(line).name for line in said.splitlines()) == made


def test_plot_one(folder: Path, tmp_path: Path) -> None:
    status, said = run("plot", folder / "two.hepqr", "sr.ht", "--log", "-o", tmp_path / "ht.pdf")
    assert (status, said.strip()) == (0, str(tmp_path / "ht.pdf"))
    assert (tmp_path / "ht.pdf").read_bytes().startswith(b"%PDF")
    status, said = run("plot", folder / "two.hepqr", "sr.*", "-o", tmp_path / "ht.png")
    assert status == 1
    assert "there are 3: sr.ht, sr.map.b, sr.map.light" in said
    status, said = run("plot", folder / "two.hepqr", "ht", "-o", tmp_path / "ht.png")
    assert status == 1
    assert "error[HQ0966]: no histogram ht" in said
    assert not (tmp_path / "ht.png").exists()


def test_what_is_no_result(folder: Path, tmp_path: Path) -> None:
    assert "error[HQ0801]: no such file" in run("plot", tmp_path / "x.hepqr")[1]
    said = run("plot", tmp_path)[1]
    assert "no one result in" in said
    assert "hepqc run writes one" in said
    (tmp_path / "x.hepqr").write_text("nothing")
    assert "error[HQ0897]" in run("plot", tmp_path / "x.hepqr")[1]


def test_fit(folder: Path, tmp_path: Path) -> None:
    status, said = run("fit", folder / "one", "-o", tmp_path / "fit")
    assert status == 0
    expected = fitted(result(), FITS[0])
    saved = json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert saved["parameters"][0]["value"] == expected.parameters[0].value
    assert f"{expected['mu_ttbar'].value:.4g} ± {expected['mu_ttbar'].error:.2g}" in said
    assert sorted(p.name for p in (tmp_path / "fit").iterdir()) == [
        "Xsec_jets_after.png", "Xsec_jets_before.png", "Xsec_pulls.png", "fit.json",
    ]  # fmt: skip
    assert "note: jets: outside of the bins that are fitted are" in said
    assert run("fit", folder / "one", "-o", tmp_path / "quiet", "-q") == (0, "")
    assert (tmp_path / "quiet" / "fit.json").read_bytes() == (tmp_path / "fit" / "fit.json").read_bytes()


def test_which_fit(folder: Path) -> None:
    assert "which fit of Toy?\n  It has: Xsec, Both" in run("fit", folder / "two.hepqr")[1]
    assert "no fit of Toy\n  its program has none" in run("fit", folder / "none.hepqr")[1]
    assert 'no fit Xsek\n  did you mean "Xsec"' in run("fit", folder / "two.hepqr", "Xsek")[1]


def test_limit(folder: Path) -> None:
    status, said = run("fit", folder / "two.hepqr", "Xsec", "--limit")
    assert status == 0
    assert "upper limits on mu_ttbar, CLs at 95%" in said


def test_write(folder: Path, tmp_path: Path) -> None:
    import hist
    import pyhf
    import uhi.io.json

    made = Result.load(folder / "one" / "toy.hepqr")
    assert run("write", folder / "one", "-o", tmp_path / "a.root")[0] == 0
    with uproot.open(tmp_path / "a.root") as file:
        assert (file["sr_ht/ttbar/nominal"].values() == made.cells("sr.ht", "ttbar").values[1:-1]).all()
    assert run("write", folder / "one", "-o", tmp_path / "a.json")[0] == 0
    read = json.loads((tmp_path / "a.json").read_text(), object_hook=uhi.io.json.object_hook)
    assert hist.Hist(read["sr.ht"]) == made["sr.ht"]
    status, said = run("write", folder / "one", "--format", "pyhf", "-o", tmp_path / "ws.json")
    assert status == 0
    assert said.splitlines()[-2:] == [str(tmp_path / "ws.json"), str(tmp_path / "ws.provenance.json")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert pyhf.Workspace(json.loads((tmp_path / "ws.json").read_text())).channels == ["jets"]
    status, said = run("write", folder / "two.hepqr", "--fit", "Both", "-o", tmp_path / "card.txt")
    assert status == 0
    assert said.splitlines()[-1] == str(tmp_path / "card.root")
    assert "shapes * * card.root" in (tmp_path / "card.txt").read_text()


def test_what_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    assert run("write", folder / "one", "-o", tmp_path / "a.csv")[0] == 2
    assert run("write", folder / "one", "--fit", "Xsec", "-o", tmp_path / "a.root")[0] == 2
    assert "error[HQ0817]" in run("write", folder / "one", "-o", tmp_path / "no" / "a.root")[1]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    made = result()
    missing = made.provenance.model_copy(update={"missing": ("file x.root of ttbar",)})
    replace(made, provenance=missing).save(tmp_path / "a.hepqr")
    status, said = run("write", tmp_path / "a.hepqr", "-o", tmp_path / "a.root")
    assert status == 0
    assert "not complete: file x.root of ttbar" in said
