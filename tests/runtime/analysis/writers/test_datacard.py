# SPDX-License-Identifier: Apache-2.0
"""Datacards, read as combine's documentation says, and their templates, read by uproot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import uproot

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Fit, Rate
from hepq.runtime.analysis.fits.templates import Templates, templates
from hepq.runtime.analysis.provenance import Provenance
from hepq.runtime.analysis.writers.datacard import datacard, write_datacard
from tests.runtime.analysis.fits.models import channel, model, sample, shapes
from tests.runtime.analysis.toy import result

RATES = (Rate(name="lumi", size=1.03), Rate(name="xs", size=1.2, sources=("wjets",)))


@pytest.fixture(scope="module")
def made() -> Templates:
    fit = Fit(name="Xsec", channels=("sr.ht", "jets"), data=("run",), free=("ttbar", "wjets"), poi="wjets", rates=RATES)
    return templates(result(), fit)


@pytest.fixture(scope="module")
def written(made: Templates, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], Path]:
    """Words of the card's lines without comments, and where it stands."""
    path = tmp_path_factory.mktemp("card") / "card.txt"
    assert write_datacard(made, path, result().provenance) == path.with_suffix(".root")
    return read(path.read_text()), path


def read(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if not line.startswith(("#", "-"))]


def lines(card: list[list[str]], first: str) -> list[list[str]]:
    return [words for words in card if words[0] == first]


def test_card(made: Templates, written: tuple[list[list[str]], Path]) -> None:
    card, path = written
    assert [lines(card, key)[0][1] for key in ("imax", "jmax", "kmax")] == ["2", "1", "5"]
    bins, columns = lines(card, "bin")
    assert bins[1:] == ["sr_ht", "jets"]
    assert columns[1:] == ["sr_ht", "sr_ht", "jets", "jets"]
    assert [float(n) for n in lines(card, "observation")[0][1:]] == [c.data.sum() for c in made.channels]
    names, numbers = lines(card, "process")
    assert names[1:] == ["wjets", "ttbar", "wjets", "ttbar"]
    assert numbers[1:] == ["0", "1", "0", "1"]
    with uproot.open(path.with_suffix(".root")) as file:
        for place, process, rate in zip(columns[1:], names[1:], lines(card, "rate")[0][1:], strict=True):
            assert float(rate) == pytest.approx(file[f"{place}/{process}"].values().sum(), rel=1e-14)
    assert lines(card, "lumi") == [["lumi", "lnN", "1.03", "1.03", "1.03", "1.03"]]
    assert lines(card, "xs") == [["xs", "lnN", "1.2", "-", "1.2", "-"]]
    assert lines(card, "scale") == [["scale", "shape", "1", "1", "-", "-"]]
    assert lines(card, "mu_ttbar")[0][:5] == ["mu_ttbar", "rateParam", "*", "ttbar", "1"]
    assert lines(card, "mu_wjets") == []
    assert card[-1] == ["*", "autoMCStats", "0", "1"]
    assert "# one-sided, so that the other side is its mirror image: res" in path.read_text()


def test_templates(made: Templates, written: tuple[list[list[str]], Path]) -> None:
    """All that the card asks for, and nothing else."""
    card, path = written
    (_, process, place, name, nominal, systematic) = lines(card, "shapes")[0]
    assert (process, place, name) == ("*", "*", "card.root")
    with uproot.open(path.parent / name) as file:
        left = {key.removesuffix(";1") for key, kind in file.classnames().items() if kind == "TH1D"}
        for one in made.channels:

            def at(pattern: str, source: str, shift: str = "", channel: str = one.name) -> str:
                found = pattern.replace("$CHANNEL", channel).replace("$PROCESS", source)
                return found.replace("$SYSTEMATIC", shift)

            observed = file[at(nominal, "data_obs")]
            assert (observed.values() == one.data).all()
            assert observed.axis().edges().tolist() == one.edges.tolist()
            left.remove(at(nominal, "data_obs"))
            for of in one.samples:
                found = file[at(nominal, of.source)]
                assert (found.values() == of.values).all()
                np.testing.assert_allclose(found.errors() ** 2, of.variances, rtol=1e-14)
                assert found.values(flow=True)[[0, -1]].tolist() == [0, 0]
                left.remove(at(nominal, of.source))
                for nuisance, shift in of.shifts.items():
                    for side, values in (("Up", shift.up), ("Down", shift.down)):
                        assert (file[at(systematic, of.source, nuisance + side)].values() == values).all()
                        left.remove(at(systematic, of.source, nuisance + side))
        assert not left
        assert json.loads(file["provenance"])["program"] == "toy.hepq"


def test_a_source_that_a_channel_lacks() -> None:
    card = read(datacard(shapes(), "x.root", Provenance()))
    assert lines(card, "rate")[0][1:] == ["30.0", "115.0", "0", "390.0"]
    assert lines(card, "scale") == [["scale", "shape", "1", "1", "-", "1"]]
    assert lines(card, "lumi") == [["lumi", "lnN", "1.03", "1.03", "-", "1.03"]]


def test_without_a_signal() -> None:
    card = read(datacard(model(channel("c", [1], sample("b", [2.0])), free=()), "x.root", Provenance()))
    assert lines(card, "process")[1][1:] == ["1"]
    assert lines(card, "kmax") == [["kmax", "0"]]


def test_its_name(made: Templates, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="HQ0817"):
        write_datacard(made, tmp_path / "card.root", Provenance())
