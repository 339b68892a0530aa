# SPDX-License-Identifier: Apache-2.0
"""Memory that compiled event programs add up in, chunk after chunk.

A fill has a *record*. Without weights it is its counts, int64, one for each cell. With weights it is five int64
(``MAP`` and so on): the address of an int32 for each cell, 0 where nothing was added yet, else the number of its slot
from 1 on; the address of the slots, which the code enlarges by the C library's ``aligned_alloc``; slots that there is
memory for; those in use; cells. A slot is ``SLOT`` int64: its cell, entries; then, near, doubles: multiples of each of
``NEAREST``, of the sum of weights and of that of their squares; far, the limbs of these two sums
(``runtime/analysis/sums.py``). A sum is what is near and what is far together. What is near, and a slot's head, are one
line of a cache.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.analysis.sums import LIMBS, Counts, Part, Sums, Weighted, canonical, exact

MAP, SLOTS, ROOM, USED, CELLS = range(5)
#: what doubles are multiples of, from the largest
NEAREST = (2.0**-21, 2.0**-53, 2.0**-85)
PARTS = len(NEAREST)
#: places in a slot
CELL, ENTRIES, NEAR, FAR = 0, 1, 2, 2 + 2 * PARTS
SLOT = FAR + 2 * LIMBS
ALIGN = 64
#: what stands for this layout, which code that adds weights is made for
SUMS = f"{SLOT} {NEAREST}"


class Accumulators:
    """Of the fills (name, cells, has it weights?) of one program; ``addresses``: of their records."""

    def __init__(self, fills: Iterable[tuple[str, int, bool]]) -> None:
        self._of: dict[str, NDArray[np.int64] | _Slots] = {
            name: _Slots(cells) if weighted else np.zeros(cells, np.int64) for name, cells, weighted in fills
        }
        records = [one.record if isinstance(one, _Slots) else one for one in self._of.values()]
        self.addresses = tuple(record.ctypes.data for record in records)

    def sums(self) -> Sums:
        """All that was added so far."""
        return Sums({name: one.part() if isinstance(one, _Slots) else _counts(one) for name, one in self._of.items()})


def _counts(counts: NDArray[np.int64]) -> Part:
    (cells,) = np.nonzero(counts)
    return Counts(cells.astype(np.int64), counts[cells])


class _Slots:
    """Sums of weights of one fill."""

    def __init__(self, cells: int) -> None:
        self._map = np.zeros(cells, np.int32)
        self.record = np.array([self._map.ctypes.data, 0, 0, 0, cells], np.int64)
        weakref.finalize(self, _free, self.record)

    def part(self) -> Part:
        used = int(self.record[USED])
        if not used:
            return Weighted.of([], [])
        numbers = (ctypes.c_int64 * (used * SLOT)).from_address(int(self.record[SLOTS]))
        slots = np.ctypeslib.as_array(numbers).reshape(used, SLOT)
        slots = slots[np.argsort(slots[:, CELL])]
        near = slots[:, NEAR:FAR].copy().view(np.float64)
        far = np.split(slots[:, FAR:], 2, axis=1)
        limbs, limbs2 = (canonical(half + exact(near[:, k::2])) for k, half in enumerate(far))
        return Weighted(slots[:, CELL].copy(), slots[:, ENTRIES].copy(), limbs, limbs2)


def _free(record: NDArray[np.int64]) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    free(int(record[SLOTS]))
