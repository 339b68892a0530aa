# SPDX-License-Identifier: Apache-2.0
"""The quantum ops: types, the reference against Qiskit."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector

from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.state_vector import state
from hepq.compiler.ir.verify import verify
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.types import Dim, Type
from tests.support.qiskit_states import in_qiskit, random_circuit, same_state, statevector

SLOT, EVENT = Dim("5", 5), Dim("part", bound=6)


def angles(name: str, *dims: Dim) -> Node:
    return make("input", type=Type("real", (*dims, SLOT)), name=name)


@pytest.mark.parametrize("seed", range(12))
def test_reference_is_qiskits_state(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit, values = random_circuit(rng, 4, 5, 40), rng.normal(size=5)
    assert same_state(state(circuit, values), statevector(circuit, values))


@pytest.mark.parametrize("seed", range(4))
def test_adjoint_undoes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 3, 5, 30)
    circuit = Circuit(3, 5, tuple(op for op in circuit.ops if not (isinstance(op, Gate) and op.name == "iswap")))
    there_and_back = circuit.then(circuit.adjoint())
    values = rng.normal(size=5)
    assert abs(state(there_and_back, np.r_[values, values])[0]) == pytest.approx(1)


def test_fidelity_of_pairs() -> None:
    rng = np.random.default_rng(1)
    a, b = angles("a", EVENT), angles("b", EVENT.prime())
    left, right = random_circuit(rng, 3, 5, 20), random_circuit(rng, 3, 5, 20)
    with pytest.raises(RuleError, match="slots"):
        make("fidelity", a, b, left=left, right=Circuit(3, 4))
    node = make("fidelity", a, b, left=left, right=right)
    assert [str(d) for d in node.type.dims] == ["part", "part'"]
    module = Module("pairs", (a, b), {"k": node})
    verify(module)
    x, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    found = run_event(module, {"a": x, "b": y}, {})["k"]
    wanted = [[abs(np.vdot(statevector(right, v), statevector(left, u))) ** 2 for v in y] for u in x]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_expectations_and_probabilities() -> None:
    rng = np.random.default_rng(2)
    a, circuit, values = angles("a"), random_circuit(rng, 3, 5, 20), rng.normal(size=5)
    observables = (((1.0, ((0, "Z"),)),), ((0.5, ((1, "X"), (2, "Y"))), (2.0, ())))
    expect = make("expect", a, circuit=circuit, observables=observables, dim=Dim("2", 2))
    probs = make("probs", a, circuit=circuit, wires=(0, 1, 2), dim=Dim("8", 8))
    found = run_event(Module("both", (a,), {"e": expect, "p": probs}), {"a": values}, {})
    exact = Statevector(in_qiskit(circuit, values))
    paulis = SparsePauliOp("IIZ"), SparsePauliOp(["YXI", "III"], [0.5, 2.0])
    np.testing.assert_allclose(found["e"], [exact.expectation_value(p).real for p in paulis], atol=1e-12)
    np.testing.assert_allclose(found["p"], exact.probabilities(), atol=1e-12)


def test_observables_and_outcomes_fit_the_wires() -> None:
    a, circuit = angles("a"), Circuit(2, 5, (Gate("rx", (0,), (Angle.slot(4),)),))
    with pytest.raises(RuleError, match="beyond 2 wires"):
        make("expect", a, circuit=circuit, observables=(((1.0, ((2, "Z"),)),),), dim=None)
    with pytest.raises(RuleError, match="2\\^2"):
        make("probs", a, circuit=circuit, wires=(0, 1), dim=Dim("8", 8))
    for wires, words in (((2,), "beyond 2"), ((-1,), "beyond 2"), ((1, 1), "distinct")):
        with pytest.raises(RuleError, match=words):
            make("probs", a, circuit=circuit, wires=wires, dim=Dim("d", 1 << len(wires)))
