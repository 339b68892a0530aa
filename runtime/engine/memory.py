# SPDX-License-Identifier: Apache-2.0
"""Aligned memory: generated code reads and writes whole vectors and takes 64-byte alignment for granted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64


def aligned(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """An uninitialised one-dimensional array that starts on a 64-byte boundary."""
    kind = np.dtype(dtype)
    raw = np.empty(size * kind.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * kind.itemsize].view(kind)


def aligned_copy(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The array's numbers, flat and row-major, on a 64-byte boundary."""
    out = aligned(array.size, dtype)
    out.reshape(array.shape)[...] = array
    return out
