# SPDX-License-Identifier: Apache-2.0
"""What each variation does to a histogram: the sum of simulated sources in it beside the nominal one, as ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hepq.runtime.analysis.axes import edges, label
from hepq.runtime.analysis.plots.histograms import View, changing, expected
from hepq.runtime.analysis.plots.stack import window
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.variations import sides

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: panels of a page: across, down
GRID = (3, 3)
#: inches, of one panel
SIZE = (3.2, 2.4)
_COLOURS = ("#bd1f01", "#3f90da")


def pages(result: Result, view: View) -> Iterator[list[tuple[str, list[str]]]]:
    """By page, parameters and their variations, up before down."""
    pairs = [
        (name, [v for v in pair if v is not None]) for name, pair in sides(changing(result, view.histogram)).items()
    ]
    most = GRID[0] * GRID[1]
    for start in range(0, len(pairs), most):
        yield pairs[start : start + most]


def size(page: Sequence[object]) -> tuple[float, float]:
    """Inches."""
    across = min(len(page), GRID[0])
    return SIZE[0] * across, SIZE[1] * -(-len(page) // GRID[0])


def draw(result: Result, view: View, page: Sequence[tuple[str, Sequence[str]]], figure: Figure) -> None:
    """Of each parameter a panel: varied / nominal, with the nominal one's statistics as a band."""
    (axis,) = view.axes
    ends = edges(axis)
    nominal = _total(result, view)
    spread = np.sqrt(
        np.sum(
            [
                view.inside(result.cells(view.histogram, source.name).variances)
                for source in result.sources
                if source.kind == "mc"
            ],
            axis=0,
        )
    )
    there = np.where(nominal > 0, nominal, np.nan)
    across = min(len(page), GRID[0])
    panels = figure.subplots(-(-len(page) // GRID[0]), across, squeeze=False, sharex=True).ravel()
    for panel, (name, variations) in zip(panels, page, strict=False):
        panel.stairs(
            1 + spread / there, ends, baseline=1 - spread / there, color="#dddddd", fill=True, label="statistics"
        )
        reach = np.zeros_like(there)
        for variation, colour in zip(variations, _COLOURS, strict=False):
            ratio = _total(result, view, variation) / there
            reach = np.fmax(reach, np.abs(ratio - 1))
            panel.stairs(ratio, ends, baseline=None, color=colour, label=variation)
        panel.axhline(1.0, color="black", linewidth=0.8)
        if reach.max(initial=0.0) > 1:
            panel.set_ylim(*window(reach[nominal > 0]))
        panel.set_title(name, loc="left", fontsize="small")
        panel.legend(frameon=False, fontsize="x-small")
        panel.set_xlim(ends[0], ends[-1])
        panel.set_xlabel(label(axis))
        panel.set_ylabel("varied / nominal", fontsize="small")
    for panel in panels[len(page) :]:
        panel.set_visible(False)
    figure.suptitle(view.title, fontsize="medium")


def _total(result: Result, view: View, variation: str = "nominal") -> Floats:
    total: Floats = np.sum([*expected(result, view, variation).values()], axis=0)
    return total
