# SPDX-License-Identifier: Apache-2.0
"""Which events meet in a batch, and batches made ready while the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pick = NDArray[np.int64]
T = TypeVar("T")

#: batches among which events are exchanged so that events of like multiplicity meet
WINDOW = 8
#: batches made ready ahead
AHEAD = 2


def batches(events: Pick, size: int, lengths: NDArray[Any] | None, rng: np.random.Generator) -> list[Pick]:
    """All ``events`` once, in random batches of ``size``.

    ``lengths`` [events of the table]: within every ``WINDOW`` batches, events are sorted by it, so that little is
    computed on padding; then the batches are shuffled. The gradient of an epoch stays that of all events.
    """
    order = rng.permutation(events)
    if lengths is not None:
        span = WINDOW * size
        pieces = [order[i : i + span] for i in range(0, len(order), span)]
        order = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pieces])
    made = [order[i : i + size] for i in range(0, len(order), size)]
    return [made[i] for i in rng.permutation(len(made))] if lengths is not None else made


def ahead(items: Sequence[Pick], make: Callable[[int, Pick], T]) -> Iterator[tuple[Pick, T]]:
    """Each item with what ``make(number, item)`` gives, made in a thread while the one before is used."""
    with ThreadPoolExecutor(1, "hepq-batches") as pool:
        waiting = [pool.submit(make, i, item) for i, item in enumerate(items[:AHEAD])]
        for i, item in enumerate(items):
            made = waiting.pop(0).result()
            if i + AHEAD < len(items):
                waiting.append(pool.submit(make, i + AHEAD, items[i + AHEAD]))
            yield item, made
