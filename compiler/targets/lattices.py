# SPDX-License-Identifier: Apache-2.0
"""Lattices of qubits by name: lines, rings, grids, all to all; as devices; and where to draw others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, pi, sin

from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source

Pair = tuple[int, int]
Place = tuple[float, float]
MAX_QUBITS = 1000
_NAME = re.compile(r"(line|ring|full):(\d{1,6})|(grid):(\d{1,6})[x×](\d{1,6})")
_ASSUMED = Source(source="hepq: no device has these figures", date=date(2026, 11, 1), status="assumed")
#: errors of a small, noisy chip (line, ring), and of a large one that is as good as today's best (grid, full)
SMALL = {"two": 0.03, "one": 3e-3, "readout": 0.06}
LARGE = {"two": 0.006, "one": 5e-4, "readout": 0.02}


@dataclass(frozen=True)
class Lattice:
    """``pairs``: coupled qubits, a < b. ``places``: where to draw each qubit, y upwards."""

    name: str
    size: int
    pairs: tuple[Pair, ...]
    places: tuple[Place, ...]


def lattice(name: str) -> Lattice | None:
    """``line:6`` ``ring:8`` ``grid:10x13`` ``full:12``; None for another name.

    Raises ValueError for no qubits or more than ``MAX_QUBITS``.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    kind = match[1] or match[3]
    rows, cols = (int(match[4]), int(match[5])) if kind == "grid" else (1, int(match[2]))
    size = rows * cols
    if not 1 <= size <= MAX_QUBITS:
        raise ValueError(f"a lattice has 1 to {MAX_QUBITS} qubits, not {size}")
    across = [(r * cols + c, r * cols + c + 1) for r in range(rows) for c in range(cols - 1)]
    down = [(q, q + cols) for q in range(size - cols)] if kind == "grid" else []
    places = [(float(c), float(-r)) for r in range(rows) for c in range(cols)]
    circle = [(cos(2 * pi * q / size), sin(2 * pi * q / size)) for q in range(size)]
    match kind:
        case "grid":
            return Lattice(f"grid:{rows}x{cols}", size, (*across, *down), tuple(places))
        case "line":
            return Lattice(name, size, tuple(across), tuple(places))
        case "ring":
            return Lattice(name, size, (*across, (0, size - 1)) if size > 2 else tuple(across), tuple(circle))
    everyone = [(a, b) for a in range(size) for b in range(a + 1, size)]
    return Lattice(name, size, tuple(everyone), tuple(circle))


def places(size: int, pairs: Iterable[Pair]) -> tuple[Place, ...]:
    """Where to draw each qubit: in rows as chips are numbered if that works, else by a spring layout.

    Heavy-hexagonal and square chips are numbered row by row: runs of coupled consecutive numbers are laid out
    as rows, each above or below the one that it is coupled to.
    """
    edges = sorted({(min(p), max(p)) for p in pairs})
    rows = _in_rows(size, edges)
    if rows is not None:
        return rows
    import networkx as nx

    graph = nx.Graph(edges)
    graph.add_nodes_from(range(size))
    found = nx.kamada_kawai_layout(graph) if nx.is_connected(graph) else nx.spring_layout(graph, seed=1)
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in (found[q] for q in range(size)))


def _in_rows(size: int, edges: Sequence[Pair]) -> tuple[Place, ...] | None:
    joined = {a for a, b in edges if b == a + 1}
    run, runs = [0] * size, [[0]]
    for q in range(1, size):
        if q - 1 in joined:
            runs[-1].append(q)
        else:
            runs.append([q])
        run[q] = len(runs) - 1
    links: dict[int, list[Pair]] = {}
    for a, b in edges:
        if run[a] != run[b]:
            links.setdefault(run[a], []).append((a, b))
            links.setdefault(run[b], []).append((b, a))
        elif b != a + 1:
            return None
    at = {q: (q, 0) for q in runs[0]}
    waiting = [0]
    while waiting:
        for q, other in links.get(waiting.pop(0), ()):
            if other in at:
                continue
            own = runs[run[other]]
            left = at[q][0] - own.index(other)
            row = at[q][1] + (1 if other > q else -1)
            at |= {o: (left + i, row) for i, o in enumerate(own)}
            waiting.append(run[other])
    good = len(at) == size == len(set(at.values())) and all(
        abs(at[a][0] - at[b][0]) + abs(at[a][1] - at[b][1]) == 1 for a, b in edges
    )
    return tuple((float(at[q][0]), float(-at[q][1])) for q in range(size)) if good else None


def abstract(name: str) -> Device | None:
    """``line:6`` ``ring:8`` ``grid:10x13`` ``full:12``; None for another name.

    Raises ValueError for no qubits or too many.
    """
    found = lattice(name)
    if found is None:
        return None
    errors = SMALL if name.startswith(("line", "ring")) else LARGE
    return Device(
        name=found.name, title=f"abstract {found.name}", vendor="none", one_qubit=("rz", "sx", "x"),
        qubits=(Qubit(error=errors["one"], readout_error=errors["readout"]),) * found.size,
        couplings=tuple(
            Coupling.model_construct(a=a, b=b, gate="cz", error=errors["two"], duration=60e-9) for a, b in found.pairs
        ),
        durations={"gate": 30e-9, "readout": 1e-6}, positions=found.places,
        sources=dict.fromkeys((f for f in FIGURES if f != "coherence"), _ASSUMED),
    )  # fmt: skip
