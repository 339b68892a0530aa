# SPDX-License-Identifier: Apache-2.0
"""Fidelities, expectation values and probabilities: their types, and their values against Qiskit's states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from hepq.compiler.ir.interpret import run_event
from hepq.core.types import Type
from tests.support.circuits import codes, measured, module

HEADER = """
dim part <= 6
dim wire = 3
dim feat = 4
dim outcome = 8
circuit A(x: real[wire]) on q: qubit[wire] {
  for i in wire {
    ry(x[i], q[i])
  }
  ring(cx, q)
  rx(0.4, q[0])
}
circuit B(x: real[wire], w: real) on q: qubit[wire] {
  h(q)
  for i in wire {
    rz(w * x[i], q[i])
  }
  ladder(cz, q)
  h(q)
}
"""
X = np.array([0.4, -1.1, 2.3])


def psi_a(x: Any) -> Statevector:
    circuit = QuantumCircuit(3)
    for i, value in enumerate(x):
        circuit.ry(value, i)
    for pair in ((2, 0), (0, 1), (1, 2)):
        circuit.cx(*pair)
    circuit.rx(0.4, 0)
    return Statevector(circuit)


def psi_b(x: Any, w: float) -> Statevector:
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for i, value in enumerate(x):
        circuit.rz(w * value, i)
    circuit.cz(0, 1)
    circuit.cz(1, 2)
    circuit.h(range(3))
    return Statevector(circuit)


def value(expression: str, x: Any = X, type: str = "real[wire]", **more: Any) -> Any:
    extra = "".join(f", {name}: real[part]" for name in more)
    built = module(f"{HEADER}model M(x: {type}{extra}) = {expression}\n")
    return run_event(built, {"x": np.asarray(x, float), **more}, {})["output"]


@pytest.mark.parametrize(
    ("observable", "terms"),
    [
        ("Z[0]", [("Z", [0], 1)]),
        ("Z[-1]", [("Z", [2], 1)]),
        ("X[1] * Z[2]", [("XZ", [1, 2], 1)]),
        ("Z[2] * X[1]", [("XZ", [1, 2], 1)]),
        ("Y[0] * Y[1] * Y[2]", [("YYY", [0, 1, 2], 1)]),
        ("2 * X[0] - 0.5 * Z[0] * Z[1] / 4", [("X", [0], 2), ("ZZ", [0, 1], -0.125)]),
        ("(1 - Z[0]) / 2", [("", [], 0.5), ("Z", [0], -0.5)]),
        ("-I[1] + X[2] * X[2] * Y[0]", [("", [], -1), ("Y", [0], 1)]),
        ("X[0] * Y[0] * Z[0] * X[1] * Y[1] * Z[1]", [("", [], -1)]),
        ("(X[0] + Z[1]) * (X[0] + Z[1])", [("", [], 2), ("XZ", [0, 1], 2)]),
        ("X[0] * Y[1] - X[0] * Y[1]", []),
    ],
)
def test_observables(observable: str, terms: Any) -> None:
    operator = SparsePauliOp.from_sparse_list(terms or [("", [], 0)], 3)
    np.testing.assert_allclose(
        value(f"expect({observable}, A(x))"), psi_a(X).expectation_value(operator).real, atol=1e-12
    )


def test_one_for_each_qubit_and_one_for_each_item() -> None:
    z = [psi_a(X).expectation_value(SparsePauliOp.from_sparse_list([("Z", [i], 1)], 3)).real for i in range(3)]
    x = [psi_a(X).expectation_value(SparsePauliOp.from_sparse_list([("X", [i], 1)], 3)).real for i in range(3)]
    np.testing.assert_allclose(value("expect(Z, A(x))"), z, atol=1e-12)
    np.testing.assert_allclose(value("expect(2 * Z - X, A(x))"), 2 * np.array(z) - x, atol=1e-12)
    np.testing.assert_allclose(value("expect([X[2], Z[0], 3 * Z[1]], A(x))"), [x[2], z[0], 3 * z[1]], atol=1e-12)


def test_fidelity_and_probabilities() -> None:
    overlap = abs(psi_b(X, 0.7).inner(psi_a(X))) ** 2
    np.testing.assert_allclose(value("fidelity(A(x), B(x, 0.7))"), overlap, atol=1e-12)
    np.testing.assert_allclose(value("probs(A(x))"), psi_a(X).probabilities(), atol=1e-12)
    np.testing.assert_allclose(value("sample[shots=100](A(x))"), psi_a(X).probabilities(), atol=1e-12)
    for listed, qubits in (("[0, 2]", [0, 2]), ("[2, 0]", [2, 0]), ("[-1]", [2]), ("1", [1]), ("[2, 1, 0]", [2, 1, 0])):
        wanted = psi_a(X).probabilities(qubits)  # the first one listed is the lowest bit there, too
        np.testing.assert_allclose(value(f"probs(A(x), of={listed})"), wanted, atol=1e-12)
        np.testing.assert_allclose(value(f"sample(A(x), of={listed})"), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("expect(Z[0], A(x))", "real[part]"),
        ("expect(Z, A(x))", "real[part, wire]"),
        ("expect([Z[0], X[1]], A(x))", "real[part, 2]"),
        ("expect([Z[0], X[1], Y[2], Z[1]], A(x), over=feat)", "real[part, feat]"),
        ("probs(A(x))", "real[part, 8]"),
        ("probs(A(x), over=outcome)", "real[part, outcome]"),
        ("probs(A(x), of=[2, 0])", "real[part, 4]"),
        ("fidelity(A(x), A(prime(x, part)))", "real[part, part']"),
        ("fidelity(A(x), prime(A(x), part))", "real[part, part']"),
        ("fidelity(A(x), A(mean(x, over=part)))", "real[part]"),
        ("expect(Z[0], A(mean(x, over=part)) |> B(x, 2))", "real[part]"),
        ("fidelity(A(mean(x, over=part)), B(mean(x, over=part), w))", "real[part]"),
    ],
)
def test_results_have_the_dims_that_arguments_have_more(expression: str, written: str) -> None:
    reduced = f"sum({expression}, over=part')" if "part'" in written else expression
    built = module(f"{HEADER}model M(x: real[part, wire], w: real[part]) = {reduced}\n")
    assert str(measured(built).type) == written


def test_values_differ_between_particles_as_they_should() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=4)
    found = value("sum(fidelity(A(x), prime(B(x, w), part)), over=part')", x, "real[part, wire]", w=w)
    expected = [sum(abs(psi_b(b, v).inner(psi_a(a))) ** 2 for b, v in zip(x, w, strict=True)) for a in x]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_function_lifts_its_circuits() -> None:
    text = (
        "fn K(a: real[wire], b: real[wire]) -> real = fidelity(A(a), A(b))\n"
        "model M(x: real[part, wire]) -> real[part] = mean(K(x, prime(x, part)), over=part')\n"
    )
    built = module(HEADER + text)
    assert str(measured(built).type) == "real[part, part']"
    x = np.random.default_rng(1).normal(size=(3, 3))
    expected = [np.mean([abs(psi_a(b).inner(psi_a(a))) ** 2 for b in x]) for a in x]
    np.testing.assert_allclose(run_event(built, {"x": x}, {})["output"], expected, atol=1e-12)


def test_an_open_dim_named_by_over_takes_its_size_from_the_register() -> None:
    text = (
        "dim wire = 3\ndim bit\ndim any\ncircuit A(x: real[any]) on q: qubit[any] { ry(0.1, q) }\n"
        "fn norm(x: real[any]) -> real {\n  z = expect(Z, A(x), over=bit)\n  return sum(z * z, over=bit)\n}\n"
        "model M(x: real[wire]) -> real = norm(x)\n"
    )
    assert measured(module(text)).type == Type("real", (measured(module(text))["dim"],))


def test_pauli_names_mean_something_else_where_they_are_declared() -> None:
    text = HEADER + "model M(x: real[wire]) -> real {\n  Z = 3\n  return expect(Z * X[0], A(x))\n}\n"
    assert measured(module(text))["observables"] == (((3.0, ((0, "X"),)),),)
    assert codes(HEADER + "const Z = 3\nmodel M(x: real[wire]) -> real = expect(Z[0], A(x))\n") == ["HQ0408"]


def test_nothing_is_a_pauli_operator_outside_expect() -> None:
    assert codes(HEADER + "fn f(x: real[wire]) -> real = Z + x[0]\n") == ["HQ0101"]


SIZES = """
dim sv
block machine(x: real[wire]) -> real {
  buffer support: real[sv, wire] ~ zeros()
  return sum(fidelity(A(x), A(support)), over=sv)
}
model M(x: real[wire]) -> real = machine(x)
"""


def test_dims_that_training_sizes() -> None:
    assert codes(HEADER + SIZES) == []
    built = module(HEADER + SIZES, dims={"sv": 7})
    assert built.params["machine0.support"].type.dims[0].size == 7
