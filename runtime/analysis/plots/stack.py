# SPDX-License-Identifier: Apache-2.0
"""The picture that most are: simulated sources on top of each other, a band of their uncertainty, data as points, and
the ratio of both below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hepq.runtime.analysis.sums import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: inches
SIZE = (6.4, 5.6)
#: told apart by those who do not see all colours (Petroff, arXiv:2107.02270)
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
#: of logarithmic pictures: the least that is drawn, of the highest bin
_LOWEST = 1e-6
_HATCH: dict[str, Any] = {"hatch": "/////", "fill": False, "linewidth": 0, "edgecolor": "#555555"}


@dataclass(frozen=True)
class Points:
    """Data [bins], and how far up and down their errors reach."""

    values: Floats
    down: Floats
    up: Floats


@dataclass(frozen=True)
class Stack:
    """``edges`` [bins + 1] of an axis that is called ``label``, or of as many ``ticks`` as bins. ``sources``: [bins] of
    each. ``down``, ``up`` [bins]: how far the band reaches from their sum; ``band`` says of what. ``line``: a name and
    [bins] drawn on top of them. ``note``: what is not in the picture."""

    title: str
    label: str
    edges: Floats
    sources: Mapping[str, Floats]
    down: Floats
    up: Floats
    band: str
    unit: str
    data: Points | None = None
    data_label: str = "data"
    ticks: tuple[str, ...] = ()
    line: tuple[str, Floats] | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def total(self) -> Floats:
        return np.sum([*self.sources.values()], axis=0) if self.sources else np.zeros(len(self.edges) - 1)


def garwood(counts: Floats) -> tuple[Floats, Floats]:
    """How far 68.27 % intervals of Poisson means reach below and above ``counts`` (Garwood 1936)."""
    from scipy.special import gammaincinv

    tail = 0.15865525393145707
    # of no event, the one-sided interval would be another: the central one begins at 0
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 1e-9), tail), 0.0)
    return counts - low, gammaincinv(counts + 1, 1 - tail) - counts


def points(values: Floats, variances: Floats) -> Points:
    """Data with intervals of Garwood if they are counts, and ±√Σw² if they have weights."""
    if (values == variances).all():
        return Points(values, *garwood(values))
    return Points(values, np.sqrt(variances), np.sqrt(variances))


def per_bin(edges: Floats, unit: str) -> str:
    """``events / 50 GeV``, or ``events / bin`` where widths differ."""
    widths = np.diff(edges)
    if len(widths) and np.allclose(widths, widths[0], rtol=1e-9):
        return f"events / {widths[0]:g}{' ' + unit if unit else ''}"
    return "events / bin"


def colours(sources: Mapping[str, Floats]) -> dict[str, str]:
    """By source, in the order of the program, so that a source has one colour in all pictures."""
    return {source: COLOURS[i % len(COLOURS)] for i, source in enumerate(sources)}


def draw(stack: Stack, figure: Figure, log: bool = False) -> None:
    """On an empty figure: one panel, or two where there are both data and simulated events. The least of the sources
    is at the bottom."""
    ratio = stack.data is not None and bool(stack.sources)
    if ratio:
        upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1)})
        _ratio(stack, lower)
    else:
        upper = lower = figure.subplots()
    _upper(stack, upper, log)
    lower.set_xlabel(stack.label)
    lower.set_xlim(stack.edges[0], stack.edges[-1])
    if stack.ticks:
        centres = (stack.edges[1:] + stack.edges[:-1]) / 2
        turned = {"rotation": 30, "ha": "right"} if max(map(len, stack.ticks)) > 6 else {}
        lower.set_xticks(centres, stack.ticks, **turned)
        lower.tick_params(axis="x", which="minor", bottom=False)


def _upper(stack: Stack, axes: Axes, log: bool) -> None:
    import mplhep

    total = stack.total
    if stack.sources:
        colour = colours(stack.sources)
        order = sorted(stack.sources, key=lambda source: float(stack.sources[source].sum()))
        mplhep.histplot(
            [stack.sources[source] for source in order], stack.edges, stack=True, histtype="fill", ax=axes,
            label=order, color=[colour[source] for source in order], flow="none",
        )  # fmt: skip
        axes.stairs(total + stack.up, stack.edges, baseline=total - stack.down, label=stack.band, **_HATCH)
    if stack.line is not None:
        name, values = stack.line
        axes.stairs(values, stack.edges, baseline=None, color="black", linestyle="--", label=name)
    if stack.data is not None:
        _points(axes, stack, stack.data.values, stack.data.down, stack.data.up, label=stack.data_label)
    tops = [total + stack.up, *([stack.data.values + stack.data.up] if stack.data else [])]
    bottoms = [total - stack.down, *([stack.data.values - stack.data.down] if stack.data else [])]
    top = max(float(np.max(one)) for one in tops) or 1.0
    if log:
        drawn = np.concatenate([*stack.sources.values(), *([stack.data.values] if stack.data else [])])
        # what is less is not seen beside the highest
        least = max(float(drawn[drawn > 0].min()) if (drawn > 0).any() else 0.1, top * _LOWEST)
        axes.set_yscale("log")
        axes.set_ylim(least / 3, top * (top / least) ** 0.4 * 3)
    else:
        axes.set_ylim(min(0.0, *(1.1 * float(np.min(one)) for one in bottoms)), 1.4 * top)
    axes.set_ylabel(stack.unit)
    axes.set_title(stack.title, loc="left", fontsize="medium")
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], frameon=False, fontsize="small", ncols=2, loc="upper right")
    if stack.notes:
        said = "\n".join(stack.notes)
        axes.text(0.02, 0.98, said, transform=axes.transAxes, va="top", fontsize="x-small", gid="notes")


def _points(axes: Axes, stack: Stack, values: Floats, down: Floats, up: Floats, **more: Any) -> None:
    centres = (stack.edges[1:] + stack.edges[:-1]) / 2
    axes.errorbar(centres, values, yerr=np.array([down, up]), fmt="o", color="black", markersize=3, **more)


def _ratio(stack: Stack, axes: Axes) -> None:
    """Where nothing is expected, there is none."""
    assert stack.data is not None
    total = np.where(stack.total > 0, stack.total, np.nan)
    axes.stairs(1 + stack.up / total, stack.edges, baseline=1 - stack.down / total, **_HATCH)
    _points(axes, stack, stack.data.values / total, stack.data.down / total, stack.data.up / total)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_ylabel(f"{stack.data_label} / expected", fontsize="small")
    # of wide bands, as much as there can be below 1
    bands = np.minimum(np.maximum(stack.up, stack.down) / total, 0.85)
    ratio = stack.data.values / total
    low, high = window(np.maximum(np.abs(ratio - 1), bands))
    axes.set_ylim(low, high)
    centres = (stack.edges[1:] + stack.edges[:-1]) / 2
    above = ratio > high
    axes.plot(centres[above], np.full(int(above.sum()), high), "k^", markersize=5, clip_on=False, gid="above")


def window(reach: Floats) -> tuple[float, float]:
    """From where to where a panel of ratios goes, for how far from 1 they are in each bin: nine of ten bins are in it,
    and one bin of hardly any event does not make all others flat."""
    known = reach[np.isfinite(reach)]
    most = float(np.quantile(known, 0.9, method="higher")) if len(known) else 0.0
    half = next((h for h in (0.2, 0.5, 1.0) if most < 0.9 * h), max(1.0, 1.1 * most))
    return max(1 - half, 0.0), 1 + half
