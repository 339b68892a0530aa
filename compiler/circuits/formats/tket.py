# SPDX-License-Identifier: Apache-2.0
"""Circuits in pytket's terms and back, straight from our own, and its JSON: symbols for slots, angles in half turns.

Wire i is qubit ``q[i]`` of pytket's default register; pytket numbers amplitudes the other way round, which matters
to nobody who goes by names of qubits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, Symbols, flat, open_angle
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op, plain
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
#: gates of chips that no program has: pytket's passes are not given them
_KEPT_OUT = frozenset(("gpi", "gpi2", "iswap", "ms"))
Names = dict[str, Angle]


class NotAffine(ValueError):
    """An angle that is not affine in the symbols."""


def to_tket(circuit: Circuit) -> tuple[Any, Names]:
    """The circuit without measurements, and what its symbols stand for. Raises ValueError for a gate pytket lacks."""
    from pytket import Circuit as Tket
    from pytket import OpType
    from sympy import Symbol

    out, symbols = Tket(circuit.qubits), Symbols(Symbol, pi)

    def add(kind: str, angles: tuple[Angle, ...], wires: tuple[int, ...]) -> None:
        out.add_gate(getattr(OpType, kind), [*map(symbols, angles)], list(wires))

    for op in plain(circuit.ops):
        if isinstance(op, Barrier):
            out.add_barrier(list(op.qubits), data=str(op.number))
        elif op.name == "cu":
            theta, phi, lam, gamma = op.angles
            add("U1", (gamma,), op.qubits[:1])
            add("CU3", (theta, phi, lam), op.qubits)
        elif op.name in _KEPT_OUT:
            raise ValueError(f"pytket is not given {op.name}")
        elif op.name != "id":
            add(_TYPES[op.name], op.angles, op.qubits)
    return out, symbols.names


def from_tket(made: Any, names: Names, source: Circuit) -> tuple[Circuit, tuple[int, ...]]:
    """pytket's circuit as ours, up to a global phase; and where each wire of ``source`` is at its end.

    Raises ValueError for a gate we lack, NotAffine for such an angle.
    """
    index = {q: i for i, q in enumerate(made.qubits)}
    gates: list[Op] = []
    for command in made.get_commands():
        kind, qubits = command.op.type.name, tuple(index[q] for q in command.qubits)
        if kind in ("noop", "Measure"):
            continue
        if kind == "Barrier":
            gates.append(Barrier(qubits, int(command.op.data)))
            continue
        angles = tuple(_radians(p, names) for p in command.op.params)
        if kind == "TK1":  # Rz(a) Rx(b) Rz(c), the last one first
            a, b, c = angles
            gates += [Gate("rz", qubits, (c,)), Gate("rx", qubits, (b,)), Gate("rz", qubits, (a,))]
        elif kind in _NAMES:
            gates.append(Gate(_NAMES[kind], qubits, angles))
        else:
            raise ValueError(f"pytket's {kind} has no gate here")
    # a wire of the source ends on the qubit that pytket's permutation maps to it
    found = {index[wire]: index[qubit] for qubit, wire in made.implicit_qubit_permutation().items()}
    outputs = tuple(found[wire] for wire in range(source.qubits))
    return Circuit(len(index), source.slots, tuple(gates)), outputs


def _radians(value: Any, names: Names) -> Angle:
    if isinstance(value, (int, float)):
        return Angle(float(value) * pi)
    from sympy import Add, Function, Mul, Symbol

    total = Angle()
    for term in Add.make_args(value.expand() if value.has(Symbol) and not value.atoms(Function) else value):
        factors = [f for f in Mul.make_args(term) if f.free_symbols]
        if not factors:
            total = total + float(term) * pi
        elif len(factors) == 1 and isinstance(factors[0], Symbol):
            total = total + names[str(factors[0])] * (float(term / factors[0]) * pi)
        else:
            raise NotAffine(f"an angle by {type(factors[0]).__name__} is not affine")
    return total


def spelled(gate: Gate) -> Gate | None:
    """The gate as this format writes it; None: it cannot."""
    return gate if gate.name in _TYPES else None


def write_tket(native: Native, values: NDArray[np.float64] | None, slots: Sequence[str] = ()) -> str:
    """What open rotations are is under ``angles``, which pytket passes over."""
    from pytket import Circuit as Tket
    from pytket import OpType
    from sympy import Symbol

    found, names = flat(native, values), parameter_names(native)
    out = Tket(found.size, len(found.measured), name=native.device)
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


def read_tket(text: str, size: int) -> Flat:
    from pytket import Circuit as Tket

    made = Tket.from_dict(json.loads(text))
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
        gate = Gate(_NAMES[command.op.type.name], qubits, tuple(map(_opened, command.op.params)))
        gates.append(Gate(gate.name, qubits, _ordered(gate, back=True)))
    return Flat(size, tuple(gates), tuple(measured[bit] for bit in sorted(measured)))


def _ordered(gate: Gate, back: bool = False) -> tuple[Angle, ...]:
    """AAMS has its strength first, ms has it last."""
    if gate.name != "ms":
        return gate.angles
    a, b, c = gate.angles
    return (b, c, a) if back else (c, a, b)


def _opened(value: Any) -> Angle:
    symbols = getattr(value, "free_symbols", None)
    return open_angle(str(symbols.pop())) if symbols else Angle(float(value) * pi)


FORMAT = Format(".json", write_tket, read_tket, True, spelled)
