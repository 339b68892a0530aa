# SPDX-License-Identifier: Apache-2.0
"""Fills a kernel matrix tile by tile: found in a store, computed here, or computed meanwhile by another process."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.quantum.kernel.executors import Executor, map_unordered
from hepq.runtime.quantum.kernel.kernel import Budgeted, Described, KernelFunction
from hepq.runtime.quantum.kernel.store import Store, utc
from hepq.runtime.quantum.kernel.tilefile import Header
from hepq.runtime.quantum.kernel.tiles import Compute, Tile


@dataclass(frozen=True)
class Progress:
    """Of ``tiles``, ``done`` are in place; ``found`` of them were in the store at the start, ``computed`` are ours.

    ``values`` counts values of the kernel, ``values_done`` those in place. ``seconds``: since the start.
    """

    tiles: int
    values: int
    done: int = 0
    values_done: int = 0
    found: int = 0
    computed: int = 0
    seconds: float = 0.0


class Filling:
    """``matrix``: filled as ``run`` goes on; ``mirrored``: each place also below the diagonal."""

    def __init__(
        self, kernel: KernelFunction, matrix: NDArray[np.float64], tiles: Sequence[Tile], mirrored: bool,
        store: Store | None, tell: Callable[[Progress], None],
    ) -> None:  # fmt: skip
        self._kernel, self._matrix, self._mirrored, self._store, self._tell = kernel, matrix, mirrored, store, tell
        self._about = dict(kernel.about) if isinstance(kernel, Described) else {}
        self._room = len(json.dumps(self._about).encode())
        self._todo = deque(tiles)
        self._claimed: set[str] = set()
        self._counts = {"done": 0, "values_done": 0, "found": 0, "computed": 0}
        self._tiles, self._values, self._start = len(tiles), sum(t.values for t in tiles), time.monotonic()

    def run(self, executor: Executor) -> None:
        """Until the matrix is full. Whatever ends it, what was stored stays and no claim does."""
        try:
            self._find()
            if isinstance(self._kernel, Budgeted) and self._todo:
                self._kernel.allow([(t.values, sum(t.shape)) for t in self._todo])
            for tile, values in map_unordered(executor, Compute(self._kernel), self._wanted()):
                self._keep(tile, values)
                self._place(tile, values, "computed")
        finally:
            for key in self._claimed:
                assert self._store is not None
                self._store.release(key)

    def _find(self) -> None:
        """Place what the store has."""
        for _ in range(len(self._todo)):
            tile = self._todo.popleft()
            values = self._store.get(tile.key) if self._store is not None else None
            if values is None:
                self._todo.append(tile)
            else:
                self._place(tile, values, "found", tell=False)
        self._report()

    def _wanted(self) -> Iterator[Tile | None]:
        """Tiles to compute here; None while all that are left are being computed elsewhere."""
        while self._todo:
            for _ in range(len(self._todo)):
                tile = self._todo.popleft()
                if self._store is None:
                    yield tile
                    break
                values = self._store.get(tile.key)
                if values is None and self._store.claim(tile.key, tile.x.shape[0] * tile.y.shape[0], self._room):
                    self._claimed.add(tile.key)
                    values = self._store.get(tile.key)
                    if values is None:
                        yield tile
                        break
                    self._claimed.discard(tile.key)
                    self._store.release(tile.key)
                if values is None:
                    self._todo.append(tile)
                else:
                    self._place(tile, values)
            else:
                yield None

    def _keep(self, tile: Tile, values: NDArray[np.float64]) -> None:
        if self._store is None:
            return
        header = Header(tile.key, self._kernel.digest, tile.rows, tile.columns, tile.shape, utc(), self._about)
        self._store.put(header, values)
        self._claimed.discard(tile.key)

    def _place(self, tile: Tile, values: NDArray[np.float64], count: str = "", *, tell: bool = True) -> None:
        (n, m), out = tile.shape, self._matrix
        for i, j in tile.places:
            out[i : i + n, j : j + m] = values
            if self._mirrored:
                out[j : j + m, i : i + n] = values.T
        self._counts["done"] += 1
        self._counts["values_done"] += tile.values
        if count:
            self._counts[count] += 1
        if tell:
            self._report()

    def _report(self) -> None:
        seconds = time.monotonic() - self._start
        self._tell(Progress(self._tiles, self._values, seconds=seconds, **self._counts))


def no_progress(progress: Any) -> None:
    """Tells nobody."""
