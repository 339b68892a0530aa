# SPDX-License-Identifier: Apache-2.0
"""Draws a quantum device: couplings coloured by their error, qubits by their readout error, dead ones dashed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from hepq.compiler.targets.files import drawn
from hepq.runtime.quantum.device import Device
from hepq.runtime.report.picture import picture

_COLOURS, _DEAD = "viridis_r", "#b0b0b0"
#: beyond these, numbers on qubits and strong lines are only clutter
_NUMBERED, _STRONG = 200, 400


def draw(chip: Device, path: Path) -> None:
    """Write the picture. Raises DataError HQ0817 for an unknown format."""
    at = _spread(drawn(chip))
    (left, right), (bottom, top) = ((min(p[i] for p in at), max(p[i] for p in at)) for i in (0, 1))
    width, height = right - left + 1.4, top - bottom + 1.4
    scale = min(0.62, 24 / max(width, height))
    size = (max(width * scale + 1.6, 4.5), height * scale + 1.2)
    day = max((s.date for s in chip.sources.values()), default=None)
    with picture(path, size, bbox_inches="tight", metadata=_undated(path)) as figure:
        axes = figure.add_subplot()
        axes.set_title(
            f"{chip.title}, {chip.size} qubit{'s' * (chip.size > 1)}" + (f", {_status(chip)} {day}" if day else "")
        )
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set(xlim=(left - 0.7, right + 0.7), ylim=(bottom - 0.7, top + 0.7))
        _couplings(figure, axes, chip, at)
        _qubits(figure, axes, chip, at)


def _status(chip: Device) -> str:
    source = chip.sources.get("gate_errors")
    return source.status if source else "as of"


def _undated(path: Path) -> dict[str, Any] | None:
    """The same device gives the same file."""
    return {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix)


def _spread(places: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The same with the closest two qubits one apart."""
    at = np.array(places)
    if len(at) < 2:
        return places
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    closest = float(apart[~np.eye(len(at), dtype=bool)].min())
    return [(x / max(closest, 1e-2), y / max(closest, 1e-2)) for x, y in places]


def _couplings(figure: Figure, axes: Axes, chip: Device, at: Sequence[tuple[float, float]]) -> None:
    alive = {(c.a, c.b, c.gate) for c in chip.usable}
    dead = [(at[c.a], at[c.b]) for c in chip.couplings if (c.a, c.b, c.gate) not in alive]
    axes.add_collection(LineCollection(dead, colors=_DEAD, linestyles="dashed", linewidths=1.2, zorder=1))
    lines = [(at[c.a], at[c.b]) for c in chip.usable]
    errors = [c.error for c in chip.usable]
    width = 3.5 if len(lines) <= _STRONG else 0.6
    if not lines or any(e is None for e in errors):
        axes.add_collection(LineCollection(lines, colors="#444444", linewidths=width, zorder=1))
        return
    drawn_lines = LineCollection(
        lines, cmap=_COLOURS, norm=_norm([e or 0.0 for e in errors]), linewidths=width, zorder=1
    )
    drawn_lines.set_array([e or 0.0 for e in errors])
    axes.add_collection(drawn_lines)
    _legend(figure, axes, drawn_lines, f"error of {', '.join(chip.two_qubit)}", "right")


def _qubits(figure: Figure, axes: Axes, chip: Device, at: Sequence[tuple[float, float]]) -> None:
    alive = [q for q, qubit in enumerate(chip.qubits) if qubit.usable]
    dead = [q for q, qubit in enumerate(chip.qubits) if not qubit.usable]
    errors = [chip.qubits[q].readout_error for q in alive]
    area = 230 if chip.size <= _NUMBERED else 60
    known = bool(alive) and all(e is not None for e in errors)
    spots = axes.scatter(
        [at[q][0] for q in alive], [at[q][1] for q in alive], s=area, zorder=2, edgecolors="#333333", linewidths=0.8,
        **({"c": errors, "cmap": "YlOrRd", "norm": _norm([e or 0.0 for e in errors])} if known else {"c": "white"}),
    )  # fmt: skip
    axes.scatter(
        [at[q][0] for q in dead], [at[q][1] for q in dead], s=area, zorder=2, c="white", edgecolors=_DEAD,
        linestyles="dashed", linewidths=1.2,
    )  # fmt: skip
    if known:
        _legend(figure, axes, spots, "readout error", "bottom")
    if chip.size <= _NUMBERED:
        for q, (x, y) in enumerate(at):
            axes.text(x, y, str(q), ha="center", va="center", zorder=3, fontsize=6.5,
                      color=_ink(chip, q, spots if known else None))  # fmt: skip


def _ink(chip: Device, q: int, spots: Any) -> str:
    """What can be read on a qubit's colour."""
    qubit = chip.qubits[q]
    if not qubit.usable:
        return "#888888"
    if spots is None:
        return "black"
    red, green, blue, _ = spots.to_rgba(qubit.readout_error)
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"


def _legend(figure: Figure, axes: Axes, drawn: Any, words: str, location: str) -> None:
    """A colour bar; words where all have one figure."""
    low, high = (float(f()) for f in (drawn.get_array().min, drawn.get_array().max))
    if low == high:
        axes.annotate(
            f"{words}: {100 * low:.3g} %", (0.5, 0), xytext=(0, -6 if location == "bottom" else -18),
            xycoords="axes fraction", textcoords="offset points", ha="center", va="top",
        )  # fmt: skip
        return
    bar = figure.colorbar(drawn, ax=axes, location=location, shrink=0.6, aspect=35, label=words)
    ticks = [t for e in range(-6, 1) for t in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if low <= t <= high]
    ticks = ticks if len(ticks) > 1 else [low, high]
    bar.set_ticks(ticks, labels=[f"{100 * t:.3g} %" for t in ticks])
    bar.minorticks_off()


def _norm(errors: Sequence[float]) -> Normalize:
    """Logarithmic; the middle of the colours where all are one."""
    low, high = max(min(errors), 1e-6), max(errors)
    return LogNorm(low, high) if high > low else Normalize(0, max(2 * high, 1e-6))
