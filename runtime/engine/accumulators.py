# SPDX-License-Identifier: Apache-2.0
"""Memory that compiled event programs add up in, chunk after chunk.

A fill has a *record*. Without weights it is its counts, int64, one for each cell. With weights it is five int64
(``MAP`` and so on): the address of an int32 for each cell, 0 where nothing was added yet, else the number of its slot
from 1 on; the address of the slots, which the code enlarges by the C library's ``aligned_alloc``; slots that there is
memory for; those in use; cells. Fills whose entries go to the same cells with other weights, those of variations, share
a record: a slot has the sums of all of them (``Slot``). A sum has a near part, doubles: multiples of each of
``NEAREST``; and a far one, limbs (``runtime/analysis/sums.py``). It is what is near and what is far together.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.analysis.sums import LIMBS, Counts, Part, Sums, Weighted, canonical, exact

MAP, SLOTS, ROOM, USED, CELLS = range(5)
#: what doubles are multiples of, from the largest
NEAREST = (2.0**-21, 2.0**-53, 2.0**-85)
PARTS = len(NEAREST)
#: sums of a slot are added to so many at once, where there are several
LANES = 4
ALIGN = 64
#: slots whose sums are made at once
AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Slot:
    """Where things stand in the slot of a cell, in int64, of so many ``lanes``, each a fill: its cell; how often it was
    added to (of one lane, that is its entries); entries of each lane; near, for each of ``NEAREST``, the parts of sums
    of weights of all lanes, and then of their squares; far, for each lane, the limbs of these two sums."""

    lanes: int

    CELL = 0
    TIMES = 1

    @staticmethod
    def of(fills: int) -> Slot:
        return Slot(1 if fills == 1 else -(-fills // LANES) * LANES)

    @property
    def entries(self) -> int:
        return self.TIMES if self.lanes == 1 else self.TIMES + 1

    def near(self, part: int, squares: int) -> int:
        return self.entries + self.lanes * (1 + 2 * part + squares)

    @property
    def far(self) -> int:
        return self.near(PARTS, 0)

    @property
    def size(self) -> int:
        return self.far + self.lanes * 2 * LIMBS


ALONE = Slot(1)
#: what stands for this layout, which code that adds weights is made for
SUMS = f"{ALONE.size} {Slot(LANES).size} {NEAREST}"


class Accumulators:
    """Of the fills (name, cells, has it weights?) of one program; ``together``: the numbers of those that share a
    record. ``addresses``: of the record of each."""

    def __init__(self, fills: Sequence[tuple[str, int, bool]], together: Iterable[Sequence[int]] = ()) -> None:
        self._names = [name for name, _, _ in fills]
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._slots: list[_Slots] = []
        addresses = dict[int, int]()
        shared = {group[0]: tuple(group) for group in together}
        inside = {number for group in shared.values() for number in group[1:]}
        for number, (name, cells, weighted) in enumerate(fills):
            if not weighted:
                self._counts[name] = np.zeros(cells, np.int64)
                addresses[number] = self._counts[name].ctypes.data
            elif number not in inside:
                group = shared.get(number, (number,))
                slots = _Slots(cells, tuple(self._names[one] for one in group))
                self._slots.append(slots)
                addresses |= dict.fromkeys(group, slots.record.ctypes.data)
        self.addresses = tuple(addresses[number] for number in range(len(fills)))

    def sums(self) -> Sums:
        """All that was added so far."""
        found: dict[str, Part] = {name: _counts(counts) for name, counts in self._counts.items()}
        held: dict[str, NDArray[np.int64]] = {}
        for slots in self._slots:
            held |= slots.filled()
            if sum(map(len, held.values())) > AT_ONCE:
                found |= _weighted(held)
                held = {}
        found |= _weighted(held)
        return Sums({name: found[name] for name in self._names})


def _counts(counts: NDArray[np.int64]) -> Part:
    (cells,) = np.nonzero(counts)
    return Counts(cells.astype(np.int64), counts[cells])


class _Slots:
    """Sums of weights of fills with these ``names``, one for each lane."""

    def __init__(self, cells: int, names: tuple[str, ...]) -> None:
        self._names, self._slot = names, Slot.of(len(names))
        self._map = np.zeros(cells, np.int32)
        self.record = np.array([self._map.ctypes.data, 0, 0, 0, cells], np.int64)
        weakref.finalize(self, _free, self.record)

    def filled(self) -> dict[str, NDArray[np.int64]]:
        """By name, a copy of the slots in use, as if it had them alone: [n, ALONE.size], of cells that ascend."""
        used, slot = int(self.record[USED]), self._slot
        if not used:
            return dict.fromkeys(self._names, np.zeros((0, ALONE.size), np.int64))
        numbers = (ctypes.c_int64 * (used * slot.size)).from_address(int(self.record[SLOTS]))
        slots = np.ctypeslib.as_array(numbers).reshape(used, slot.size)
        slots = slots[np.argsort(slots[:, slot.CELL])]
        entries, near, far = np.split(slots[:, slot.entries :], [slot.lanes, slot.far - slot.entries], axis=1)
        lanes = np.empty((slot.lanes, used, ALONE.size), np.int64)
        lanes[:, :, ALONE.CELL], lanes[:, :, ALONE.entries] = slots[:, slot.CELL], entries.T
        lanes[:, :, ALONE.near(0, 0) : ALONE.far] = near.reshape(used, -1, slot.lanes).transpose(2, 0, 1)
        lanes[:, :, ALONE.far :] = far.reshape(used, slot.lanes, -1).transpose(1, 0, 2)
        found = zip(self._names, lanes, strict=False)  # the last lanes may be nobody's
        return {name: one[one[:, ALONE.entries] > 0] for name, one in found}


def _weighted(fills: Mapping[str, NDArray[np.int64]]) -> dict[str, Part]:
    """Sums of slots by name of the fill: all at once, since fills are many and most have few cells."""
    if not fills:
        return {}
    slots = np.concatenate(list(fills.values()))
    near = slots[:, ALONE.near(0, 0) : ALONE.far].copy().view(np.float64)
    far = np.split(slots[:, ALONE.far :], 2, axis=1)
    sums = [canonical(half + exact(near[:, k::2])) for k, half in enumerate(far)]
    ends = np.cumsum([len(one) for one in fills.values()])[:-1]
    fields = (np.split(x, ends) for x in (slots[:, ALONE.CELL].copy(), slots[:, ALONE.entries].copy(), *sums))
    return {name: Weighted(*parts) for name, *parts in zip(fills, *fields, strict=True)}


def _free(record: NDArray[np.int64]) -> None:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    free(int(record[SLOTS]))
