# SPDX-License-Identifier: Apache-2.0
"""Runs of one-qubit gates: what they do, and how few sx they take."""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import pi

import numpy as np
import pytest

from hepq.compiler.circuits.native import is_x, joined, rotations
from hepq.core.circuits import Angle, Gate
from hepq.runtime.quantum.matrices import Matrix, matrix

A, B = Angle.slot(0), Angle.slot(1)
SLOTS = np.array([0.7, -1.9])
FIXED = [Gate(name, (0,)) for name in "h sx sxdg x y z s sdg t tdg id".split()]
FIXED += [
    Gate("rx", (0,), (Angle(0.3),)),
    Gate("ry", (0,), (Angle(-2.0),)),
    Gate("rz", (0,), (Angle(1.1),)),
    Gate("u", (0,), (Angle(pi / 2), Angle(0.4), Angle(-0.2))),
    Gate("r", (0,), (Angle(0.5), Angle(2.5))),
]
OPEN = [
    Gate("rx", (0,), (A,)),
    Gate("ry", (0,), (B,)),
    Gate("rz", (0,), (A,)),
    Gate("p", (0,), (B,)),
    Gate("u", (0,), (A, B, Angle(0.3))),
    Gate("r", (0,), (B, A)),
]


def unitary(run: list[Angle]) -> Matrix:
    turns = [matrix("rz", a.value(SLOTS)) for a in run]
    return reduce(lambda made, turn: turn @ matrix("sx") @ made, turns[1:], turns[0])


def same(a: Matrix, b: Matrix) -> bool:
    return bool(abs(abs(np.vdot(a, b)) - 2) < 1e-9)


def of(gates: list[Gate]) -> Matrix:
    return reduce(
        lambda made, g: matrix(g.name, *(a.value(SLOTS) for a in g.angles)) @ made,
        gates,
        np.eye(2, dtype=np.complex128),
    )


def run_of(gates: list[Gate]) -> list[Angle]:
    return joined([rotations(g) or [] for g in gates])


@pytest.mark.parametrize("gate", [*FIXED, *OPEN], ids=lambda g: g.name)
def test_a_gate_is_its_rotations(gate: Gate) -> None:
    run = rotations(gate)
    assert run is not None
    assert same(unitary(run), of([gate]))


def test_what_has_no_rotations_has_none() -> None:
    assert rotations(Gate("cx", (0, 1))) is None


@pytest.mark.parametrize(("first", "second"), list(product(range(len(FIXED)), repeat=2)))
def test_fixed_gates_together_take_at_most_two_sx(first: int, second: int) -> None:
    gates = [FIXED[first], FIXED[second]]
    run = run_of(gates)
    assert same(unitary(run), of(gates))
    assert len(run) <= 3


@pytest.mark.parametrize("at", range(4))
def test_open_and_fixed_gates_in_any_order(at: int) -> None:
    """Three gates of which some are open, each run the whole unitary; an open turn between fixed ones takes two sx."""
    rng = np.random.default_rng(at)
    for _ in range(60):
        gates = [*(FIXED[i] for i in rng.integers(0, len(FIXED), 3)), OPEN[rng.integers(0, len(OPEN))]]
        gates = [gates[i] for i in rng.permutation(4)]
        run = run_of(gates)
        assert same(unitary(run), of(gates)), gates
        assert len(run) <= 7


@pytest.mark.parametrize("quarter", [pi / 2, -pi / 2])
@pytest.mark.parametrize("open_first", [False, True])
def test_an_open_turn_beside_a_quarter_turn_is_one_turn(quarter: float, open_first: bool) -> None:
    """sx rz(a) sx rz(±π/2) sx, in either order, takes two sx and not three."""
    middle = [A, Angle(quarter + pi)] if open_first else [Angle(quarter + pi), A]
    before = [Angle(0.3), *middle, B]
    after = joined([before])
    assert same(unitary(after), unitary(before))
    assert (len(before), len(after)) == (4, 3)


def test_other_fixed_angles_beside_an_open_turn_stay() -> None:
    before = [Angle(0.3), A, Angle(0.2), B]
    assert joined([before]) == before


def test_which_turn_is_an_x() -> None:
    assert is_x(Angle())
    assert is_x(Angle(2 * pi))
    assert not is_x(Angle(0.1))
    assert not is_x(A)
