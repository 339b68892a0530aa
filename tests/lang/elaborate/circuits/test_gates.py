# SPDX-License-Identifier: Apache-2.0
"""Gates, adjoints and controls against Qiskit's matrices, global phase included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
from qiskit.circuit import library as q
from qiskit.quantum_info import Operator

from hepq.lang.elaborate.circuits.gates import GATES
from tests.support.circuits import of_body

#: every gate of the language, as Qiskit's class of the same matrix
CLASSES: dict[str, type[Gate]] = {
    "id": q.IGate, "x": q.XGate, "y": q.YGate, "z": q.ZGate, "h": q.HGate, "s": q.SGate, "sdg": q.SdgGate,
    "t": q.TGate, "tdg": q.TdgGate, "sx": q.SXGate, "p": q.PhaseGate, "phase": q.PhaseGate, "rx": q.RXGate,
    "ry": q.RYGate, "rz": q.RZGate, "u1": q.U1Gate, "u2": q.U2Gate, "u3": q.U3Gate, "u": q.UGate, "cx": q.CXGate,
    "CX": q.CXGate, "cy": q.CYGate, "cz": q.CZGate, "ch": q.CHGate, "swap": q.SwapGate, "cp": q.CPhaseGate,
    "cphase": q.CPhaseGate, "crx": q.CRXGate, "cry": q.CRYGate, "crz": q.CRZGate, "rxx": q.RXXGate,
    "ryy": q.RYYGate, "rzz": q.RZZGate, "cu": q.CUGate, "ccx": q.CCXGate, "cswap": q.CSwapGate,
}  # fmt: skip
#: angles of slots, one of them also by a constant
ANGLES = ("x[0]", "2 * x[1] - 0.3", "x[2]", "-x[0] / 2")
X = (0.4, -1.1, 2.3, 0.9, -0.2)
VALUES = (X[0], 2 * X[1] - 0.3, X[2], -X[0] / 2)


def given(name: str) -> Gate:
    return CLASSES[name](*VALUES[: GATES[name][0]])


def call(name: str) -> str:
    """The gate with its angles, without qubits."""
    return f"{name}({', '.join(ANGLES[: GATES[name][0]])})"


def on(operation: str, wires: list[int]) -> str:
    return operation[:-1] + ", " * (operation[-2] != "(") + ", ".join(f"q[{w}]" for w in wires) + ")"


def expected(gate: Any, wires: list[int], total: int = 5) -> Any:
    circuit = QuantumCircuit(total)
    circuit.append(gate, wires)
    return Operator(circuit).data


def agree(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, atol=1e-12)


def test_every_gate_is_there() -> None:
    assert set(CLASSES) == set(GATES)


@pytest.mark.parametrize("name", GATES)
def test_gate(name: str) -> None:
    wires = [3, 0, 2][: GATES[name][1]]
    agree(of_body(on(call(name), wires), X), expected(given(name), wires))


@pytest.mark.parametrize("name", GATES)
def test_adjoint(name: str) -> None:
    wires = [1, 4, 2][: GATES[name][1]]
    listed = ", ".join(f"q[{w}]" for w in wires)
    agree(of_body(f"adjoint({call(name)}, {listed})", X), expected(given(name).inverse(), wires))


@pytest.mark.parametrize("controls", [1, 2])
@pytest.mark.parametrize("name", GATES)
def test_controlled(name: str, controls: int) -> None:
    wires = [4, 1, 2, 0, 3][: controls + GATES[name][1]]
    first = ", ".join(f"q[{w}]" for w in wires[:controls])
    rest = ", ".join(f"q[{w}]" for w in wires[controls:])
    found = of_body(f"controlled({call(name)}, [{first}], {rest})", X)
    plain = QuantumCircuit(GATES[name][1])
    plain.append(given(name), range(GATES[name][1]))
    agree(found, expected(plain.to_gate().control(controls, annotated=False), wires))


def test_a_control_inside_another() -> None:
    found = of_body("controlled(controlled(cry(x[0])), q[3], q[0], q[1], q[2])", X)
    agree(found, expected(q.RYGate(X[0]).control(3, annotated=False), [3, 0, 1, 2]))


def test_undone_controls() -> None:
    agree(of_body("controlled(sx(), q[0], q[1])\nadjoint(controlled(sx()), q[0], q[1])", X), np.eye(32))


def test_gates_on_several_qubits_at_once() -> None:
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    for wire in (0, 1, 4):
        circuit.rx(0.3, wire)
    circuit.ch(3, [0, 1])
    body = "h(q)\nx(q[5..5])\nrx(0.3, [q[0..2], q[-1]])\ncontrolled(h(), q[3], q[0..2])"
    agree(of_body(body, X), Operator(circuit).data)


@pytest.mark.parametrize(
    ("pattern", "edges"),
    [
        ("ring(cx, q)", [(3, 0), (0, 1), (1, 2), (2, 3)]),
        ("ladder(cx, q)", [(0, 1), (1, 2), (2, 3)]),
        ("all_pairs(cx, q)", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
        ("ring(cx, q[0..2])", [(0, 1)]),
        ("ladder(cx, q[[3, 1, 0]])", [(3, 1), (1, 0)]),
        ("ring(adjoint(crx(0.3)), q[1..4])", [(3, 1), (1, 2), (2, 3)]),
    ],
)
def test_patterns(pattern: str, edges: list[tuple[int, int]]) -> None:
    circuit = QuantumCircuit(4)
    for a, b in edges:
        circuit.crx(-0.3, a, b) if "crx" in pattern else circuit.cx(a, b)
    agree(of_body(pattern, X[:4]), Operator(circuit).data)


def test_patterns_follow_qiskits_entanglement() -> None:
    body = "ry(0.1, q)\nring(cx, q)\nladder(cx, q)\nall_pairs(cx, q)"
    circuit = QuantumCircuit(4)
    circuit.ry(0.1, range(4))
    for kind in ("circular", "linear", "full"):
        circuit.compose(q.n_local(4, [], "cx", kind, reps=1), inplace=True)
    agree(of_body(body, X[:4]), Operator(circuit).data)
