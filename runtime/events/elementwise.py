# SPDX-License-Identifier: Apache-2.0
"""Operations by IR name, in NumPy: shared by the reference interpreter, programs and event ordering."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hepq.core.ops.table import OPS


def _erf(x: Any) -> Any:
    x = np.asarray(x)
    return np.vectorize(math.erf, otypes=[np.result_type(x, np.float32)])(x) if x.size else x


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _pow(a: Any, b: Any) -> Any:
    """C's: NumPy's takes the square root where ``b`` is one number, 0.5, which is NaN of -inf."""
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    return np.power(a, np.array(np.broadcast_to(b, shape or (1,)))).reshape(shape)


def to_int(x: Any) -> Any:
    """int64 of ``x`` without its fraction: the nearest there is of what is too large, 0 of NaN."""
    x = np.asarray(x)
    if x.dtype.kind != "f":
        return x.astype(np.int64)
    whole, edge = np.trunc(x), 2.0**63
    inside = np.where(np.abs(whole) < edge, whole, 0).astype(np.int64)
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    return np.where(whole >= edge, most, np.where(whole <= -edge, least, inside))


#: IR name -> elementwise of one operand or of two, or a reduction
NUMPY: dict[str, Callable[..., Any]] = {
    **{op.name: getattr(np, op.numpy) for op in OPS.values() if op.numpy}, "erf": _erf, "sigmoid": _sigmoid,
    "pow": _pow,
}  # fmt: skip
