# SPDX-License-Identifier: Apache-2.0
"""Which events are for what: training, validation, and the fold that a training never sees.

It depends on the events and the seed alone: neither on how files are read, nor, by numbers, on the events' order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: stream of random numbers beside those of ``data.events``
FOLDS = 3
Pick = NDArray[np.int64]


def assigned(truth: Pick, numbers: Pick | None, folds: int, seed: int) -> Pick:
    """The fold of each event [events], from 0: its number modulo ``folds``; without numbers by chance, every class in
    equal shares.
    """
    if numbers is not None:
        return numbers % folds
    rng, dealt = np.random.default_rng([seed, FOLDS]), 0
    found = np.empty(len(truth), np.int64)
    for c in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == c))
        found[mine] = (dealt + np.arange(len(mine))) % folds
        dealt += len(mine)
    return found


def held_out(truth: Pick, fraction: float, rng: np.random.Generator) -> tuple[Pick, Pick]:
    """Training and validation events; every class gives the same fraction, and at least one event to train on."""
    held = []
    for c in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == c))
        held.append(mine[: min(round(fraction * len(mine)), len(mine) - 1)])
    validation = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(truth)), validation), validation


def divided(numbers: Pick, parts: int) -> tuple[Pick, Pick]:
    """Training and validation events: the latter are those whose number ``parts`` divides."""
    mine = numbers % parts == 0
    return np.flatnonzero(~mine), np.flatnonzero(mine)
