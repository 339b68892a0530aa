# SPDX-License-Identifier: Apache-2.0
"""What a system reaches, and beside what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Reached:
    """``value`` of a quantity, its standard error (0: it has none), and the reference's.

    ``bar``: the value must lie at or below it, or at or above, as ``sense`` says.
    """

    quantity: str
    value: float
    error: float
    beside: str
    reference: float
    sense: Literal["<=", ">="]
    bar: float

    @property
    def met(self) -> bool:
        return self.value <= self.bar if self.sense == "<=" else self.value >= self.bar


@dataclass(frozen=True)
class Row:
    """A system: what it is called, where its program is, how it is measured with a seed; ``quick``: in seconds."""

    name: str
    program: str
    measure: Callable[[int], Reached]
    quick: bool = False


def seeds(count: int, seed: int) -> range:
    """So many of them, which are others for every ``seed`` of a run."""
    return range(count * seed, count * (seed + 1))


def over_seeds(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def no_worse(quantity: str, ours: Sequence[float], twin: Sequence[float], beside: str, larger: bool) -> Reached:
    """Ours and the twin's values of the same seeds: no worse on average than by two standard errors of the differences.

    ``larger``: is a larger value the better one?
    """
    gap, error = over_seeds(np.subtract(ours, twin).tolist())
    reference = float(np.mean(twin))
    bar = reference - 2 * error if larger else reference + 2 * error
    return Reached(quantity, reference + gap, error, beside, reference, ">=" if larger else "<=", bar)
