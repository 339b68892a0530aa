# SPDX-License-Identifier: Apache-2.0
"""Histograms of two axes as maps: what is expected and what is observed, beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepq.runtime.analysis.axes import edges, label
from hepq.runtime.analysis.plots.histograms import View, expected, observed, outside
from hepq.runtime.analysis.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: inches, of one panel
SIZE = (5.2, 4.4)


def panels(result: Result) -> list[str]:
    """What there is a map of: of the kinds of sources."""
    kinds = {source.kind for source in result.sources}
    return [name for name, kind in (("expected", "mc"), ("observed", "data")) if kind in kinds]


def draw(result: Result, view: View, figure: Figure) -> None:
    """Bins without events are white."""
    across, along = view.axes
    shown = panels(result)
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
        if panel == "expected":
            numbers = np.sum([*expected(result, view).values()], axis=0)
        else:
            data = observed(result, view)
            assert data is not None
            numbers = data.values
        mesh = axes.pcolormesh(edges(across), edges(along), np.ma.masked_equal(numbers, 0).T, cmap="viridis")
        figure.colorbar(mesh, ax=axes, label="events / bin")
        axes.set_xlabel(label(across))
        axes.set_ylabel(label(along))
        axes.set_title(f"{view.title}, {panel}", loc="left", fontsize="medium")
        said = [note for note in outside(result, view) if note.endswith(panel)]
        axes.set_title("\n".join(said), loc="right", fontsize="x-small")
