# SPDX-License-Identifier: Apache-2.0
"""The reference for circuits: one state vector, one gate at a time, every gate its own matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir import Node
from hepq.lang.types import Dim
from hepq.runtime.quantum.circuit import Circuit, Diagonal, Gate
from hepq.runtime.quantum.gates import matrix

State = NDArray[np.complex128]


def state(circuit: Circuit, slots: NDArray[Any]) -> State:
    """|0…0> run through the circuit, [2^qubits]; wire i is bit i of the index."""
    psi = np.zeros(1 << circuit.qubits, complex)
    psi[0] = 1
    for op in circuit.ops:
        if isinstance(op, Gate):
            psi = _apply(psi, matrix(op.name, *(a.value(slots) for a in op.angles)), op.qubits)
        else:
            psi = psi * _phases(op, slots, circuit.qubits)
    return psi


def _apply(psi: State, gate: NDArray[Any], qubits: Sequence[int]) -> State:
    n, k = len(psi).bit_length() - 1, len(qubits)
    axes = [n - 1 - q for q in reversed(qubits)]
    moved = np.tensordot(gate.reshape((2,) * 2 * k), psi.reshape((2,) * n), (range(k, 2 * k), axes))
    return np.moveaxis(moved, range(k), axes).reshape(-1)


def _phases(op: Diagonal, slots: NDArray[Any], qubits: int) -> State:
    basis = np.arange(1 << qubits)
    total = np.zeros(len(basis))
    for wires, angle in op.terms:
        ones = sum((basis >> w) & 1 for w in wires)
        total += angle.value(slots) * (1 - 2 * (ones % 2))
    return np.exp(-0.5j * total)


def _states(circuit: Circuit, angles: NDArray[Any]) -> State:
    """States of all rows of angles [..., slots]: [..., 2^qubits]."""
    rows = np.asarray(angles, np.float64).reshape(-1, angles.shape[-1])
    found = [state(circuit, row) for row in rows]
    return np.array(found, complex).reshape(*angles.shape[:-1], 1 << circuit.qubits)


def fidelity(node: Node, args: Sequence[NDArray[Any]], ctx: Any) -> NDArray[Any]:
    a, b = (_states(node[side], x) for side, x in zip(("left", "right"), args, strict=True))
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
    psi = _states(node["circuit"], args[0])
    values = [_expectation(psi, terms) for terms in node["observables"]]
    return values[0] if node["dim"] is None else np.stack(values, -1)


def _expectation(psi: State, terms: Sequence[tuple[float, Sequence[tuple[int, str]]]]) -> NDArray[Any]:
    total = np.zeros(psi.shape[:-1])
    flat = psi.reshape(-1, psi.shape[-1])
    for coefficient, paulis in terms:
        moved = np.array([_paulis(row, paulis) for row in flat]).reshape(psi.shape)
        total = total + coefficient * (np.conj(psi) * moved).sum(-1).real
    return total


def _paulis(psi: State, paulis: Sequence[tuple[int, str]]) -> State:
    for wire, name in paulis:
        psi = _apply(psi, matrix(name.lower()), [wire])
    return psi


def probs(node: Node, args: Sequence[NDArray[Any]], ctx: Any) -> NDArray[Any]:
    """Probabilities; also of ``sample``, whose estimate tends to them."""
    return np.abs(_states(node["circuit"], args[0])) ** 2
