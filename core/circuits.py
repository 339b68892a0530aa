# SPDX-License-Identifier: Apache-2.0
"""A circuit on one page: gates whose angles are affine in numbered *slots*, diagonal layers kept whole, barriers.

Slots are filled event by event with numbers computed outside; no symbol ever enters a circuit. Wire i is bit i
of a basis state's index (Qiskit's order). Every wire is measured at the end; nothing is measured before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, pairwise
from math import isfinite, pi, remainder, tau
from typing import Any, Protocol

from hepq.core.gates import ARITIES, GATES, GateSpec

_CLOSE = 1e-12
#: the largest that is read: wires, slots, and angles times slots
WIRES, SLOTS, TABLE = 1 << 16, 1 << 20, 1 << 26

#: its number; while a program is elaborated, the value itself, which has no order
Slot = Any
#: where each wire goes
Wires = Mapping[int, int] | Sequence[int]


class Numbers(Protocol):
    """A list or an array."""

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class Angle:
    """``constant + Σ coefficient · slot``, radians; each slot at most once, in ascending order."""

    constant: float = 0.0
    terms: tuple[tuple[Slot, float], ...] = ()

    @staticmethod
    def slot(slot: Slot, coefficient: float = 1.0) -> Angle:
        return Angle(0.0, ((slot, coefficient),))

    def __add__(self, other: Angle | float) -> Angle:
        if not isinstance(other, Angle):
            return Angle(self.constant + other, self.terms)
        terms = dict(self.terms)
        for slot, coefficient in other.terms:
            terms[slot] = terms.get(slot, 0.0) + coefficient
        return Angle(self.constant + other.constant, tuple(sorted((s, c) for s, c in terms.items() if c != 0.0)))

    def __mul__(self, k: float) -> Angle:
        return Angle(self.constant * k, tuple((s, c * k) for s, c in self.terms) if k else ())

    def __neg__(self) -> Angle:
        return self * -1.0

    def __sub__(self, other: Angle) -> Angle:
        return self + -other

    @property
    def fixed(self) -> bool:
        return not self.terms

    @property
    def idle(self) -> bool:
        """Whether it turns nothing but a global phase, as an angle of exp(-iθP/2), P² = 1."""
        return not self.terms and turns(self.constant) == 0.0

    def renumbered(self, slots: Mapping[Slot, Slot] | Sequence[Slot]) -> Angle:
        return sum((Angle.slot(slots[s], c) for s, c in self.terms), Angle(self.constant))

    def value(self, slots: Numbers) -> float:
        return self.constant + sum(c * float(slots[s]) for s, c in self.terms)


def turns(angle: float) -> float:
    """A fixed angle of exp(-iθP/2), P² = 1, brought to (-π, π]: whole turns are a global phase."""
    rest = remainder(angle, tau)
    if abs(rest) < _CLOSE:
        return 0.0
    return pi if abs(abs(rest) - pi) < _CLOSE else rest


@dataclass(frozen=True)
class Gate:
    """``name`` is one of ``GATES``; controls come first among ``qubits``, as in OpenQASM."""

    name: str
    qubits: tuple[int, ...]
    angles: tuple[Angle, ...] = ()

    @property
    def spec(self) -> GateSpec:
        return GATES[self.name]

    def inverse(self) -> Gate:
        """Raises ValueError for a gate that none undoes."""
        if self.spec.inverse is None:
            raise ValueError(f"{self.name} has no inverse among the gates")
        return Gate(self.spec.inverse, self.qubits, self.spec.undone(*self.angles))

    def on(self, wires: Wires) -> Gate:
        """The same with wire i moved to ``wires[i]``."""
        return Gate(self.name, tuple([wires[q] for q in self.qubits]), self.angles)

    def turned(self, made: Callable[[Angle], Angle]) -> Gate:
        """The same with what is made of each angle."""
        return Gate(self.name, self.qubits, tuple(map(made, self.angles)))

    def to_json(self) -> list[Any]:
        return [self.name, list(self.qubits), *map(_angle_to_json, self.angles)]


@dataclass(frozen=True)
class Diagonal:
    """A layer of commuting phases: exp(-i/2 Σ θ_S Π_{q in S} Z_q), as (S ascending, θ_S) with distinct S."""

    terms: tuple[tuple[tuple[int, ...], Angle], ...]

    @property
    def qubits(self) -> tuple[int, ...]:
        return tuple(sorted({q for s, _ in self.terms for q in s}))

    @property
    def angles(self) -> tuple[Angle, ...]:
        return tuple(a for _, a in self.terms)

    def inverse(self) -> Diagonal:
        return self.turned(Angle.__neg__)

    def on(self, wires: Wires) -> Diagonal:
        return Diagonal(tuple((tuple(sorted(wires[q] for q in s)), a) for s, a in self.terms))

    def turned(self, made: Callable[[Angle], Angle]) -> Diagonal:
        return Diagonal(tuple((s, made(a)) for s, a in self.terms))

    def to_json(self) -> list[Any]:
        return ["diagonal", *([list(s), _angle_to_json(a)] for s, a in self.terms)]


@dataclass(frozen=True)
class Barrier:
    """Nothing is rewritten across it on these wires: what is before stays before, what is after stays after.

    ``number`` tells barriers of one circuit apart when a compiler hands back others in another order.
    """

    qubits: tuple[int, ...]
    number: int = 0

    @property
    def angles(self) -> tuple[Angle, ...]:
        return ()

    def inverse(self) -> Barrier:
        return self

    def on(self, wires: Wires) -> Barrier:
        return Barrier(tuple(wires[q] for q in self.qubits), self.number)

    def turned(self, made: Callable[[Angle], Angle]) -> Barrier:
        return self

    def to_json(self) -> list[Any]:
        return ["barrier", list(self.qubits), self.number]


Unitary = Gate | Diagonal
Op = Unitary | Barrier


def inverse(ops: Sequence[Op]) -> tuple[Op, ...]:
    return tuple(op.inverse() for op in reversed(ops))


@dataclass(frozen=True)
class Circuit:
    """``slots``: how many numbers fill it. Its unitary is defined up to a global phase."""

    qubits: int
    slots: int
    ops: tuple[Op, ...] = ()

    def adjoint(self) -> Circuit:
        return Circuit(self.qubits, self.slots, inverse(self.ops))

    def then(self, other: Circuit) -> Circuit:
        """First this, then ``other``, whose slots are numbered after this one's."""
        if other.qubits != self.qubits:
            raise ValueError(f"circuits on {self.qubits} and {other.qubits} wires")
        return Circuit(self.qubits, self.slots + other.slots, self.ops + other.ops_with_slots_from(self.slots))

    def ops_with_slots_from(self, first: int) -> tuple[Op, ...]:
        """Its ops with slots numbered ``first`` … instead of 0 …"""
        moved = range(first, first + self.slots)
        return tuple(op.turned(lambda a: a.renumbered(moved)) for op in self.ops)

    def filled(self, values: Numbers) -> Circuit:
        """The circuit of one event: with numbers, ``values`` [slots], and no slots."""
        return Circuit(self.qubits, 0, tuple(op.turned(lambda a: Angle(a.value(values))) for op in self.ops))

    def on(self, wires: Wires, qubits: int) -> Circuit:
        """The same with wire i moved to ``wires[i]`` of ``qubits``."""
        return Circuit(qubits, self.slots, tuple(op.on(wires) for op in self.ops))

    def cone(self, wires: Iterable[int]) -> tuple[Circuit, dict[int, int]]:
        """The gates that a measurement of ``wires`` can depend on, and the new numbers of the wires that they touch.

        Every other gate meets its inverse in <0|U† O U|0>.
        """
        seen = set(wires)
        kept: list[Op] = []
        for op in reversed(self.ops):
            if isinstance(op, Barrier):
                continue
            if isinstance(op, Diagonal):
                op = Diagonal(tuple((s, a) for s, a in op.terms if not seen.isdisjoint(s)))
            if not seen.isdisjoint(op.qubits):
                seen.update(op.qubits)
                kept.append(op)
        numbers = {wire: i for i, wire in enumerate(sorted(seen))}
        return Circuit(self.qubits, self.slots, tuple(reversed(kept))).on(numbers, len(numbers)), numbers

    @property
    def angles(self) -> Iterator[Angle]:
        """Every angle, in order."""
        return (angle for op in self.ops for angle in op.angles)

    @property
    def barriers(self) -> tuple[Barrier, ...]:
        return tuple(op for op in self.ops if isinstance(op, Barrier))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the circuit: equal circuits have equal digests."""
        return hashlib.sha256(json.dumps(self.to_json(), separators=(",", ":")).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        return {"qubits": self.qubits, "slots": self.slots, "ops": [op.to_json() for op in self.ops]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Circuit:
        """Raises ValueError unless every gate, wire and slot exists and all angles are finite."""
        qubits, slots = data["qubits"], data["slots"]
        if type(qubits) is not int or type(slots) is not int or not (0 <= qubits <= WIRES and 0 <= slots <= SLOTS):
            raise ValueError(f"a circuit of {qubits} wires and {slots} slots")
        try:
            circuit = Circuit(qubits, slots, tuple(_op_from_json(op) for op in data["ops"]))
        except OverflowError as error:  # a wire or slot that is infinite
            raise ValueError(str(error)) from error
        check(circuit)
        if slots * sum(1 for _ in circuit.angles) > TABLE:
            raise ValueError(f"a circuit of {slots} slots with so many angles")
        if not all(isfinite(a.constant) and all(isfinite(c) for _, c in a.terms) for a in circuit.angles):
            raise ValueError("an angle that is not a number")
        return circuit


def numbered(circuit: Circuit) -> Circuit:
    """``circuit`` with its barriers numbered in order."""
    number = count()
    ops = tuple(Barrier(op.qubits, next(number)) if isinstance(op, Barrier) else op for op in circuit.ops)
    return Circuit(circuit.qubits, circuit.slots, ops)


def plain(ops: Iterable[Op]) -> Iterator[Gate | Barrier]:
    """Layers as rz, rzz and, on more wires, an rz on the last between ladders of cx; up to a global phase."""
    for op in ops:
        if not isinstance(op, Diagonal):
            yield op
            continue
        for wires, angle in op.terms:
            if len(wires) == 2:
                yield Gate("rzz", wires, (angle,))
            elif wires:
                ladder = [Gate("cx", step) for step in pairwise(wires)]
                yield from (*ladder, Gate("rz", wires[-1:], (angle,)), *reversed(ladder))


def check(circuit: Circuit) -> None:
    """Raise ValueError unless every gate, wire and slot exists."""
    for op in circuit.ops:
        groups = [s for s, _ in op.terms] if isinstance(op, Diagonal) else [op.qubits]
        if isinstance(op, Gate) and (len(op.angles), len(op.qubits)) != ARITIES.get(op.name):
            raise ValueError(f"gate {op.name} on {len(op.qubits)} qubits with {len(op.angles)} angles")
        if any(len(set(g)) < len(g) or not all(0 <= q < circuit.qubits for q in g) for g in groups):
            raise ValueError(f"{op}: wires must be distinct and below {circuit.qubits}")
    if any(not 0 <= slot < circuit.slots for angle in circuit.angles for slot, _ in angle.terms):
        raise ValueError(f"a slot beyond {circuit.slots}")


def _angle_to_json(angle: Angle) -> Any:
    return [angle.constant, *map(list, angle.terms)] if angle.terms else angle.constant


def _angle_from_json(data: Any) -> Angle:
    if isinstance(data, (int, float)):
        return Angle(float(data))
    return Angle(float(data[0]), tuple((int(s), float(c)) for s, c in data[1:]))


def _op_from_json(data: Sequence[Any]) -> Op:
    if data[0] == "diagonal":
        return Diagonal(tuple((tuple(map(int, s)), _angle_from_json(a)) for s, a in data[1:]))
    if data[0] == "barrier":
        return Barrier(tuple(map(int, data[1])), int(data[2]))
    return Gate(str(data[0]), tuple(map(int, data[1])), tuple(map(_angle_from_json, data[2:])))
