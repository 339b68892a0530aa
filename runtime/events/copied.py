# SPDX-License-Identifier: Apache-2.0
"""Branches that are copied beside scores: one type for each, wide enough for what every file says it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import awkward as ak
import numpy as np

from hepq.core.errors import DataError
from hepq.runtime.events import event_files
from hepq.runtime.events.columns import plain
from hepq.runtime.events.source import Source

#: an awkward type
Kind: TypeAlias = Any


def kinds(sources: Sequence[Source], keep: Sequence[str]) -> dict[str, Kind]:
    """The type of each branch of ``keep`` in the output: no value of any file is rounded or cut.

    Raises DataError HQ0819 for what cannot be kept, HQ0885 where files have types that no type holds.
    """
    found: dict[str, tuple[Kind, Source]] = {}
    for source in sources if keep else ():
        none = event_files.none_of(source, keep)
        for branch in dict.fromkeys(keep):
            kind = plain(none[branch], branch, str(source)).type.content
            if isinstance(kind, ak.types.UnknownType) and not source.events:  # of a CSV file
                found.setdefault(branch, (kind, source))
                continue
            if not _can_be_kept(kind):
                why = f"it holds {kind} in {source}; numbers, and one level of lists of them, can be kept"
                raise DataError("HQ0819", f'cannot keep "{branch}"', why)
            known, first = found.get(branch, (kind, source))
            both = kind if isinstance(known, ak.types.UnknownType) else _wide(known, kind)
            if both is None:
                why = f"{known} in {first}, {kind} in {source}: no type holds both exactly"
                help = "keep other branches, or write these files to outputs of their own"
                raise DataError("HQ0885", f'cannot keep "{branch}": the files differ', why, help)
            found[branch] = (both, source if both != known else first)
    number = ak.types.NumpyType("float64")
    return {b: number if isinstance(kind, ak.types.UnknownType) else kind for b, (kind, _) in found.items()}


def _can_be_kept(kind: Kind, lists: int = 1) -> bool:
    if isinstance(kind, ak.types.NumpyType):
        return np.dtype(kind.primitive).kind in "biuf"
    if not isinstance(kind, ak.types.ListType | ak.types.RegularType) or "__array__" in kind.parameters:
        return False
    ragged = isinstance(kind, ak.types.ListType)
    return (lists > 0 or not ragged) and _can_be_kept(kind.content, lists - 1 if ragged else 0)


def _wide(a: Kind, b: Kind) -> Kind | None:
    """The narrowest type that holds all that either holds; None if there is none."""
    if type(a) is not type(b):
        return None
    if isinstance(a, ak.types.NumpyType):
        wide = np.result_type(a.primitive, b.primitive)
        return ak.types.NumpyType(wide.name) if all(_exact(k.primitive, wide) for k in (a, b)) else None
    content = _wide(a.content, b.content)
    if content is None or getattr(a, "size", None) != getattr(b, "size", None):
        return None
    return ak.types.ListType(content) if isinstance(a, ak.types.ListType) else ak.types.RegularType(content, a.size)


def _exact(narrow: str, wide: np.dtype[np.generic]) -> bool:
    """NumPy calls int64 to float64 safe; it rounds from 2⁵³ on."""
    lossy = np.dtype(narrow).kind in "iu" and wide.kind == "f" and np.dtype(narrow).itemsize == 8
    return np.can_cast(narrow, wide, "safe") and not lossy
