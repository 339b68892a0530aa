# SPDX-License-Identifier: Apache-2.0
"""Draws a study: the metric of each trial, what varied by its importance, and the metric over each of these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mplhep
import numpy as np
from matplotlib.axes import Axes

from hepq.compiler.tune.results import DONE, PRUNED, Row, Tuned
from hepq.compiler.tune.vary import Range, Varied
from hepq.runtime.files import check_writable
from hepq.runtime.report.picture import FORMATS, picture

#: panels in a row; most things that varied, the most important ones
COLUMNS, MOST = 4, 8
#: a range on which powers of ten are too few ticks
DECADES = 100
BEST, ALL, LEFT = "#e42536", "#5790fc", "#9c9ca1"


def check(path: Path) -> None:
    """Raise DataError HQ0817 for a path that ``draw`` would not write."""
    check_writable(path, FORMATS, f"the ending {path.suffix!r} is none of {', '.join(FORMATS)}")


def draw(tuned: Tuned, path: Path) -> None:
    """Write the picture of the trials that have a value; infinite ones stand at the top. Raises DataError HQ0817 for
    another format."""
    order = sorted(tuned.those, key=lambda one: -tuned.importance.get(one.title, 0.0))[:MOST]
    rows = 1 + -(-len(order) // COLUMNS)
    style = {**mplhep.style.CMS, "font.size": 12, "svg.hashsalt": "hepq"}
    with picture(path, (4 * COLUMNS, 3.4 * rows), style, dpi=100) as figure:
        grid = figure.add_gridspec(rows, COLUMNS)
        _history(figure.add_subplot(grid[0, :2]), tuned)
        _importance(figure.add_subplot(grid[0, 2:]), tuned)
        for i, one in enumerate(order):
            _values(figure.add_subplot(grid[1 + i // COLUMNS, i % COLUMNS]), tuned, one, first=i % COLUMNS == 0)


def _history(axes: Axes, tuned: Tuned) -> None:
    for state, colour, label in ((PRUNED, LEFT, "pruned, last epoch"), (DONE, ALL, "trained")):
        _points(axes, *_of(tuned, state, lambda row: row.number), colour, label)
    done = tuned.done
    best = (np.maximum if tuned.maximise else np.minimum).accumulate([row.value or 0.0 for row in done])
    numbers = [*(row.number for row in done), tuned.rows[-1].number]
    axes.step(numbers, [*best, best[-1]], where="post", color=BEST, label="best so far")
    axes.set(xlabel="Trial", ylabel=tuned.metric)
    axes.legend(fontsize=10)


def _importance(axes: Axes, tuned: Tuned) -> None:
    shares = list(tuned.importance.items())[::-1]
    axes.barh([name for name, _ in shares], [share for _, share in shares], height=0.6, color=ALL)
    axes.set(xlabel=f"Share of the variance of {tuned.metric}", xlim=(0, 1))
    axes.tick_params(axis="y", which="both", length=0)
    if not shares:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "too few trials to tell", ha="center", va="center", transform=axes.transAxes)


def _values(axes: Axes, tuned: Tuned, one: Varied, first: bool) -> None:
    for state, colour in ((PRUNED, LEFT), (DONE, ALL)):
        _points(axes, *_of(tuned, state, lambda row: _place(row, one)), colour)
    assert tuned.best.value is not None
    _points(axes, [_place(tuned.best, one)], [tuned.best.value], BEST, marker="*", size=12)
    unit = ""
    if isinstance(one.space, Range):
        unit = f" [{one.space.unit}]" if one.space.unit else ""
        if one.space.log:
            axes.set_xscale("log")
            if one.space.high < DECADES * one.space.low:
                ticks = np.geomspace(one.space.low, one.space.high, 4)
                axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
                axes.minorticks_off()
    else:
        axes.set_xticks(range(len(one.space.texts)), one.space.texts)
        axes.set_xlim(-0.5, len(one.space.texts) - 0.5)
        axes.minorticks_off()
    axes.set(xlabel=f"{one.title}{unit}", ylabel=tuned.metric if first else "")


def _points(
    axes: Axes, at: list[float], values: list[float], colour: str, label: str = "", marker: str = "o", size: int = 4
) -> None:
    finite = np.isfinite(values)
    axes.plot(np.array(at)[finite], np.array(values)[finite], marker, color=colour, markersize=size, label=label)
    for place in np.array(at)[~finite]:
        (above,) = axes.plot([place], [0.96], "*" if marker == "*" else "^", color=colour, markersize=size,
                             transform=axes.get_xaxis_transform())  # fmt: skip
        above.set_in_layout(False)


def _place(row: Row, one: Varied) -> float:
    """Where a trial stands on the axis: its number, or the place of its value in the list."""
    value = row.settings[one.title]
    return float(value) if isinstance(one.space, Range) else float(one.space.texts.index(str(value)))


def _of(tuned: Tuned, state: str, place: Callable[[Row], float]) -> tuple[list[float], list[float]]:
    found = [(place(row), row.value) for row in tuned.rows if row.state == state and row.value is not None]
    return [at for at, _ in found], [value for _, value in found]
