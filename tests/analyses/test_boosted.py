# SPDX-License-Identifier: Apache-2.0
"""ParticleNet on every fat jet, `examples/boosted`: histograms against scores of the tagger's own artifact, which makes
its inputs by its dataset; and a fit that finds what was put in."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.analysis.fits.likelihood import fit
from hepq.runtime.analysis.results import Result

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/boosted"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("boosted")
    for name in ("tagger.hepq", "tagger.safetensors", "boosted.hepq"):
        shutil.copy(EXAMPLES / name, made)
    runpy.run_path(str(EXAMPLES / "make_events.py"))["make"](made, 0.4)
    compile_file(made / "tagger.hepq", made / "tagger.hepqx", Options(weights=made / "tagger.safetensors"))
    return made


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return hepq.run(folder / "boosted.hepq")


def truth(folder: Path, source: str) -> dict[str, Any]:
    """Scores of chosen jets, and masses of the best ones, by region."""
    scores = hepq.load(folder / "tagger.hepqx")(folder / f"{source}.root")
    with uproot.open(folder / f"{source}.root") as file:
        jets = file["Events"].arrays(filter_name="FatJet_*")
    found: dict[str, list[Any]] = {"bb": [], "cc": [], "two_b": [], "two_c": []}
    for event, score in zip(jets, scores, strict=True):
        pt, eta, mass = (np.asarray(event[f"FatJet_{n}"], float) for n in ("pt", "eta", "msoftdrop"))
        b, c, q = (np.asarray(score[n], float) for n in ("Hbb", "Hcc", "QCD"))
        chosen = (pt > 250) & (np.abs(eta) < 2.4) & (mass > 40)
        b, c, q, mass = b[chosen], c[chosen], q[chosen], mass[chosen]
        if not len(mass):
            continue
        bb, cc = b / (b + q), c / (c + q)
        found["bb"] += list(bb)
        found["cc"] += list(cc)
        best = int(np.argmax(np.maximum(bb, cc)))
        found["two_b"] += [mass[best]] if bb[best] > 0.8 and b[best] > c[best] else []
        found["two_c"] += [mass[best]] if cc[best] > 0.8 and c[best] > b[best] else []
    return found


@pytest.mark.parametrize("source", ["hbb", "hcc", "qcd", "run"])
def test_scores_of_every_jet(folder: Path, result: Result, source: str) -> None:
    expected = truth(folder, source)
    for name in ("bb", "cc"):
        found = result.cells(name, source).entries
        assert np.abs(found[1:-1] - np.histogram(expected[name], 25, (0, 1))[0]).sum() <= 4
        assert found.sum() == len(expected[name]) > 300
    for name in ("two_b", "two_c"):
        found = result.cells(f"{name}.mass", source).entries
        assert np.abs(found[1:-1] - np.histogram(expected[name], 24, (40, 160))[0]).sum() <= 2


def test_the_tagger_tags(result: Result) -> None:
    """Most of what is in a region is of its own kind."""
    for region, signal, other in (("two_b", "hbb", "hcc"), ("two_c", "hcc", "hbb")):
        events = {s: result.cells(f"{region}.mass", s).entries.sum() for s in ("hbb", "hcc", "qcd")}
        assert events[signal] > 5 * events[other]
        assert events[signal] > 5 * events["qcd"]


def test_the_fit_finds_what_was_put_in(result: Result) -> None:
    (declared,) = result.analysis.fits
    found = fit(result, declared)
    for name in ("mu_hbb", "mu_hcc"):
        assert abs(found[name].value - 1) < 3 * found[name].error
        assert found[name].error < 0.2


def test_variations(folder: Path, result: Result) -> None:
    """Of the momentum the model is a function, of the mass it is not: it is called three times."""
    assert set(result.varied("bb", "hbb")) == {"jes_up", "jes_down"}
    assert set(result.varied("two_b.mass", "hbb")) == {"jes_up", "jes_down", "jms_up", "jms_down"}
    (stage,) = result.analysis.programs["mc"].models
    assert len(stage.calls) == 3
