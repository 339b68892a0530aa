# SPDX-License-Identifier: Apache-2.0
"""Sums of weights, exact: the same bits whatever the order, the chunks and the workers they were added in.

A sum is ``LIMBS`` int64 limbs of 32 bits each, least first, in units of 2^-192 (a superaccumulator: Kulisch 2002), to
which each number is cut: weights from 2^-140 on, and squares (themselves doubles) of weights from 2^-70 on, lose
nothing; squares of weights below 2^-96 are 0. In canonical form, that of everything here, all limbs but the top one
are in [0, 2^32). Of cells, only those that something was added to are kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
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

    @staticmethod
    def none() -> Counts:
        return Counts(np.zeros(0, np.int64), np.zeros(0, np.int64))

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

    @staticmethod
    def none() -> Weighted:
        return Weighted(*(np.zeros((0, *shape), np.int64) for shape in ((), (), (LIMBS,), (LIMBS,))))

    def totals(self) -> tuple[Floats, Floats]:
        """Sums of weights and of their squares, of each of ``cells``, correctly rounded."""
        return rounded(self.limbs), rounded(self.limbs2)


Part = Counts | Weighted
_KINDS: tuple[type[Part], ...] = (Counts, Weighted)


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
        for kind in _KINDS:
            parts = {name: part for name, part in sorted(self.parts.items()) if isinstance(part, kind)}
            listed = json.dumps([[name, len(part.cells)] for name, part in parts.items()]).encode()
            arrays[kind.__name__] = np.frombuffer(listed, np.uint8)
            for field_, array in _columns(kind, list(parts.values())).items():
                # canonical limbs fit 32 bits each, the top one as two's complement
                whole = (array & _MASK).astype(np.uint32) if array.ndim == 2 else array
                arrays[f"{kind.__name__}.{field_}"] = np.ascontiguousarray(whole)
        return seal(zlib.compress(save(arrays), 1))

    @staticmethod
    def from_bytes(data: bytes) -> Sums:
        """Raises ValueError, saying why, for anything that ``to_bytes`` did not write."""
        try:
            arrays = tensors.read(zlib.decompress(unseal(data)))
            found: dict[str, Part] = {}
            for kind in _KINDS:
                listed = json.loads(arrays[kind.__name__].tobytes())
                stored = {f.name: arrays[f"{kind.__name__}.{f.name}"] for f in fields(kind)}
                columns = {name: _signed(array) if array.ndim == 2 else array for name, array in stored.items()}
                if any(len(array) != sum(rows for _, rows in listed) for array in columns.values()):
                    raise ValueError("it has other numbers of cells than it says")
                found |= _split(kind, [name for name, _ in listed], [rows for _, rows in listed], columns)
        except (zlib.error, KeyError, TypeError) as error:
            raise ValueError(f"it has no sums: {error}") from error
        return Sums(found)


#: begins names of sums that are no fills: what models left out, in words
LEFT_OUT = "left out, "


def counted(left_out: Mapping[str, int]) -> Sums:
    """How often, as sums beside those of fills."""
    one = np.zeros(1, np.int64)
    return Sums({f"{LEFT_OUT}{what}": Counts(one, one + n) for what, n in left_out.items() if n})


def merged(sums: Iterable[Sums]) -> Sums:
    """All of them added, exactly, in one pass: the order does not matter."""
    given: dict[str, list[Part]] = {}
    for one in sums:
        for name, part in one.parts.items():
            given.setdefault(name, []).append(part)
    found = {name: parts[0] for name, parts in given.items() if len(parts) == 1}
    for kind in _KINDS:
        found |= _merged(kind, {n: parts for n, parts in given.items() if n not in found and type(parts[0]) is kind})
    return Sums({name: found[name] for name in sorted(found)})


def _merged(kind: type[Part], given: Mapping[str, Sequence[Part]]) -> dict[str, Part]:
    for name, parts in given.items():
        if any(type(part) is not kind for part in parts):
            raise ValueError(f"{name} has weights here, and none there: these are sums of different programs")
    parts = [part for several in given.values() for part in several]
    of = np.repeat(np.arange(len(given)), [sum(len(part.cells) for part in several) for several in given.values()])
    columns = _columns(kind, parts)
    order = np.lexsort((columns["cells"], of))
    of, cells = of[order], columns.pop("cells")[order]
    new = np.ones(len(cells), np.bool_)
    new[1:] = (np.diff(of) != 0) | (np.diff(cells) != 0)
    starts = np.flatnonzero(new)
    if starts.size:
        columns = {name: np.add.reduceat(array[order], starts, axis=0) for name, array in columns.items()}
    columns = {name: canonical(array) if array.ndim == 2 else array for name, array in columns.items()}
    rows = np.bincount(of[starts], minlength=len(given)).tolist()
    return _split(kind, list(given), rows, {"cells": cells[starts], **columns})


def _columns(kind: type[Part], parts: Sequence[Part]) -> dict[str, Ints]:
    """Each field of all ``parts`` of a kind, one after the other."""
    none = kind.none()
    return {f.name: np.concatenate([getattr(part, f.name) for part in (none, *parts)]) for f in fields(kind)}


def _split(kind: type[Part], names: Sequence[str], rows: Sequence[int], columns: Mapping[str, Ints]) -> dict[str, Part]:
    """The reverse: parts of so many ``rows``, by name."""
    ends = np.cumsum([0, *rows]).tolist()
    return {
        name: kind(**{field_: array[a:b] for field_, array in columns.items()})
        for name, (a, b) in zip(names, pairwise(ends), strict=True)
    }


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
