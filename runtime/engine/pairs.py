# SPDX-License-Identifier: Apache-2.0
"""Entries of two ragged dims at once: for each event, its pairs (i, j) by i, then by j, one row for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """``first``, ``second`` [events]: how many entries an event has of either dim."""

    first: Numbers
    second: Numbers

    @cached_property
    def each(self) -> Numbers:
        """[rows of the first dim]: how many pairs each is in."""
        return np.repeat(self.second, self.first)

    @property
    def per_event(self) -> Numbers:
        """[events]: how many pairs."""
        return self.first * self.second

    @cached_property
    def _begin(self) -> Numbers:
        """[rows of the first dim]: the first row of the second dim in its event."""
        return np.repeat(np.cumsum(self.second) - self.second, self.first)

    @cached_property
    def rows(self) -> tuple[Numbers, Numbers]:
        """[pairs]: their rows of the first dim, and of the second."""
        start = np.cumsum(self.each) - self.each
        inner = np.arange(int(self.each.sum())) - np.repeat(start - self._begin, self.each)
        return np.repeat(np.arange(len(self.each)), self.each), inner

    def places(self, outer: Numbers, inner: Numbers) -> Numbers:
        """The pairs of rows ``outer`` of the first dim and ``inner`` of the second, of one event each."""
        start = np.cumsum(self.each) - self.each
        found: Numbers = (start - self._begin)[outer] + inner
        return found

    def cut(self, padded: NDArray[Any]) -> NDArray[Any]:
        """[rows of the first dim, places, …] without the places that no entry of the second dim fills: [pairs, …]."""
        found: NDArray[Any] = padded[np.arange(padded.shape[1]) < self.each[:, None]]
        return found
