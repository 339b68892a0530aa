# SPDX-License-Identifier: Apache-2.0
"""Circuits as data: gates on numbered wires, whose angles are affine in values known at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepq.core.types import Dim, merge_dims
from hepq.lang.elaborate.circuits.gates import INVERSE

if TYPE_CHECKING:
    from hepq.lang.elaborate.values import Tensor


@dataclass(frozen=True, eq=False)
class Slot:
    """A value that angles are made of; two slots are the same slot only if they are one object."""

    tensor: Tensor


@dataclass(frozen=True)
class Angle:
    """``constant + Σ coefficient · slot``, radians."""

    constant: float = 0.0
    terms: tuple[tuple[Slot, float], ...] = ()

    def __add__(self, other: Angle | float) -> Angle:
        if not isinstance(other, Angle):
            return Angle(self.constant + other, self.terms)
        terms = dict(self.terms)
        for slot, coefficient in other.terms:
            terms[slot] = terms.get(slot, 0.0) + coefficient
        return Angle(self.constant + other.constant, tuple((s, c) for s, c in terms.items() if c))

    def __mul__(self, k: float) -> Angle:
        return Angle(self.constant * k, tuple((s, c * k) for s, c in self.terms) if k else ())

    def __neg__(self) -> Angle:
        return self * -1.0

    def __sub__(self, other: Angle) -> Angle:
        return self + -other


@dataclass(frozen=True)
class Gate:
    """``name`` is one of OpenQASM 3's stdgates, ``u rxx ryy rzz``, ``sxdg`` or ``barrier``; controls come first."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()

    def inverse(self) -> Gate:
        match self.name, self.angles:
            case "u", (theta, phi, lam):
                return Gate("u", self.wires, (-theta, -lam, -phi))
            case "cu", (theta, phi, lam, gamma):
                return Gate("cu", self.wires, (-theta, -lam, -phi, -gamma))
        return Gate(INVERSE.get(self.name, self.name), self.wires, tuple(-a for a in self.angles))

    def on(self, wires: Sequence[int]) -> Gate:
        """The same gate with wire i moved to ``wires[i]``."""
        return Gate(self.name, tuple(wires[w] for w in self.wires), self.angles)


def inverse(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    return tuple(g.inverse() for g in reversed(gates))


@dataclass(frozen=True)
class State:
    """What a circuit makes of |0…0>, one state for each entry of ``dims``. Measured as often as one likes.

    ``register``: the dim of its qubits. ``gates`` is None while the register has no size.
    """

    register: Dim
    gates: tuple[Gate, ...] | None
    dims: tuple[Dim, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """In order of first use."""
        angles = (a for g in self.gates or () for a in g.angles)
        return tuple(dict.fromkeys(slot for angle in angles for slot, _ in angle.terms))

    def with_slots(self, new: Mapping[Slot, Slot]) -> tuple[Gate, ...]:
        """The gates with other values for their angles."""
        return tuple(
            Gate(g.name, g.wires, tuple(Angle(a.constant, tuple((new[s], c) for s, c in a.terms)) for a in g.angles))
            for g in self.gates or ()
        )


def dims_of(gates: Iterable[Gate]) -> tuple[Dim, ...]:
    """The dims that the angles differ over, ragged ones first."""
    slots = dict.fromkeys(s for g in gates for a in g.angles for s, _ in a.terms)
    return merge_dims([s.tensor.type.dims for s in slots])


#: constant and (slot, coefficient) terms, slots ascending
PlainAngle = tuple[float, tuple[tuple[int, float], ...]]


@dataclass(frozen=True)
class GateList:
    """A circuit as an attribute of the IR's quantum ops: gates as (name, wires, angles), slots numbered."""

    wires: int
    slots: int
    gates: tuple[tuple[str, tuple[int, ...], tuple[PlainAngle, ...]], ...]


def plain(gates: Sequence[Gate], wires: int, slots: Sequence[Slot]) -> GateList:
    """``slots`` in the order of their numbers; at least one slot, which nothing uses if there is none."""
    number = {slot: i for i, slot in enumerate(slots)}

    def angle(a: Angle) -> PlainAngle:
        return float(a.constant), tuple(sorted((number[s], float(c)) for s, c in a.terms))

    return GateList(wires, max(1, len(slots)), tuple((g.name, g.wires, tuple(map(angle, g.angles))) for g in gates))
