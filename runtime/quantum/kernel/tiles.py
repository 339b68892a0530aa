# SPDX-License-Identifier: Apache-2.0
"""A kernel matrix as tiles: which there are, what each is called, how one is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.quantum.kernel.kernel import Array, KernelFunction, PairKernel, content
from hepq.runtime.quantum.kernel.store import tile_key

#: events on a side of a tile: by default, and where every value costs shots
EXACT_TILE, SHOTS_TILE = 512, 16


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
