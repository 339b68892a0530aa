# SPDX-License-Identifier: Apache-2.0
"""Kernel functions for tests: plain NumPy, some with a log of what they computed, some that fail."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.quantum.kernel.kernel import block_seed, content
from hepq.runtime.quantum.kernel.store import tile_key

Array = NDArray[Any]


def rbf(x: Array, y: Array) -> NDArray[np.float64]:
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    found: NDArray[np.float64] = np.exp(-((x[:, None] - y[None]) ** 2).sum(axis=-1))
    return found


@dataclass(frozen=True)
class Rbf:
    """Exact. ``log``: a file that gets the key of each tile as it is computed."""

    log: Path | None = None
    digest: str = "rbf"
    pause: float = 0.0
    exact: bool = True
    symmetric: bool = True

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        time.sleep(self.pause)
        if self.log is not None:
            note(self.log, tile_key(self.digest, content(x), content(y)))
        return rbf(x, y)


@dataclass(frozen=True)
class Noisy(Rbf):
    """As if measured with 100 shots: no unit diagonal, no symmetry by itself. ``about``: as measured kernels have."""

    seed: int | None = 1
    digest: str = "noisy"
    exact: bool = False

    @property
    def about(self) -> dict[str, Any]:
        return {"backend": "dice", "calibration": "2026-04-01-abc", "shots": 100, "seed": self.seed}

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        dice = np.random.default_rng(block_seed(self.seed, x, y))
        return dice.binomial(100, 0.9 * super().block(x, y)) / 100


@dataclass(frozen=True)
class Pairs(Noisy):
    """Counts in ``log`` the values measured, one line each. At most ``most`` of them are allowed."""

    pairwise: bool = True
    most: int = 1 << 30

    def allow(self, blocks: Sequence[tuple[int, int]]) -> None:
        values, events = map(sum, zip(*blocks, strict=True))
        if values > self.most:
            raise DataError("HQ0873", f"{values} values, {events} events: too many")

    def pairs(self, x: Array, y: Array) -> NDArray[np.float64]:
        dice = np.random.default_rng(block_seed(self.seed, x, y))
        if self.log is not None:
            note(self.log, *["pair"] * len(x))
        return dice.binomial(100, 0.9 * np.diag(rbf(x, y))) / 100

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        dice = np.random.default_rng(block_seed(self.seed, x, y))
        if self.log is not None:
            note(self.log, *["pair"] * (len(x) * len(y)))
        return dice.binomial(100, 0.9 * rbf(x, y)) / 100


@dataclass(frozen=True)
class Fatal(Rbf):
    """Kills its process; only the first time, if there is a ``mark`` to remember it by."""

    mark: Path | None = None

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        if self.mark is None or not self.mark.exists():
            if self.mark is not None:
                self.mark.touch()
            os._exit(9)
        return super().block(x, y)


@dataclass(frozen=True)
class Wrong(Rbf):
    """Gives ``value`` whatever the events."""

    value: Any = None

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.full((len(x), len(y)), np.nan) if self.value is None else self.value
        return found


def note(log: Path, *lines: str) -> None:
    """Append lines; each call is one write, which O_APPEND keeps whole."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())
    os.close(descriptor)
