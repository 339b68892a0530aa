# SPDX-License-Identifier: Apache-2.0
"""The canonical form keeps the unitary, gathers phases and loses what undoes itself."""

from __future__ import annotations

from math import pi
from time import process_time

import numpy as np
import pytest

from hepq.compiler.circuits.canonical import canonical
from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, check
from tests.support.families import (
    feature_map,
    kernel,
    overlap,
    pairs,
    qaoa,
    random_gates,
    random_state,
    state_after,
    vqc,
)

SETS = [
    "",
    "h cx rz p x cz rzz s swap",
    "cx x cp crz t h",
    "cx rz h",
    "cx x swap rz",
    "rxx ryy h cy crx",
]


@pytest.mark.parametrize("names", SETS)
def test_unitary_and_sampled_distribution_stay(names: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        n = int(rng.integers(1, 5))
        usable = names if n > 1 else "h s rz x p"
        circuit = random_gates(rng, n, 3, int(rng.integers(1, 50)), usable)
        slots, start = rng.normal(size=3), random_state(rng, n)
        found = canonical(circuit)
        check(found)
        assert overlap(state_after(circuit, slots, start), state_after(found, slots, start)) == pytest.approx(1)
        sampled = state_after(canonical(circuit, sampled=True), slots)
        np.testing.assert_allclose(abs(sampled) ** 2, abs(state_after(circuit, slots)) ** 2, atol=1e-9)


def test_a_gate_x_alone_begins_no_layer_of_phases() -> None:
    """It stays before the phases that follow it, with the other gates of one wire."""
    x, turn = Gate("x", (0,)), Gate("p", (0,), (Angle(pi),))
    found = canonical(Circuit(1, 0, (x, turn)))
    assert found.ops == (x, Diagonal((((0,), Angle(pi)),)))


@pytest.mark.parametrize("names", SETS)
def test_canonical_form_is_its_own(names: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        found = canonical(random_gates(rng, 4, 3, 30, names))
        assert canonical(found) == found


@pytest.mark.parametrize("pattern", ["full", "linear", "circular"])
@pytest.mark.parametrize("reps", [1, 2])
def test_kernel_merges_at_its_seam(pattern: str, reps: int) -> None:
    n = 6
    found = canonical(kernel(n, reps, pattern))
    layers = [op for op in found.ops if isinstance(op, Diagonal)]
    assert len(layers) == 2 * reps - 1
    assert all({s for s, _ in d.terms if len(s) == 2} == {tuple(sorted(p)) for p in pairs(n, pattern)} for d in layers)
    assert [op.name for op in found.ops if isinstance(op, Gate)] == ["h"] * (2 * reps * n)


def test_kernel_of_a_point_with_itself_is_nothing() -> None:
    mapped = feature_map(5, 2, "full")
    assert canonical(Circuit(5, mapped.slots, mapped.ops + mapped.adjoint().ops)).ops == ()


def test_phases_no_one_sees_are_dropped() -> None:
    ops = (
        Gate("rz", (0,), (Angle.slot(0),)),
        Gate("cx", (0, 1)),
        Gate("h", (0,)),
        Gate("h", (1,)),
        Gate("rzz", (0, 1), (Angle.slot(1),)),
        Gate("cz", (1, 2)),
    )
    circuit = Circuit(3, 2, ops)
    assert set(canonical(circuit, sampled=True).ops) == {Gate("h", (0,)), Gate("h", (1,))}
    assert any(isinstance(op, Diagonal) for op in canonical(circuit).ops)


def test_whole_turns_vanish_and_half_turns_fall_apart() -> None:
    turn = Diagonal((((0, 1), Angle(2 * pi)), ((1, 2), Angle(-pi)), ((2,), Angle(0.0, ()))))
    found = canonical(Circuit(3, 0, (turn,)))
    assert found.ops == (Diagonal((((1,), Angle(pi)), ((2,), Angle(pi)))),)


def test_controlled_half_turns_stay() -> None:
    circuit = Circuit(2, 0, (Gate("cry", (0, 1), (Angle(2 * pi),)),))
    assert canonical(circuit).ops != ()


def test_ladders_keep_their_cx() -> None:
    """Phases are not moved to where they would cost more two-qubit gates than the cx they came from."""
    found = canonical(vqc(5))
    assert sum(isinstance(op, Gate) and op.name == "cx" for op in found.ops) == 8
    ladder = Circuit(4, 4, tuple(
        op for q in range(3) for op in (Gate("cx", (q, q + 1)), Gate("rz", (q + 1,), (Angle.slot(q),)))
    ))  # fmt: skip
    weights = [len(s) for op in canonical(ladder).ops if isinstance(op, Diagonal) for s, _ in op.terms]
    assert weights
    assert max(weights) == 1


def test_large_kernels_are_quick() -> None:
    circuit = kernel(12, 2, "full")
    start = process_time()
    canonical(circuit)
    assert process_time() - start < 0.2


def test_qaoa_is_layers_already() -> None:
    found = canonical(qaoa(5, 0.7, layers=2))
    assert sum(isinstance(op, Diagonal) for op in found.ops) == 2


def test_global_phases_leave_nothing() -> None:
    layers = (Diagonal(()), Diagonal((((), Angle.slot(0)),)), Diagonal((((), Angle(0.3)), ((0, 1), Angle.slot(0)))))
    found = canonical(Circuit(2, 1, layers))
    assert found.ops == (Diagonal((((0, 1), Angle.slot(0)),)),)


@pytest.mark.parametrize(
    ("ops", "merged"),
    [
        ((Gate("swap", (0, 1)),), 1), ((Gate("x", (0,)), Gate("swap", (0, 1)), Gate("x", (1,))), 1),
        ((Gate("cx", (0, 1)), Gate("cx", (1, 0)), Gate("cx", (0, 1))), 1), ((Gate("h", (1,)), Gate("swap", (0, 1))), 1),
        ((Gate("h", (0,)), Gate("swap", (0, 1))), 2),
    ],
)  # fmt: skip
def test_phases_meet_across_what_is_linear(ops: tuple[Gate, ...], merged: int) -> None:
    """A turn before and one after, of the wire that the first one is on by then."""
    first, last = Gate("rz", (0,), (Angle.slot(0),)), Gate("rz", (1,), (Angle.slot(1),))
    start = tuple(Gate("h", (q,)) for q in (0, 1))
    found = canonical(Circuit(2, 2, (*start, first, *ops, last, *start)))
    turned = [op for op in found.ops if any(not a.fixed for a in turns_of(op))]
    assert len(turned) == merged


def turns_of(op: object) -> list[Angle]:
    return [a for _, a in op.terms] if isinstance(op, Diagonal) else list(getattr(op, "angles", ()))
