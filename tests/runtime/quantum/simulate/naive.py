# SPDX-License-Identifier: Apache-2.0
"""Simulation gate by gate, one event at a time, in NumPy: slow, and with nothing to get wrong. Random circuits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.matrices import matrix


def state(circuit: Circuit, slots: NDArray[np.float64]) -> NDArray[np.complex128]:
    """[2^wires]"""
    z = np.arange(1 << circuit.qubits)
    psi: NDArray[np.complex128] = (z == 0).astype(np.complex128)
    for op in circuit.ops:
        assert isinstance(op, Gate | Diagonal)
        psi = _diagonal(op, slots, psi) if isinstance(op, Diagonal) else _gate(op, slots, psi)
    return psi


def states(circuit: Circuit, values: NDArray[np.float64]) -> NDArray[np.complex128]:
    return np.array([state(circuit, row) for row in values])


def _bit(z: NDArray[np.int64], q: int) -> NDArray[np.int64]:
    return z >> q & 1


def _diagonal(op: Diagonal, slots: NDArray[np.float64], psi: NDArray[np.complex128]) -> NDArray[np.complex128]:
    z = np.arange(len(psi))
    for wires, angle in op.terms:
        parity = np.prod([1 - 2 * _bit(z, q) for q in wires], axis=0)
        psi = psi * np.exp(-0.5j * angle.value(slots) * parity)
    return psi


def _gate(op: Gate, slots: NDArray[np.float64], psi: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """new[z] = Σ matrix[bits of z, column] · psi[z with column for bits]"""
    unitary = matrix(op.name, *(a.value(slots) for a in op.angles))
    z = np.arange(len(psi))
    row = sum(_bit(z, q) << j for j, q in enumerate(op.qubits))
    rest = z & ~sum(1 << q for q in op.qubits)
    new = np.zeros_like(psi)
    for c in range(len(unitary)):
        new += unitary[row, c] * psi[rest | sum((c >> j & 1) << q for j, q in enumerate(op.qubits))]
    return new


def random_circuit(rng: np.random.Generator, wires: int, slots: int, gates: int) -> Circuit:
    """Any gates anywhere, diagonal layers among them; most angles from slots."""

    def angle() -> Angle:
        term = ((int(rng.integers(slots)), rng.normal()),) if slots and rng.random() < 0.7 else ()
        return Angle(rng.normal(), term)

    def some(count: int) -> tuple[int, ...]:
        return tuple(rng.choice(wires, size=count, replace=False).tolist())

    ops: list[Op] = []
    names = [name for name, (_, qubits) in ARITIES.items() if qubits <= wires]
    for _ in range(gates):
        if rng.random() < 0.15:
            sets = {tuple(sorted(some(int(rng.integers(wires + 1))))) for _ in range(3)}
            ops.append(Diagonal(tuple((s, angle()) for s in sorted(sets))))
        else:
            name = str(rng.choice(names))
            angles, qubits = ARITIES[name]
            ops.append(Gate(name, some(qubits), tuple(angle() for _ in range(angles))))
    return Circuit(wires, slots, tuple(ops))
