# SPDX-License-Identifier: Apache-2.0
"""First values of a module's weights, from each param's ``init``."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np

from hepq.compiler.ir.node import Module

Array = np.ndarray[Any, Any]


def initial_weights(module: Module, seed: int = 0) -> dict[str, Array]:
    """float32 arrays by param path. A weight depends on ``seed`` and its own path only.

    ``xavier_uniform``: Glorot and Bengio, AISTATS 2010; ``kaiming_uniform``: He et al.,
    arXiv:1502.01852, gain of ReLU. Fans as in torch: dims after the second multiply both.
    """
    out = {}
    for path, node in module.params.items():
        shape = tuple(d.size or 0 for d in node.type.dims)
        rng = np.random.default_rng([seed, zlib.crc32(path.encode())])
        name, *args = node["init"]
        out[path] = np.asarray(_DRAW[name](rng, shape, *args), np.float32)
    return out


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(out, in)"""
    receptive = prod(shape[2:])
    return (shape[0] if shape else 1) * receptive, (shape[1] if len(shape) > 1 else prod(shape)) * receptive


def _xavier(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    bound = sqrt(6 / sum(_fans(shape)))
    return rng.uniform(-bound, bound, shape)


def _kaiming(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    bound = sqrt(6 / _fans(shape)[1])
    return rng.uniform(-bound, bound, shape)


_DRAW: dict[str, Callable[..., Array]] = {
    "constant": lambda rng, shape, value: np.full(shape, value),
    "uniform": lambda rng, shape, low, high: rng.uniform(low, high, shape),
    "normal": lambda rng, shape, mean, std: rng.normal(mean, std, shape),
    "xavier_uniform": _xavier,
    "kaiming_uniform": _kaiming,
}
