# SPDX-License-Identifier: Apache-2.0
"""Sums of weights, exact: the same bits whatever the order, the chunks and the workers they were added in.

A sum is ``LIMBS`` int64 limbs of 32 bits each, least first, in units of 2^-192 (a superaccumulator: Kulisch 2002). In
canonical form, that of everything here, all limbs but the top one are in [0, 2^32). Of cells, only those that something
was added to are kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.runtime.artifact import tensors
from hepq.runtime.files import seal, unseal

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LIMBS = 12
#: the lowest bit of the lowest limb
LOWEST = -192
#: weights are of less magnitude, so that their squares are below 2^128: 2^63 of these stay below the top limb's sign
LARGEST = 2.0**64
_MASK = (1 << 32) - 1
#: parts of a name in a file: the end of its keys, in the order of the fields
_COUNTS, _WEIGHTED = ("cells", "counts"), ("cells", "entries", "limbs", "limbs2")


class BadWeight(ValueError):
    """A weight that is NaN, infinite, or of magnitude 2^64 or more; ``index``: of the first one."""

    def __init__(self, weight: float, index: int) -> None:
        super().__init__(f"weight {weight}")
        self.weight, self.index = weight, index


@dataclass(frozen=True)
class Counts:
    """``cells``: those that were filled, ascending; ``counts``: how often."""

    cells: Ints
    counts: Ints

    @staticmethod
    def of(cells: ArrayLike) -> Counts:
        """One for each of ``cells``; -1 is nowhere."""
        at = np.asarray(cells, np.int64).ravel()
        return Counts(*np.unique(at[at >= 0], return_counts=True))

    @property
    def entries(self) -> Ints:
        return self.counts

    def totals(self) -> tuple[Floats, Floats]:
        """Sums of weights 1 and of their squares, of each of ``cells``."""
        return self.counts.astype(np.float64), self.counts.astype(np.float64)


@dataclass(frozen=True)
class Weighted:
    """``cells``: n that were filled, ascending; ``entries``: how often; ``limbs``, ``limbs2``: [n, LIMBS], of sums of w
    and of w·w, each w·w rounded to a double before it is added."""

    cells: Ints
    entries: Ints
    limbs: Ints
    limbs2: Ints

    @staticmethod
    def of(cells: ArrayLike, weights: ArrayLike) -> Weighted:
        """``weights``, one or as many as ``cells``, where -1 is nowhere. Raises BadWeight."""
        at = np.asarray(cells, np.int64).ravel()
        numbers = np.broadcast_to(np.asarray(weights, np.float64).ravel(), at.shape)
        inside = at >= 0
        bad = np.flatnonzero(inside & ~(np.abs(numbers) < LARGEST))
        if bad.size:
            raise BadWeight(float(numbers[bad[0]]), int(bad[0]))
        filled, slots, entries = np.unique(at[inside], return_inverse=True, return_counts=True)
        w = numbers[inside]
        return Weighted(filled, entries, _added(slots, w, len(filled)), _added(slots, w * w, len(filled)))

    def totals(self) -> tuple[Floats, Floats]:
        """Sums of weights and of their squares, of each of ``cells``, correctly rounded."""
        return rounded(self.limbs), rounded(self.limbs2)


Part = Counts | Weighted


@dataclass(frozen=True)
class Sums:
    """By name of a fill. One that is not there is 0 everywhere. ``+`` is exact."""

    parts: Mapping[str, Part] = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        return merged((self, other))

    def __getitem__(self, name: str) -> Part:
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def dense(self, name: str, cells: int) -> tuple[Floats, Floats, Ints]:
        """Of all ``cells``: sums of weights, of their squares (both correctly rounded), entries."""
        sumw, sumw2, entries = np.zeros(cells), np.zeros(cells), np.zeros(cells, np.int64)
        if (part := self.parts.get(name)) is not None:
            sumw[part.cells], sumw2[part.cells] = part.totals()
            entries[part.cells] = part.entries
        return sumw, sumw2, entries

    def to_bytes(self) -> bytes:
        """Compact, with a checksum; equal sums give equal bytes."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        for name, part in sorted(self.parts.items()):
            for end in _COUNTS if isinstance(part, Counts) else _WEIGHTED:
                array = getattr(part, end)
                # canonical limbs fit 32 bits each, the top one as two's complement
                arrays[f"{name}/{end}"] = (
                    np.ascontiguousarray(array & _MASK, np.uint32) if array.ndim == 2 else np.ascontiguousarray(array)
                )
        return seal(zlib.compress(save(arrays), 1))

    @staticmethod
    def from_bytes(data: bytes) -> Sums:
        """Raises ValueError, saying why, for anything that ``to_bytes`` did not write."""
        try:
            content = zlib.decompress(unseal(data))
        except zlib.error as error:
            raise ValueError(str(error)) from error
        found: dict[str, dict[str, NDArray[Any]]] = {}
        for key, array in tensors.read(content).items():
            name, _, end = key.rpartition("/")
            found.setdefault(name, {})[end] = _signed(array) if array.ndim == 2 else array
        parts: dict[str, Part] = {}
        for name, fields in found.items():
            if set(fields) not in (set(_COUNTS), set(_WEIGHTED)):
                raise ValueError(f"{name} has no sums, but {', '.join(sorted(fields))}")
            parts[name] = Counts(**fields) if "counts" in fields else Weighted(**fields)
        return Sums(parts)


#: begins names of sums that are no fills: what models left out, in words
LEFT_OUT = "left out, "


def counted(left_out: Mapping[str, int]) -> Sums:
    """How often, as sums beside those of fills."""
    one = np.zeros(1, np.int64)
    return Sums({f"{LEFT_OUT}{what}": Counts(one, one + n) for what, n in left_out.items() if n})


def merged(sums: Iterable[Sums]) -> Sums:
    """All of them added, exactly, in one pass: the order does not matter."""
    found: dict[str, list[Part]] = {}
    for one in sums:
        for name, part in one.parts.items():
            found.setdefault(name, []).append(part)
    return Sums({name: parts[0] if len(parts) == 1 else _merged(name, parts) for name, parts in sorted(found.items())})


def _merged(name: str, parts: list[Part]) -> Part:
    kind = type(parts[0])
    if any(type(part) is not kind for part in parts):
        raise ValueError(f"{name} has weights here, and none there: these are sums of different programs")
    cells = np.concatenate([part.cells for part in parts])
    order = np.argsort(cells, kind="stable")
    cells = cells[order]
    starts = np.flatnonzero(np.diff(cells, prepend=-1))

    def added(field: str) -> Ints:
        rows = np.concatenate([getattr(part, field) for part in parts])
        return np.add.reduceat(rows[order], starts, axis=0) if starts.size else rows

    if kind is Counts:
        return Counts(cells[starts], added("counts"))
    limbs, limbs2 = added("limbs"), added("limbs2")
    return Weighted(cells[starts], added("entries"), canonical(limbs), canonical(limbs2))


def canonical(limbs: Ints) -> Ints:
    """Carries propagated, in place: limbs [n, LIMBS] that up to 2^30 numbers were added to."""
    for i in range(LIMBS - 1):
        limbs[:, i + 1] += limbs[:, i] >> 32
        limbs[:, i] &= _MASK
    return limbs


def exact(numbers: Floats) -> Ints:
    """Canonical limbs of the sums of ``numbers`` [n, any], each below 2^128, along their last axis."""
    rows, columns = numbers.shape
    return _added(np.repeat(np.arange(rows), columns), numbers.ravel(), rows)


def _added(slots: NDArray[np.intp], numbers: Floats, size: int) -> Ints:
    """Canonical limbs of the sums of ``numbers`` by slot. Each is below 2^128, and truncated to the lowest bit."""
    mantissas, exponents = np.frexp(np.abs(numbers))
    digits = (mantissas * 2.0**53).astype(np.uint64)
    # of the mantissa's last bit, from the lowest one
    place = exponents.astype(np.int64) - 53 - LOWEST
    digits >>= np.clip(-place, 0, 63).astype(np.uint64)
    place = np.maximum(place, 0)
    limb, shift = place // 32, (place % 32).astype(np.uint64)
    low = (digits & np.uint64(_MASK)) << shift
    high = ((digits >> np.uint64(32)) << shift) + (low >> np.uint64(32))
    sign = np.where(np.signbit(numbers), -1, 1)
    limbs = np.zeros((size, LIMBS), np.int64)
    for i, part in enumerate((low & np.uint64(_MASK), high & np.uint64(_MASK), high >> np.uint64(32))):
        np.add.at(limbs, (slots, limb + i), sign * part.astype(np.int64))
    return canonical(limbs)


def rounded(limbs: Ints) -> Floats:
    """Numbers of canonical limbs [n, LIMBS] as the nearest doubles, ties to even."""
    if not len(limbs):
        return np.zeros(0)
    negative = limbs[:, -1] < 0
    size = canonical(np.where(negative[:, None], -limbs, limbs)).astype(np.uint64)
    rows = np.arange(len(size))
    # the top limb that is not 0, at least the third, so that it and two more hold 64 bits of any number that has them
    top = np.maximum(LIMBS - 1 - np.argmax(size[:, ::-1] != 0, axis=1), 2)
    first, second, third = (size[rows, top - i] for i in range(3))
    head = (first << np.uint64(32)) | second
    zeros = np.minimum(64 - _bits(head), 32).astype(np.uint64)
    head = (head << zeros) | ((third << zeros) >> np.uint64(32))
    below = np.arange(LIMBS) < (top - 2)[:, None]
    rest = ((third << zeros) & np.uint64(_MASK) != 0) | ((size != 0) & below).any(axis=1)
    # of numbers within the lowest two limbs more bits are free, and nothing is left below
    free = (64 - _bits(head)).astype(np.uint64) % np.uint64(64)
    head <<= free
    kept, cut = head >> np.uint64(11), head & np.uint64(0x7FF)
    half = np.uint64(0x400)
    up = (cut > half) | ((cut == half) & (rest | (kept & np.uint64(1) != 0)))
    exponents = 32 * (top - 1) - (zeros + free).astype(np.int64) + 11 + LOWEST
    result: Floats = np.ldexp((kept + up).astype(np.float64), exponents)
    return np.asarray(np.where(negative, -result, result))


def _bits(numbers: NDArray[np.uint64]) -> Ints:
    """The length of each in binary."""
    high = numbers >> np.uint64(32)
    _, exponents = np.frexp(np.where(high != 0, high, numbers).astype(np.float64))
    return exponents.astype(np.int64) + np.where(high != 0, 32, 0)


def _signed(limbs: NDArray[np.uint32]) -> Ints:
    """Canonical limbs of what is stored of them."""
    wide = limbs.astype(np.int64)
    wide[:, -1] -= (wide[:, -1] >> 31) << 32
    return wide


class Summing:
    """How sums of chunks are read and added up, for a store."""

    def read(self, data: bytes) -> Sums:
        return Sums.from_bytes(data)

    def added(self, accounts: Iterable[Sums]) -> Sums:
        return merged(accounts)
