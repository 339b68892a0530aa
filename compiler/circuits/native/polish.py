# SPDX-License-Identifier: Apache-2.0
"""Other compilers' circuits with their one-qubit gates written anew: open angles merged, phases nobody sees dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from math import pi

from hepq.compiler.circuits.layout.regions import costs, stand_graph, within
from hepq.compiler.circuits.native.gates import best_couplings, natively
from hepq.compiler.circuits.portfolio.score import score
from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import Coupling, Device
from hepq.runtime.quantum.native import Native


def polished(native: Native, device: Device) -> Native:
    """The same distribution by the same two-qubit gates, with one-qubit gates as ``natively`` writes them."""
    couplings = best_couplings(device)
    gates = (op for op in with_cx(native, couplings).circuit.ops if not isinstance(op, Diagonal))
    return replace(native, circuit=replace(native.circuit, ops=natively(gates, device, couplings)))


def with_cx(native: Native, couplings: Mapping[tuple[int, int], Coupling] | None = None) -> Native:
    """With cx for every cz, in the direction of its coupling, and ecr."""
    ops = tuple(step for op in native.circuit.ops for step in _with_cx(op, couplings or {}))
    return replace(native, circuit=replace(native.circuit, ops=ops))


def placed(routed: Native, device: Device, qubits: Collection[int] | None = None) -> Native:
    """``polished``, where the same gates fail least: as it stands, or moved as a whole (within ``qubits``)."""
    first = polished(routed, device)
    found = costs(device, best_couplings(device))
    uses = Counter(
        (min(op.qubits), max(op.qubits)) for op in routed.circuit.ops if isinstance(op, Gate) and len(op.qubits) == 2
    )
    turns = Counter(dict.fromkeys(routed.used, 0))
    turns.update(
        op.qubits[0]
        for op in first.circuit.ops
        if isinstance(op, Gate) and len(op.qubits) == 1 and op.name not in device.free
    )
    where = stand_graph(found if qubits is None else within(found, qubits), uses, turns, routed.measured)
    if where is None:
        return first
    other = polished(_moved(routed, where), device)
    return max((first, other), key=lambda native: score(native, device).log_esp)


def _moved(native: Native, where: Mapping[int, int]) -> Native:
    circuit = native.circuit
    return replace(
        native,
        circuit=Circuit(circuit.qubits, circuit.slots, tuple(op.on(where) for op in circuit.ops)),
        layout=tuple(where[q] for q in native.layout),
        measured=tuple(where[q] for q in native.measured),
    )


def _with_cx(op: Op, couplings: Mapping[tuple[int, int], Coupling]) -> Iterator[Gate | Barrier]:
    assert not isinstance(op, Diagonal)
    if isinstance(op, Barrier) or op.name not in ("cz", "ecr"):
        yield op
        return
    a, b = op.qubits
    if op.name == "cz":
        if (link := couplings.get((min(a, b), max(a, b)))) is not None:
            a, b = link.a, link.b
        yield from (Gate("h", (b,)), Gate("cx", (a, b)), Gate("h", (b,)))
        return
    yield Gate("cx", (a, b))
    yield from (Gate("x", (a,)), Gate("rz", (a,), (Angle(-pi / 2),)))
    yield from (Gate("rz", (b,), (Angle(pi),)), Gate("sxdg", (b,)), Gate("rz", (b,), (Angle(pi),)))
