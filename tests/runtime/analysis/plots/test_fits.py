# SPDX-License-Identifier: Apache-2.0
"""Pictures of fits: the numbers that are drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hepq.runtime.analysis.fits.fitted import Fitted
from hepq.runtime.analysis.fits.likelihood import fit_templates
from hepq.runtime.analysis.plots import fits
from hepq.runtime.analysis.plots.pages import of_fit
from hepq.runtime.analysis.provenance import Provenance
from tests.runtime.analysis.fits.models import shapes


@pytest.fixture(scope="module")
def made() -> Fitted:
    return fit_templates(shapes(), Provenance())


def test_pulls(made: Fitted) -> None:
    figure = Figure()
    fits.pulls(made, figure)
    axes, moves = figure.axes
    (container,) = axes.containers
    named = dict(zip([t.get_text() for t in axes.get_yticklabels()], axes.get_yticks(), strict=True))
    assert list(named) == ["lumi", "scale"] or list(named) == ["scale", "lumi"]
    x, y = container[0].get_data()
    bars = container[2][0].get_segments()
    for place, pull, (low, high) in zip(y, x, bars, strict=True):
        parameter = made[next(name for name, at in named.items() if at == place)]
        assert pull == parameter.pull
        assert high[0] - low[0] == pytest.approx(2 * (parameter.constraint or 0))
    assert axes.get_title(loc="left") == "Hand: data"
    for bar in moves.patches:
        assert isinstance(bar, Rectangle)
        name = next(name for name, at in named.items() if at == pytest.approx(bar.get_y() + bar.get_height() / 2))
        assert bar.get_width() == made.impact(name)
    assert len(moves.patches) == 2
    assert moves.get_xlabel() == "moves mu_s by"


def test_pulls_without_anything_of_interest(made: Fitted) -> None:
    figure = Figure()
    fits.pulls(replace(made, poi=""), figure)
    assert len(figure.axes) == 1


def test_channels(made: Fitted) -> None:
    one = made.channels[0]
    for when, yields in (("before", one.before), ("after", one.after)):
        drawn = fits.channel(made, one, when)  # type: ignore[arg-type]
        assert drawn.sources == yields.sources
        assert (drawn.up == yields.error).all()
        assert drawn.data is not None
        assert (drawn.data.values == [52, 61, 30]).all()
        assert (drawn.label, drawn.unit) == ("x [GeV]", "events / 1 GeV")
        assert drawn.title == f"sr, {when} Hand"
    # without anything free, data make it less
    assert (made.channels[1].after.error < made.channels[1].before.error).all()


def test_pages(made: Fitted) -> None:
    assert [p.name for p in of_fit(made)] == [
        "Hand.pulls", "Hand.sr.before", "Hand.sr.after", "Hand.cr.before", "Hand.cr.after",
    ]  # fmt: skip
