# SPDX-License-Identifier: Apache-2.0
"""Templates and workspaces of a made-up result, against sums over its events and pyhf's own schema."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Fit, Rate
from hepq.runtime.analysis.fits.templates import Templates, templates
from hepq.runtime.analysis.fits.workspace import largest_strength, workspace, write_workspace
from hepq.runtime.analysis.results import Cells, Result
from hepq.runtime.analysis.variations import directions, sides
from tests.runtime.analysis.fits.models import channel, counting, model, sample
from tests.runtime.analysis.toy import ANALYSIS, LUMI, SAMPLES, result, state, varied

FIT = Fit(
    name="Xsec", channels=("sr.ht", "jets"), data=("run",), free=("ttbar",), rates=(Rate(name="lumi", size=1.03),),
    range=None, rebin=1,
)  # fmt: skip
RANGED = Fit(name="Ranged", channels=("sr.ht",), data=("run",), range=(150.0, 450.0), rebin=2)


@pytest.fixture(scope="module")
def made() -> Result:
    return result()


@pytest.fixture(scope="module")
def plain(made: Result) -> Templates:
    return templates(made, FIT)


def ht(source: str, variation: str, edges: list[float]) -> tuple[list[float], list[float]]:
    """Of events: sums of weights and of their squares."""
    kind, events, xsec = SAMPLES[source]
    norm = 1.0 if xsec is None else LUMI * xsec / len(events)
    values, squares = [0.0] * (len(edges) - 1), [0.0] * (len(edges) - 1)
    for event in events:
        x, weight = varied(event, variation) if kind == "mc" else (event.ht, 1.0)
        for i, (low, high) in enumerate(pairwise(edges)):
            if state(event) == 0 and low <= x < high:
                values[i] += weight * norm
                squares[i] += (weight * norm) ** 2
    return values, squares


@pytest.mark.parametrize(
    ("which", "edges"), [(FIT, [100.0 + 50 * i for i in range(9)]), (RANGED, [150.0, 250.0, 350.0, 450.0])]
)
def test_bins(made: Result, which: Fit, edges: list[float]) -> None:
    found = templates(made, which).channels[0]
    assert (found.name, found.title, found.label) == ("sr_ht", "sr.ht", "ht [GeV]")
    assert found.edges.tolist() == edges
    np.testing.assert_allclose(found.data, ht("run", "nominal", edges)[0])
    assert [s.source for s in found.samples] == ["ttbar", "wjets"]
    for one in found.samples:
        values, squares = ht(one.source, "nominal", edges)
        np.testing.assert_allclose(one.values, values, rtol=1e-12)
        np.testing.assert_allclose(one.variances, squares, rtol=1e-12)
        assert list(one.shifts) == ["scale", "res", "btag"]
        for name in ("scale", "btag"):
            np.testing.assert_allclose(one.shifts[name].up, ht(one.source, f"{name}_up", edges)[0], rtol=1e-12)
            np.testing.assert_allclose(one.shifts[name].down, ht(one.source, f"{name}_down", edges)[0], rtol=1e-12)
        up = np.array(ht(one.source, "res_up", edges)[0])
        np.testing.assert_allclose(one.shifts["res"].up, up, rtol=1e-12)
        np.testing.assert_allclose(one.shifts["res"].down, 2 * np.array(values) - up, rtol=1e-9, atol=1e-9)


def test_only_what_changes_anything(plain: Templates) -> None:
    assert plain.nuisances == ("scale", "res", "btag")
    for one in plain.channels[1].samples:  # jets: res and scale are of the same events, btag is no weight of it
        assert list(one.shifts) == []
    assert (plain.poi, plain.free, plain.rates) == ("ttbar", ("ttbar",), {"lumi": {"ttbar": 1.03, "wjets": 1.03}})


def test_notes(made: Result, plain: Templates) -> None:
    assert "one-sided, so that the other side is its mirror image: res" in plain.notes
    edges = [-1e9, 100.0, 500.0, 1e9]
    lost = sum(sum(ht(s, "nominal", edges)[0][::2]) for s in ("ttbar", "wjets"))
    data = sum(ht("run", "nominal", edges)[0][::2])
    outside = next(n for n in plain.notes if n.startswith("sr.ht: outside"))
    assert f"{lost:,.5g} of " in outside
    assert f"{data:,.5g} of " in outside


def test_notes_of_bins_below_zero(plain: Templates) -> None:
    one = next(s for s in plain.channels[0].samples if s.source == "wjets")
    moved = [side for shift in one.shifts.values() for side in (shift.up, shift.down)]
    sums = [[number for number in bins.tolist() if number < 0] for bins in (one.values, *moved)]
    most, least = max(map(len, sums[1:])), min(map(sum, sums[1:]))
    said = f"1 bin below 0, {sum(sums[0]):.4g} in all; at ±1σ of parameters up to {most} below 0, {least:.4g} in all"
    assert [n for n in plain.notes if "below 0" in n] == [f"sr.ht, wjets: {said}"]


def test_asimov_data_are_what_is_expected(made: Result) -> None:
    found = templates(made, FIT.model_copy(update={"data": "asimov"}))
    for one in found.channels:
        np.testing.assert_allclose(one.data, sum(s.values for s in one.samples))
    assert not any("observed" in note for note in found.notes)


def test_simulated_sources_as_data(made: Result) -> None:
    found = templates(made, Fit(name="Closure", channels=("jets",), data=("ttbar",)))
    assert [s.source for s in found.channels[0].samples] == ["wjets"]
    assert (found.channels[0].data == made.cells("jets", "ttbar").values[1:-1]).all()


def test_categories_and_several_axes(made: Result) -> None:
    found = templates(made, Fit(name="Map", channels=("sr.map",)))
    assert [c.title for c in found.channels] == ["sr.map.b", "sr.map.light"]
    cells = made.cells("sr.map", "ttbar").values
    assert (found.channels[1].samples[0].values == cells[1:-1, 1:-1, 1].ravel()).all()
    assert found.channels[1].edges.tolist() == list(range(25))
    one = templates(made, Fit(name="Light", channels=("jets", "sr.map.light")))
    assert [c.title for c in one.channels] == ["jets", "sr.map.light"]
    assert (one.channels[1].samples[0].values == found.channels[1].samples[0].values).all()


def test_sides() -> None:
    assert sides(["a_up", "a_down", "b[0]_up", "b[0]_down", "c_down", "d"]) == {
        "a": ("a_up", "a_down"), "b_0": ("b[0]_up", "b[0]_down"), "c": (None, "c_down"), "d": ("d", None),
    }  # fmt: skip


def test_a_variation_down_only_is_mirrored(made: Result) -> None:
    def named(variation: str) -> str:
        return "res_down" if variation == "res_up" else variation

    programs = {
        kind: program.model_copy(update={"histograms": {named(v): h for v, h in program.histograms.items()}})
        for kind, program in ANALYSIS.programs.items()
    }
    variations = tuple(map(named, ANALYSIS.variations))
    analysis = ANALYSIS.model_copy(update={"variations": variations, "programs": programs})
    shift = templates(replace(made, analysis=analysis), FIT).channels[0].samples[0].shifts["res"]
    other = templates(made, FIT).channels[0].samples[0].shifts["res"]
    assert (shift.down == other.up).all()
    assert (shift.up == other.down).all()


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"range": (120.0, 500.0)}, "HQ0967", "120 GeV is no edge of sr.ht; edges near it: 100, 150, 200"),
        ({"range": (150.0, 150.0)}, "HQ0967", "the range of Xsec has no bin of sr.ht"),
        ({"rebin": 3}, "HQ0967", "rebin = 3 does not fit sr.ht\n  8 bins are not a multiple of 3"),
        ({"range": (150.0, 450.0), "rebin": 4}, "HQ0967", "rebin = 4 does not fit sr.ht in its range\n"),
        ({"channels": ("sr.map",), "rebin": 2}, "HQ0967", "rebin is of one axis, and sr.map has 2"),
        ({"channels": ("sr.hat",)}, "HQ0966", "no histogram sr.hat"),
        ({"channels": ("sr.map.c",)}, "HQ0966", "no histogram sr.map.c"),
        ({"data": ("runs",)}, "HQ0966", "no source runs"),
        ({"free": ("run",)}, "HQ0966", "no simulated source run"),
        ({"poi": "zjets"}, "HQ0966", "no simulated source zjets"),
        ({"channels": ()}, "HQ0969", "it has no channel"),
        ({"rates": (Rate(name="btag", size=1.1),)}, "HQ0970", "two parameters btag"),
        ({"rates": (Rate(name="mu_ttbar", size=1.1),)}, "HQ0970", "two parameters mu_ttbar"),
    ],
)
def test_what_does_not_fit(made: Result, change: dict[str, object], code: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        templates(made, FIT.model_copy(update={"channels": ("sr.ht",), **change}))
    assert caught.value.code == code
    assert said in str(caught.value)


def test_no_such_fit(made: Result) -> None:
    named = replace(made, analysis=ANALYSIS.model_copy(update={"fits": (FIT,)}))
    assert templates(named, "Xsec").name == "Xsec"
    with pytest.raises(DataError, match='no fit Xsek\n  did you mean "Xsec"'):
        templates(named, "Xsek")


def test_rates_of_one_name_move_together(made: Result) -> None:
    rates = (Rate(name="xs", size=1.1, sources=("ttbar",)), Rate(name="xs", size=1.2))
    found = templates(made, FIT.model_copy(update={"rates": rates})).rates
    assert found == {"xs": {"ttbar": pytest.approx(1.32), "wjets": 1.2}}


def test_workspace(made: Result, plain: Templates, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyhf

        beside = write_workspace(plain, tmp_path / "ws.json", made.provenance)
        spec = json.loads((tmp_path / "ws.json").read_text())
        pyhf.schema.validate(spec, "workspace.json")
        space = pyhf.Workspace(spec)
        found = space.model()
    assert json.loads(beside.read_text())["provenance"]["digest"] == "0" * 64
    assert found.config.poi_name == "mu_ttbar"
    assert set(found.config.par_order) == {
        "mu_ttbar", "lumi", "scale", "res", "btag", "staterror_sr_ht", "staterror_jets",
    }  # fmt: skip
    at = np.array(found.config.suggested_init())
    counts = found.expected_actualdata(at)
    places = found.config.channel_slices
    np.testing.assert_allclose(counts[places["sr_ht"]], plain.channels[0].expected, rtol=1e-12)
    up = at.copy()
    up[found.config.par_slice("scale")] = 1.0
    up[found.config.par_slice("lumi")] = -1.0
    up[found.config.par_slice("mu_ttbar")] = 2.0
    ttbar, wjets = (s.shifts["scale"].up for s in plain.channels[0].samples)
    np.testing.assert_allclose(
        found.expected_actualdata(up)[places["sr_ht"]], (2 * ttbar + wjets) / 1.03, rtol=1e-12
    )  # fmt: skip
    assert space.data(found, include_auxdata=False) == [
        *plain.channels[1].data, *plain.channels[0].data,
    ]  # fmt: skip
    widths = found.config.param_set("staterror_sr_ht").width()
    total = np.sqrt(sum(s.variances for s in plain.channels[0].samples)) / plain.channels[0].expected
    np.testing.assert_allclose(widths, total, rtol=1e-12)


def test_a_workspace_without_free_rates() -> None:
    spec = workspace(model(channel("c", [1], sample("b", [2.0])), free=()))
    assert spec["measurements"][0]["config"] == {"poi": "", "parameters": []}


def test_ranges_of_strengths() -> None:
    assert largest_strength(counting(100, 50, 50), "s") == 10
    assert largest_strength(counting(100, 0.1, 50), "s") == 10000


def test_bins_below_zero() -> None:
    from hepq.runtime.analysis.fits.templates import _likely

    _likely(channel("c", [3, 0], sample("s", [2, 1]), sample("b", [-0.5, -1])))
    with pytest.raises(DataError, match="HQ0968") as caught:
        _likely(channel("c", [3, 1], sample("s", [2, 0.5]), sample("b", [-0.5, -1])))
    assert "1 to 2 of x [GeV]: -0.5 events are expected, 1 observed" in str(caught.value)
    with pytest.raises(DataError, match="2 bins of c"):
        _likely(channel("c", [3, 1], sample("s", [0, 0])))


def test_directions_that_are_neither_up_nor_down(made: Result) -> None:
    assert directions(["a_up", "a_down", "ren_hi", "ren_lo", "one_side", "b[0]_x", "b[0]_y"]) == [
        ("ren_hi", "ren_lo"), ("b[0]_x", "b[0]_y"),
    ]  # fmt: skip
    called = {"scale_up": "scale_hi", "scale_down": "scale_lo"}
    programs = {
        kind: program.model_copy(update={"histograms": {called.get(v, v): h for v, h in program.histograms.items()}})
        for kind, program in ANALYSIS.programs.items()
    }
    variations = tuple(called.get(v, v) for v in ANALYSIS.variations)
    analysis = ANALYSIS.model_copy(update={"variations": variations, "programs": programs})
    notes = templates(replace(made, analysis=analysis), FIT).notes
    said = "neither up nor down, so that each is an uncertainty of its own: scale_hi, scale_lo; up and down of one name"
    assert [n for n in notes if n.startswith("neither")] == [f"{said} make one"]


def test_a_rate_of_less_than_nothing(made: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Result.cells

    def below(found: Result, name: str, source: str, variation: str = "nominal") -> Cells:
        one = cells(found, name, source, variation)
        return replace(one, values=-one.values / 1000) if source == "ttbar" else one

    monkeypatch.setattr(Result, "cells", below)
    with pytest.raises(DataError) as caught:
        templates(made, FIT.model_copy(update={"channels": ("jets",)}))
    assert caught.value.code == "HQ0969"
    assert "  -" in str(caught.value)
    assert "events of it are expected, less than none" in str(caught.value)
