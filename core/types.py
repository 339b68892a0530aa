# SPDX-License-Identifier: Apache-2.0
"""Types: an element, named dimensions, a unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

Elem = Literal["real", "int", "bool", "complex", "index"]


@dataclass(frozen=True)
class Unit:
    """Powers of GeV, mm, ns. Angles are dimensionless (rad = 1)."""

    energy: Fraction = Fraction(0)
    length: Fraction = Fraction(0)
    time: Fraction = Fraction(0)

    def __mul__(self, other: Unit) -> Unit:
        if self.dimensionless or other.dimensionless:
            return other if self.dimensionless else self
        return Unit(self.energy + other.energy, self.length + other.length, self.time + other.time)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    def __pow__(self, n: Fraction | int) -> Unit:
        if n == 1 or self.dimensionless:
            return self
        return Unit(self.energy * n, self.length * n, self.time * n)

    @property
    def dimensionless(self) -> bool:
        return self == ONE

    @property
    def degree(self) -> float:
        """The largest power; roots of thousands count, too."""
        powers = (self.energy, self.length, self.time)
        return max(max(abs(p.numerator / p.denominator), p.denominator / 1000) for p in powers)

    def __str__(self) -> str:
        powers = (("GeV", self.energy), ("mm", self.length), ("ns", self.time))
        return " ".join(n if p == 1 else f"{n}^{p}" for n, p in powers if p) or "1"


ONE = Unit()
ENERGY, LENGTH, TIME = (Unit(**{k: Fraction(1)}) for k in ("energy", "length", "time"))

#: unit name -> (unit, factor to the base unit GeV, mm, ns, rad)
UNITS: dict[str, tuple[Unit, float]] = {
    "eV": (ENERGY, 1e-9), "keV": (ENERGY, 1e-6), "MeV": (ENERGY, 1e-3), "GeV": (ENERGY, 1.0), "TeV": (ENERGY, 1e3),
    "um": (LENGTH, 1e-3), "mm": (LENGTH, 1.0), "cm": (LENGTH, 10.0), "m": (LENGTH, 1e3),
    "ps": (TIME, 1e-3), "ns": (TIME, 1.0), "us": (TIME, 1e3),
    "rad": (ONE, 1.0), "mrad": (ONE, 1e-3), "deg": (ONE, 3.141592653589793 / 180),
    "ab": (LENGTH**2, 1e-40), "fb": (LENGTH**2, 1e-37), "pb": (LENGTH**2, 1e-34),
    # the momentum over the radius to which a field bends one elementary charge
    "T": (ENERGY / LENGTH, 0.299792458e-3),
}  # fmt: skip


@dataclass(frozen=True)
class Dim:
    """A named dimension.

    ``size`` is known for a static dim, ``bound`` for a ragged one (an event has 0..bound entries);
    an *open* dim has neither until something binds it. ``primes`` counts copies: ``part'``.
    An anonymous dim (a layer's channels) is named by its size: ``64``.
    """

    name: str
    size: int | None = None
    bound: int | None = None
    entries: tuple[str, ...] = ()
    primes: int = 0

    @property
    def ragged(self) -> bool:
        return self.bound is not None

    @property
    def open(self) -> bool:
        return self.size is None and self.bound is None

    @property
    def anonymous(self) -> bool:
        return self.name.isdigit() or self.name == "?"

    @property
    def base(self) -> Dim:
        return replace(self, primes=0) if self.primes else self

    @property
    def key(self) -> tuple[str, int]:
        """What makes two dims the same dim in one program."""
        return (self.name, self.primes)

    def fits(self, other: Dim) -> bool:
        """Same extent, and the same names of entries where both have names."""
        named = self.entries and other.entries
        return (self.size, self.bound) == (other.size, other.bound) and (not named or self.entries == other.entries)

    def prime(self, n: int = 1) -> Dim:
        return replace(self, primes=self.primes + n) if n else self

    def __str__(self) -> str:
        return self.name + "'" * self.primes


def anonymous(size: int | None) -> Dim:
    return Dim("?" if size is None else str(size), size)


#: the components of a four-vector; a ``p4`` is a GeV tensor whose last dim is this one
LORENTZ = Dim("p4", 4, entries=("px", "py", "pz", "energy"))


@dataclass(frozen=True)
class Type:
    """``real[part, feat]``. ``dims`` are in memory order, last contiguous; meaning is by name.

    ``into`` (elem ``index`` only): the dim whose entries the integers number; -1 means "none".
    """

    elem: Elem = "real"
    dims: tuple[Dim, ...] = ()
    unit: Unit = ONE
    into: Dim | None = None

    def dim(self, key: Dim) -> Dim | None:
        return next((d for d in self.dims if d.key == key.key), None)

    def with_dims(self, dims: Iterable[Dim]) -> Type:
        return Type(self.elem, tuple(dims), self.unit, self.into)

    def __str__(self) -> str:
        dims, name = self.dims, str(self.elem)
        if dims and dims[-1] == LORENTZ and self.unit == ENERGY:
            dims, name = dims[:-1], "p4"
        elif self.elem == "real" and not self.unit.dimensionless:
            name = str(self.unit)
        elif self.elem == "index":
            name = "index" if self.into is None else f"index({self.into})"
        return name + (f"[{', '.join(map(str, dims))}]" if dims else "")


def merge_dims(operands: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """Union of the operands' dims, in an order that keeps each operand's own order.

    Among dims free to go next, ragged ones come first, then the earlier operand's:
    ``[part, c]`` with ``[part', c]`` gives ``[part, part', c]``. If the operands' orders
    contradict each other, the earlier operand wins.
    """
    left: dict[tuple[str, int], Dim] = {}
    for dims in operands:
        for d in dims:
            left.setdefault(d.key, d)
    queues = {tuple(d.key for d in dims) for dims in operands}
    if len(queues) == 1:
        return tuple(left.values())
    out: list[Dim] = []
    while left:
        behind = {key for queue in queues for key in queue[1:]}
        free = [key for key in left if key not in behind] or list(left)[:1]
        pick = next((key for key in free if left[key].ragged), free[0])
        out.append(left.pop(pick))
        queues = {tuple(key for key in queue if key != pick) for queue in queues}
    return tuple(out)
