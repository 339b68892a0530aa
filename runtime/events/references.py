# SPDX-License-Identifier: Apache-2.0
"""Cross-references as files have them: places, records of a place and of what it is in, or numbers to look up.

``check`` says which are of nothing, ``renumbered`` follows entries that are dropped, sorted or cut.

ATLAS's ``ElementLink`` is ``m_persKey``, 0 for none, and ``m_persIndex``; podio's ``ObjectID`` is ``index``, negative
for none, and ``collectionID``. Lists of records, and records of lists, as a split branch is read, mean the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError

#: fields of records: the place, what it is in
_LINK, _OBJECT = ("m_persIndex", "m_persKey"), "index"


def numbers(value: Any, key: int = 0) -> Any:
    """Of each reference the place that it is of, -1 for none; ``value`` itself if it is no array of records.

    ``key``: which are meant, of links that have one. Raises ValueError for several keys where none is given.
    """
    if not isinstance(value, ak.Array) or not value.fields:
        return value
    by_name = {name.rpartition(".")[2]: name for name in value.fields}
    if set(_LINK) <= set(by_name):
        place, keys = (value[by_name[n]] for n in _LINK)
        if not key:
            known = np.unique(np.asarray(ak.flatten(keys, axis=None)))
            known = known[known != 0]
            if len(known) > 1:
                raise ValueError(f"its keys are {', '.join(map(str, known[:4]))}")
        mine = keys != 0 if key == 0 else keys == key
        return ak.where(mine, ak.values_astype(place, "int64"), -1)
    if _OBJECT in by_name:
        place = value[by_name[_OBJECT]]
        return ak.where(place < 0, -1, place)
    return value


def places(values: NDArray[Any], event: NDArray[Any], ids: NDArray[Any], owner: NDArray[Any]) -> NDArray[np.int64]:
    """Where in its event each of ``values`` is among ``ids``, -1 for nowhere. ``event``, ``owner``: of each of both.

    The first counts, where several entries have a number.
    """
    if not len(ids):
        return np.full(values.shape, -1, np.int64)
    known, theirs = values.astype(np.int64), ids.astype(np.int64)
    low = int(min(known.min(initial=0), theirs.min()))
    span = int(max(known.max(initial=0), theirs.max())) - low + 1
    wanted = event.reshape(-1, *[1] * (values.ndim - 1)) * span + (known - low)
    have = owner * span + (theirs - low)
    order = np.argsort(have, kind="stable")
    at = np.minimum(np.searchsorted(have[order], wanted), len(order) - 1)
    starts = np.searchsorted(owner, np.arange(int(max(owner[-1], event.max(initial=0))) + 1))
    place = order[at] - starts[event].reshape(-1, *[1] * (values.ndim - 1))
    return np.where(have[order][at] == wanted, place, -1).astype(np.int64)


def place(row: int, counts: NDArray[np.int64] | None, first: int) -> str:
    """Where a row is, of so many in each event (None: one), whose first has number ``first``."""
    if counts is None:
        return f"in event {first + row},"
    event = int(np.searchsorted(np.cumsum(counts), row, side="right"))
    return f"in event {first + event}, entry {row - int(counts[:event].sum())},"


def too_large(
    branch: str, where: str, at: str, value: Any,
    help: str = "declare it `real`, where that is exact enough; `--keep` copies it as it is",
) -> DataError:  # fmt: skip
    """Of a whole number that int64 does not hold; ``at``: the event, and the entry."""
    why = f"{at} holds {value}; whole numbers have 64 bits, with a sign"
    return DataError("HQ0814", f'an integer of "{branch}" in {where} is too large', why, help)


def whole(
    values: NDArray[Any], branch: str, counts: NDArray[np.int64] | None, where: str, first: int,
    help: str = "declare it `real`",
) -> NDArray[Any]:  # fmt: skip
    """``values`` [rows, …] as whole numbers. ``counts``: rows of each event, None: one.

    Raises DataError HQ0807, HQ0814.
    """
    if values.dtype == np.uint64:
        odd = values > np.uint64(np.iinfo(np.int64).max)
    elif values.dtype.kind == "f":
        edge = np.float64(2.0**63)
        odd = (values != np.trunc(values)) | ~((values >= -edge) & (values < edge))
    else:
        return values
    if odd.any():
        at = np.argwhere(odd)[0]
        value, there = values[tuple(at)], place(int(at[0]), counts, first)
        if np.isfinite(value) and value == np.trunc(value):
            raise too_large(branch, where, there.removeprefix("in ").removesuffix(","), value)
        why = f"{there} it is {value}"
        raise DataError("HQ0807", f'branch "{branch}" in {where} does not hold whole numbers', why, help)
    return values.astype(np.int64)


def check(
    values: NDArray[Any], branch: str, into: str, counts: NDArray[np.int64] | None, most: NDArray[np.int64],
    where: str, first: int, least: int = -1, help: Callable[[int], str] = lambda found: "-1 means none",
) -> None:  # fmt: skip
    """Whole ``values`` [rows, …] must be entries of the event's ``most`` [events] of ``into``, or not below ``least``.

    ``counts``: rows of each event, None: one. Raises DataError HQ0845.
    """
    each = most if counts is None else np.repeat(most, counts)
    outside = (values < least) | (values >= each.reshape(-1, *[1] * (values.ndim - 1)))
    bad = np.flatnonzero(outside.any(axis=tuple(range(1, outside.ndim))))
    if len(bad):
        row = int(bad[0])
        found = int(np.asarray(values[row])[outside[row]].ravel()[0])
        title = f'"{branch}" in {where} refers to an entry of {into} that is not there'
        why = f"{place(row, counts, first)} it is {found}; the event has {each[row]}"
        raise DataError("HQ0845", title, why, help(found))


def renumbered(
    values: NDArray[np.int64], event: NDArray[np.int64], counts: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``values`` [rows, …], of which each row is of an ``event``, after entries of what they number have moved.

    ``counts`` [events]: how many there were. ``number`` [all of them]: which of its event each is now, -1 if gone.
    """
    column = (-1, *[1] * (values.ndim - 1))
    there = (values >= 0) & (values < counts[event].reshape(column))
    if not len(number):
        return np.full(values.shape, -1, np.int64)
    at = (np.cumsum(counts) - counts)[event].reshape(column) + values
    return np.where(there, number[np.where(there, at, 0)], -1)
