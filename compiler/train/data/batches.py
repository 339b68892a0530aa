# SPDX-License-Identifier: Apache-2.0
"""Which events meet in a batch, and batches made ready while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Pick = NDArray[np.int64]
T = TypeVar("T")

#: batches made ready ahead
AHEAD = 2


def batches(events: Pick, size: int, rng: np.random.Generator) -> list[Pick]:
    """All ``events`` once, in random batches of ``size``.

    Events of like multiplicity are not brought together, which would save padding: multiplicity tells classes apart,
    and the statistics of batch normalisation would be those of each kind in training, of all kinds later.
    """
    order = rng.permutation(events)
    return [order[i : i + size] for i in range(0, len(order), size)]


def ahead(items: Sequence[Pick], make: Callable[[int, Pick], T], thread: bool = True) -> Iterator[tuple[Pick, T]]:
    """Each item with what ``make(number, item)`` gives, made in a ``thread`` while the one before is used."""
    if not thread:
        for i, item in enumerate(items):
            yield item, make(i, item)
        return
    with ThreadPoolExecutor(1, "hepq-batches") as pool:
        waiting = [pool.submit(make, i, item) for i, item in enumerate(items[:AHEAD])]
        for i, item in enumerate(items):
            made = waiting.pop(0).result()
            if i + AHEAD < len(items):
                waiting.append(pool.submit(make, i + AHEAD, items[i + AHEAD]))
            yield item, made
