# SPDX-License-Identifier: Apache-2.0
"""The reference for circuits: one state vector, one gate at a time, every gate its own matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir import Node
from hepq.lang.types import Dim
from hepq.runtime.quantum.circuit import Barrier, Circuit, Diagonal
from hepq.runtime.quantum.gates import matrix

State = NDArray[np.complex128]


def state(circuit: Circuit, slots: NDArray[Any]) -> State:
    """|0…0> run through the circuit, [2^qubits]; wire i is bit i of the index."""
    found: State = states(circuit, np.asarray(slots, np.float64)[None])[0]
    return found


def states(circuit: Circuit, angles: NDArray[Any]) -> State:
    """The states of all rows of angles [..., slots]: [..., 2^qubits]."""
    rows = np.asarray(angles, np.float64).reshape(-1, angles.shape[-1])
    found = _run(circuit, len(rows), rows.tobytes()) if len(rows) else np.zeros(0, complex)
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
        elif all(a.fixed for a in op.angles):
            psi = _apply(psi, matrix(op.name, *(a.constant for a in op.angles)), op.qubits)
        else:
            gates = [matrix(op.name, *(a.value(row) for a in op.angles)) for row in rows]
            psi = np.array([_apply(p[None], g, op.qubits)[0] for p, g in zip(psi, gates, strict=True)]).reshape(
                psi.shape
            )
    return psi


def _apply(psi: State, gate: NDArray[Any], qubits: Sequence[int]) -> State:
    """One gate on every row of psi [rows, 2^n]."""
    n, k = psi.shape[-1].bit_length() - 1, len(qubits)
    axes = [n - q for q in reversed(qubits)]
    moved = np.tensordot(gate.reshape((2,) * 2 * k), psi.reshape(-1, *(2,) * n), (range(k, 2 * k), axes))
    return np.moveaxis(moved, range(k), axes).reshape(psi.shape)


def _phases(op: Diagonal, slots: NDArray[Any], qubits: int) -> State:
    basis = np.arange(1 << qubits)
    total = np.zeros(len(basis))
    for wires, angle in op.terms:
        ones = sum((basis >> w) & 1 for w in wires)
        total += angle.value(slots) * (1 - 2 * (ones % 2))
    found: State = np.exp(-0.5j * total)
    return found


def fidelity(node: Node, args: Sequence[NDArray[Any]], ctx: Any) -> NDArray[Any]:
    a, b = (states(node[side], x) for side, x in zip(("left", "right"), args, strict=True))
    left, right = (_aligned(s, o.type.dims[:-1], node.type.dims) for s, o in zip((a, b), node.operands, strict=True))
    overlap: NDArray[Any] = np.abs((np.conj(right) * left).sum(-1)) ** 2
    return overlap


def _aligned(states: State, dims: Sequence[Dim], wanted: Sequence[Dim]) -> State:
    own = [d for d in wanted if any(d.key == o.key for o in dims)]
    keys = [d.key for d in dims]
    states = states.transpose([*(keys.index(d.key) for d in own), len(dims)])
    shape = [states.shape[own.index(d)] if d in own else 1 for d in wanted]
    return states.reshape(*shape, states.shape[-1])


def expect(node: Node, args: Sequence[NDArray[Any]], ctx: Any) -> NDArray[Any]:
    psi = states(node["circuit"], args[0])
    values = [_expectation(psi, terms) for terms in node["observables"]]
    return values[0] if node["dim"] is None else np.stack(values, -1)


def _expectation(psi: State, terms: Sequence[tuple[float, Sequence[tuple[int, str]]]]) -> NDArray[Any]:
    total = np.zeros(psi.shape[:-1])
    for coefficient, paulis in terms:
        moved = psi.reshape(-1, psi.shape[-1])
        for wire, name in paulis:
            moved = _apply(moved, matrix(name.lower()), [wire])
        total = total + coefficient * (np.conj(psi) * moved.reshape(psi.shape)).sum(-1).real
    return total


def probs(node: Node, args: Sequence[NDArray[Any]], ctx: Any) -> NDArray[Any]:
    """Probabilities; also of ``sample``, whose estimate tends to them."""
    return np.abs(states(node["circuit"], args[0])) ** 2
