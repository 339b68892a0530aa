# SPDX-License-Identifier: Apache-2.0
"""``barrier`` in programs: on which wires it stands, what adjoint, control and composition make of it."""

from __future__ import annotations

import pytest

from hepq.core.circuits import Barrier, Circuit, Gate
from hepq.lang.format.program import format_source
from tests.support.circuits import codes, state


def found(body: str, wires: int = 3, declarations: str = "") -> Circuit:
    everything = "\n".join(f"id(q[{i}])" for i in range(wires))
    text = f"{declarations}\ncircuit A(x: real[wire]) on q: qubit[wire] {{\n{everything}\n{body}\n}}"
    return state(text, "A(x)", wires)[0]


@pytest.mark.parametrize(
    ("statement", "wires"),
    [("barrier()", (0, 1, 2)), ("barrier(q)", (0, 1, 2)), ("barrier(q[0], q[2])", (0, 2)), ("barrier(q[-1])", (2,)),
     ("barrier([q[2], q[0]])", (2, 0)), ("barrier(q[1..3])", (1, 2))],
)  # fmt: skip
def test_wires(statement: str, wires: tuple[int, ...]) -> None:
    assert found(statement).barriers == (Barrier(wires),)


def test_no_wires_are_no_barrier() -> None:
    assert found("barrier(q[0..0])").barriers == ()


INNER = """
circuit Inner(a: real) on r: qubit[2] {
  rx(a, r[0])
  barrier()
  cx(r[0], r[1])
}
"""


def test_of_all_qubits_means_those_of_the_circuit_it_stands_in() -> None:
    assert found("Inner(x[0], q[2], q[0])", declarations=INNER).barriers == (Barrier((2, 0)),)


def test_adjoint_has_them_in_reverse() -> None:
    ops = found("adjoint(Inner(x[0]), q[0..2])", declarations=INNER).ops[3:]
    assert [op.name if isinstance(op, Gate) else op for op in ops] == ["cx", Barrier((0, 1)), "rx"]


def test_controlled_ones_hold_the_control() -> None:
    ops = found("controlled(Inner(x[0]), q[2], q[0..2])", declarations=INNER).ops[3:]
    assert [op.name if isinstance(op, Gate) else op for op in ops] == ["crx", Barrier((2, 0, 1)), "ccx"]


def test_a_circuit_of_that_name_is_one() -> None:
    own = "circuit barrier(a: real) on r: qubit[3] {\n  rx(a, r)\n}"
    assert not found("barrier(x[0], q)", declarations=own).barriers


def test_a_wire_not_known_yet_is_accepted() -> None:
    body = "  for i in n {\n    rx(x[i], q[i])\n    barrier(q[i])\n  }\n"
    text = f"dim n\n\ncircuit A(x: real[n]) on q: qubit[n] {{\n{body}}}\n"
    assert codes(text) == []
    assert format_source(text) == text


def test_idle_qubits_are_idle_behind_a_barrier() -> None:
    assert codes("circuit A() on q: qubit[2] {\n  h(q[0])\n  barrier()\n}\n") == ["HQ0515"]
