# SPDX-License-Identifier: Apache-2.0
"""OpenQASM 3 and QPY, written by Qiskit; OpenQASM 3 is read back by another program, its importer's."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, open_angle
from hepq.core.circuits import Angle, Barrier, Gate
from hepq.core.gates import GATES
from hepq.runtime.quantum.bind import angle_formulas, bound, parameterized
from hepq.runtime.quantum.native import Native

Values = NDArray[np.float64]


def write_qasm3(native: Native, values: Values | None, slots: Sequence[str] = ()) -> str:
    """On physical qubits ``$n``; open rotations are inputs, what they are of the slots is said in comments."""
    from qiskit import qasm3

    text = str(qasm3.dumps(_circuit(native, values)))
    head, rest = text.split("\n", 1)
    about = [f"// {native.device}, calibration {native.calibration}"]
    if values is None:
        about += [f"// {line}" for line in (*slots, *angle_formulas(native))]
    return "\n".join([head, *about, rest])


def read_qasm3(text: str | bytes, size: int) -> Flat:
    import qiskit_qasm3_import

    return flat_of(qiskit_qasm3_import.parse(_text(text)), size)


def write_qpy(native: Native, values: Values | None, slots: Sequence[str] = ()) -> bytes:
    """With Qiskit's layout: which wire is where. What open rotations are is in the circuit's metadata, ``angles``."""
    from qiskit import qpy

    out, made = io.BytesIO(), _circuit(native, values)
    if values is None:
        made.metadata = {"angles": [*slots, *angle_formulas(native)]}
    qpy.dump(made, out)
    return out.getvalue()


def read_qpy(data: str | bytes, size: int) -> Flat:
    from qiskit import qpy

    return flat_of(qpy.load(io.BytesIO(data if isinstance(data, bytes) else data.encode()))[0], size)


def _circuit(native: Native, values: Values | None) -> Any:
    return parameterized(native) if values is None else bound(native, values)


def _text(data: str | bytes) -> str:
    return data.decode() if isinstance(data, bytes) else data


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
