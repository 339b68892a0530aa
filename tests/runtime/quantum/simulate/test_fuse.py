# SPDX-License-Identifier: Apache-2.0
"""Elementary gates and fused layers: equal to what they replace, and as few as promised."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate
from hepq.core.elementary import KEPT, elementary
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.simulate.fuse import fused
from tests.runtime.quantum.simulate import naive


def rows_of_unitary(circuit: Circuit, values: np.ndarray) -> np.ndarray:
    """Columns of the circuit's unitary, one for each basis state that it starts from."""
    starts = [tuple(Gate("x", (q,)) for q in range(circuit.qubits) if z >> q & 1) for z in range(1 << circuit.qubits)]
    return np.array([naive.state(Circuit(circuit.qubits, circuit.slots, s + circuit.ops), values) for s in starts])


@pytest.mark.parametrize("name", ARITIES)
def test_elementary_gates_equal_the_gate_phase_included(name: str) -> None:
    angles, qubits = ARITIES[name]
    gate = Gate(name, tuple(reversed(range(qubits))), tuple(Angle.slot(i, 0.5 + i) for i in range(angles)))
    made = tuple(elementary([gate]))
    assert all(isinstance(op, Diagonal) or op.name in KEPT for op in made)
    values = np.random.default_rng(0).normal(size=angles)
    found, expected = (rows_of_unitary(Circuit(qubits, angles, ops), values) for ops in (made, (gate,)))
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_what_is_no_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="no gate xx with 0 angles"):
        list(elementary([Gate("xx", (0,))]))


def ladder(n: int) -> tuple[Gate, ...]:
    return tuple(Gate("cx", (i, i + 1)) for i in range(n - 1))


def test_a_zz_map_written_gate_by_gate_has_one_layer_for_each_repetition() -> None:
    """H and P on each wire, then CX-P-CX for each pair: no permutation is left, phases are alike."""
    n, ops = 4, list[Gate]()
    pairs = [(i, j) for j in range(n) for i in range(j)]
    for _ in range(2):
        for q in range(n):
            ops += [Gate("h", (q,)), Gate("p", (q,), (Angle.slot(q, 2.0),))]
        for k, (i, j) in enumerate(pairs):
            ops += [Gate("cx", (i, j)), Gate("p", (j,), (Angle.slot(n + k, 2.0),)), Gate("cx", (i, j))]
    plan = fused(Circuit(n, 10, tuple(ops)))
    assert len(plan.layers) == 2
    (first, phases), (second, again) = plan.layers
    assert first == second
    assert phases == again
    assert not phases.permutes
    assert {mask for mask, angle in phases.terms if not angle.fixed} == {
        0, *(1 << q for q in range(n)), *(1 << i | 1 << j for i, j in pairs)
    }  # fmt: skip


def test_weights_make_one_layer_a_repetition_and_ladders_one_permutation() -> None:
    n = 5
    turns = [tuple(Gate("ry", (q,), (Angle.slot(r * n + q),)) for q in range(n)) for r in range(3)]
    circuit = Circuit(n, 3 * n, (*turns[0], *ladder(n), *turns[1], *ladder(n), *turns[2]))
    plan = fused(circuit, frozenset(range(3 * n)))
    assert [p.permutes for _, p in plan.layers] == [True, True, False]
    assert all(not p.terms for _, p in plan.layers)
    own = fused(circuit)
    assert all(a.fixed for turn, _ in own.layers for _, a, _ in turn.wires)


def test_what_undoes_itself_is_gone() -> None:
    ops = (
        Gate("h", (0,)),
        Gate("h", (0,)),
        Gate("ry", (1,), (Angle.slot(0),)),
        Gate("ry", (1,), (Angle.slot(0, -1.0),)),
    )
    plan = fused(Circuit(2, 1, ops), frozenset({0}))
    assert plan.layers[0][0].wires == ((0, Angle(), False), (1, Angle(), False))
    assert plan.layers[0][1].terms == ()
    cancelled = fused(Circuit(3, 0, ladder(3) + tuple(reversed(ladder(3)))))
    assert not any(p.permutes for _, p in cancelled.layers)


def test_bit_flips_alone_only_choose_the_start() -> None:
    plan = fused(Circuit(3, 0, (Gate("x", (1,)), Gate("cx", (1, 2)), Gate("swap", (0, 1)))))
    assert plan.start == 0b101
