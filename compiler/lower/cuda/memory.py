# SPDX-License-Identifier: Apache-2.0
"""Which values share device memory: those of rows of one kind, whose lifetimes do not meet."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from hepq.runtime.engine.cuda.table import Memory, Rows


@dataclass(frozen=True)
class Shared:
    """``numbers``: which piece of ``memory`` each value has."""

    memory: tuple[Memory, ...]
    numbers: Mapping[Hashable, int]


def share(steps: Sequence[Sequence[Hashable]], sizes: Mapping[Hashable, tuple[Rows, int]]) -> Shared:
    """``steps``: what each kernel, in order, reads or writes. ``sizes``: of each value its rows, and bytes for one.

    A value is alive from the first to the last kernel that has to do with it, both included.
    """
    last = {value: i for i, values in enumerate(steps) for value in values}
    memory: list[tuple[Rows, int]] = []
    free: list[int] = []
    numbers: dict[Hashable, int] = {}
    for i, values in enumerate(steps):
        for value in dict.fromkeys(values):
            if value not in numbers:
                numbers[value] = _place(memory, free, *sizes[value])
        free += [numbers[value] for value in dict.fromkeys(values) if last[value] == i]
    return Shared(tuple(Memory(rows=rows, bytes=size) for rows, size in memory), numbers)


def _place(memory: list[tuple[Rows, int]], free: list[int], rows: Rows, size: int) -> int:
    """A piece that is free, rather one that need not grow; a new one if there is none."""
    fitting = [n for n in free if memory[n][0] == rows]
    if not fitting:
        memory.append((rows, size))
        return len(memory) - 1
    best = min(fitting, key=lambda n: (memory[n][1] < size, abs(memory[n][1] - size)))
    free.remove(best)
    memory[best] = (rows, max(size, memory[best][1]))
    return best
