# SPDX-License-Identifier: Apache-2.0
"""Topologies without a maker: lines, rings, grids, all to all; every figure assumed."""

from __future__ import annotations

from datetime import date

from hepq.compiler.targets.lattices import lattice
from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source

_ASSUMED = Source(source="hepq: no device has these figures", date=date(2026, 11, 1), status="assumed")
#: errors of a small, noisy chip (line, ring), and of a large one that is as good as today's best (grid, full)
SMALL = {"two": 0.03, "one": 3e-3, "readout": 0.06}
LARGE = {"two": 0.006, "one": 5e-4, "readout": 0.02}


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
