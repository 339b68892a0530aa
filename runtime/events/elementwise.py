# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations by IR name, in NumPy: shared by the reference interpreter and event ordering."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hepq.core.ops.table import BINARY, OPS, UNARY


def _erf(x: Any) -> Any:
    x = np.asarray(x)
    return np.vectorize(math.erf, otypes=[np.result_type(x, np.float32)])(x) if x.size else x


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


#: of one operand, or of two
NUMPY: dict[str, Callable[..., Any]] = {
    **{op.name: getattr(np, op.numpy) for op in OPS.values() if op.numpy and op.name in UNARY | BINARY},
    "erf": _erf, "sigmoid": _sigmoid,
}  # fmt: skip
