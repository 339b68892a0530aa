# SPDX-License-Identifier: Apache-2.0
"""For tests: the circuits that a program measures, their angles, and their unitaries by Qiskit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.quantum_info import Operator

from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import verify
from hepq.core.circuits import Circuit
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.support.qiskit_states import in_qiskit

Array = NDArray[Any]


def module(text: str, **options: Any) -> Module:
    """The IR of a program that checks without a word."""
    sink = Sink()
    program = load(None, text, sink)
    check(program, sink)
    if sink.items:
        raise HepqError(sink.items)
    found = build(program, sink, **options).module
    verify(found)
    return found


def codes(text: str) -> list[str]:
    sink = Sink()
    check(load(None, text, sink), sink)
    return [d.code for d in sink.items]


def measured(built: Module) -> Node:
    """The one node that measures a circuit."""
    (node,) = [n for n in built.walk() if n.op in ("expect", "probs", "sample", "fidelity")]
    return node


def state(declarations: str, expression: str, wires: int) -> tuple[Circuit, Module]:
    """The circuit of ``expression``, and a module that gives the values of its slots for ``x: real[wire]``."""
    text = f"dim wire = {wires}\n{declarations}\nmodel M(x: real[wire]) -> real = expect(Z[0], {expression})\n"
    built = module(text)
    node = measured(built)
    return node["circuit"], Module("angles", built.inputs, {"angles": node.operands[0]})


def unitary(declarations: str, expression: str, x: Any) -> Array:
    """The unitary of ``expression`` for these values of ``x``, by Qiskit, global phase included."""
    circuit, angles = state(declarations, expression, len(x))
    values = run_event(angles, {"x": np.asarray(x, float)}, {})["angles"]
    return np.asarray(Operator(in_qiskit(circuit, values)).data)


def of_body(body: str, x: Any = (0.4, -1.1, 2.3)) -> Array:
    """The unitary of a circuit with that body on ``len(x)`` qubits ``q``; all of them are touched."""
    everything = "\n".join(f"id(q[{i}])" for i in range(len(x)))
    return unitary(f"circuit A(x: real[wire]) on q: qubit[wire] {{\n{everything}\n{body}\n}}", "A(x)", x)
