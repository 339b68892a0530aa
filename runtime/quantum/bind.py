# SPDX-License-Identifier: Apache-2.0
"""Native circuits as Qiskit's, on the device's own qubits: one parameter per open rotation, filled for all events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.native import Native

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: the classical register; bit i is wire i
REGISTER = "c"


def parameterized(native: Native) -> QuantumCircuit:
    """The circuit with its measurements, in the device's gates on its qubits; Qiskit's layout says which wire is where.

    One opaque parameter for each rotation whose angle depends on slots, ``a`` and its place among all rotations.
    """
    from qiskit.circuit import Parameter

    made = {place: Parameter(name) for place, name in parameter_names(native).items()}
    angles = (made.get(i, a.constant) for i, a in enumerate(native.circuit.angles))
    return _circuit(native, angles)


def bound(native: Native, values: NDArray[np.float64]) -> QuantumCircuit:
    """The circuit of one event, ``values`` [slots]."""
    return _circuit(native, native.bind(values[None])[0].tolist())


def pub(native: Native, values: NDArray[np.float64]) -> tuple[QuantumCircuit, NDArray[np.float64]]:
    """N events as one unit of work of ``SamplerV2`` or ``StatevectorSampler``: (circuit, angles [N, parameters])."""
    return parameterized(native), native.bind(values)[:, list(open_rotations(native))]


def open_rotations(native: Native) -> tuple[int, ...]:
    """Which columns of ``native.bind`` depend on slots."""
    return tuple(i for i, angle in enumerate(native.circuit.angles) if not angle.fixed)


def parameter_names(native: Native) -> dict[int, str]:
    """The name of each open rotation, by its place among all: equally long, for Qiskit orders parameters by name."""
    places = open_rotations(native)
    width = len(str(max(places, default=0)))
    return {place: f"a{place:0{width}}" for place in places}


def angle_formulas(native: Native) -> list[str]:
    """``a07 = 2.0 * s3 - 1.5707963267948966``: every open rotation, in radians, by the slots; all digits."""
    angles = list(native.circuit.angles)
    return [f"{name} = {_formula(angles[place])}" for place, name in parameter_names(native).items()]


def _formula(angle: Angle) -> str:
    terms = [f"{abs(c)!r} * s{slot}" for slot, c in angle.terms]
    signs = ["-" if c < 0 else "+" for _, c in angle.terms]
    if angle.constant:
        terms.append(repr(abs(angle.constant)))
        signs.append("-" if angle.constant < 0 else "+")
    first = f"-{terms[0]}" if signs[0] == "-" else terms[0]
    return " ".join([first, *(f"{sign} {term}" for sign, term in zip(signs[1:], terms[1:], strict=True))])


def _circuit(native: Native, angles: Iterable[Any]) -> QuantumCircuit:
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    wires, given = len(native.measured), iter(angles)
    out = QuantumCircuit(QuantumRegister(native.circuit.qubits, "q"), ClassicalRegister(wires, REGISTER))
    for op in native.circuit.ops:
        if isinstance(op, Barrier):
            out.barrier(op.qubits)
            continue
        if not isinstance(op, Gate):
            raise ValueError("a diagonal layer is not a native gate")
        out.append(instruction(op.name, [next(given) for _ in op.angles]), op.qubits)
    out.measure(native.measured, range(wires))
    out._layout = _layout(out, native.layout, native.measured)
    return out


def instruction(name: str, angles: Sequence[Any]) -> Any:
    """Qiskit's gate of ours; gates of ions, which it lacks, with their definition."""
    from qiskit.circuit import Gate as Instruction
    from qiskit.circuit import QuantumCircuit

    known = _standard()
    if name in known:
        return known[name](*angles)
    made = Instruction(name, 2 if name == "ms" else 1, list(angles))
    inner = QuantumCircuit(made.num_qubits)
    if name == "ms":
        first, second, theta = angles
        for q, phase in enumerate((first, second)):
            inner.rz(-phase, q)
        inner.rxx(theta, 0, 1)
        for q, phase in enumerate((first, second)):
            inner.rz(phase, q)
    else:
        inner.r({"gpi": np.pi, "gpi2": np.pi / 2}[name], angles[0], 0)
    made.definition = inner
    return made


@cache
def _standard() -> dict[str, Any]:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    return {name: type(gate) for name, gate in get_standard_gate_name_mapping().items()}


def _layout(made: QuantumCircuit, start: Sequence[int], end: Sequence[int]) -> Any:
    """Qiskit's record of where wires start and end; qubits without a wire are ancillas."""
    from qiskit import QuantumRegister
    from qiskit.transpiler.layout import Layout, TranspileLayout

    wires = QuantumRegister(len(start), "wire")
    others = QuantumRegister(made.num_qubits - len(start), "ancilla")
    virtual = [*wires, *others]
    initial = Layout(dict(zip(virtual, _completed(start, made.num_qubits), strict=True)))
    for register in (wires, others):
        initial.add_register(register)
    moved = dict(zip(_completed(start, made.num_qubits), _completed(end, made.num_qubits), strict=True))
    final = Layout({made.qubits[a]: b for a, b in moved.items()})
    mapping = {bit: i for i, bit in enumerate(virtual)}
    return TranspileLayout(initial, mapping, final, len(start), list(made.qubits))


def _completed(qubits: Sequence[int], size: int) -> list[int]:
    return [*qubits, *(q for q in range(size) if q not in set(qubits))]


def qasm2(native: Native, values: NDArray[np.float64]) -> str:
    """For one event's ``values`` [slots]; wire i is read into bit i."""
    from qiskit import qasm2 as writer

    return str(writer.dumps(bound(native, values)))
