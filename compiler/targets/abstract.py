# SPDX-License-Identifier: Apache-2.0
"""Topologies without a maker: lines, rings, grids, all to all; every figure assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from math import cos, pi, sin

from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source

MAX_QUBITS = 1000
_ASSUMED = Source(source="hepq: no device has these figures", date=date(2026, 11, 1), status="assumed")
#: errors of a small, noisy chip, and of a large one that is as good as today's best
SMALL = {"two": 0.03, "one": 3e-3, "readout": 0.06}
LARGE = {"two": 0.006, "one": 5e-4, "readout": 0.02}


def abstract(name: str) -> Device | None:
    """``line:6`` ``ring:8`` ``grid:10x13`` ``full:12``; None for another name or more than ``MAX_QUBITS`` qubits."""
    if match := re.fullmatch(r"grid:(\d+)[x×](\d+)", name):
        rows, cols = int(match[1]), int(match[2])
        if not 1 <= rows * cols <= MAX_QUBITS:
            return None
        across = [(r * cols + c, r * cols + c + 1) for r in range(rows) for c in range(cols - 1)]
        down = [(r * cols + c, (r + 1) * cols + c) for r in range(rows - 1) for c in range(cols)]
        places = [(float(c), float(-r)) for r in range(rows) for c in range(cols)]
        return _device(f"grid:{rows}x{cols}", rows * cols, across + down, LARGE, places)
    match = re.fullmatch(r"(line|ring|full):(\d+)", name)
    if match is None or not 1 <= (n := int(match[2])) <= MAX_QUBITS:
        return None
    line = [(i, i + 1) for i in range(n - 1)]
    circle = [(cos(2 * pi * i / n), sin(2 * pi * i / n)) for i in range(n)]
    match match[1]:
        case "line":
            return _device(name, n, line, SMALL, [(float(i), 0.0) for i in range(n)])
        case "ring":
            return _device(name, n, line + ([(0, n - 1)] if n > 2 else []), SMALL, circle)
    return _device(name, n, [(i, j) for i in range(n) for j in range(i + 1, n)], LARGE, circle)


def _device(
    name: str, n: int, edges: Iterable[tuple[int, int]], errors: dict[str, float], places: list[tuple[float, float]]
) -> Device:
    return Device(
        name=name, title=f"abstract {name}", vendor="none", one_qubit=("rz", "sx", "x"),
        qubits=(Qubit(error=errors["one"], readout_error=errors["readout"]),) * n,
        couplings=tuple(Coupling(a=a, b=b, gate="cz", error=errors["two"], duration=60e-9) for a, b in edges),
        durations={"gate": 30e-9, "readout": 1e-6}, positions=tuple(places),
        sources=dict.fromkeys((f for f in FIGURES if f != "coherence"), _ASSUMED),
    )  # fmt: skip
