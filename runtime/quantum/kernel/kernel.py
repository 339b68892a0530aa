# SPDX-License-Identifier: Apache-2.0
"""A kernel as a function of two sets of events: what Gram matrices are computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@runtime_checkable
class KernelFunction(Protocol):
    """K(x, y) of every pair; picklable, so that other processes can compute it.

    ``digest`` identifies all that a value depends on: circuits, angle program, weights, backend, calibration,
    shots, seed. ``symmetric``: K(x, y) = K(y, x). ``exact``: no shots, so that a value has no noise.
    """

    @property
    def digest(self) -> str: ...

    @property
    def symmetric(self) -> bool: ...

    @property
    def exact(self) -> bool: ...

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        """K of every pair: [N, *shape], [M, *shape] -> [N, M].

        Where shots are drawn from a seed, the same ``x`` and ``y`` give the same values (see ``block_seed``).
        """


@runtime_checkable
class PairKernel(KernelFunction, Protocol):
    """A kernel that also gives chosen pairs: a symmetric block is then measured once, not twice.

    ``pairwise``: whether each value takes a measurement of its own. If not, each event of a block does.
    """

    @property
    def pairwise(self) -> bool: ...

    def pairs(self, x: Array, y: Array) -> NDArray[np.float64]:
        """K of each row of ``x`` with the same row of ``y``: [P, *shape], [P, *shape] -> [P]."""


@runtime_checkable
class Budgeted(Protocol):
    """A kernel whose values cost something."""

    def allow(self, blocks: Sequence[tuple[int, int]]) -> None:
        """Raise DataError, before any is measured, if these may not be: (values, rows and columns) of each."""


@runtime_checkable
class Described(Protocol):
    """A kernel that says where its values are from; written beside every stored tile."""

    @property
    def about(self) -> Mapping[str, Any]:
        """JSON data: backend, calibration, shots, seed …"""


def content(x: Array) -> str:
    """SHA-256 of an array's shape and numbers, as float64."""
    numbers = np.ascontiguousarray(x, "<f8")
    return hashlib.sha256(repr(numbers.shape).encode() + numbers.tobytes()).hexdigest()


def block_seed(seed: int | None, x: Array, y: Array) -> int | None:
    """A seed below 2^31 for the block of ``x`` and ``y``: blocks are independent of each other, of their order
    and of restarts. None stays None.
    """
    if seed is None:
        return None
    made = hashlib.sha256(f"{seed} {content(x)} {content(y)}".encode()).digest()
    return int.from_bytes(made[:4], "big") >> 1
