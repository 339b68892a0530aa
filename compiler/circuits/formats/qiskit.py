# SPDX-License-Identifier: Apache-2.0
"""Circuits and devices in Qiskit's terms, what its transpiler made of them as native circuits, and its files.

Each angle with slots becomes one opaque parameter, so that what comes out is affine in parameters, and they in slots.
OpenQASM 3 and QPY are written by Qiskit; OpenQASM 3 is read back by another program, its importer's.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, Symbols, open_angle
from hepq.compiler.circuits.native import best_couplings, natively
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op, plain
from hepq.core.elementary import elementary
from hepq.core.gates import GATES
from hepq.runtime.quantum.bind import angle_formulas, bound, parameterized
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: one-qubit gates that Qiskit's transpiler writes for every target
INNER = ("rz", "sx", "x")
#: gates whose angles may be open in Qiskit
_OPEN = frozenset("rx ry rz rzz".split())
Names = dict[str, Angle]
Values = NDArray[np.float64]


def to_qiskit(circuit: Circuit, outputs: Sequence[int] | None = None) -> tuple[Any, Names]:
    """The circuit, its wire ``outputs[i]`` (default: i) measured into bit i; and what its parameters stand for."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    out, symbols = QuantumCircuit(circuit.qubits, circuit.qubits), Symbols(Parameter)
    for op in plain(_rotations(circuit.ops)):
        if isinstance(op, Barrier):
            out.barrier(op.qubits, label=str(op.number))
        else:
            getattr(out, op.name)(*map(symbols, op.angles), *op.qubits)
    for bit, wire in enumerate(outputs or range(circuit.qubits)):
        out.measure(wire, bit)
    return out, symbols.names


def _rotations(ops: Iterable[Op]) -> Iterator[Op]:
    """Gates with open angles as rotations about x, y and z: Qiskit 2.6 takes minutes to translate an open p or u."""
    for op in ops:
        if isinstance(op, Gate) and op.name not in _OPEN and not all(a.fixed for a in op.angles):
            yield from elementary((op,))
        else:
            yield op


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
    ops = natively(plain(routed.circuit.ops), device, best_couplings(device))
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


def write_qasm3(native: Native, values: Values | None, slots: Sequence[str] = ()) -> str:
    """On physical qubits ``$n``; open rotations are inputs, what they are of the slots is said in comments."""
    from qiskit import qasm3

    text = str(qasm3.dumps(_circuit(native, values)))
    head, rest = text.split("\n", 1)
    about = [f"// {native.device}, calibration {native.calibration}"]
    if values is None:
        about += [f"// {line}" for line in (*slots, *angle_formulas(native))]
    return "\n".join([head, *about, rest])


def read_qasm3(text: str, size: int) -> Flat:
    import qiskit_qasm3_import

    return flat_of(qiskit_qasm3_import.parse(text), size)


def write_qpy(native: Native, values: Values | None, slots: Sequence[str] = ()) -> bytes:
    """With Qiskit's layout: which wire is where. What open rotations are is in the circuit's metadata, ``angles``."""
    from qiskit import qpy

    out, made = io.BytesIO(), _circuit(native, values)
    if values is None:
        made.metadata = {"angles": [*slots, *angle_formulas(native)]}
    qpy.dump(made, out)
    return out.getvalue()


def read_qpy(data: bytes, size: int) -> Flat:
    from qiskit import qpy

    return flat_of(qpy.load(io.BytesIO(data))[0], size)


def _circuit(native: Native, values: Values | None) -> Any:
    return parameterized(native) if values is None else bound(native, values)


def flat_of(made: Any, size: int, ours: Mapping[str, str] = MappingProxyType({})) -> Flat:
    """The gates of a QuantumCircuit, and what is measured. ``ours``: names of Qiskit that are others here."""
    gates: list[Gate | Barrier] = []
    measured: dict[int, int] = {}
    for item in made.data:
        qubits = tuple(made.find_bit(q).index for q in item.qubits)
        if item.operation.name == "measure":
            measured[made.find_bit(item.clbits[0]).index] = qubits[0]
        elif item.operation.name == "barrier":
            gates.append(Barrier(qubits))
        else:
            gates += _gates(item.operation, qubits, ours)
    return Flat(size, tuple(gates), tuple(measured[bit] for bit in sorted(measured)))


def _gates(operation: Any, qubits: tuple[int, ...], ours: Mapping[str, str]) -> Iterator[Gate]:
    """The gate, or what defines one that only the text knows: OpenQASM has no gpi2, each angle is a gate there."""
    name = ours.get(operation.name, operation.name)
    if name in GATES or operation.definition is None:
        yield Gate(name, qubits, tuple(map(_angle, operation.params)))
        return
    for inner in operation.definition.data:
        on = tuple(qubits[operation.definition.find_bit(q).index] for q in inner.qubits)
        yield from _gates(inner.operation, on, ours)


def _angle(value: Any) -> Angle:
    return open_angle(value.name) if getattr(value, "parameters", None) else Angle(float(value))


QASM3 = Format(".qasm", write_qasm3, read_qasm3, True)
QPY = Format(".qpy", write_qpy, read_qpy, True)
