# SPDX-License-Identifier: Apache-2.0
"""Runs a table's kernels over batches: chunks that fit in memory, one kernel after the other.

Memory is kept from batch to batch, and grows. A result does not depend on the chunk or batch that its event is in.
"""

from __future__ import annotations

import ctypes as ct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.engine.cuda.driver import Address, Driver
from hepq.runtime.engine.cuda.table import THREADS, TILE_COLUMNS, TILE_ROWS, Buffer, Rows, Table, offsets

Array = NDArray[Any]
#: bytes of values of a chunk: no more than this, as offsets in tiles are int32, nor than a part of what is free
MOST_MEMORY, PART_OF_FREE = 4 << 30, 0.6
#: entries of an event that a thread of a block computes before another block helps; blocks of an event
PER_THREAD, MOST_BLOCKS = 4, 64
#: of a chunk: numbers of threads are int32, the last block's too
_MOST_ROWS = 2**31 - 2**10


@dataclass(frozen=True)
class Chunk:
    """Events ``begin .. end`` of a batch; ``starts``: int32 [events + 1], by what multiplies to rows."""

    begin: int
    end: int
    starts: Mapping[Rows, NDArray[np.int32]]

    def rows(self, of: Rows) -> int:
        """Of all its events."""
        return int(self.starts[of][-1]) if of else self.end - self.begin


@dataclass
class Launcher:
    """Code that is loaded, in ``module``, with its weights on the GPU. Safe to call from many threads: they take turns.

    ``memory``: bytes that values of a chunk may take; None: what fits.
    """

    driver: Driver
    module: ct.c_void_p
    table: Table
    packed: Array
    memory: int | None = None
    _held: dict[str, tuple[Address, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        names = dict.fromkeys(launch.kernel for launch in self.table.launches)
        self._functions = {name: self.driver.function(self.module, name) for name in names}
        self.driver.upload(self._room("weights", self.packed.nbytes), self.packed)

    def close(self) -> None:
        """Gives back memory and code."""
        self.driver.enter()
        for address, _ in self._held.values():
            self.driver.free(address)
        self._held.clear()
        self.driver.unload(self.module)

    def run(self, events: int, starts: Mapping[str, Array], contents: Mapping[str, Array]) -> dict[str, Array]:
        """Output name -> its numbers, flat. ``starts``: int64 [events + 1] by ragged dim; ``contents``: flat inputs."""
        out = {o.name: self._empty(o, events, starts) for o in self.table.outputs}
        with self._lock:
            self.driver.enter()
            for chunk in self._chunks(events, starts):
                self._run(chunk, starts, contents, out)
        return out

    @staticmethod
    def _empty(output: Buffer, events: int, starts: Mapping[str, Array]) -> Array:
        rows = events if output.ragged is None else int(starts[output.ragged][-1])
        return np.empty(rows * output.width, np.int64 if output.whole else np.float32)

    def _chunks(self, events: int, starts: Mapping[str, Array]) -> Iterator[Chunk]:
        """As many events at a time as fit."""
        sizes = {name: np.diff(starts[name]) for name, _ in self.table.dims}
        kinds: list[Rows] = [*((name,) for name in sizes), *self.table.products]
        rows = {of: np.prod([sizes[name] for name in of], axis=0, dtype=np.int64) for of in kinds}
        each = np.zeros(events, np.int64)
        for of, size in self._bytes():
            each += rows[of] * size if of else size
        limit = self.memory
        if limit is None:
            held = sum(size for _, size in self._held.values())
            limit = min(MOST_MEMORY, int((self.driver.free_memory() + held) * PART_OF_FREE))
        widest = max((launch.width for launch in self.table.launches if not launch.rows), default=1)
        fits = [_ends(each, limit), *(_ends(n, _MOST_ROWS) for n in rows.values())]
        begin = 0
        while begin < events:
            end = min(begin + max(1, _MOST_ROWS // widest), *(find(begin) for find in fits))
            yield Chunk(begin, end, {of: np.r_[0, np.cumsum(n[begin:end])].astype(np.int32) for of, n in rows.items()})
            begin = end

    def _bytes(self) -> Iterator[tuple[Rows, int]]:
        """What takes memory: rows, and bytes for each of them."""
        for piece in self.table.memory:
            yield piece.rows, piece.bytes
        for buffer in (*self.table.inputs, *self.table.outputs):
            yield buffer.rows, buffer.width * (8 if buffer.whole else 4)

    def _run(
        self, chunk: Chunk, starts: Mapping[str, Array], contents: Mapping[str, Array], out: Mapping[str, Array]
    ) -> None:
        places = {name: ct.c_uint64(address) for name, address in self._prepared(chunk, starts, contents).items()}
        weights = self._held["weights"][0]
        events = chunk.end - chunk.begin
        for launch in self.table.launches:
            entries = chunk.rows(launch.rows) * launch.width
            if not entries:
                continue
            splits = min(max(-(-entries // (events * THREADS * PER_THREAD)), 1), MOST_BLOCKS)
            grids = {
                "entries": (-(-entries // THREADS), 1), "events": (events, splits),
                "tiles": (-(-entries // TILE_ROWS), -(-launch.columns // TILE_COLUMNS)),
            }  # fmt: skip
            numbers = {"events": events, "splits": splits, "entries": entries}
            arguments: list[Any] = []
            for word in launch.arguments:
                kind, _, rest = word.partition(":")
                if kind == "weights":
                    arguments.append(ct.c_uint64(weights + 4 * int(rest)))
                else:
                    arguments.append(ct.c_int32(numbers[word]) if word in numbers else places[word])
            self.driver.launch(self._functions[launch.kernel], grids[launch.shape], THREADS, arguments)
        for output in self.table.outputs:
            low, high = _span(output, chunk, starts)
            self.driver.download(out[output.name][low:high], places[f"output:{output.name}"].value)

    def _prepared(self, chunk: Chunk, starts: Mapping[str, Array], contents: Mapping[str, Array]) -> dict[str, Address]:
        """Where each argument is, inputs and offsets uploaded."""
        places = {}
        for number, piece in enumerate(self.table.memory):
            word = f"memory:{number}"
            places[word] = self._room(word, chunk.rows(piece.rows) * piece.bytes)
        given = {offsets(of): values for of, values in chunk.starts.items()}
        for value in self.table.inputs:
            low, high = _span(value, chunk, starts)
            given[f"input:{value.name}"] = contents[value.name][low:high]
        for word, values in given.items():
            places[word] = self._room(word, values.nbytes)
            self.driver.upload(places[word], np.ascontiguousarray(values))
        for output in self.table.outputs:
            low, high = _span(output, chunk, starts)
            word = f"output:{output.name}"
            places[word] = self._room(word, (high - low) * (8 if output.whole else 4))
        return places

    def _room(self, word: str, size: int) -> Address:
        """Device memory of at least ``size`` bytes, kept under a name."""
        address, held = self._held.get(word, (0, -1))
        if held < size:
            if held >= 0:
                del self._held[word]
                self.driver.free(address)
            self._held[word] = address, held = self.driver.allocate(size), size
        return address


def _span(buffer: Buffer, chunk: Chunk, starts: Mapping[str, Array]) -> tuple[int, int]:
    """Where the chunk's numbers of an input or output are in the batch's."""
    ends = (chunk.begin, chunk.end)
    low, high = ends if buffer.ragged is None else (int(starts[buffer.ragged][i]) for i in ends)
    return low * buffer.width, high * buffer.width


def _ends(sizes: Array, limit: int) -> Any:
    """A function: first event -> the event before which to stop so that ``sizes`` add up to no more than ``limit``; at
    least one event is done.
    """
    total = np.r_[0, np.cumsum(sizes)]
    return lambda begin: max(begin + 1, int(np.searchsorted(total, total[begin] + limit, side="right")) - 1)
