# SPDX-License-Identifier: Apache-2.0
"""Circuits and devices in Qiskit's terms, and what its transpiler made of them as native circuits.

Each angle with slots becomes one opaque parameter, so that what comes out is affine in parameters, and they in slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hepq.compiler.circuits.native.gates import best_couplings, natively
from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from hepq.runtime.quantum.simulate.elementary import elementary

#: one-qubit gates that Qiskit's transpiler writes for every target
INNER = ("rz", "sx", "x")
#: gates whose angles may be open in Qiskit
_ROTATIONS = frozenset("rx ry rz rzz".split())
Names = dict[str, Angle]


def to_qiskit(circuit: Circuit, outputs: Sequence[int] | None = None) -> tuple[Any, Names]:
    """The circuit, its wire ``outputs[i]`` (default: i) measured into bit i; and what its parameters stand for."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    out, names = QuantumCircuit(circuit.qubits, circuit.qubits), Names()
    known: dict[tuple[tuple[int, float], ...], Any] = {}

    def value(angle: Angle) -> Any:
        if angle.fixed:
            return angle.constant
        if angle.terms not in known:
            known[angle.terms] = Parameter(f"t{len(known)}")
            names[known[angle.terms].name] = Angle(0.0, angle.terms)
        return known[angle.terms] + angle.constant if angle.constant else known[angle.terms]

    for op in _plain(circuit.ops):
        if isinstance(op, Gate):
            getattr(out, op.name)(*map(value, op.angles), *op.qubits)
        elif isinstance(op, Barrier):
            out.barrier(op.qubits, label=str(op.number))
        else:
            _phases(out, op, value)
    for bit, wire in enumerate(outputs or range(circuit.qubits)):
        out.measure(wire, bit)
    return out, names


def _plain(ops: Iterable[Op]) -> Iterator[Op]:
    """Gates with open angles as rotations about x, y and z: Qiskit 2.6 takes minutes to translate an open p or u."""
    for op in ops:
        if isinstance(op, Gate) and op.name not in _ROTATIONS and not all(a.fixed for a in op.angles):
            yield from elementary((op,))
        else:
            yield op


def _phases(out: Any, layer: Diagonal, value: Any) -> None:
    for wires, angle in layer.terms:
        if not wires:  # a global phase
            continue
        if len(wires) <= 2:
            (out.rz if len(wires) == 1 else out.rzz)(value(angle), *wires)
            continue
        steps = list(pairwise(wires))
        for a, b in steps:
            out.cx(a, b)
        out.rz(value(angle), wires[-1])
        for a, b in reversed(steps):
            out.cx(a, b)


def inner_gate(device: Device) -> str | None:
    """The two-qubit gate that the transpiler is to write: the device's own if its one-qubit gates are Qiskit's too."""
    own = {c.gate for c in best_couplings(device).values()}
    if set(INNER) <= set(device.one_qubit) and len(own) == 1 and own <= {"cz", "cx", "ecr"}:
        return own.pop()
    return None


def target_of(device: Device, qubits: Collection[int] | None = None, *, any_angle: bool = False) -> Any:
    """A ``qiskit.transpiler.Target`` of what may be used; a cx for couplings that Qiskit has no gate for.

    ``qubits``: only these. ``any_angle``: an rzz instead of the cx, for devices that give it at any angle.
    """
    from qiskit.circuit import Measure, Parameter
    from qiskit.circuit.library import CXGate, CZGate, ECRGate, RZGate, RZZGate, SXGate, XGate
    from qiskit.transpiler import InstructionProperties, Target

    out, own = Target(num_qubits=device.size), inner_gate(device)
    free = {q for q, site in enumerate(device.qubits) if site.usable and (qubits is None or q in qubits)}
    gate_time, read_time = device.durations.get("gate"), device.durations.get("readout")
    out.add_instruction(
        RZGate(Parameter("t")), {(q,): InstructionProperties(error=0.0, duration=0.0) for q in sorted(free)}
    )
    for gate in (SXGate(), XGate()):
        figures = {(q,): InstructionProperties(error=device.qubits[q].error or 0.0, duration=gate_time) for q in free}
        out.add_instruction(gate, figures)
    links = {}
    for c in best_couplings(device).values():
        if not free.issuperset((c.a, c.b)):
            continue
        figures = InstructionProperties(error=c.error or 0.0, duration=c.duration)
        links[c.a, c.b] = figures
        if own in (None, "cz"):
            links[c.b, c.a] = figures
    joint = RZZGate(Parameter("t")) if any_angle else {"cz": CZGate, "ecr": ECRGate}.get(own or "", CXGate)()
    out.add_instruction(joint, links)
    reads = {(q,): InstructionProperties(error=device.qubits[q].readout_error or 0.0, duration=read_time) for q in free}
    out.add_instruction(Measure(), reads)
    return out


def from_qiskit(made: Any, names: Mapping[str, Angle], device: Device, source: Circuit) -> Native:
    """What the transpiler made of ``to_qiskit(source)`` for ``target_of(device)``, as a native circuit.

    Raises ValueError for a gate after a measurement, or an angle that is not affine.
    """
    routed = as_routed(made, names, device, source)
    if inner_gate(device) is not None:
        return routed
    ops = natively((op for op in routed.circuit.ops if not isinstance(op, Diagonal)), device, best_couplings(device))
    return replace(routed, circuit=Circuit(device.size, source.slots, ops))


def as_routed(made: Any, names: Mapping[str, Angle], device: Device, source: Circuit) -> Native:
    """The same on the device's qubits and couplings, still by the transpiler's gates. Raises ValueError."""
    gates: list[Gate | Barrier] = []
    measured: dict[int, int] = {}
    for item in made.data:
        name, qubits = item.operation.name, tuple(made.find_bit(q).index for q in item.qubits)
        if name == "measure":
            measured[made.find_bit(item.clbits[0]).index] = qubits[0]
        elif name == "barrier":
            if item.operation.label.isdecimal():  # others are the transpiler's own
                gates.append(Barrier(qubits, int(item.operation.label)))
        else:
            if set(qubits) & set(measured.values()):
                raise ValueError("a gate after a measurement")
            gates.append(Gate(name, qubits, tuple(affine_of(p, names) for p in item.operation.params)))
    start = made.layout.initial_index_layout(filter_ancillas=True) if made.layout else range(source.qubits)
    gates += _last_barriers(source, gates, measured)
    return Native(
        device.name, device.calibration, Circuit(device.size, source.slots, tuple(gates)), tuple(start),
        tuple(measured[bit] for bit in range(source.qubits)),
    )  # fmt: skip


def _last_barriers(source: Circuit, found: Iterable[Op], measured: Mapping[int, int]) -> list[Barrier]:
    """Those of ``source`` that the transpiler dropped: they stood right before the measurements."""
    kept = {op.number for op in found if isinstance(op, Barrier)}
    dropped = (b for b in source.barriers if b.number not in kept)
    return [Barrier(tuple(measured[wire] for wire in b.qubits), b.number) for b in dropped]


def affine_of(value: Any, names: Mapping[str, Angle]) -> Angle:
    """An angle from a number or a ``ParameterExpression``. Raises ValueError if it is not affine."""
    found = getattr(value, "parameters", None)
    if not found:
        return Angle(float(value))
    total = Angle(float(value.bind(dict.fromkeys(found, 0.0)).numeric()))
    for parameter in sorted(found, key=lambda p: str(p.name)):
        slope = value.gradient(parameter)
        if getattr(slope, "parameters", None):
            raise ValueError(f"{value} is not affine")
        total = total + names[parameter.name] * float(slope)
    return total
