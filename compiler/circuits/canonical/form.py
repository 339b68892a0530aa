# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a circuit: phases gathered in diagonal layers, everything that undoes itself gone.

Gates fall into alternating levels: *phase* levels (cx, x, swap and diagonal gates: a phase polynomial and a linear
map of the basis states; Amy, Maslov & Mosca, arXiv:1303.2042) and levels of the rest. All stays symbolic in slots.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from hepq.compiler.circuits.canonical.peephole import cancelled
from hepq.compiler.circuits.canonical.phases import LINEAR, Region, phase_terms
from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op

_ROUNDS = 50


def canonical(circuit: Circuit, *, sampled: bool = False) -> Circuit:
    """The same unitary up to a global phase, as ``Diagonal`` layers and the gates and barriers between them.

    ``sampled``: the circuit starts in |0…0> and is measured at its end, so that phases that neither touch matter
    are dropped as well; then only the distribution of outcomes stays.
    """
    ops: tuple[Op, ...] = tuple(rewritten for op in circuit.ops for rewritten in _exposed(op))
    for _ in range(_ROUNDS):
        before = ops
        ops = _levelled(cancelled(ops), circuit.qubits, sampled)
        if ops == before:
            break
    return Circuit(circuit.qubits, circuit.slots, ops)


def _exposed(op: Op) -> Iterable[Op]:
    """Two-qubit rotations and controlled gates that are a phase in another basis, written so."""
    if not isinstance(op, Gate):
        return (op,)
    a, b = (*op.qubits, -1, -1)[:2]
    match op.name:
        case "rxx":
            turn = (Gate("h", (a,)), Gate("h", (b,)))
            return (*turn, Gate("rzz", op.qubits, op.angles), *turn)
        case "ryy":
            into, back = ([Gate("rx", (q,), (Angle(s * pi / 2),)) for q in op.qubits] for s in (1, -1))
            return (*into, Gate("rzz", op.qubits, op.angles), *back)
        case "cy":
            return (Gate("sdg", (b,)), Gate("cx", op.qubits), Gate("s", (b,)))
        case "crx":
            return (Gate("h", (b,)), Gate("crz", op.qubits, op.angles), Gate("h", (b,)))
    return (op,)


def _levelled(ops: Iterable[Op], qubits: int, sampled: bool) -> tuple[Op, ...]:
    """Each op as early as its wires allow, odd levels the phase levels; those become ``Diagonal`` + linear rest."""
    level = [0] * qubits
    levels: dict[int, list[Op]] = {}  # barriers stand at even ones
    for op in ops:
        if isinstance(op, Diagonal) and not op.terms:
            continue
        phase = not isinstance(op, Barrier) and (isinstance(op, Diagonal) or op.spec.diagonal or op.name in LINEAR)
        if isinstance(op, Gate) and op.name == "x" and level[op.qubits[0]] % 2 == 0:
            phase = False
        for part in (op,) if isinstance(op, Barrier) or not phase or _linear(op) else phase_terms(op):
            if not part.qubits:  # a global phase
                continue
            at = max(level[q] for q in part.qubits)
            at += (at % 2 == 0) == phase
            for q in part.qubits:
                level[q] = at
            levels.setdefault(at, []).append(part)
    out: list[Op] = []
    touched: set[int] = set()
    for at in sorted(levels):
        found = levels[at]
        if at % 2 == 0:
            touched.update(q for op in found for q in op.qubits)
            out += found
            continue
        free = {q for q in range(qubits) if q not in touched} if sampled else set()
        ends = {q for q in range(qubits) if level[q] <= at} if sampled else set()
        region = Region([op for op in found if not isinstance(op, Barrier)], qubits, zero=free, ending=ends)
        out += region.ops
        touched.update(q for op in region.ops if isinstance(op, Gate) for q in op.qubits)
    return tuple(out)


def _linear(op: Op) -> bool:
    return isinstance(op, Gate) and op.name in LINEAR
