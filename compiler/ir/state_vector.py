# SPDX-License-Identifier: Apache-2.0
"""The reference for circuits: one state vector, one gate at a time, every gate its own matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Barrier, Circuit, Diagonal
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.simulate.memory import AMPLITUDE, ask

State = NDArray[np.complex128]
#: states of each row held at once: before and after a gate, a product on the way, the other side of a fidelity;
#: amplitudes of all rows that are kept for the next event
COPIES, CACHED = 4, 1 << 20


def state(circuit: Circuit, slots: NDArray[Any]) -> State:
    """|0…0> run through the circuit, [2^qubits]; wire i is bit i of the index."""
    found: State = states(circuit, np.asarray(slots, np.float64)[None])[0]
    return found


def states(circuit: Circuit, angles: NDArray[Any]) -> State:
    """The states of all rows of angles [..., slots]: [..., 2^qubits].

    Raises DataError HQ0850 or HQ0852 where they do not fit in memory.
    """
    rows = np.asarray(angles, np.float64).reshape(prod(angles.shape[:-1]), angles.shape[-1])
    if not len(rows):
        return np.zeros((*angles.shape[:-1], 1 << circuit.qubits), complex)
    ask(circuit.qubits, len(rows), size=AMPLITUDE * COPIES, copies=0)
    run = _run if len(rows) << circuit.qubits <= CACHED else _run.__wrapped__
    found: State = run(circuit, len(rows), rows.tobytes())
    return found.reshape(*angles.shape[:-1], 1 << circuit.qubits)


@lru_cache(maxsize=8)  # support vectors are the same in every event
def _run(circuit: Circuit, count: int, content: bytes) -> State:
    rows = np.frombuffer(content, np.float64).reshape(count, circuit.slots)
    psi = np.zeros((len(rows), 1 << circuit.qubits), complex)
    psi[:, 0] = 1
    for op in circuit.ops:
        if isinstance(op, Barrier):
            continue
        if isinstance(op, Diagonal):
            psi = psi * np.array([_phases(op, row, circuit.qubits) for row in rows]).reshape(psi.shape)
        else:
            alike = all(a.fixed for a in op.angles)
            gates = [matrix(op.name, *(a.value(row) for a in op.angles)) for row in (rows[:1] if alike else rows)]
            psi = _apply(psi, np.array(gates), op.qubits)
    return psi


def _apply(psi: State, gates: NDArray[Any], qubits: Sequence[int]) -> State:
    """A gate [1, 2^k, 2^k], or one for each row, on psi [rows, 2^n]; the first of ``qubits`` is its lowest bit."""
    wires = sorted(qubits, reverse=True)
    shape = [len(psi), 1 << psi.shape[-1].bit_length() - 2 - wires[0]]
    for wire, below in zip(wires, [*wires[1:], -1], strict=True):
        shape += [2, 1 << wire - below - 1]
    parts = psi.reshape(shape)
    at = [_part(i, wires, qubits) for i in range(gates.shape[-1])]
    out = np.zeros_like(parts)
    entries = gates.reshape(*gates.shape, *[1] * (len(wires) + 1))
    for i, j in np.argwhere(gates.any(0)):
        out[at[i]] += entries[:, i, j] * parts[at[j]]
    return out.reshape(psi.shape)


def _part(bits: int, wires: Sequence[int], qubits: Sequence[int]) -> tuple[int | slice, ...]:
    """Where ``qubits`` have these bits: an index into rows and axes of ``wires``, one before, between and after."""
    found: list[int | slice] = [slice(None), slice(None)]
    for wire in wires:
        found += [bits >> qubits.index(wire) & 1, slice(None)]
    return tuple(found)


def _phases(op: Diagonal, slots: NDArray[Any], qubits: int) -> State:
    total = np.zeros(1 << qubits)
    for wires, angle in op.terms:
        total += angle.value(slots) * _signs(wires, qubits)
    found: State = np.exp(-0.5j * total)
    return found


def _signs(wires: tuple[int, ...], qubits: int) -> NDArray[np.int8]:
    """±1, the product of Z on ``wires`` in each basis state."""
    found = np.ones(1, np.int8)
    for w in range(qubits):
        found = np.concatenate([found, -found if w in wires else found])
    return found


def expectation(psi: State, terms: Sequence[tuple[float, Sequence[tuple[int, str]]]]) -> NDArray[Any]:
    """Of each state: ``terms`` are a coefficient and Paulis by wire, added."""
    total = np.zeros(psi.shape[:-1])
    for coefficient, paulis in terms:
        moved = psi.reshape(-1, psi.shape[-1])
        for wire, name in paulis:
            moved = _apply(moved, matrix(name.lower())[None], [wire])
        total = total + coefficient * (np.conj(psi) * moved.reshape(psi.shape)).sum(-1).real
    return total
