# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices of any size: computed in tiles, anywhere, and never again what a store has."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.core.errors import DataError
from hepq.runtime.executors import Executor, Serial, map_unordered
from hepq.runtime.quantum.kernel.kernel import Array, Budgeted, Described, KernelFunction, PairKernel, content
from hepq.runtime.quantum.kernel.matrix import Repair, check, repaired
from hepq.runtime.quantum.kernel.store import Header, Store, tile_key, utc

#: events on a side of a tile: by default, and where every value costs shots
EXACT_TILE, SHOTS_TILE = 512, 16


def no_progress(progress: Any) -> None:
    """Tells nobody."""


def gram(
    kernel: KernelFunction, x: ArrayLike, y: ArrayLike | None = None, *, store: Store | str | Path | None = None,
    executor: Executor | None = None, tile: int | None = None, progress: Callable[[Progress], None] = no_progress,
    psd: Repair | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """K of ``x`` [N, *shape] with ``y`` [M, *shape], as [N, M]; with itself if ``y`` is None.

    Without ``y``, a symmetric kernel is computed for each pair once. Tiles of ``tile`` events a side (default: 512;
    16 where entries cost shots) are stored one by one in ``store``: killed at any moment and run again, it goes on
    where it was. Processes that share a store share the work. The result does not depend on which process computed
    what, nor when; only, in the last digits, on ``tile``. ``psd``: see ``psd.repaired``; tiles are stored unrepaired.

    Raises DataError: HQ0855 NaN, HQ0856 shapes, HQ0857 what the kernel gives, HQ0858 and HQ0859 the store,
    HQ0860 dead workers, HQ0861 repair, HQ0862 a kernel that cannot be sent to workers.
    """
    left = events(x, "x")
    right = None if y is None else events(y, "y")
    if right is not None and right.shape[1:] != left.shape[1:]:
        title = f"events of shapes {left.shape[1:]} and {right.shape[1:]} have no kernel"
        raise DataError("HQ0856", title, "both sides must have the same features")
    if psd is not None:
        check(psd, right is None)
    if tile is not None and tile < 1:
        raise ValueError(f"tile: {tile} events a side")
    matrix = np.empty((len(left), len(left if right is None else right)))
    tiles = plan(kernel, left, right, tile)
    opened: Any = Store(store) if isinstance(store, (str, Path)) else nullcontext(store)
    with opened as used:
        Filling(kernel, matrix, tiles, right is None and kernel.symmetric, used, progress).run(executor or Serial())
    return matrix if psd is None else repaired(matrix, psd)


def events(x: ArrayLike, name: str) -> NDArray[np.float64]:
    """float64 [N, *shape], N ≥ 1. Raises DataError HQ0855 for NaN or infinity, HQ0856 for what is no such array."""
    try:
        found = np.asarray(x, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError("HQ0856", f"{name} is no array of numbers", str(error)) from error
    if found.ndim < 1 or len(found) == 0:
        raise DataError("HQ0856", f"{name} holds no events", f"its shape is {found.shape}, not [events, *shape]")
    bad = ~np.isfinite(found.reshape(len(found), -1)).all(axis=1)
    if bad.any():
        where = ", ".join(map(str, np.flatnonzero(bad)[:5])) + (" …" if bad.sum() > 5 else "")
        why = f"{int(bad.sum())} of {len(found)} events: {where}"
        raise DataError(
            "HQ0855", f"{name} holds NaN or infinity", why, "leave those events out, or mend their features"
        )
    return found


@dataclass(frozen=True)
class Tile:
    """``places``: first row and column of each place it fills. ``half``: a symmetric block of events with themselves.

    ``rows``, ``columns``: hashes of the events ``x``, ``y``.
    """

    key: str
    rows: str
    columns: str
    x: Array
    y: Array
    half: bool
    places: tuple[tuple[int, int], ...]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.x), len(self.y)

    @property
    def values(self) -> int:
        """How many values of the kernel it takes."""
        n, m = self.shape
        return n * (n + 1) // 2 if self.half else n * m


def plan(kernel: KernelFunction, x: Array, y: Array | None, size: int | None) -> list[Tile]:
    """Tiles in row-major order, the upper half where ``y`` is None and the kernel symmetric; equal ones once."""
    by_event = kernel.exact or (isinstance(kernel, PairKernel) and not kernel.pairwise)
    size = size or (EXACT_TILE if by_event else SHOTS_TILE)
    half = y is None and kernel.symmetric
    rows = [(i, x[i : i + size]) for i in range(0, len(x), size)]
    row_hashes = [content(block) for _, block in rows]
    columns, column_hashes = rows, row_hashes
    if y is not None:
        columns = [(j, y[j : j + size]) for j in range(0, len(y), size)]
        column_hashes = [content(block) for _, block in columns]
    found: dict[str, Tile] = {}
    for n, ((i, a), row) in enumerate(zip(rows, row_hashes, strict=True)):
        for (j, b), column in zip(columns[n if half else 0 :], column_hashes[n if half else 0 :], strict=True):
            key = tile_key(kernel.digest, row, column)
            places = found[key].places if key in found else ()
            found[key] = Tile(key, row, column, a, b, kernel.symmetric and row == column, (*places, (i, j)))
    return list(found.values())


@dataclass(frozen=True)
class Compute:
    """Computes tiles; sent to workers, so it holds the kernel and nothing else."""

    kernel: KernelFunction

    def __call__(self, tile: Tile) -> NDArray[np.float64]:
        """[rows, columns]. Raises DataError HQ0857 if the kernel gives anything but that many finite numbers."""
        n, m = tile.shape
        if not tile.half:
            return self._checked(self.kernel.block(tile.x, tile.y), (n, m))
        upper = np.triu_indices(n)
        out = np.empty((n, n))
        if isinstance(self.kernel, PairKernel) and self.kernel.pairwise and not self.kernel.exact:
            out[upper] = self._checked(self.kernel.pairs(tile.x[upper[0]], tile.x[upper[1]]), upper[0].shape)
        else:
            out[:] = self._checked(self.kernel.block(tile.x, tile.x), (n, n))
            if self.kernel.exact and not (np.array_equal(out, out.T) or np.allclose(out, out.T)):
                why = f"K(x, y) and K(y, x) differ by up to {abs(out - out.T).max():.2g}"
                raise DataError("HQ0857", "a kernel that says it is symmetric is not", why)
        out.T[upper] = out[upper]
        return out

    def _checked(self, values: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        found = np.asarray(values, np.float64)
        if found.shape != shape:
            raise DataError("HQ0857", f"a kernel gave values of shape {found.shape}, not {shape}")
        if not np.isfinite(found).all():
            bad = int((~np.isfinite(found)).sum())
            why = f"{bad} of {found.size} values of a block are NaN or infinite; nothing of it was stored"
            raise DataError("HQ0857", "a kernel gave NaN or infinity", why)
        return found


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
