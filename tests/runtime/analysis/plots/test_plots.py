# SPDX-License-Identifier: Apache-2.0
"""What pictures of a made-up result show: the numbers of what is drawn, against sums over its events."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from scipy.stats import chi2

from hepq.core.errors import DataError
from hepq.runtime.analysis.description import Axis, Flow, Histogram
from hepq.runtime.analysis.plots import flows, maps, stack, variations
from hepq.runtime.analysis.plots.histograms import View, band, expected, views, wanted
from hepq.runtime.analysis.plots.histograms import stack as stacked
from hepq.runtime.analysis.plots.pages import of_result, write
from hepq.runtime.analysis.results import Result
from tests.runtime.analysis.toy import ANALYSIS, result


@pytest.fixture(scope="module")
def made() -> Result:
    return result()


def view(made: Result, name: str, number: int = 0) -> View:
    return list(views(made.described(name)))[number]


def drawn(one: stack.Stack, log: bool = False) -> list[Axes]:
    figure = Figure()
    stack.draw(one, figure, log)
    return figure.axes


def steps(axes: Axes, label: str) -> Any:
    return next(p for p in axes.patches if isinstance(p, StepPatch) and p.get_label() == label).get_data()


def dots(axes: Axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of points, and the ends of their errors."""
    (container,) = axes.containers
    segments = np.array(container[2][0].get_segments())
    return container[0].get_ydata(), segments[:, 0, 1], segments[:, 1, 1]


def test_stack(made: Result) -> None:
    upper, lower = drawn(stacked(made, view(made, "sr.ht")))
    values = {s: made.cells("sr.ht", s).values[1:-1] for s in ("ttbar", "wjets", "run")}
    total = values["ttbar"] + values["wjets"]
    low, high = sorted(("ttbar", "wjets"), key=lambda s: values[s].sum())
    assert np.allclose(steps(upper, low).values, values[low])
    assert np.allclose(steps(upper, high).values, total)
    assert np.allclose(steps(upper, high).baseline, values[low])
    assert steps(upper, low).edges.tolist() == [100.0 + 50 * i for i in range(9)]
    down, up = band(made, view(made, "sr.ht"))
    edge = steps(upper, "statistics ⊕ variations")
    assert np.allclose(edge.values, total + up)
    assert np.allclose(edge.baseline, total - down)
    points, ends, tops = dots(upper)
    assert (points == values["run"]).all()
    assert (upper.get_ylabel(), lower.get_xlabel()) == ("events / 50 GeV", "ht [GeV]")
    assert lower.get_ylabel() == "data / expected"
    assert upper.get_title(loc="left") == "sr.ht"
    ratio, ratio_ends, ratio_tops = dots(lower)
    assert np.allclose(ratio, values["run"] / total)
    assert np.allclose(ratio_ends, ends / total)
    assert np.allclose(ratio_tops, tops / total)
    legend = upper.get_legend()
    assert legend is not None
    assert sorted(t.get_text() for t in legend.get_texts()) == ["data", "statistics ⊕ variations", "ttbar", "wjets"]


def test_what_is_outside_is_said(made: Result) -> None:
    upper, _ = drawn(stacked(made, view(made, "sr.ht")))
    lost = {s: made.cells("sr.ht", s).values[[0, -1]].sum() for s in ("ttbar", "wjets", "run")}
    (text,) = [t.get_text() for t in upper.texts if t.get_gid() == "notes"]
    assert text == f"outside: {lost['ttbar'] + lost['wjets']:,.4g} expected\noutside: {lost['run']:,.4g} observed"


def test_band(made: Result) -> None:
    """Statistics, and what each parameter moves to either side; what goes one way is not mirrored."""
    nominal, variances, moved = 0.0, 0.0, dict.fromkeys(ANALYSIS.variations, 0.0)
    place = 2
    for source in ("ttbar", "wjets"):
        cells = made.cells("sr.ht", source)
        nominal += cells.values[1 + place]
        variances += cells.variances[1 + place]
        for v in moved:
            moved[v] += made.cells("sr.ht", source, v).values[1 + place]
    shifts = [
        [moved[v] - nominal for v in pair]
        for pair in (("scale_up", "scale_down"), ("res_up",), ("btag_up", "btag_down"))
    ]
    down, up = band(made, view(made, "sr.ht"))
    assert math.isclose(up[place], math.sqrt(variances + sum(max(0, *s) ** 2 for s in shifts)))
    assert math.isclose(down[place], math.sqrt(variances + sum(min(0, *s) ** 2 for s in shifts)))


def test_intervals_of_counts() -> None:
    counts = np.array([0.0, 1.0, 7.0, 400.0])
    below, above = stack.garwood(counts)
    tail = (1 - 0.6826894921370859) / 2
    for n, low, high in zip(counts, counts - below, counts + above, strict=True):
        assert low == pytest.approx(chi2.ppf(tail, 2 * n) / 2 if n else 0.0)
        assert high == pytest.approx(chi2.ppf(1 - tail, 2 * (n + 1)) / 2)
    weighted = stack.points(np.array([4.0]), np.array([9.0]))
    assert (weighted.down.tolist(), weighted.up.tolist()) == ([3.0], [3.0])


def test_without_data_and_without_simulation(made: Result) -> None:
    one = stacked(made, view(made, "sr.ht"))
    (only,) = drawn(replace(one, data=None))
    assert not only.containers
    (data,) = drawn(replace(one, sources={}, up=np.zeros(8), down=np.zeros(8)))
    assert not [p for p in data.patches if isinstance(p, StepPatch)]
    assert (dots(data)[0] == made.cells("sr.ht", "run").values[1:-1]).all()


def test_logarithmic(made: Result) -> None:
    upper, _ = drawn(stacked(made, view(made, "sr.ht")), log=True)
    assert upper.get_yscale() == "log"
    low, high = upper.get_ylim()
    one = stacked(made, view(made, "sr.ht"))
    least = min(values[values > 0].min() for values in one.sources.values())
    assert 0 < low < least
    assert high > one.total.max()
    tiny = replace(one, sources={**one.sources, "tiny": np.full(8, 1e-9)})
    assert drawn(tiny, log=True)[0].get_ylim()[0] > 1e-5


def test_ranges_of_ratios(made: Result) -> None:
    one = stacked(made, view(made, "sr.ht"))
    flat = replace(one, sources={"a": np.full(8, 100.0)}, data=stack.Points(np.full(8, 104.0), np.ones(8), np.ones(8)))
    for spread, low, high in ((1.0, 0.8, 1.2), (30.0, 0.5, 1.5), (300.0, 0.0, 2.0)):
        _, lower = drawn(replace(flat, up=np.full(8, spread), down=np.full(8, spread)))
        assert lower.get_ylim() == pytest.approx((low, high))
    far = replace(flat, up=np.ones(8), down=np.ones(8), data=stack.Points(np.full(8, 400.0), np.ones(8), np.ones(8)))
    assert drawn(far)[1].get_ylim()[1] > 4


def test_one_bin_of_hardly_any_event_does_not_make_a_ratio_flat() -> None:
    data = np.array([10.0] * 19 + [3.0])
    one = stack.Stack(
        title="", label="x", unit="", edges=np.arange(21.0), sources={"a": np.array([10.0] * 19 + [0.05])},
        up=np.zeros(20), down=np.zeros(20), band="", data=stack.points(data, data),
    )  # fmt: skip
    lower = drawn(one)[1]
    assert lower.get_ylim() == pytest.approx((0.8, 1.2))
    (mark,) = [line for line in lower.lines if line.get_gid() == "above"]
    assert np.allclose(mark.get_xydata(), [(19.5, 1.2)])


def test_widths() -> None:
    assert stack.per_bin(np.array([0.0, 1.0, 3.0]), "GeV") == "events / bin"
    assert stack.per_bin(np.array([0.0, 0.1, 0.2]), "") == "events / 0.1"


def test_map(made: Result) -> None:
    figure = Figure()
    light = view(made, "sr.map", 1)
    assert (light.title, [a.name for a in light.axes]) == ("sr.map.light", ["ht", "eta"])
    maps.draw(made, light, figure)
    panels = [a for a in figure.axes if a.get_title(loc="left")]
    assert [a.get_title(loc="left") for a in panels] == ["sr.map.light, expected", "sr.map.light, observed"]
    cells = {s: made.cells("sr.map", s).values for s in ("ttbar", "wjets", "run")}
    for axes, sources in zip(panels, (("ttbar", "wjets"), ("run",)), strict=True):
        inside = sum(cells[s][1:-1, 1:-1, 1] for s in sources)
        mesh = axes.collections[0].get_array()
        assert mesh is not None
        assert np.allclose(np.ma.filled(mesh, 0.0), np.asarray(inside).T)
        lost = sum(cells[s][..., 1].sum() for s in sources) - np.asarray(inside).sum()
        assert f"outside: {lost:,.4g}" in axes.get_title(loc="right")
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("ht [GeV]", "eta")


def test_variations(made: Result) -> None:
    (page,) = variations.pages(made, view(made, "sr.ht"))
    assert page == [("scale", ["scale_up", "scale_down"]), ("res", ["res_up"]), ("btag", ["btag_up", "btag_down"])]
    figure = Figure()
    variations.draw(made, view(made, "sr.ht"), page, figure)
    nominal = sum(expected(made, view(made, "sr.ht")).values())
    assert figure.get_suptitle() == "sr.ht"
    for axes, (title, names) in zip(figure.axes, page, strict=True):
        assert (axes.get_title(loc="left"), axes.get_xlabel()) == (title, "ht [GeV]")
        assert axes.get_ylabel() == "varied / nominal"
        legend = axes.get_legend()
        assert legend is not None
        assert [t.get_text() for t in legend.get_texts()] == ["statistics", *names]
        for name in names:
            ratio = sum(expected(made, view(made, "sr.ht"), name).values()) / nominal
            assert np.allclose(steps(axes, name).values, ratio)
    assert np.allclose(steps(figure.axes[2], "btag_up").values, 1.1)


def test_many_variations_have_pages(made: Result) -> None:
    names = tuple(f"v{i}_up" for i in range(11))
    programs = {}
    for kind, program in ANALYSIS.programs.items():
        nominal = program.histograms["nominal"]
        histograms = {"nominal": nominal, **dict.fromkeys(names, program.histograms.get("scale_up", nominal))}
        programs[kind] = program.model_copy(update={"histograms": histograms})
    many = replace(made, analysis=ANALYSIS.model_copy(update={"variations": names, "programs": programs}))
    assert [len(page) for page in variations.pages(many, view(made, "sr.ht"))] == [9, 2]
    pages, _ = of_result(many, ["sr.ht"], varied=True)
    assert [p.name for p in pages] == ["sr.ht", "sr.ht.variations_1", "sr.ht.variations_2"]
    for page, grid in zip(pages[1:], variations.pages(many, view(made, "sr.ht")), strict=True):
        assert page.size == variations.size(grid)
        page.draw(figure := Figure())
        assert len(figure.axes) >= len(grid)


def test_cut_flow(made: Result) -> None:
    one = flows.cut_flow(made, "sr")
    assert one is not None
    assert one.ticks == ("all events", "jets", "tag")
    for source in ("ttbar", "wjets"):
        flow = made.cut_flow("sr", source)
        assert flow is not None
        assert one.sources[source].tolist() == [row.passed.sum for row in flow.rows]
    assert one.data is not None
    run = made.cut_flow("sr", "run")
    assert run is not None
    assert one.data.values.tolist() == [row.passed.events for row in run.rows]
    upper, lower = drawn(one, log=True)
    assert [t.get_text() for t in lower.get_xticklabels()] == ["all events", "jets", "tag"]
    assert upper.get_title(loc="left") == "cut flow of sr"


def test_a_region_without_cuts(made: Result) -> None:
    programs = {
        kind: program.model_copy(update={"flows": {"nominal": {"": Flow(raw="events")}}})
        for kind, program in ANALYSIS.programs.items()
    }
    bare = replace(made, analysis=ANALYSIS.model_copy(update={"programs": programs}))
    assert bare.regions == ("",)
    assert flows.cut_flow(bare, "") is None
    assert flows.n_minus_one(bare, "") is None


def test_n_minus_one(made: Result) -> None:
    one = flows.n_minus_one(made, "sr")
    assert one is not None
    assert one.ticks == ("jets", "tag")
    found = [made.cut_flow("sr", source) for source in ("ttbar", "wjets")]
    without = [[row.without for row in flow.rows[1:]] for flow in found if flow]
    assert one.total.tolist() == [sum(w.sum for w in pair if w) for pair in zip(*without, strict=True)]
    upper, _ = drawn(one)
    assert np.allclose(steps(upper, "expected with all cuts").values, sum(f.passed.sum for f in found if f))
    assert flows.n_minus_one(replace(made, n_minus_one=False), "sr") is None


def test_categories_alone(made: Result) -> None:
    flavour = Axis(name="flavour", kind="category", bins=2, entries=("b", "light"))
    (one,) = views(Histogram(name="h", region="sr", axes=(flavour,)))
    assert (one.title, one.axes, one.places) == ("h", (flavour,), ())
    two = list(views(Histogram(name="h", region="sr", axes=(flavour, Axis(name="ok", kind="boolean", bins=2)))))
    assert [v.title for v in two] == ["h.false", "h.true"]
    assert (two[1].inside(np.array([[1.0, 2.0], [3.0, 4.0]])) == [2.0, 4.0]).all()


def test_files(made: Result, tmp_path: Path) -> None:
    pages, left_out = of_result(made, varied=True)
    assert [p.name for p in pages] == [
        "sr.ht", "sr.ht.variations", "sr.map.b", "sr.map.light", "jets", "jets.variations", "sr.cutflow",
        "sr.n_minus_one",
    ]  # fmt: skip
    assert left_out == []
    paths = list(write(pages[:1], tmp_path / "new", ".svg"))
    assert [p.name for p in paths] == ["sr_ht.svg"]
    (again,) = write(pages[:1], tmp_path / "other", ".svg")
    assert b"<svg" in again.read_bytes()
    with pytest.raises(DataError, match="HQ0817"):
        list(write(pages[:1], tmp_path, ".gif"))


def test_too_many_axes(made: Result) -> None:
    axes = tuple(Axis(name=n, kind="integer", bins=2, edges=(0.0, 2.0)) for n in "abc")
    analysis = ANALYSIS.model_copy(update={"histograms": (Histogram(name="cube", region="", axes=axes),)})
    assert of_result(replace(made, analysis=analysis), ["cube"]) == (
        [], ["cube has 3 axes, and a picture at most 2"],
    )  # fmt: skip


def test_patterns(made: Result) -> None:
    assert [h.name for h in wanted(made, ["sr.*"])] == ["sr.ht", "sr.map"]
    with pytest.raises(DataError, match=r"no histogram sr\.hat"):
        wanted(made, ["sr.hat"])
