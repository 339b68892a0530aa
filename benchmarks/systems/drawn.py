# SPDX-License-Identifier: Apache-2.0
"""A picture of systems: how far each is beyond what stands beside it, and beyond its bar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.systems.row import Reached
from hepq.runtime.report.picture import picture

TICKS = (0.2, 0.5, 1, 2, 5, 10)


def better(reached: Reached, value: float) -> float:
    """``value`` over the reference's, upside down where less is better; beside a reference of 0, over the bar."""
    ratio = value / (reached.reference or reached.bar)
    return ratio if reached.sense == ">=" else 1 / ratio


def draw(systems: Mapping[str, Reached], path: Path) -> None:
    """A line for each: its value with its error, on a scale of factors, and a stroke where the bar is.

    Raises DataError HQ0817 for another format than .svg, .png, .pdf."""
    names = list(systems)[::-1]
    with picture(path, (9, 0.8 + 0.25 * len(names)), metadata={"Date": None}) as figure:
        axes = figure.subplots()
        for y, name in enumerate(names):
            one = systems[name]
            at, bar = better(one, one.value), better(one, one.bar)
            error = np.exp(one.error / one.value)
            axes.plot([at / error, at * error], [y, y], color="tab:blue", linewidth=1.5)
            axes.plot(at, y, "o", color="tab:blue" if one.met else "tab:red", markersize=4)
            axes.plot([bar, bar], [y - 0.35, y + 0.35], color="black", linewidth=1)
        axes.axvline(1, color="grey", linestyle="--", linewidth=1)
        axes.set(
            xlabel="times as good as what stands beside it (dashed: equal); stroke: the bar", xscale="log",
            xticks=TICKS, xticklabels=[f"{tick:g}" for tick in TICKS], yticks=range(len(names)), yticklabels=names,
        )  # fmt: skip
        axes.set_ylim(-0.7, len(names) - 0.3)
