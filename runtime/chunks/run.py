# SPDX-License-Identifier: Apache-2.0
"""Runs what is made of chunks of files: those that are not in the store go to workers, what these give to the store.

A chunk that fails is listed, and all others are computed.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Generic

from hepq.core.errors import DataError
from hepq.runtime.chunks.files import A, Done, F, File, Task
from hepq.runtime.chunks.store import Range, Store
from hepq.runtime.executors import Executor, map_unordered

#: bytes of a chunk, uncompressed: by default; and at least, where there are more workers than chunks
CHUNK, LEAST = 128 << 20, 4 << 20
#: failed chunks that a message lists
LISTED = 20
#: chunks of each slot of an executor, so that the last ones do not keep it waiting
ROUNDS = 4
Work = Callable[[Task[F]], Done[A] | DataError]


@dataclass(frozen=True)
class Failed:
    """``what``: a file, or a chunk of one; ``path``: of the file."""

    source: str
    path: str
    what: str
    error: DataError

    def __str__(self) -> str:
        code, title, why, help = (getattr(self.error, name) for name in ("code", "title", "why", "help"))
        return f"{self.what} [{code}]: {'; '.join(words for words in (title, why, help) if words)}"


class ChunksFailed(DataError):
    """DataError HQ0950: ``failed`` says which chunks and files."""

    def __init__(self, failed: Sequence[Failed], of: int, help: str) -> None:
        shown = [str(one) for one in failed[:LISTED]]
        more = f"\n  … and {len(failed) - LISTED:,} more" if len(failed) > LISTED else ""
        super().__init__("HQ0950", f"{len(failed):,} of {of:,} chunks failed", "\n  ".join(shown) + more, help)
        self.failed = tuple(failed)


@dataclass(frozen=True)
class Progress:
    """Events and bytes (uncompressed, about) that are done, and of them those that an earlier run did; of all."""

    done: int
    found: int
    events: int
    bytes: int
    found_bytes: int
    seconds: float
    chunks: int
    failed: int

    @property
    def rate(self) -> tuple[float, float]:
        """Events and bytes a second."""
        seconds = max(self.seconds, 1e-9)
        return (self.done - self.found) / seconds, (self.bytes - self.found_bytes) / seconds


Tell = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Tells nobody."""


@dataclass
class Running(Generic[F, A]):
    """``chunk``: events of one; by default as many as ``most`` bytes are. ``failed``: what did, so far."""

    store: Store[A]
    executor: Executor
    tell: Tell = no_progress
    chunk: int | None = None
    most: int = CHUNK
    start: float = field(default_factory=time.monotonic)
    failed: list[Failed] = field(default_factory=list)

    def compute(self, files: Sequence[F], work: Work[F, A]) -> Progress:
        """Computes what is not in the store of ``files``. Raises DataError HQ0954 where nothing can be stored."""
        tasks = self._tasks(files)
        left = {id(file): 0 for file in files}
        for task in tasks:
            left[id(task.file)] += 1
        for file in files:
            if not left[id(file)]:
                self.store.compact(file)
        events, size = sum(f.events for f in files), sum(f.bytes for f in files)
        done = events - sum(t.end - t.first for t in tasks)
        read = size - sum(_bytes(t.file, (t.first, t.end)) for t in tasks)
        now = Progress(done, done, events, read, read, time.monotonic() - self.start, 0, len(self.failed))
        self.tell(now)
        for task, made in map_unordered(self.executor, work, iter(tasks), _died):
            if isinstance(made, DataError):
                self.failed.append(Failed(task.file.source, task.file.opened.path, str(task), made))
            else:
                self.store.put(task.file, (task.first, task.end), made)
                done, read = done + task.end - task.first, read + _bytes(task.file, (task.first, task.end))
            left[id(task.file)] -= 1
            if not left[id(task.file)]:
                self.store.compact(task.file)
            now = replace(
                now, done=done, bytes=read, seconds=time.monotonic() - self.start, chunks=now.chunks + 1,
                failed=len(self.failed),
            )  # fmt: skip
            self.tell(now)
        self.failed.sort(key=lambda one: (one.source, one.path, one.what))
        return now

    def _tasks(self, files: Sequence[F]) -> list[Task[F]]:
        """What is not in the store yet."""
        gaps = [(file, gap) for file in files for gap in _gaps(file, self.store.covered(file))]
        total = sum(_bytes(file, gap) for file, gap in gaps)
        slots = self.executor.slots
        size = self.most if slots == 1 else min(self.most, max(LEAST, total // (ROUNDS * slots)))
        return [Task(file, *part) for file, gap in gaps for part in _cut(file, gap, self.chunk, size)]


def _gaps(file: File, covered: Sequence[Range]) -> list[Range]:
    """Entries that are in none of ``covered``, which ascend; of what cannot be divided, all or nothing."""
    edges = [(0, 0), *covered, (file.events, file.events)]
    found = [(a[1], b[0]) for a, b in pairwise(edges) if a[1] < b[0]]
    return found if file.divisible or not found else [(0, file.events)]


def _bytes(file: File, entries: Range) -> int:
    return file.bytes * (entries[1] - entries[0]) // max(file.events, 1)


def _cut(file: File, entries: Range, events: int | None, size: int) -> Iterator[Range]:
    """``entries`` in parts of so many events, or of about so many bytes, that end where baskets do if some do near."""
    first, end = entries
    if not file.divisible:
        yield entries
        return
    if events:
        yield from pairwise([*range(first, end, events), end])
        return
    number = math.ceil((end - first) / max(1, size * file.events // max(file.bytes, 1)))
    part = (end - first) / number
    cuts = {_nearest(file.edges, first + round(i * part), part / 2) for i in range(1, number)}
    yield from pairwise([first, *sorted(cut for cut in cuts if first < cut < end), end])


def _nearest(edges: Sequence[int], entry: int, within: float) -> int:
    """The edge nearest to an entry, if one is that near; the entry itself if none is."""
    place = bisect_left(edges, entry)
    near = min(edges[max(place - 1, 0) : place + 1], key=lambda edge: abs(edge - entry), default=entry)
    return near if abs(near - entry) <= within else entry


def _died(task: Task[F]) -> DataError:
    why = f"a worker process died of it, twice: {task}"
    return DataError("HQ0860", "a worker process died, twice", why, "was its memory used up? give smaller chunks")
