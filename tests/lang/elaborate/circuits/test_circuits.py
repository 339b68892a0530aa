# SPDX-License-Identifier: Apache-2.0
"""Circuits as values: registers, static arguments, sub-circuits, composition, slots."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import library
from qiskit.quantum_info import Operator

from hepq.core.circuits import Angle
from hepq.core.diagnostics.diagnostic import HepqError
from tests.support.circuits import codes, measured, module, of_body, state, unitary

ZZ = """
circuit ZZMap[reps: int = 2, edges: list = pairs(wire)](x: real[wire]) on q: qubit[wire] {
  for r in 0..reps {
    for i in wire {
      h(q[i])
      p(2 * x[i], q[i])
    }
    for i, j in edges {
      cx(q[i], q[j])
      p(2 * (pi - x[i]) * (pi - x[j]), q[j])
      cx(q[i], q[j])
    }
  }
}
"""
EMBED = """
dim any
circuit Embed(x: real[any], w: real) on q: qubit[any] {
  for i in any {
    ry(x[i] + w, q[i])
    p(w, q[i])
  }
  ladder(cx, q)
}
"""
X = (0.4, -1.1, 2.3)


def agree(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, atol=1e-12)


def bound(circuit: QuantumCircuit, values: Any) -> Any:
    return Operator(circuit.assign_parameters(values).decompose(reps=3)).data


def embed(x: Any, w: float) -> QuantumCircuit:
    out = QuantumCircuit(len(x))
    for i, value in enumerate(x):
        out.ry(value + w, i)
        out.p(w, i)
    for i in range(len(x) - 1):
        out.cx(i, i + 1)
    return out


@pytest.mark.parametrize(
    ("edges", "kind"), [("", "full"), (", edges=ladder(wire)", "linear"), (", edges=ring(wire)", "circular")]
)
@pytest.mark.parametrize("wires", [2, 3, 4])
def test_zz_map_is_qiskits(wires: int, edges: str, kind: str) -> None:
    x = np.random.default_rng(wires).uniform(-3, 3, wires)
    agree(unitary(ZZ, f"ZZMap[reps=2{edges}](x)", x), bound(library.zz_feature_map(wires, 2, kind), x))


@pytest.mark.parametrize("wires", [2, 3, 5])
@pytest.mark.parametrize("reps", [1, 2, 3])
def test_equal_angles_share_a_slot(wires: int, reps: int) -> None:
    circuit, _ = state(ZZ, f"ZZMap[reps={reps}](x)", wires)
    assert circuit.slots == wires + wires * (wires - 1) // 2
    assert len(circuit.ops) == reps * (2 * wires + 3 * wires * (wires - 1) // 2)


def test_circuits_after_each_other_share_slots_too() -> None:
    once, _ = state(ZZ, "ZZMap(x)", 3)
    twice, _ = state(ZZ, "ZZMap(x) |> adjoint(ZZMap(x)) |> ZZMap[reps=1](x)", 3)
    assert twice.slots == once.slots


@pytest.mark.parametrize(
    ("written", "angle"),
    [
        ("0.3", Angle(0.3)),
        ("pi / 2", Angle(pi / 2)),
        ("x[0]", Angle.slot(0)),
        ("-x[0]", Angle.slot(0, -1)),
        ("2 * x[0] + pi", Angle(pi, ((0, 2.0),))),
        ("(x[0] - 1) / 4", Angle(-0.25, ((0, 0.25),))),
        ("x[0] + x[0]", Angle.slot(0, 2)),
        ("x[0] - x[0]", Angle()),
        ("x[0] + x[1]", Angle.slot(0)),
        ("x[0] * x[1] - 1", Angle(-1.0, ((0, 1.0),))),
        ("sin(x[0])", Angle.slot(0)),
    ],
)
def test_static_factors_stay_out_of_slots(written: str, angle: Angle) -> None:
    circuit, _ = state(f"circuit A(x: real[wire]) on q: qubit[wire] {{ id(q) rx({written}, q[0]) }}", "A(x)", 2)
    assert circuit.ops[-1].angles == (angle,)
    assert circuit.slots == 1


def test_a_circuit_without_angles_has_one_slot_that_is_zero() -> None:
    circuit, angles = state("circuit A(x: real[wire]) on q: qubit[wire] { h(q) }", "A(x)", 2)
    assert circuit.slots == 1
    assert not list(circuit.angles)
    assert angles.outputs["angles"].operands[0]["value"] == 0.0


def test_sub_circuits_and_sub_registers() -> None:
    declarations = EMBED + (
        "circuit A(x: real[wire]) on q: qubit[wire] {\n"
        "  Embed(x, 0.2, q)\n  Embed(x[1..3], 0.7, q[0..2])\n  Embed(w=0.5, x=x, [q[2], q[0], q[1]])\n"
        "  adjoint(Embed(x, 0.1), q)\n  controlled(Two(x), q[1], [q[2], q[0]])\n  Two(x, q[0..2])\n}\n"
        "circuit Two(x: real[wire]) on q: qubit[2] {\n  rz(x[0], q[0])\n  sx(q[-1])\n  cx(q[1], q[0])\n}\n"
    )
    two = QuantumCircuit(2)
    two.rz(X[0], 0)
    two.sx(1)
    two.cx(1, 0)
    expected = QuantumCircuit(3)
    expected.compose(embed(X, 0.2), inplace=True)
    expected.compose(embed(X[1:3], 0.7), [0, 1], inplace=True)
    expected.compose(embed(X, 0.5), [2, 0, 1], inplace=True)
    expected.compose(embed(X, 0.1).inverse(), inplace=True)
    expected.append(two.to_gate().control(1, annotated=False), [1, 2, 0])
    expected.compose(two, [0, 1], inplace=True)
    agree(unitary(declarations, "A(x)", X), Operator(expected).data)


def test_a_controlled_circuit_keeps_its_phase() -> None:
    declarations = (
        "circuit Phased(a: real) on q: qubit[1] { p(a, q) x(q) p(a, q) x(q) }\n"
        "circuit A(x: real[wire]) on q: qubit[wire] { h(q[1]) controlled(Phased(x[0]), q[0], q[1]) }"
    )
    expected = QuantumCircuit(2)
    expected.h(1)
    expected.p(X[0], 0)  # exp(i a) on the target is a phase of the control
    agree(unitary(declarations, "A(x)", X[:2]), Operator(expected).data)


def test_entries_of_a_slice_share_slots() -> None:
    body = "Embed(x[0..2], 0, q[0..2]) Embed(x[1..3], 0, q[1..3]) Embed(x[[2, 0]], 0, q[0..2])"
    declarations = f"{EMBED}circuit A(x: real[wire]) on q: qubit[wire] {{ {body} }}"
    circuit, _ = state(declarations, "A(x)", 3)
    assert circuit.slots == 3


@pytest.mark.parametrize("expression", ["ZZMap(x) |> adjoint(ZZMap(x))", "adjoint(ZZMap(x)) |> ZZMap(x)"])
def test_what_is_undone_is_nothing(expression: str) -> None:
    agree(unitary(ZZ, expression, X), np.eye(8))


def test_composition_applies_one_after_the_other() -> None:
    first, second = (unitary(ZZ + EMBED, e, X) for e in ("ZZMap(x)", "Embed(x, 0.3)"))
    agree(unitary(ZZ + EMBED, "ZZMap(x) |> Embed(x, 0.3)", X), second @ first)
    agree(unitary(ZZ + EMBED, "x |> ZZMap |> adjoint(Embed(x, 0.3))", X), second.conj().T @ first)


def test_a_state_bound_to_a_name_is_used_as_often_as_one_likes() -> None:
    text = (
        f"dim wire = 2\n{ZZ}model M(x: real[wire]) -> real {{\n  s = ZZMap(x)\n"
        "  return expect(Z[0], s) + fidelity(s, s |> s) + probs(s)[0] + probs(s)[3]\n}\n"
    )
    found = module(text)
    stacks = [n for n in found.walk() if n.op == "stack"]
    assert len(stacks) == 1
    assert [n["right"].slots for n in found.walk() if n.op == "fidelity"] == [3]


QFT = """
dim n
circuit QFT() on q: qubit[n] {
  for i in reverse(0..size(n)) {
    h(q[i])
    for j in 0..i {
      cp(pi / 2^(i - j), q[j], q[i])
    }
  }
  for i in 0..int(size(n) / 2) {
    swap(q[i], q[-1 - i])
  }
}
"""


@pytest.mark.parametrize("wires", [1, 2, 3, 4])
def test_a_register_takes_its_size_from_the_state_it_is_applied_to(wires: int) -> None:
    x = np.zeros(wires)
    declarations = QFT + "circuit Nothing(x: real[wire]) on q: qubit[wire] { id(q) }"
    found = unitary(declarations, "Nothing(x) |> QFT()", x)
    agree(found, bound(library.QFTGate(wires).definition, []))
    undone = unitary(declarations, "Nothing(x) |> adjoint(QFT())", x)
    agree(undone, found.conj().T)


def test_registers_of_open_dims_are_checked_before_their_size_is_known() -> None:
    text = QFT + EMBED + "dim wire\nfn f(x: real[wire]) -> real = expect(Z[0], Embed(x, 0.1) |> QFT())\n"
    text += "fn g(x: real[wire]) -> real = fidelity(Embed(x, 0.1), adjoint(Embed(x, 1)))\n"
    assert codes(text) == []
    assert codes(text + "fn h(x: real[wire]) -> real[2] = fidelity(Embed(x, 0.1), Embed(x, 1))\n") == ["HQ0207"]


@pytest.mark.parametrize(
    "declaration",
    [
        "circuit A[n: int](a: real) on q: qubit[n] { rx(a, q) }",
        "circuit A[n: dim](a: real) on q: qubit[n] { for i in n { rx(a, q[i]) } }",
        "circuit A[n: int](a: real) on q: qubit[2 * n - 3] { rx(a, q) }",
    ],
)
def test_a_register_of_a_static_size(declaration: str) -> None:
    circuit, _ = state(declaration, "A[3](x[0])", 2)
    assert circuit.qubits == 3
    assert len(circuit.ops) == 3


def test_static_arguments_may_be_circuits_and_gates() -> None:
    declarations = (
        "dim any\n"
        "circuit Layer[rotation: circuit = ry, entangler: circuit = cz](x: real[any]) on q: qubit[any] {\n"
        "  for i in any { rotation(x[i], q[i]) }\n  ring(entangler, q)\n}\n"
        "circuit Twice[map: circuit](x: real[any]) on q: qubit[any] { map(x, q) map(x, q) }\n"
    )
    circuit, _ = state(declarations, "Twice[Layer[rx, cx]](x)", 3)
    assert [op.name for op in circuit.ops] == ["rx", "rx", "rx", "cx", "cx", "cx"] * 2  # type: ignore[union-attr]
    default, _ = state(declarations, "Layer(x)", 3)
    assert {op.name for op in default.ops} == {"ry", "cz"}  # type: ignore[union-attr]


def test_static_lists() -> None:
    body = (
        "edges = every(ladder(wire), 2) + every(ladder(wire), 2, start=1)\n"
        "for i, j in edges { cx(q[i], q[j]) }\n"
        "for i in reverse(wire) { h(q[i]) }\n"
        "for i in [0, 1, 2, 3][1..3] { x(q[i]) }"
    )
    expected = QuantumCircuit(4)
    for a, b in ((0, 1), (2, 3), (1, 2)):
        expected.cx(a, b)
    expected.h(range(4))
    expected.x([1, 2])
    agree(of_body(body, (0, 0, 0, 0)), Operator(expected).data)


def test_names_in_a_body() -> None:
    body = (
        "dim two = 2\nangle: rad = size(two) * atan(x[0])\na, b = (0, 2)\ncry(angle, q[a], q[b])\n"
        "angle = angle / 2\nrx(angle, q[a])"
    )
    expected = QuantumCircuit(3)
    expected.cry(2 * np.arctan(X[0]), 0, 2)
    expected.rx(np.arctan(X[0]), 0)
    agree(of_body(body), Operator(expected).data)


def test_parameters_may_have_the_names_of_gates() -> None:
    declarations = "circuit A(x: real[wire], h: real = 0.5) on q: qubit[wire] { x(q[0]) h(q[1]) rx(h * x[0], q[0]) }"
    circuit, _ = state(declarations, "A(x)", 2)
    assert [op.name for op in circuit.ops] == ["x", "h", "rx"]  # type: ignore[union-attr]
    assert list(circuit.angles) == [Angle.slot(0, 0.5)]


def test_circuits_may_have_the_names_of_gates_and_patterns() -> None:
    declarations = (
        "circuit swap(a: real) on q: qubit[2] { rx(a, q) }\n"
        "circuit ring(a: real) on q: qubit[2] { ry(a, q) }\n"
        "circuit A(x: real[wire]) on q: qubit[wire] { swap(x[0], q) ring(x[0], q) adjoint(ring(x[1]), q) }"
    )
    circuit, _ = state(declarations, "A(x)", 2)
    assert [op.name for op in circuit.ops] == ["rx", "rx"] + 4 * ["ry"]  # type: ignore[union-attr]


def test_functions_of_angles_are_shared_through_calls() -> None:
    declarations = (
        "fn shifted(a: real, b: real) -> real = (pi - a) * (pi - b)\n"
        "circuit A(x: real[wire]) on q: qubit[wire] {\n"
        "  for r in 0..3 { rzz(2 * shifted(x[0], x[1]), q[0], q[1]) }\n}\n"
    )
    circuit, _ = state(declarations, "A(x)", 2)
    assert circuit.slots == 1


def test_circuits_end_somewhere() -> None:
    many = "circuit A(x: real) on q: qubit[1000] { all_pairs(cz, q) h(q) }\n"
    assert codes(many) == ["HQ0412"]
    assert codes("circuit A[n: int](a: real) on q: qubit[n] { h(q) }\nfn f(a: real) = A[1025](a)\n") == ["HQ0517"]


def test_no_model_is_said_with_what_there_is() -> None:
    text = f"dim wire = 2\n{ZZ}fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZZMap(a), ZZMap(b))\n"
    with pytest.raises(HepqError, match="no model `Kernel`") as found:
        module(text, model="Kernel")
    assert found.value.diagnostics[0].help == "it has K"
    with pytest.raises(HepqError, match="no model in"):
        module(text)


def test_a_function_of_two_events_is_built_when_named() -> None:
    text = f"dim wire = 2\n{ZZ}fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZZMap(a), ZZMap(b))\n"
    found = module(text, model="K")
    assert [i["name"] for i in found.inputs] == ["a", "b"]
    assert measured(found).type.dims == ()
