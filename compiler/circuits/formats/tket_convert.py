# SPDX-License-Identifier: Apache-2.0
"""Circuits in pytket's terms and back, straight from our own: symbols for slots, angles in half turns.

Wire i is qubit ``q[i]`` of pytket's default register; pytket numbers amplitudes the other way round, which matters
to nobody who goes by names of qubits.
"""

from __future__ import annotations

from itertools import pairwise
from math import pi
from typing import Any

from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op

#: our name -> pytket's ``OpType``
_TYPES = {
    "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "Sdg", "t": "T", "tdg": "Tdg", "sx": "SX",
    "sxdg": "SXdg", "rx": "Rx", "ry": "Ry", "rz": "Rz", "p": "U1", "u": "U3", "r": "PhasedX", "cx": "CX", "cy": "CY",
    "cz": "CZ", "ch": "CH", "swap": "SWAP", "ecr": "ECR", "cp": "CU1", "crx": "CRx", "cry": "CRy", "crz": "CRz",
    "rxx": "XXPhase", "ryy": "YYPhase", "rzz": "ZZPhase", "ccx": "CCX", "cswap": "CSWAP", "id": "noop",
}  # fmt: skip
_NAMES = {kind: name for name, kind in _TYPES.items()}
Symbols = dict[str, Angle]


class NotAffine(ValueError):
    """An angle that is not affine in the symbols."""


def to_tket(circuit: Circuit) -> tuple[Any, Symbols]:
    """The circuit without measurements, and what its symbols stand for. Raises ValueError for a gate pytket lacks."""
    from pytket import Circuit as Tket
    from pytket import OpType

    out, names, known = Tket(circuit.qubits), Symbols(), dict[tuple[tuple[int, float], ...], Any]()

    def add(kind: str, angles: tuple[Angle, ...], wires: tuple[int, ...]) -> None:
        out.add_gate(getattr(OpType, kind), [_half_turns(a, known, names) for a in angles], list(wires))

    for op in circuit.ops:
        if isinstance(op, Diagonal):
            for wires, angle in op.terms:
                if not wires:  # a global phase
                    continue
                steps = list(pairwise(wires)) if len(wires) != 2 else []
                for a, b in steps:
                    add("CX", (), (a, b))
                add("ZZPhase" if len(wires) == 2 else "Rz", (angle,), wires if len(wires) == 2 else wires[-1:])
                for a, b in reversed(steps):
                    add("CX", (), (a, b))
        elif isinstance(op, Barrier):
            out.add_barrier(list(op.qubits), data=str(op.number))
        elif op.name == "r":
            add("PhasedX", op.angles, op.qubits)
        elif op.name == "cu":
            theta, phi, lam, gamma = op.angles
            add("U1", (gamma,), op.qubits[:1])
            add("CU3", (theta, phi, lam), op.qubits)
        elif op.name not in _TYPES:
            raise ValueError(f"pytket is not given {op.name}")
        elif op.name != "id":
            add(_TYPES[op.name], op.angles, op.qubits)
    return out, names


def _half_turns(angle: Angle, known: dict[tuple[tuple[int, float], ...], Any], names: Symbols) -> Any:
    if angle.fixed:
        return angle.constant / pi
    from sympy import Symbol

    if angle.terms not in known:
        known[angle.terms] = Symbol(f"t{len(known)}")
        names[f"t{len(known) - 1}"] = Angle(0.0, tuple((s, c / pi) for s, c in angle.terms))
    return known[angle.terms] + angle.constant / pi


def from_tket(made: Any, names: Symbols, source: Circuit) -> tuple[Circuit, tuple[int, ...]]:
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


def _radians(value: Any, names: Symbols) -> Angle:
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
