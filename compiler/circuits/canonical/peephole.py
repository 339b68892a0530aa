# SPDX-License-Identifier: Apache-2.0
"""Neighbouring gates on the same wires that undo each other or add up."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, remainder, tau

from hepq.core.circuits import Angle, Gate, Op

_CLOSE = 1e-12


def turns(angle: float) -> float:
    """A fixed angle of exp(-iθP/2), P² = 1, brought to (-π, π]: whole turns are a global phase."""
    rest = remainder(angle, tau)
    if abs(rest) < _CLOSE:
        return 0.0
    return pi if abs(abs(rest) - pi) < _CLOSE else rest


def cancelled(ops: Iterable[Op]) -> tuple[Op, ...]:
    """The ops without pairs that undo each other; equal rotations are added, squares of roots taken."""
    out: list[Op | None] = []
    last: dict[int, list[int]] = {}

    def neighbour(op: Gate) -> int | None:
        """The op right before on all of this gate's wires, and on no others."""
        tops = {last[q][-1] if last.get(q) else -1 for q in op.qubits}
        if len(tops) > 1 or -1 in tops:
            return None
        at = tops.pop()
        return at if isinstance(out[at], Gate) and _same_wires(op, out[at]) else None

    def push(op: Op) -> None:
        for q in op.qubits:
            last.setdefault(q, []).append(len(out))
        out.append(op)

    def add(op: Gate) -> None:
        if _nothing(op):
            return
        at = neighbour(op)
        before = out[at] if at is not None else None
        merged = _together(before, op) if isinstance(before, Gate) else None
        if at is None or merged is None:
            push(op)
            return
        out[at] = None
        for q in op.qubits:
            last[q].pop()
        for gate in merged:
            add(gate)

    for op in ops:
        if isinstance(op, Gate):
            add(op)
        else:
            push(op)
    return tuple(op for op in out if op is not None)


def _nothing(op: Gate) -> bool:
    if op.name == "id":
        return True
    if op.spec.period is None or not op.angles[0].fixed:
        return False
    return turns(op.angles[0].constant * (tau / op.spec.period)) == 0.0


def _together(before: Gate, op: Gate) -> tuple[Gate, ...] | None:
    """What two neighbours on the same wires come to, if less than two gates."""
    if before.name == op.name and op.spec.period is not None:
        return (Gate(op.name, op.qubits, (before.angles[0] + op.angles[0],)),)
    if before.name == op.name and op.spec.square is not None:
        return (Gate(op.spec.square, op.qubits),)
    if before.name != op.spec.inverse:
        return None
    gaps = [a - b for a, b in zip(before.angles, op.inverse().angles, strict=True)]
    return () if all(gap == Angle() for gap in gaps) else None


def _same_wires(a: Gate, b: Op | None) -> bool:
    if not isinstance(b, Gate):
        return False
    return a.qubits == b.qubits or (a.name == b.name and a.spec.symmetric and set(a.qubits) == set(b.qubits))
