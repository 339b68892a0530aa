# SPDX-License-Identifier: Apache-2.0
"""Other compilers' circuits with their one-qubit gates written anew: open angles merged, phases nobody sees dropped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import pi

from hepq.compiler.lower.circuit.native_gates import best_couplings, natively
from hepq.runtime.quantum.circuit import Angle, Barrier, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native


def polished(native: Native, device: Device) -> Native:
    """The same distribution by the same two-qubit gates, with one-qubit gates as ``natively`` writes them."""
    gates = (step for op in native.circuit.ops for step in _with_cx(op))
    ops = natively(gates, device, best_couplings(device))
    return replace(native, circuit=Circuit(native.circuit.qubits, native.circuit.slots, ops))


def _with_cx(op: Op) -> Iterator[Gate | Barrier]:
    assert not isinstance(op, Diagonal)
    if isinstance(op, Barrier) or op.name not in ("cz", "ecr"):
        yield op
        return
    a, b = op.qubits
    if op.name == "cz":
        yield from (Gate("h", (b,)), Gate("cx", (a, b)), Gate("h", (b,)))
        return
    yield Gate("cx", (a, b))
    yield from (Gate("x", (a,)), Gate("rz", (a,), (Angle(-pi / 2),)))
    yield from (Gate("rz", (b,), (Angle(pi),)), Gate("sxdg", (b,)), Gate("rz", (b,), (Angle(pi),)))
