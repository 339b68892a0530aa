# SPDX-License-Identifier: Apache-2.0
"""Histograms of a result as pictures: what is in them, with the uncertainty of the simulated events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hepq.core.analyses import NOMINAL
from hepq.runtime.analysis.axes import edges, inner, label
from hepq.runtime.analysis.description import Axis, Histogram
from hepq.runtime.analysis.plots.stack import Points, Stack, per_bin, points
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.sums import Floats
from hepq.runtime.analysis.variations import sides
from hepq.runtime.analysis.writers.names import split


@dataclass(frozen=True)
class View:
    """A histogram, or one category of it, along its ``axes``. ``title``: its name, and its category."""

    histogram: str
    title: str
    axes: tuple[Axis, ...]
    places: tuple[int, ...]

    def inside(self, cells: Floats) -> Floats:
        """Of a histogram's cells, those of this category in the bins."""
        found: Floats = cells[self._at()][tuple(inner(axis) for axis in self.axes)]
        return found

    def outside(self, cells: Floats) -> float:
        """The sum of this category's underflows and overflows."""
        return math.fsum(cells[self._at()].ravel()) - math.fsum(self.inside(cells).ravel())

    def _at(self) -> tuple[slice | int, ...]:
        return (*(slice(None) for _ in self.axes), *self.places)


def views(histogram: Histogram) -> Iterator[View]:
    """Of a histogram that has categories only, along the first of these."""
    if not any(axis.flow for axis in histogram.axes):
        rest = histogram.model_copy(update={"axes": histogram.axes[1:]})
        for names, places, _ in split(rest):
            yield View(histogram.name, ".".join((histogram.name, *names)), histogram.axes[:1], places)
        return
    for names, places, axes in split(histogram):
        yield View(histogram.name, ".".join((histogram.name, *names)), axes, places)


def expected(result: Result, view: View, variation: str = NOMINAL) -> dict[str, Floats]:
    """By simulated source, [bins, …]."""
    return {
        source.name: view.inside(result.cells(view.histogram, source.name, variation).values)
        for source in result.sources
        if source.kind == "mc"
    }


def observed(result: Result, view: View) -> Points | None:
    """All data. None without any source of data."""
    cells = [result.cells(view.histogram, source.name) for source in result.sources if source.kind == "data"]
    if not cells:
        return None
    return points(
        np.sum([view.inside(one.values) for one in cells], axis=0),
        np.sum([view.inside(one.variances) for one in cells], axis=0),
    )


def changing(result: Result, histogram: str) -> list[str]:
    """Variations that change the histogram in any source."""
    found = {v for source in result.sources for v in result.varied(histogram, source.name)}
    return [v for v in result.analysis.variations if v in found]


def band(result: Result, view: View) -> tuple[Floats, Floats]:
    """How far down and up the sum of simulated sources may be: the root of the sum of the squares of the weights, and
    of what each parameter does, the most of its variations on that side. One-sided ones are so here too."""
    total = np.sum([*expected(result, view).values()], axis=0)
    variances = [
        view.inside(result.cells(view.histogram, source.name).variances)
        for source in result.sources
        if source.kind == "mc"
    ]
    down, up = np.sum(variances, axis=0), np.sum(variances, axis=0)
    for pair in sides(changing(result, view.histogram)).values():
        moved = [np.sum([*expected(result, view, v).values()], axis=0) - total for v in pair if v is not None]
        up = up + np.maximum(np.max(moved, axis=0), 0.0) ** 2
        down = down + np.minimum(np.min(moved, axis=0), 0.0) ** 2
    return np.sqrt(down), np.sqrt(up)


def stack(result: Result, view: View) -> Stack:
    """Of a view of one axis."""
    (axis,) = view.axes
    sources = expected(result, view)
    down, up = band(result, view) if sources else (np.zeros(axis.bins), np.zeros(axis.bins))
    ends = edges(axis)
    ticks = () if axis.flow else axis.entries or ("false", "true")
    return Stack(
        view.title, label(axis), ends, sources, down, up,
        "statistics ⊕ variations" if changing(result, view.histogram) else "statistics",
        "events" if ticks or axis.kind == "integer" else per_bin(ends, axis.unit), observed(result, view), ticks=ticks,
        notes=tuple(outside(result, view)),
    )  # fmt: skip


def outside(result: Result, view: View) -> Iterator[str]:
    """What is in underflows and overflows, in words."""
    for what, kind in (("expected", "mc"), ("observed", "data")):
        names = [source.name for source in result.sources if source.kind == kind]
        beyond = math.fsum(view.outside(result.cells(view.histogram, name).values) for name in names)
        if abs(beyond) > 1e-9:
            yield f"outside: {beyond:,.4g} {what}"


def wanted(result: Result, patterns: Sequence[str]) -> list[Histogram]:
    """Histograms whose names are among ``patterns``, where * stands for anything; without any, all.

    Raises DataError HQ0966 for one that is none's.
    """
    from fnmatch import fnmatchcase

    if not patterns:
        return list(result.analysis.histograms)
    for pattern in patterns:
        if not any(fnmatchcase(h.name, pattern) for h in result.analysis.histograms):
            result.described(pattern)
    return [h for h in result.analysis.histograms if any(fnmatchcase(h.name, p) for p in patterns)]
