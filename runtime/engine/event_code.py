# SPDX-License-Identifier: Apache-2.0
"""Runs a compiled event program over a chunk of events. Neither TVM nor its runtime is needed: it is plain C code.

The library has two functions of one argument, the address of a table of int64 (``Table``): ``hepq_events_scratch`` says
how many bytes of scratch memory the chunk needs, ``hepq_events`` does the events. Both write to the table's state.
Calls with tables of their own may run at the same time. A third, ``hepq_events_layout``, writes the number that stands
for the description that the code was made with: with another one, it would read and write what is not its own.

A program with fills adds what it counts and weighs to ``Accumulators`` (``accumulators.py``), chunk after chunk. What
no fill, output or check needs of an event is not computed, and is no error in it: too many combinations that only a
region uses whose cuts the event fails, say. Of a cut flow, cuts after a failed one are asked for N - 1 alone, until a
second one fails; without N - 1 states are 0 or even: 2j + 2 says that cut j failed first, and nothing of later ones.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from hepq.runtime.engine.accumulators import SUMS, Accumulators
from hepq.runtime.files import Scratch

FUNCTION, SCRATCH, LAYOUT = "hepq_events", "hepq_events_scratch", "hepq_events_layout"
_VERSION = "1"
#: events that the code reads, and computes in vectors, together
BLOCK = 64
#: how a call ended: all done; an output is full, go on from this event with a larger one; more combinations than
#: allowed, of ``detail`` entries; input ``detail`` has an index of no entry; scratch memory is too small; counts that
#: are no counts; the weight of fill ``detail`` is no number to add; check ``detail`` is false; fill ``detail`` has no
#: such cell; there is no memory for more sums
DONE, FULL, TOO_MANY, BAD_INDEX, NO_ROOM, BAD_COUNT, BAD_WEIGHT, CHECK_FAILED, BAD_CELL, NO_MEMORY = range(10)
#: the detail of BAD_WEIGHT is the number of the first fill of a record, and so many times the lane of the one it is of
LANE = 1 << 32
#: places of the state: status, event, detail, bytes of scratch; then rows written, one for each made dim
STATUS, EVENT, DETAIL, NEEDED, ROWS = range(5)
#: dtypes that columns may have, in the order of their codes
DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
_OUT = {"real": np.dtype(np.float64), "int": np.dtype(np.int64), "index": np.dtype(np.int64), "bool": np.dtype(bool)}


@dataclass(frozen=True)
class Branch:
    """An input or output: its element type (real, int, bool, index); the ragged dim whose entries are its rows, None:
    it has one for each event; sizes of its other dims."""

    name: str
    elem: str
    dim: str | None
    shape: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Cells:
    """What a fill adds up: counts in ``cells`` cells, or weights."""

    name: str
    cells: int
    weighted: bool


@dataclass(frozen=True)
class EventDescription:
    """``dims``: ragged dims of the inputs; ``made``: those of outputs that the code makes. Both in the table's order.

    ``sources``: for each made dim the dims whose entries, together, it cannot outnumber; None: no such bound.
    ``checks``: names of what must be true of every event. ``constants``: the bits of numbers that the code looks up.
    ``together``: numbers of fills that share a record.
    """

    dims: tuple[str, ...]
    made: tuple[str, ...]
    inputs: tuple[Branch, ...]
    outputs: tuple[Branch, ...]
    sources: tuple[tuple[str, ...] | None, ...]
    fills: tuple[Cells, ...] = ()
    checks: tuple[str, ...] = ()
    constants: tuple[int, ...] = ()
    together: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Table:
    """Where things stand in the table: begin, end, scratch, its bytes, the limit of combinations, the state; then for
    each dim its largest count, its largest count in a block, the address of its offsets; for each input its address,
    dtype, factor; for each made dim the address of its counts, rows that there is memory for; for each output its
    address; where there is one of these, the address of the constants, whether N - 1 is asked for, and for each fill
    the address of its record."""

    description: EventDescription

    BEGIN, END, MEMORY, BYTES, LIMIT, STATE = range(6)

    def dim(self, i: int) -> int:
        return 6 + 3 * i

    def input(self, i: int) -> int:
        return self.dim(len(self.description.dims)) + 3 * i

    def made(self, i: int) -> int:
        return self.input(len(self.description.inputs)) + 2 * i

    def output(self, i: int) -> int:
        return self.made(len(self.description.made)) + i

    @property
    def constants(self) -> int:
        return self.output(len(self.description.outputs))

    @property
    def n_minus_one(self) -> int:
        return self.constants + 1

    def fill(self, i: int) -> int:
        return self.constants + 2 + i

    @property
    def size(self) -> int:
        d = self.description
        return self.fill(len(d.fills)) if d.fills or d.checks or d.constants else self.constants


class EventError(Exception):
    """An event that cannot be done: ``status``, the number of the ``event`` in the chunk, ``detail``, as above."""

    def __init__(self, status: int, event: int, detail: int, why: str) -> None:
        super().__init__(f"event {event}: {why}")
        self.status, self.event, self.detail, self.why = status, event, detail, why


@dataclass(frozen=True)
class EventResult:
    """``outputs``: by name, [rows or events, other dims]; ``counts``: entries of each made dim in each event, int64."""

    outputs: dict[str, NDArray[Any]]
    counts: dict[str, NDArray[np.int64]]


class EventProgram:
    """A loaded library. Raises OSError where it cannot be loaded, or is not the description's."""

    def __init__(self, library: bytes, description: EventDescription, limit: int = 10_000_000) -> None:
        """``limit``: combinations that one event may have."""
        self.description, self.limit = description, limit
        with Scratch("hepq-code") as folder:
            path = folder / "events.so"
            path.write_bytes(library)
            loaded = ctypes.CDLL(str(path))
        try:
            self._run, self._scratch, declare = (getattr(loaded, name) for name in (FUNCTION, SCRATCH, LAYOUT))
        except AttributeError as error:
            raise OSError(f"it is no event program: {error}") from error
        for function in (self._run, self._scratch, declare):
            function.argtypes, function.restype = [ctypes.c_void_p], None
        made_for = np.zeros(1, np.int64)
        declare(made_for.ctypes.data)
        if int(made_for[0]) != digest(description):
            raise OSError("the library has other inputs or outputs than its description")

    def run(
        self,
        columns: Mapping[str, NDArray[Any]],
        counts: Mapping[str, NDArray[Any]],
        factors: Mapping[str, float] | None = None,
        events: int | None = None,
        accumulators: Accumulators | None = None,
        n_minus_one: bool = True,
        offsets: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> EventResult:
        """All events of a chunk.

        ``columns``: for each input a flat array, or [rows, other dims], of any of ``DTYPES``; ``counts``: for each
        ragged dim of the inputs its entries in each event; ``factors``: what real inputs are multiplied by, 1 if not
        named; ``events``: how many, for programs without inputs; ``offsets``: of dims whose counts are summed up
        already, the sum before each event, and that of all. ``accumulators``: what fills are added to; of no use
        any more after an error. ``n_minus_one``: after a cut that an event fails, are the later ones looked at? If not,
        nothing may be reported of events that fail one cut alone: no state says so. Raises
        EventError, or ValueError for columns that do not fit each other.
        """
        chunk = _Chunk(self.description, columns, counts, factors or {}, events, offsets or {})
        sums = self.accumulators() if accumulators is None else accumulators
        chunk.table[Table.LIMIT] = self.limit
        chunk.accumulate(sums, n_minus_one)
        scratch = self._memory(chunk.table, chunk.state)
        chunk.table[[Table.MEMORY, Table.BYTES]] = scratch.ctypes.data, scratch.nbytes
        self._run(chunk.table.ctypes.data)
        while chunk.state[STATUS] == FULL:
            self._go_on(chunk, sums, n_minus_one)
        if chunk.state[STATUS] != DONE:
            raise self._error(chunk.state)
        return chunk.result()

    def accumulators(self) -> Accumulators:
        """Nothing, to add to."""
        d = self.description
        return Accumulators([(f.name, f.cells, f.weighted) for f in d.fills], d.together)

    def _go_on(self, chunk: _Chunk, sums: Accumulators, n_minus_one: bool) -> None:
        """With more room for outputs. What the event that lacked it adds was added: this time it goes nowhere."""
        chunk.grow()
        if self.description.fills:
            event, end = int(chunk.table[Table.BEGIN]), int(chunk.table[Table.END])
            chunk.accumulate(self.accumulators(), n_minus_one)
            chunk.table[Table.END] = event + 1
            self._run(chunk.table.ctypes.data)
            chunk.accumulate(sums, n_minus_one)
            chunk.table[Table.END] = end
            if chunk.state[STATUS] != DONE:
                return
            chunk.table[Table.BEGIN] = event + 1
        self._run(chunk.table.ctypes.data)

    def _memory(self, table: NDArray[np.int64], state: NDArray[np.int64]) -> NDArray[np.uint8]:
        self._scratch(table.ctypes.data)
        needed = int(state[NEEDED])
        if needed < 0:
            raise EventError(NO_ROOM, 0, 0, "the largest event of the chunk needs too much memory")
        raw = np.empty(needed + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start : start + needed]

    def _lane(self, first: int, lane: int) -> int:
        """The number of the fill of a lane, of those that share a record with the ``first``."""
        return next((group[lane] for group in self.description.together if group[0] == first), first)

    def _error(self, state: NDArray[np.int64]) -> EventError:
        status, event, detail = (int(state[i]) for i in (STATUS, EVENT, DETAIL))
        why = "its counts are no counts"
        if status == TOO_MANY:
            why = f"combinations of {detail} entries are more than {self.limit:,}"
        elif status == BAD_INDEX:
            why = f"{self.description.inputs[detail].name} has an index of no entry"
        elif status == NO_ROOM:
            why = "scratch memory is too small"
        elif status == BAD_WEIGHT:
            detail = self._lane(detail % LANE, detail // LANE)
            why = f"{self.description.fills[detail].name} has a weight that is not a number below 2^64"
        elif status == CHECK_FAILED:
            why = f"{self.description.checks[detail]} does not hold"
        elif status == BAD_CELL:
            why = f"{self.description.fills[detail].name} has no such cell"
        elif status == NO_MEMORY:
            why = "there is no memory for more sums"
        return EventError(status, event, detail, why)


class _Chunk:
    """The arrays of one call, and the table that says where they are."""

    def __init__(
        self,
        description: EventDescription,
        columns: Mapping[str, NDArray[Any]],
        counts: Mapping[str, NDArray[Any]],
        factors: Mapping[str, float],
        events: int | None,
        offsets: Mapping[str, NDArray[np.int64]],
    ) -> None:
        self.description = d = description
        self.places = Table(d)
        self.table = np.zeros(self.places.size, np.int64)
        self.state = np.zeros(ROWS + len(d.made), np.int64)
        self.offsets = [_offsets(counts[dim], offsets.get(dim)) for dim in d.dims]
        self.inputs = [_column(b, columns[b.name]) for b in d.inputs]
        n = _events(d, self.offsets, self.inputs, events)
        rows = {dim: int(o[-1]) for dim, o in zip(d.dims, self.offsets, strict=True)}
        for branch, array in zip(d.inputs, self.inputs, strict=True):
            wanted = (n if branch.dim is None else rows[branch.dim]) * branch.width
            if array.size != wanted:
                raise ValueError(f"column {branch.name} has {array.size} numbers, must have {wanted}")
        self.made = [np.empty(n, np.int64) for _ in d.made]
        self.room = [_room(s, rows, n) for s in d.sources]
        known = {**rows, **dict(zip(d.made, self.room, strict=True))}
        self.outputs = [_zeros(b, n if b.dim is None else known[b.dim]) for b in d.outputs]
        self.table[[Table.END, Table.STATE]] = n, self.state.ctypes.data
        for i, (dim, o) in enumerate(zip(d.dims, self.offsets, strict=True)):
            self._set(self.places.dim(i), *_largest(counts[dim], o), o.ctypes.data)
        for i, (branch, array) in enumerate(zip(d.inputs, self.inputs, strict=True)):
            factor = np.float64(factors.get(branch.name, 1.0)).view(np.int64)
            self._set(self.places.input(i), array.ctypes.data, DTYPES.index(array.dtype.name), factor)
        self.constants = np.array(d.constants, np.int64)
        self._place()

    def accumulate(self, sums: Accumulators, n_minus_one: bool) -> None:
        """What fills add goes to ``sums``."""
        if self.places.size > self.places.constants:
            self._set(self.places.constants, self.constants.ctypes.data, int(n_minus_one), *sums.addresses)

    def _set(self, at: int, *values: Any) -> None:
        self.table[at : at + len(values)] = values

    def _place(self) -> None:
        for i, (counts, room) in enumerate(zip(self.made, self.room, strict=True)):
            self._set(self.places.made(i), counts.ctypes.data, room)
        for i, out in enumerate(self.outputs):
            self._set(self.places.output(i), out.ctypes.data)

    def grow(self) -> None:
        """More rows of the dim that was full; from its event on."""
        i = int(self.state[DETAIL])
        dim, written = self.description.made[i], int(self.state[ROWS + i])
        self.room[i] = max(2 * self.room[i], written + int(self.state[NEEDED]))
        for k, branch in enumerate(self.description.outputs):
            if branch.dim == dim:
                larger = _zeros(branch, self.room[i])
                larger[:written] = self.outputs[k][:written]
                self.outputs[k] = larger
        self._place()
        self.table[Table.BEGIN], self.state[STATUS] = self.state[EVENT], DONE

    def result(self) -> EventResult:
        d = self.description
        rows = dict(zip(d.made, self.state[ROWS:].tolist(), strict=True))
        named = zip(d.outputs, self.outputs, strict=True)
        outputs = {b.name: out[: rows[b.dim]] if b.dim in rows else out for b, out in named}
        return EventResult(outputs, dict(zip(d.made, self.made, strict=True)))


def _offsets(counts: NDArray[Any], known: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """0, then the sum of the counts up to each."""
    if len(counts) and counts.min() < 0:
        raise ValueError("a count is negative")
    if known is not None:
        return known
    out = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=out[1:])
    return out


def _largest(counts: NDArray[Any], offsets: NDArray[np.int64]) -> tuple[int, int]:
    """Of an event, of a block."""
    if not len(counts):
        return 0, 0
    ends = offsets[[*range(0, len(counts), BLOCK), len(counts)]]
    return int(counts.max()), int(np.diff(ends).max())


def _column(branch: Branch, values: NDArray[Any]) -> NDArray[Any]:
    array = np.ascontiguousarray(values).reshape(-1)
    kind = array.dtype.kind
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        raise ValueError(f"column {branch.name} has dtype {array.dtype}")
    if branch.elem in ("int", "index") and kind == "f":
        raise ValueError(f"column {branch.name} has dtype {array.dtype}, must hold whole numbers")
    if branch.elem in ("int", "index") and array.dtype == np.uint64 and array.size and array.max() > 2**63 - 1:
        raise ValueError(f"column {branch.name} has numbers above 2^63")
    return array


def _events(
    d: EventDescription, offsets: list[NDArray[np.int64]], inputs: list[NDArray[Any]], given: int | None
) -> int:
    found = {len(o) - 1 for o in offsets}
    found |= {a.size // b.width for b, a in zip(d.inputs, inputs, strict=True) if b.dim is None and b.width}
    found |= set() if given is None else {given}
    if len(found) != 1:
        raise ValueError(f"columns and counts of {' and '.join(map(str, sorted(found))) or 'no number of'} events")
    return found.pop()


def _room(sources: tuple[str, ...] | None, rows: Mapping[str, int], events: int) -> int:
    """Rows to begin with: as many as there can be, where that is no more than is read."""
    return sum(rows[s] for s in sources) if sources is not None else 2 * events + 1024


def _zeros(branch: Branch, rows: int) -> NDArray[Any]:
    return np.zeros((rows, *branch.shape), _OUT[branch.elem])


def described(data: bytes) -> EventDescription:
    """What ``EventDescription`` was written as. Raises ValueError for anything else."""
    return _DESCRIPTION.validate_json(data)


def digest(description: EventDescription) -> int:
    """A number that stands for it."""
    version = f"{_VERSION} {SUMS}" if any(fill.weighted for fill in description.fills) else _VERSION
    return int.from_bytes(hashlib.sha256(version.encode() + to_json(description)).digest()[:7], "big")


def to_json(description: EventDescription) -> bytes:
    """Without what programs of datasets do not have, so that theirs are as they always were."""
    new = {name for name in ("fills", "checks", "constants", "together") if not getattr(description, name)}
    return _DESCRIPTION.dump_json(description, exclude=new)


_DESCRIPTION: TypeAdapter[EventDescription] = TypeAdapter(EventDescription)
