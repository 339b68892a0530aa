# SPDX-License-Identifier: Apache-2.0
"""Draws attributions: bars with errors; and, of particles, which rank's matter."""

from __future__ import annotations

from pathlib import Path

import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hepq.runtime.files import check_writable
from hepq.runtime.report.attributions import Attributions
from hepq.runtime.report.picture import FORMATS, picture

#: most names, characters of a name, and ranks that are drawn
NAMES, LETTERS, RANKS = 40, 44, 40


def check(path: Path) -> None:
    """Raise DataError HQ0817 for a path that ``draw`` would not write."""
    check_writable(path, FORMATS, f"the ending {path.suffix!r} is none of {', '.join(FORMATS)}")


def draw(found: Attributions, path: Path) -> None:
    """Write the picture; the largest first, at most ``NAMES`` of them."""
    ranking = found.ranking[:NAMES]
    panels = 1 + len(found.by_rank)
    style = {**mplhep.style.CMS, "font.size": 14, "svg.hashsalt": "hepq", "xtick.minor.visible": False}
    with picture(path, (7.5 * panels + 1, 2.2 + 0.42 * len(ranking)), style, dpi=100) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        _bars(axes[0], found, ranking)
        for panel, (dim, ranks) in zip(axes[1:], found.by_rank.items(), strict=True):
            shown = {name: ranks[name] for name, _, _ in ranking if name in ranks}
            _ranks(figure, panel, dim, shown, named=len(shown) < len(ranking))


def _bars(axes: Axes, found: Attributions, ranking: tuple[tuple[str, float, float], ...]) -> None:
    names, values, errors = zip(*ranking, strict=True)
    at = np.arange(len(names))
    axes.barh(at, values, xerr=np.nan_to_num(errors), height=0.7, color="#5790fc", ecolor="#222222", capsize=3)
    axes.set_yticks(at, [_short(n) for n in names], parse_math=False)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel=found.quantity, title=f"{found.model}, {found.score}")
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.grid(axis="x", alpha=0.3)


def _ranks(figure: Figure, axes: Axes, dim: str, ranks: dict[str, NDArray[np.float64]], named: bool) -> None:
    """``named``: its rows are not those of the bars beside it."""
    table = np.array(list(ranks.values()))[:, :RANKS]
    image = axes.imshow(
        table, cmap="viridis", aspect="auto", interpolation="nearest", extent=(0.5, table.shape[1] + 0.5, len(table), 0)
    )
    axes.set_yticks(np.arange(len(table)) + 0.5, [_short(n) if named else "" for n in ranks], parse_math=False)
    axes.set(xlabel=f"{dim}, by rank", title="of each rank")
    axes.tick_params(axis="y", which="both", length=0)
    axes.minorticks_off()
    figure.colorbar(image, ax=axes, label="mean |attribution|")


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
