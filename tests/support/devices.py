# SPDX-License-Identifier: Apache-2.0
"""Small devices for tests, and what their native circuits give."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit, Gate
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from hepq.runtime.quantum.native import Native
from tests.support.families import state_after

IBM = ("rz", "sx", "x")


def device(
    size: int, edges: Iterable[tuple[int, int]], *, gate: str = "cz", one_qubit: tuple[str, ...] = IBM, seed: int = 0
) -> Device:
    """Errors near those of a good chip, a little different everywhere."""
    rng = np.random.default_rng(seed)
    qubits = tuple(Qubit(error=3e-4, readout_error=round(0.01 + 0.02 * rng.random(), 6)) for _ in range(size))
    couplings = tuple(Coupling(a=a, b=b, gate=gate, error=round(2e-3 + 6e-3 * rng.random(), 6)) for a, b in edges)
    return Device(
        name="test", title="Test", vendor="none", one_qubit=one_qubit, qubits=qubits, couplings=couplings, sources={}
    )


def line(size: int) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(size - 1)]


def grid(rows: int, columns: int) -> list[tuple[int, int]]:
    across = [(r * columns + c, r * columns + c + 1) for r in range(rows) for c in range(columns - 1)]
    return across + [(r * columns + c, (r + 1) * columns + c) for r in range(rows - 1) for c in range(columns)]


def everyone(size: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(size) for b in range(a + 1, size)]


def native_ok(native: Native, on: Device) -> bool:
    """Native gates on couplings of the device only."""
    pairs = {(c.gate, c.a, c.b) for c in on.usable}
    return all(
        isinstance(op, Gate) and ((op.name, *op.qubits) in pairs if len(op.qubits) == 2 else op.name in on.one_qubit)
        for op in native.circuit.ops
    )


def distribution(native: Native, slots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the measured bits; bit i is read from ``measured[i]``."""
    at = {q: k for k, q in enumerate(native.used)}
    small = Circuit(len(at), native.circuit.slots, tuple(op.on(at) for op in native.circuit.ops))
    chances = abs(state_after(small, slots)) ** 2
    index = np.arange(len(chances))
    read = sum(((index >> at[q]) & 1) << i for i, q in enumerate(native.measured))
    found: NDArray[np.float64] = np.bincount(read, chances, 1 << len(native.measured)).astype(np.float64)
    return found


def two_qubit(native: Native) -> int:
    return sum(len(op.qubits) == 2 for op in native.circuit.ops)


def success(native: Native, on: Device) -> float:
    """The product of (1 - error) over all gates and readouts."""
    pair_errors = {(c.gate, c.a, c.b): c.error or 0.0 for c in on.couplings}
    gates = (
        pair_errors[op.name, *op.qubits] if len(op.qubits) == 2 else on.qubits[op.qubits[0]].error or 0.0  # type: ignore[union-attr]
        for op in native.circuit.ops
        if len(op.qubits) == 2 or getattr(op, "name", "") not in on.free
    )
    return prod(1 - e for e in gates) * prod(1 - (on.qubits[q].readout_error or 0.0) for q in native.measured)
