# SPDX-License-Identifier: Apache-2.0
"""Branches of numbers, and lists of them, of a TTree as flat columns, straight from its baskets.

What NanoAOD and most ntuples are made of: numbers, arrays of a fixed length, arrays with a branch that counts them,
vectors. Any other branch is uproot's. Lists that one branch counts share its offsets; a basket that has not as many
bytes as the counts say has the branch read by its own table of where entries begin, as uproot does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.events.formats.baskets import Basket, BasketFile

#: bytes of the largest number that NumPy copies at once
_LARGEST = 8


class _NotAsCounted(Exception):
    """A basket has not as many rows as counts say."""


@dataclass(frozen=True)
class Flat:
    """``contents`` [rows, *shape] of all events one after the other; ``offsets`` [events + 1] of lists, None: a row for
    each event. Columns of one collection have one array of offsets.
    """

    contents: NDArray[Any]
    offsets: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Kind:
    """``stored``: the number as the file has it. ``shape``: of each row. ``header``: bytes before each list."""

    stored: np.dtype[Any]
    shape: tuple[int, ...]
    lists: bool
    header: int

    @cached_property
    def row(self) -> int:
        """Bytes."""
        return self.stored.itemsize * prod(self.shape)

    @cached_property
    def native(self) -> np.dtype[Any]:
        return self.stored.newbyteorder("=")

    def rows(self, content: NDArray[np.uint8]) -> NDArray[Any]:
        found: NDArray[Any] = content.view(self.stored)
        return found.reshape(-1, *self.shape) if self.shape else found


def kind_of(branch: Any) -> Kind | None:
    """Of a branch that can be read here; None: of any other."""
    from uproot.interpretation.jagged import AsJagged
    from uproot.interpretation.numerical import AsDtype

    how: Any = getattr(branch, "interpretation", None)
    lists, header = type(how) is AsJagged, 0
    if lists:
        how, header = how.content, how.header_bytes
    if type(how) is not AsDtype:
        return None
    stored, shape = how.from_dtype.subdtype or (how.from_dtype, ())
    native = how.to_dtype.subdtype or (how.to_dtype, ())
    if stored.kind not in "biuf" or native != (stored.newbyteorder("="), shape):
        return None
    return Kind(stored, shape, lists, header)


def shared_edges(offsets: Iterable[Sequence[int] | NDArray[np.int64]]) -> NDArray[np.int64]:
    """Of the entries between which branches are stored in baskets, those that all have, in order."""
    found: NDArray[np.int64] = reduce(np.intersect1d, (np.asarray(one, np.int64) for one in offsets))
    return found


class Columns:
    """Those of ``names`` that are branches of ``tree`` of known kinds, in the file at ``path`` on this machine.

    Chunks are taken from the first entry to the last, so that each basket is decompressed once; of a basket that ends
    behind a chunk, all is held. What is damaged raises ValueError or OSError.
    """

    def __init__(self, path: str, tree: Any, names: Collection[str]) -> None:
        found: dict[str, list[Any]] = {}
        for branch in tree.itervalues(recursive=True, filter_name=set(names).__contains__):
            found.setdefault(branch.name, []).append(branch)
        alone = {name: of[0] for name, of in found.items() if len(of) == 1 and of[0].num_entries == tree.num_entries}
        self._file = BasketFile(path)
        self._counts: dict[str, _Counts] = {}
        self._columns: dict[str, _Column] = {}
        for name, branch in alone.items():
            if (kind := kind_of(branch)) is not None:
                self._columns[name] = _Column(self._file, branch, kind, self._counts_of(branch, kind))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def chunks(self, first: int, end: int, step: int) -> Iterator[dict[str, Flat]]:
        """Entries from ``first`` to before ``end``, ``step`` at a time, by name."""
        for begin in range(first, end, step):
            yield self.chunk(begin, min(begin + step, end))

    def whole_baskets(self, first: int, end: int, most: int) -> Iterator[dict[str, Flat]]:
        """As ``chunks``, of ``most`` entries, or fewer that end where baskets of all branches do."""
        edges = shared_edges(column.edges for column in self._columns.values())
        while first < end:
            limit = min(first + most, end)
            place = int(edges[np.searchsorted(edges, limit, side="right") - 1])
            stop = place if place > first and limit < end else limit
            yield self.chunk(first, stop)
            first = stop

    def chunk(self, first: int, end: int) -> dict[str, Flat]:
        """These entries, one or more."""
        for counts in self._counts.values():
            reaches = [c.reach(first, end) for c in self._columns.values() if c.counts is counts]
            if reaches:
                counts.move(min(low for low, _ in reaches), max(high for _, high in reaches))
        return {name: column.read(first, end) for name, column in self._columns.items()}

    def _counts_of(self, branch: Any, kind: Kind) -> _Counts | None:
        counter = branch.count_branch if kind.lists and not kind.header else None
        if counter is None or counter.num_entries != branch.num_entries:
            return None
        of = kind_of(counter)
        if of is None or of.lists or of.shape or of.stored.kind not in "iu":
            return None
        if counter.name not in self._counts:
            self._counts[counter.name] = _Counts(counter.name, _Column(self._file, counter, of, None))
        return self._counts[counter.name]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Columns:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Counts:
    """How many rows there are before each entry, of a collection that a branch counts."""

    def __init__(self, name: str, column: _Column) -> None:
        self._name, self._column = name, column
        self._low = self._high = 0
        self._sums = np.zeros(1, np.int64)
        self._offsets: tuple[tuple[int, int], NDArray[np.int64]] | None = None

    def move(self, low: int, high: int) -> None:
        """To where these entries are known."""
        if self._low <= low and high <= self._high:
            return
        on = self._low <= low < self._high
        known = self._sums[low - self._low :] if on else np.zeros(1, np.int64)
        counts = self._column.read(self._high if on else low, high).contents
        if len(counts) and counts.min() < 0:
            raise ValueError(f"{self._name} is {counts.min()}")
        self._sums = np.empty(len(known) + len(counts), np.int64)
        self._sums[: len(known)], self._sums[len(known) :] = known, counts
        more = self._sums[len(known) - 1 :]
        np.cumsum(more, out=more)
        self._low, self._high = low, high

    def before(self, entries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows before them, from where some entry begins."""
        return self._sums[entries - self._low]

    def offsets(self, first: int, end: int) -> NDArray[np.int64]:
        """Of these entries, from 0; for all columns that ask for the same ones, one array."""
        if self._offsets is None or self._offsets[0] != (first, end):
            sums = self._sums[first - self._low : end + 1 - self._low]
            self._offsets = (first, end), sums - sums[0] if sums[0] else sums
        return self._offsets[1]


@dataclass(frozen=True)
class _Rows:
    """Of a basket: its ``rows``, and before how many of them each entry begins, where its table says so."""

    rows: NDArray[Any]
    starts: NDArray[np.int64] | None = None


class _Column:
    """``counts``: what its lists are measured by, None: by its own tables."""

    def __init__(self, file: BasketFile, branch: Any, kind: Kind, counts: _Counts | None) -> None:
        self.kind, self.counts = kind, counts
        self._name, self._file = branch.name, file
        self._embedded = list(branch.embedded_baskets)
        self._edges: list[int] = branch.entry_offsets
        self.edges = np.asarray(self._edges, np.int64)
        self._seeks, self._lengths = (branch.member(name).tolist() for name in ("fBasketSeek", "fBasketBytes"))
        self._held: tuple[int, _Rows] | None = None

    def _within(self, first: int, end: int) -> range:
        """Numbers of the baskets that these entries are in."""
        low = int(np.searchsorted(self.edges, first, side="right")) - 1
        return range(low, int(np.searchsorted(self.edges, end, side="left")))

    def reach(self, first: int, end: int) -> tuple[int, int]:
        """The entries of the baskets that these entries are in."""
        baskets = self._within(first, end)
        return self._edges[baskets.start], self._edges[baskets.stop]

    def read(self, first: int, end: int) -> Flat:
        """Entries from ``first`` to before ``end``, of which there is one or more."""
        if not self.kind.lists:
            return Flat(self._measured(first, end, lambda entries: entries))
        if self.counts is not None:
            try:
                return Flat(self._measured(first, end, self.counts.before), self.counts.offsets(first, end))
            except _NotAsCounted:
                self.counts = self._held = None
        return self._by_table(first, end)

    def _measured(self, first: int, end: int, before: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> NDArray[Any]:
        """Their rows; ``before`` says how many there are before entries."""
        baskets = self._within(first, end)
        bounds = before(self.edges[baskets.start : baskets.stop + 1]).tolist()
        begin, stop = (int(n) for n in before(np.array([first, end])))
        out = np.empty((stop - begin, *self.kind.shape), self.kind.native)
        for number, low, high in zip(baskets, bounds, bounds[1:], strict=False):
            if self._edges[number] < self._edges[number + 1]:
                one, other = max(low, begin), min(high, stop)
                out[one - begin : other - begin] = self._taken(number, end, high - low).rows[one - low : other - low]
        return out

    def _by_table(self, first: int, end: int) -> Flat:
        """Lists, each basket of which says where they begin."""
        parts, counts = [], []
        for number in self._within(first, end):
            low, high = self._edges[number], self._edges[number + 1]
            found = self._taken(number, end, None)
            assert found.starts is not None
            starts = found.starts[max(low, first) - low : min(high, end) - low + 1]
            parts.append(found.rows[starts[0] : starts[-1]].astype(self.kind.native))
            counts.append(np.diff(starts))
        offsets = np.zeros(end - first + 1, np.int64)
        np.cumsum(np.concatenate(counts), out=offsets[1:])
        return Flat(parts[0] if len(parts) == 1 else np.concatenate(parts), offsets)

    def _taken(self, number: int, end: int, rows: int | None) -> _Rows:
        """The basket, of so many ``rows``, None: as its table says. Held, if it goes on behind entry ``end``."""
        if self._held is not None and self._held[0] == number:
            return self._held[1]
        found = self._basket(number, rows)
        self._held = None
        if self._edges[number + 1] > end:
            found = _Rows(found.rows.astype(self.kind.native), found.starts)
            self._held = number, found
        return found

    def _basket(self, number: int, rows: int | None) -> _Rows:
        normal = len(self._edges) - 1 - len(self._embedded)
        if number < normal:
            entries = self._edges[number + 1] - self._edges[number]
            basket = self._file.read(self._seeks[number], self._lengths[number], entries, table=rows is None)
        else:
            given = self._embedded[number - normal]
            starts = None if given.byte_offsets is None else np.asarray(given.byte_offsets, np.int64)
            basket = Basket(given.data, starts)
        if rows is None:
            return self._lists(basket, number)
        if len(basket.content) != rows * self.kind.row:
            if self.kind.lists:
                raise _NotAsCounted
            raise ValueError(f"basket {number} of {self._name} has {len(basket.content)} bytes for {rows:,} entries")
        return _Rows(self.kind.rows(basket.content))

    def _lists(self, basket: Basket, number: int) -> _Rows:
        """Without what is before each list."""
        starts, (head, row) = basket.starts, (self.kind.header, self.kind.row)
        if starts is None:
            raise ValueError(f"basket {number} of {self._name} does not say where its entries begin")
        lengths = np.diff(starts) - head
        if len(lengths) and (starts[0] != 0 or lengths.min() < 0 or (lengths % row).any()):
            raise ValueError(f"lists in basket {number} of {self._name} do not follow each other")
        if head:
            unit = gcd(head, row, _LARGEST)
            kept = np.ones(len(basket.content) // unit, np.bool_)
            for i in range(head // unit):
                kept[starts[:-1] // unit + i] = False
            basket = Basket(basket.content.view(f"u{unit}")[kept].view(np.uint8))
        begins = np.zeros(len(starts), np.int64)
        np.cumsum(lengths // row, out=begins[1:])
        return _Rows(self.kind.rows(basket.content), begins)
