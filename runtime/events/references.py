# SPDX-License-Identifier: Apache-2.0
"""Cross-references as files have them: places, records of a place and of what it is in, or numbers to look up.

ATLAS's ``ElementLink`` is ``m_persKey``, 0 for none, and ``m_persIndex``; podio's ``ObjectID`` is ``index``, negative
for none, and ``collectionID``. Lists of records, and records of lists, as a split branch is read, mean the same.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

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
