# SPDX-License-Identifier: Apache-2.0
"""Columns of numbers of a stream of events, of every so many-th event once there are too many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: beyond this many events, every other one is forgotten, again and again
CAPACITY = 2_000_000


@dataclass
class Thinned:
    """``stride``: one in so many events is kept."""

    stride: int = 1
    _parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _seen: int = 0
    _kept: int = 0

    def add(self, *columns: NDArray[Any]) -> None:
        """Arrays [events, …], of the same columns each time."""
        first = -self._seen % self.stride
        self._seen += len(columns[0])
        self._parts.append(tuple(c[first :: self.stride] for c in columns))
        self._kept += len(self._parts[-1][0])
        while self._kept > CAPACITY:
            self._parts = [tuple(c[::2] for c in self.all(len(columns)))]
            self._kept, self.stride = len(self._parts[0][0]), self.stride * 2

    def all(self, columns: int) -> tuple[NDArray[Any], ...]:
        """Each column [kept, …]; of no event, ``columns`` empty ones."""
        if not self._parts:
            return tuple(np.zeros(0) for _ in range(columns))
        return tuple(np.concatenate(parts) for parts in zip(*self._parts, strict=True))
