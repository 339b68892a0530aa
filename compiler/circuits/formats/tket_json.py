# SPDX-License-Identifier: Apache-2.0
"""pytket's JSON: symbols for open rotations, angles in half turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, flat, open_angle
from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.bind import angle_formulas, parameter_names
from hepq.runtime.quantum.native import Native

#: our name -> pytket's ``OpType``, the same matrix up to a phase
_TYPES = {
    "id": "noop", "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "Sdg", "t": "T", "tdg": "Tdg", "sx": "SX",
    "sxdg": "SXdg", "rx": "Rx", "ry": "Ry", "rz": "Rz", "p": "U1", "u": "U3", "r": "PhasedX", "gpi": "GPI",
    "gpi2": "GPI2", "cx": "CX", "cy": "CY", "cz": "CZ", "ch": "CH", "swap": "SWAP", "ecr": "ECR", "iswap": "ISWAPMax",
    "cp": "CU1", "crx": "CRx", "cry": "CRy", "crz": "CRz", "rxx": "XXPhase", "ryy": "YYPhase", "rzz": "ZZPhase",
    "ms": "AAMS", "ccx": "CCX", "cswap": "CSWAP",
}  # fmt: skip
_NAMES = {kind: name for name, kind in _TYPES.items()}


def spelled(gate: Gate) -> Gate | None:
    """The gate as this format writes it; None: it cannot."""
    return gate if gate.name in _TYPES else None


def write_tket(native: Native, values: NDArray[np.float64] | None, slots: Sequence[str] = ()) -> str:
    """What open rotations are is under ``angles``, which pytket passes over."""
    from pytket import Circuit, OpType
    from sympy import Symbol

    found, names = flat(native, values), parameter_names(native)
    out = Circuit(found.size, len(found.measured), name=native.device)
    for gate in found.gates:
        if isinstance(gate, Barrier):
            out.add_barrier(list(gate.qubits))
            continue
        angles = [a.constant / pi if a.fixed else Symbol(names[a.terms[0][0]]) / pi for a in _ordered(gate)]
        out.add_gate(getattr(OpType, _TYPES[gate.name]), angles, list(gate.qubits))
    for bit, qubit in enumerate(found.measured):
        out.Measure(qubit, bit)
    said = {"angles": [*slots, *angle_formulas(native)]} if values is None else {}
    return json.dumps(out.to_dict() | said)


def read_tket(text: str | bytes, size: int) -> Flat:
    from pytket import Circuit

    made = Circuit.from_dict(json.loads(text))
    index = {q: q.index[0] for q in made.qubits}
    gates: list[Gate | Barrier] = []
    measured: dict[int, int] = {}
    for command in made.get_commands():
        qubits = tuple(index[q] for q in command.qubits)
        if command.op.type.name == "Measure":
            measured[command.bits[0].index[0]] = qubits[0]
            continue
        if command.op.type.name == "Barrier":
            gates.append(Barrier(qubits))
            continue
        gate = Gate(_NAMES[command.op.type.name], qubits, tuple(map(_radians, command.op.params)))
        gates.append(Gate(gate.name, qubits, _ordered(gate, back=True)))
    return Flat(size, tuple(gates), tuple(measured[bit] for bit in sorted(measured)))


def _ordered(gate: Gate, back: bool = False) -> tuple[Angle, ...]:
    """AAMS has its strength first, ms has it last."""
    if gate.name != "ms":
        return gate.angles
    a, b, c = gate.angles
    return (b, c, a) if back else (c, a, b)


def _radians(value: Any) -> Angle:
    symbols = getattr(value, "free_symbols", None)
    return open_angle(str(symbols.pop())) if symbols else Angle(float(value) * pi)


FORMAT = Format(".json", write_tket, read_tket, True, spelled)
