# SPDX-License-Identifier: Apache-2.0
"""Cut flows: how many events each cut leaves, and how many would pass without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.analysis.description import Filled, Flow, Region

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: sums of a ``Filled``: weights, their squares, entries; each by state
States = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]
ALL = "all events"
#: characters
_WIDEST = 10_000


@dataclass(frozen=True)
class Yield:
    """``events``: how many; ``sum`` of their weights, and its ``variance``: the sum of the weights' squares."""

    events: int
    sum: float
    variance: float

    @property
    def error(self) -> float:
        return math.sqrt(self.variance)

    @property
    def weighted(self) -> bool:
        return (self.sum, self.variance) != (self.events, self.events)

    def __str__(self) -> str:
        return f"{self.sum:,.5g} ± {self.error:,.2g} ({self.events:,})" if self.weighted else f"{self.events:,}"


@dataclass(frozen=True)
class Row:
    """``passed``: this cut and all before it. ``without``: all cuts but this one (N - 1), with all weights; None where
    it was not asked for. ``nan``: events that came to this cut, and in which what it compares is not a number.
    ``absent``: events that fail this cut only and lack what a later cut or weight needs, so that they are not in
    ``without``. ``share``: what part of the events before this cut passes it, by weight, or by number where a weight
    comes in with the cut; None if there are no events before it."""

    cut: str
    text: str
    passed: Yield
    without: Yield | None = None
    nan: int = 0
    absent: int = 0
    share: float | None = None


@dataclass(frozen=True)
class CutFlow:
    """The first row is that of all events, before any cut."""

    region: str
    source: str
    variation: str
    rows: tuple[Row, ...]

    @property
    def passed(self) -> Yield:
        return self.rows[-1].passed

    def __str__(self) -> str:
        return words([self])

    def __rich__(self) -> Table:
        return table([self])


def cut_flow(
    flow: Flow, region: Region, source: str, variation: str, dense: Callable[[Filled, int], States], n_minus_one: bool
) -> CutFlow:
    """``dense`` gives sums of so many cells, factors applied. ``n_minus_one``: whether states after a failed cut are
    known."""
    n = len(region.cuts)
    raw = dense(Filled(sums=flow.raw), 2 * n + 1)
    steps = [(step.first, dense(step.filled, 2 * n + 1)) for step in flow.steps] or [(0, raw)]

    def at(cells: Sequence[int], states: States, counted: States = raw) -> Yield:
        return Yield(int(counted[2][cells].sum()), math.fsum(states[0][cells]), math.fsum(states[1][cells]))

    def marks(names: Sequence[str]) -> NDArray[np.int64]:
        return sum((dense(Filled(sums=name), n)[2] for name in names), np.zeros(n, np.int64))

    last = steps[-1][1]
    nan, absent = marks(flow.nan), marks(flow.absent)
    rows: list[Row] = []
    weights = steps[0][1]
    for step in range(n + 1):  # after so many cuts
        states = [of for first, of in steps if first <= step][-1]
        passed = at([0, *range(2 * step + 1, 2 * n + 1)], states)
        if step == 0:
            rows.append(Row(ALL, "", passed))
            continue
        before = rows[-1].passed
        part, of = (passed.sum, before.sum) if states is weights else (passed.events, before.events)
        share, weights = part / of if of else None, states
        cut = region.cuts[step - 1]
        without = at([0, 2 * step - 1], last, last) if n_minus_one else None  # not what lacks a weight
        rows.append(Row(cut.name, cut.text, passed, without, int(nan[step - 1]), int(absent[step - 1]), share))
    return CutFlow(region.name, source, variation, tuple(rows))


def table(flows: Sequence[CutFlow]) -> Table:
    """Cut flows of one region beside each other."""
    from rich.table import Table

    marked = [any(getattr(r, what) for f in flows for r in f.rows) for what in ("nan", "absent")]
    shown = Table(title=f"cut flow of {flows[0].region or 'the analysis'}", title_justify="left", box=None)
    shown.add_column("cut")
    for flow in flows:
        varied = "" if flow.variation == "nominal" else f", {flow.variation}"
        shown.add_column(f"{flow.source}{varied}", justify="right")
        shown.add_column("passed", justify="right")
        if any(r.without is not None for r in flow.rows):
            shown.add_column("without it", justify="right")
        for title, there in zip(("NaN", "absent"), marked, strict=True):
            if there:
                shown.add_column(title, justify="right")
    for i, first in enumerate(flows[0].rows):
        cells = [first.cut]
        for flow in flows:
            row = flow.rows[i]
            cells += [str(row.passed), "" if row.share is None else f"{row.share:.1%}"]
            if any(r.without is not None for r in flow.rows):
                cells.append("" if row.without is None else str(row.without))
            cells += [
                f"{getattr(row, what):,}" if i else ""
                for what, there in zip(("nan", "absent"), marked, strict=True)
                if there
            ]
        shown.add_row(*cells)
    return shown


def tables(flows: Sequence[CutFlow], console: Console) -> Iterator[Table]:
    """The same in tables below each other, each of as many flows as are as wide as the console."""
    while flows:
        fit = 1
        while fit < len(flows) and _width(flows[: fit + 1], console) <= console.width:
            fit += 1
        yield table(flows[:fit])
        flows = flows[fit:]


def _width(flows: Sequence[CutFlow], console: Console) -> int:
    """Of the table of these where nothing is wrapped, in characters."""
    return console.measure(table(flows), options=console.options.update(width=_WIDEST)).maximum


def words(flows: Sequence[CutFlow]) -> str:
    """The same as plain text."""
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    Console(file=text, width=_WIDEST, color_system=None, highlight=False).print(table(flows))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
