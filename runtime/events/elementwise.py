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


#: IR name -> elementwise of one operand or of two, or a reduction
NUMPY: dict[str, Callable[..., Any]] = {
    **{op.name: getattr(np, op.numpy) for op in OPS.values() if op.numpy}, "erf": _erf, "sigmoid": _sigmoid,
}  # fmt: skip
