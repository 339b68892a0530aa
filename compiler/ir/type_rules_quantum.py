# SPDX-License-Identifier: Apache-2.0
"""Type rules of the quantum ops: angle slots go in, numbers about measured qubits come out."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.compiler.ir.node import Node
from hepq.compiler.ir.type_rules import Attrs, require
from hepq.core.circuits import Circuit
from hepq.core.types import Dim, Type, merge_dims


def fidelity(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    left, right = attrs["left"], attrs["right"]
    require(left.qubits == right.qubits, f"circuits on {left.qubits} and {right.qubits} wires")
    dims = [_events(node, circuit) for node, circuit in zip(operands, (left, right), strict=True)]
    return _ordered(merge_dims(dims), declared)


def expect(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    circuit, observables, dim = attrs["circuit"], attrs["observables"], attrs["dim"]
    wires = {wire for terms in observables for _, pauli in terms for wire, _ in pauli}
    require(all(0 <= w < circuit.qubits for w in wires), f"an observable beyond {circuit.qubits} wires")
    require((1 if dim is None else dim.size) == len(observables), "one entry per observable")
    return Type("real", (*_events(operands[0], circuit), *([] if dim is None else [dim])))


def probs(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    circuit, dim = attrs["circuit"], attrs["dim"]
    require(dim.size == 1 << circuit.qubits, f"dim {dim} must have 2^{circuit.qubits} entries")
    return Type("real", (*_events(operands[0], circuit), dim))


def sample(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    require(attrs["shots"] >= 1, "at least one shot")
    return probs(operands, attrs, declared)


def _events(node: Node, circuit: Circuit) -> tuple[Dim, ...]:
    """Dims of the angles but for the slots, which come last."""
    t = node.type
    require(t.elem == "real" and t.unit.dimensionless, f"angles are real numbers, not {t}")
    require(bool(t.dims) and t.dims[-1].size == circuit.slots, f"{circuit.slots} slots are filled by {t}")
    return t.dims[:-1]


def _ordered(dims: tuple[Dim, ...], declared: Type | None) -> Type:
    if declared is not None and sorted(d.key for d in declared.dims) == sorted(d.key for d in dims):
        dims = declared.dims
    return Type("real", dims)
