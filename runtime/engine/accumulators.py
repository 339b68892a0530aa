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
from collections.abc import Iterable, Mapping

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
#: slots whose sums are made at once
AT_ONCE = 1 << 16
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
        found: dict[str, Part] = {}
        held: dict[str, NDArray[np.int64]] = {}
        for name, one in self._of.items():
            if not isinstance(one, _Slots):
                found[name] = _counts(one)
                continue
            held[name] = one.filled()
            if sum(map(len, held.values())) > AT_ONCE:
                found |= _weighted(held)
                held = {}
        found |= _weighted(held)
        return Sums({name: found[name] for name in self._of})


def _counts(counts: NDArray[np.int64]) -> Part:
    (cells,) = np.nonzero(counts)
    return Counts(cells.astype(np.int64), counts[cells])


class _Slots:
    """Sums of weights of one fill."""

    def __init__(self, cells: int) -> None:
        self._map = np.zeros(cells, np.int32)
        self.record = np.array([self._map.ctypes.data, 0, 0, 0, cells], np.int64)
        weakref.finalize(self, _free, self.record)

    def filled(self) -> NDArray[np.int64]:
        """A copy of the slots in use, [n, SLOT], of cells that ascend."""
        used = int(self.record[USED])
        if not used:
            return np.zeros((0, SLOT), np.int64)
        numbers = (ctypes.c_int64 * (used * SLOT)).from_address(int(self.record[SLOTS]))
        slots = np.ctypeslib.as_array(numbers).reshape(used, SLOT)
        return slots[np.argsort(slots[:, CELL])]


def _weighted(fills: Mapping[str, NDArray[np.int64]]) -> dict[str, Part]:
    """Sums of slots by name of the fill: all at once, since fills are many and most have few cells."""
    if not fills:
        return {}
    slots = np.concatenate(list(fills.values()))
    near = slots[:, NEAR:FAR].copy().view(np.float64)
    far = np.split(slots[:, FAR:], 2, axis=1)
    sums = [canonical(half + exact(near[:, k::2])) for k, half in enumerate(far)]
    ends = np.cumsum([len(one) for one in fills.values()])[:-1]
    fields = (np.split(x, ends) for x in (slots[:, CELL].copy(), slots[:, ENTRIES].copy(), *sums))
    return {name: Weighted(*parts) for name, *parts in zip(fills, *fields, strict=True)}


def _free(record: NDArray[np.int64]) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    free(int(record[SLOTS]))
