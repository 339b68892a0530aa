# SPDX-License-Identifier: Apache-2.0
"""Kernel matrices of any size: computed in tiles, anywhere, and never again what a store has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.core.errors import DataError
from hepq.runtime.quantum.kernel.executors import Executor, Serial
from hepq.runtime.quantum.kernel.gram_scheduler import Filling, Progress, no_progress
from hepq.runtime.quantum.kernel.kernel import KernelFunction
from hepq.runtime.quantum.kernel.psd import Repair, check, repaired
from hepq.runtime.quantum.kernel.store import Store
from hepq.runtime.quantum.kernel.tiles import plan


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
