# SPDX-License-Identifier: Apache-2.0
"""What the random numbers of an event follow from: its key, whatever chunk, worker or order it is read in.

The key is a hash of the source's name and of the event's run, luminosity block and number, where the file has all
three; else of the file's UUID (of files without one, of its name) and the number of the entry. With ``mix`` and
``salt`` of ``core/noise.py``, in unsigned 64-bit arithmetic modulo 2^64:

    state = salt("source NAME")          or  salt("file UUID")
    state = mix(state + number)          for each of run, luminosity block, event; or for the entry
    key   = state, read as int64
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from hepq.core.noise import LAST, ROUNDS, salt

#: what run, luminosity block and event are called
NUMBERS = (
    ("run", "luminosityBlock", "event"),
    ("EventInfoAuxDyn.runNumber", "EventInfoAuxDyn.lumiBlock", "EventInfoAuxDyn.eventNumber"),
)


def numbering(branches: Collection[str]) -> tuple[str, ...]:
    """Those that number events in a file with ``branches``; none where one of the three is lacking."""
    return next((names for names in NUMBERS if set(names) <= set(branches)), ())


def of_events(source: str, numbers: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """int64, of each event: ``numbers`` are its run, luminosity block and number."""
    return _keys(f"source {source}", numbers)


def of_entries(file: str, first: int, events: int) -> NDArray[np.int64]:
    """int64, of ``events`` entries of a file, from ``first`` on. ``file``: its UUID, or its name."""
    return _keys(f"file {file}", [np.arange(first, first + events)])


def _keys(name: str, numbers: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    state = np.full(len(numbers[0]), salt(name), np.uint64)
    for number in numbers:
        state = mixed(state + number.astype(np.uint64))
    return state.view(np.int64)


def mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """``core.noise.mix`` of each."""
    with np.errstate(over="ignore"):
        for shift, factor in ROUNDS:
            z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(LAST))
