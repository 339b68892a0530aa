# SPDX-License-Identifier: Apache-2.0
"""Fits as pictures: pulls, and each channel before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from hepq.runtime.analysis.fits.fitted import Fitted, FittedChannel
from hepq.runtime.analysis.plots.stack import Points, Stack, garwood, per_bin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

When = Literal["before", "after"]
#: inches: the width of pulls, and the height of each
_WIDTH, _EACH = 5.6, 0.26


def size(made: Fitted) -> tuple[float, float]:
    """Inches, of the pulls."""
    return _WIDTH * (1.5 if made.poi else 1.0), 1.6 + _EACH * len(made.pulled)


def pulls(made: Fitted, figure: Figure) -> None:
    """Of each parameter that is constrained, but for statistics of bins: its pull, its error as a bar, both in widths
    of its constraint, over the bands of ±1 and ±2; and by how much the one of interest moves with its error."""
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1)) if made.poi else [figure.subplots()]
    axes = panels[0]
    found = made.pulled
    places = np.arange(len(found))[::-1]
    for reach, colour in ((2, "#f3f0c8"), (1, "#cfe8cf")):
        axes.axvspan(-reach, reach, color=colour, linewidth=0)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.errorbar(
        [p.pull or 0.0 for p in found], places, xerr=[p.constraint or 0.0 for p in found], fmt="o", color="black",
        markersize=4,
    )  # fmt: skip
    axes.set_yticks(places, [p.name for p in found])
    axes.set_ylim(-0.8, len(found) - 0.2)
    most = max((abs(p.pull or 0.0) + (p.constraint or 0.0) for p in found), default=0.0)
    axes.set_xlim(-max(2.5, 1.1 * most), max(2.5, 1.1 * most))
    axes.set_xlabel("pull [σ before the fit]")
    against = "expected events (Asimov)" if made.asimov else "data"
    axes.set_title(f"{made.name}: {against}", loc="left", fontsize="medium")
    if made.poi:
        moves = [made.impact(p.name) or 0.0 for p in found]
        panels[1].barh(places, moves, height=0.5, color="#3f90da")
        panels[1].axvline(0.0, color="black", linewidth=0.8)
        widest = max(map(abs, moves)) or 1.0
        panels[1].set_xlim(-1.1 * widest, 1.1 * widest)
        panels[1].locator_params(axis="x", nbins=4)
        panels[1].set_xlabel(f"moves {made.poi} by")


def channel(made: Fitted, one: FittedChannel, when: When) -> Stack:
    """A channel before or after the fit, with the band of all parameters."""
    yields = one.before if when == "before" else one.after
    unit = one.label.partition(" [")[2].rstrip("]")
    if (one.data == np.rint(one.data)).all():
        below, above = garwood(one.data)
    else:  # expected events, or data with weights
        below = above = np.sqrt(one.data)
    return Stack(
        f"{one.title}, {when} {made.name}", one.label, one.edges, yields.sources, yields.error, yields.error,
        "uncertainty before the fit" if when == "before" else "uncertainty after the fit",
        per_bin(one.edges, unit), Points(one.data, below, above), "Asimov" if made.asimov else "data",
    )  # fmt: skip
