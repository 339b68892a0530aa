# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations by IR name, in NumPy: shared by the reference interpreter and event ordering."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[np.result_type(x, np.float32)])(x) if np.size(x) else np.asarray(x)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1,
    "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
    "sigmoid": _sigmoid, "erf": _erf, "floor": np.floor, "ceil": np.ceil, "sign": np.sign, "not": np.logical_not,
}  # fmt: skip

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "mod": np.mod, "pow": np.power,
    "min": np.minimum, "max": np.maximum, "atan2": np.arctan2, "hypot": np.hypot,
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "and": np.logical_and, "or": np.logical_or,
}  # fmt: skip
