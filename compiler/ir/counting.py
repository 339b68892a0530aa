# SPDX-License-Identifier: Apache-2.0
"""The reference of operations on events that are counted: bins, tables, random numbers, cut flows. In NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepq.core.axes import BinAxis
from hepq.core.noise import DROPPED, GAMMA, STEP, salt
from hepq.runtime.analysis.keys import mixed

Array = np.ndarray[Any, Any]


def bins(axis: BinAxis, x: Array) -> Array:
    """int64: the bin of each of ``x``, which are real or whole numbers."""
    if axis.kind == "integer":
        first, end = axis.edges
        whole = x if x.dtype.kind == "i" else np.floor(x)
        inside = (whole >= first) & (whole < end)
        return np.where(
            inside, np.where(inside, whole, first).astype(np.int64) - first, np.where(x < first, -1, end - first)
        )
    if axis.kind == "variable" and x.dtype.kind == "i":
        edges = np.array([e for e in axis.whole_edges if e < 2**63], np.int64)
        return np.asarray(np.searchsorted(edges, x, side="right") - 1)
    x = x.astype(np.float64)
    if axis.kind == "variable":
        return np.asarray(np.searchsorted(np.array(axis.edges, np.float64), x, side="right") - 1)
    low, high = map(float, axis.edges)
    z = (x - low) / (high - low)
    inside = (z >= 0) & (z < 1)
    return np.where(inside, (np.where(inside, z, 0) * axis.bins).astype(np.int64), np.where(z < 0, -1, axis.bins))


def looked_up(values: tuple[float, ...], i: Array) -> Array:
    table, inside = np.array(values), (i >= 0) & (i < len(values))
    return np.where(inside, table[np.where(inside, i, 0)], 0)


def noise(name: str, key: Array, entry: Array) -> Array:
    """float64, for all of the int64 ``key`` and ``entry``, which are broadcast: see ``core/noise.py``."""
    with np.errstate(over="ignore"):
        state = mixed(key.astype(np.uint64) + np.uint64(salt(name)))
        drawn = mixed(state + (entry.astype(np.uint64) + np.uint64(1)) * np.uint64(GAMMA))
    return ((drawn >> np.uint64(DROPPED)).astype(np.float64) + 0.5) * STEP


def cut(number: int, state: Array, holds: Array) -> Array:
    failed = np.where(state == 0, 2 * number + 1, np.where(state % 2 == 1, state + 1, state))
    return np.where(holds, state, failed)
