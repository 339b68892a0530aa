# SPDX-License-Identifier: Apache-2.0
"""Cross-references as files have them: a number, or a record of a number and what it numbers.

ATLAS's ``ElementLink`` is ``m_persKey``, 0 for none, and ``m_persIndex``; podio's ``ObjectID`` is ``index``, negative for
none, and ``collectionID``. Lists of records, and records of lists, as a split branch is read, mean the same.
"""

from __future__ import annotations

from typing import Any

import awkward as ak

#: fields of a record: the number, what it numbers
_LINK, _OBJECT = ("m_persIndex", "m_persKey"), ("index", "collectionID")


def numbers(value: Any) -> Any:
    """Of each reference the entry that it is of, -1 for none; ``value`` itself if it is no array of records."""
    if not isinstance(value, ak.Array) or not value.fields:
        return value
    by_name = {name.rpartition(".")[2]: name for name in value.fields}
    if set(_LINK) <= set(by_name):
        index, key = (value[by_name[n]] for n in _LINK)
        return ak.where(key == 0, -1, ak.values_astype(index, "int64"))
    if _OBJECT[0] in by_name:
        index = value[by_name[_OBJECT[0]]]
        return ak.where(index < 0, -1, index)
    return value
