# SPDX-License-Identifier: Apache-2.0
"""Histograms and cut flows of a made-up analysis, against hist filled event by event."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
from rich.console import Console

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Factor, Filled
from hepq.runtime.analysis.flows import tables, words
from hepq.runtime.analysis.results import Result
from tests.runtime.analysis.toy import ANALYSIS, LUMI, SAMPLES, VARIATIONS, Event, result, state, varied


@pytest.fixture(scope="module")
def made() -> Result:
    return result()


def norm(source: str) -> float:
    _, found, xsec = SAMPLES[source]
    return 1.0 if xsec is None else LUMI * xsec / len(found)


def of(event: Event, source: str, variation: str) -> tuple[float, float]:
    return (event.ht, 1.0) if source == "run" else varied(event, variation)


def view(of: hist.Hist[Any]) -> Any:
    return of.view(flow=True)


def test_histogram_is_that_of_hist(made: Result) -> None:
    expected = hist.Hist(
        hist.axis.StrCategory([*SAMPLES], name="source", overflow=False),
        hist.axis.StrCategory(["nominal", *VARIATIONS], name="variation", overflow=False),
        hist.axis.Regular(8, 100, 500, name="ht", label="ht [GeV]"),
        hist.axis.Variable([-2.5, -1, 1, 2.5], name="eta", label="eta"),
        hist.axis.StrCategory(["b", "light"], name="flavour", overflow=False),
        storage=hist.storage.Weight(),
    )
    for source, (_, found, _) in SAMPLES.items():
        for event in found:
            for variation in ("nominal", *VARIATIONS) if state(event) == 0 else ():
                ht, weight = of(event, source, variation)
                flavour = "light" if event.tags < 2 else "b"
                expected.fill(source=source, variation=variation, ht=ht, eta=event.eta, flavour=flavour,
                              weight=weight * norm(source))  # fmt: skip
    got = made["sr.map"]
    assert [a.name for a in got.axes] == [a.name for a in expected.axes]
    assert [a.label for a in got.axes][2:4] == ["ht [GeV]", "eta"]
    for what in ("value", "variance"):
        np.testing.assert_allclose(view(got)[what], view(expected)[what], rtol=1e-13, atol=1e-13)
    alone = made.histogram("sr.map", ["wjets"], ["res_up"])
    assert (view(alone)["value"][0, 0] == view(got)["value"][2, 3]).all()


def test_counts_without_weights(made: Result) -> None:
    numbers = view(made["jets"])["value"][0, 0]
    jets = np.array([e.jets for e in SAMPLES["run"][1]])
    assert numbers.tolist() == [(jets < 2).sum(), *((jets == n).sum() for n in range(2, 6)), (jets >= 6).sum()]


def test_data_has_nominal_numbers_in_all_variations(made: Result) -> None:
    view = made["sr.ht"].values()
    assert (view[0] == view[0, 0]).all()
    assert made.varied("sr.ht", "run") == ()
    assert made.varied("sr.ht", "ttbar") == VARIATIONS[:-1]
    assert made.varied("jets", "ttbar") == ("scale_up", "scale_down", "res_up")
    assert made.unchanging() == ("never_up",)


@pytest.mark.parametrize("source", SAMPLES)
@pytest.mark.parametrize("variation", ["nominal", "btag_up"])
def test_cut_flow(made: Result, source: str, variation: str) -> None:
    flow = made.cut_flow("sr", source, variation)
    assert flow is not None
    cuts: list[Callable[[Event], bool]] = [lambda e: e.jets >= 4, lambda e: e.tags >= 1]
    for i, row in enumerate(flow.rows):
        for found, needed in ((row.passed, cuts[:i]), (row.without, cuts[: i - 1] + cuts[i:])):
            if found is None:
                assert i == 0
                continue
            inside = [e for e in SAMPLES[source][1] if all(cut(e) for cut in needed)]
            weights = [of(e, source, variation)[1] * norm(source) for e in inside]
            assert found.events == len(inside)
            assert math.isclose(found.sum, math.fsum(weights), rel_tol=1e-13)
            assert math.isclose(found.variance, math.fsum(w * w for w in weights), rel_tol=1e-13)
    weighted = [row.passed.sum for row in flow.rows]
    for i in (1, 2):
        assert flow.rows[i].share == pytest.approx(weighted[i] / weighted[i - 1])
    assert [row.nan for row in flow.rows] == [0, 1, 3]
    assert [row.absent for row in flow.rows] == [0, 0, 0]
    assert [row.cut for row in flow.rows] == ["all events", "jets", "tag"]


def test_cut_flows_that_are_wider_than_the_console_stand_below_each_other(made: Result) -> None:
    flows = made.cut_flows("sr")
    for width, numbers in ((400, [len(flows)]), (60, [1] * len(flows))):
        text = StringIO()
        console = Console(file=text, width=width, color_system=None)
        shown = list(tables(flows, console))
        assert [sum(c.header in SAMPLES for c in one.columns) for one in shown] == numbers
        for one in shown:
            console.print(one)
        assert "…" not in text.getvalue()


def test_cut_flow_in_words(made: Result) -> None:
    text = words(made.cut_flows("sr"))
    lines = text.splitlines()
    assert lines[0] == "cut flow of sr"
    assert "without it" in lines[1]
    assert "NaN" in lines[1]
    assert "absent" not in text
    assert lines[2].split()[:3] == ["all", "events", "700"]
    assert "without it" not in str(replace(made, n_minus_one=False).cut_flow("sr", "run"))


def test_what_it_says_of_itself(made: Result) -> None:
    text = repr(made)
    assert "<Result of Toy: 3 histograms, 3 sources, 6 variations" in text
    assert "ttbar (mc): 1,500 events" in text
    assert "  sr.ht [ht 8]: " in text
    assert " outside" in text


def test_save_and_load(made: Result, tmp_path: Path) -> None:
    made.save(tmp_path / "a.hepqr")
    read = Result.load(tmp_path / "a.hepqr")
    assert (read.analysis, read.provenance) == (made.analysis, made.provenance)
    assert read["sr.map"] == made["sr.map"]
    read.save(tmp_path / "b.hepqr")
    data = (tmp_path / "a.hepqr").read_bytes()
    assert (tmp_path / "b.hepqr").read_bytes() == data
    for damaged in (data[:-3], data[:500] + b"x" + data[501:], b"", b"text\n"):
        (tmp_path / "c.hepqr").write_bytes(damaged)
        with pytest.raises(DataError, match="HQ0897"):
            Result.load(tmp_path / "c.hepqr")
    with pytest.raises(DataError, match="HQ0801"):
        Result.load(tmp_path / "none.hepqr")


def with_factor(factor: Factor, **source: float | None) -> Result:
    mc = ANALYSIS.programs["mc"]
    histograms = {v: h | {"sr.ht": Filled(sums="ht", factor=factor)} for v, h in mc.histograms.items()}
    programs = {**ANALYSIS.programs, "mc": mc.model_copy(update={"histograms": histograms})}
    sources = tuple(s.model_copy(update=source) if s.name == "ttbar" else s for s in ANALYSIS.sources)
    made = result()
    read = {n: replace(one, sumw=0.0 if n == "wjets" else 4.0) for n, one in made.read.items()}
    return replace(made, analysis=ANALYSIS.model_copy(update={"programs": programs, "sources": sources}), read=read)


def test_a_factor_that_is_not_known() -> None:
    with pytest.raises(DataError) as caught:
        with_factor(Factor(sumw=-1))
    assert str(caught.value).splitlines() == [
        "error[HQ0965]: the sum of weights of wjets is 0", "  weights of histogram sr.ht are divided by it",
    ]  # fmt: skip
    with pytest.raises(DataError, match="the cross-section of ttbar is not known"):
        with_factor(Factor(), xsec=None)
    made = with_factor(Factor(number=2.0, sumw=2))
    assert made.cells("sr.ht", "wjets").values.sum() == 0
    plain = with_factor(Factor()).cells("sr.ht", "ttbar")
    assert (made.cells("sr.ht", "ttbar").values == 32 * plain.values).all()
    assert (made.cells("sr.ht", "ttbar").variances == 1024 * plain.variances).all()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda r: r["sr.hat"], 'no histogram sr.hat\n  did you mean "sr.ht"'),
        (lambda r: r.histogram("sr.ht", ["ttbat"]), 'no source ttbat\n  did you mean "ttbar"'),
        (lambda r: r.histogram("sr.ht", None, ["up"]), "no variation up"),
        (lambda r: r.cut_flow("cr", "run"), "no region cr"),
    ],
)
def test_names_that_are_not_there(made: Result, ask, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as caught:
        ask(made)
    assert caught.value.code == "HQ0966"
    assert said in str(caught.value)
