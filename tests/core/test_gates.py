# SPDX-License-Identifier: Apache-2.0
"""What the table of gates says of each gate is what its matrix says."""

from __future__ import annotations

from itertools import permutations
from math import tau
from typing import Any

import numpy as np
import pytest

from hepq.core.gates import GATES, GateSpec
from hepq.runtime.quantum.matrices import matrix

ALL = pytest.mark.parametrize("gate", GATES.values(), ids=list(GATES))


def unitary(gate: GateSpec) -> Any:
    """At angles without meaning of their own."""
    return matrix(gate.name, *(0.3 + 0.4 * k for k in range(gate.angles)))


def alike(a: Any, b: Any) -> bool:
    """Equal up to a global phase."""
    return a.shape == b.shape and bool(np.isclose(abs(np.vdot(a, b)), len(a)))


def exchanged(found: Any, order: tuple[int, ...]) -> Any:
    """With qubit i in the place of qubit ``order[i]``."""
    index = np.arange(len(found))
    moved = np.sum([(index >> i & 1) << to for i, to in enumerate(order)], axis=0)
    return found[np.ix_(moved, moved)]


@ALL
def test_matrix(gate: GateSpec) -> None:
    found = unitary(gate)
    np.testing.assert_allclose(found.conj().T @ found, np.eye(1 << gate.qubits), atol=1e-12)


@ALL
def test_inverse(gate: GateSpec) -> None:
    angles = [0.3 + 0.4 * k for k in range(gate.angles)]
    if gate.inverse is None:
        assert not any(alike(unitary(gate) @ matrix(n), np.eye(4)) for n, g in GATES.items() if g.arity == (0, 2))
        return
    undone = matrix(gate.inverse, *gate.undone(*angles))
    np.testing.assert_allclose(undone @ unitary(gate), np.eye(1 << gate.qubits), atol=1e-12)


@ALL
def test_diagonal(gate: GateSpec) -> None:
    found = unitary(gate)
    assert gate.diagonal == np.allclose(found, np.diag(np.diag(found)))


@ALL
def test_symmetric(gate: GateSpec) -> None:
    found = unitary(gate)
    orders = permutations(range(gate.qubits))
    assert gate.symmetric == (gate.qubits > 1 and all(np.allclose(found, exchanged(found, o)) for o in orders))


@ALL
def test_phase(gate: GateSpec) -> None:
    found = unitary(gate)
    ones = np.eye(len(found), dtype=complex)
    ones[-1, -1] = found[-1, -1]
    assert (gate.phase is not None) == (not gate.angles and np.allclose(found, ones))
    if gate.phase is not None:
        np.testing.assert_allclose(found[-1, -1], np.exp(1j * gate.phase), atol=1e-12)


@ALL
def test_square(gate: GateSpec) -> None:
    twice = unitary(gate) @ unitary(gate)
    known = [n for n, g in GATES.items() if g.arity == (0, gate.qubits) and alike(twice, unitary(g))]
    assert [gate.square] == known if not gate.angles and known not in ([], ["id"]) else gate.square is None


@ALL
def test_period(gate: GateSpec) -> None:
    adds = gate.angles == 1 and np.allclose(matrix(gate.name, 0.3) @ matrix(gate.name, 0.5), matrix(gate.name, 0.8))
    assert (gate.period is not None) == adds
    if gate.period is not None:
        turns = [k * tau for k in (0.5, 1, 2) if alike(matrix(gate.name, k * tau), np.eye(1 << gate.qubits))]
        assert gate.period == turns[0]


@ALL
def test_controlled(gate: GateSpec) -> None:
    expected = np.eye(2 << gate.qubits, dtype=complex)
    expected[1::2, 1::2] = unitary(gate)
    known = [g.name for g in GATES.values() if g.arity == (gate.angles, gate.qubits + 1)]
    known = [name for name in known if np.allclose(unitary(GATES[name]), expected)]
    assert known == ([] if gate.controlled is None else [gate.controlled])
