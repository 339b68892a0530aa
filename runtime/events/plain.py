# SPDX-License-Identifier: Apache-2.0
"""Arrays without option and dictionary types: what columns of Parquet are by default, though nothing is missing."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError


def plain(array: ak.Array, name: str, where: str, first: int = 0) -> ak.Array:
    """``array`` [events] without option types at any depth, dictionaries looked up.

    ``first`` is the number of the first event in ``where``. Raises DataError HQ0815 if a value is missing.
    """
    if not _wrapped(array.layout):
        return array
    packed = ak.to_packed(array)
    if _has_none(packed.layout):
        raise missing(name, where, first + int(np.flatnonzero(_without_value(packed))[0]))
    return ak.Array(_unwrapped(packed.layout))


def missing(name: str, where: str, event: int) -> DataError:
    title = f'"{name}" in {where} has missing values (None)'
    why = f"first in event {event}; there is no number to use"
    return DataError("HQ0815", title, why, "fill them, as by ak.fill_none, or leave such events out")


def _children(layout: Any) -> tuple[Any, ...]:
    return tuple(layout.contents) if layout.is_record or layout.is_union else (layout.content,)


def _is_leaf(layout: Any) -> bool:
    return bool(layout.is_numpy or layout.is_unknown)


def _wrapped(layout: Any) -> bool:
    if layout.is_option or layout.is_indexed:
        return True
    return not _is_leaf(layout) and any(map(_wrapped, _children(layout)))


def _has_none(layout: Any) -> bool:
    if layout.is_option and np.asarray(layout.mask_as_bool(valid_when=False)).any():
        return True
    return not _is_leaf(layout) and any(map(_has_none, _children(layout)))


def _unwrapped(layout: Any) -> Any:
    """The same content; ``layout`` is packed and nothing in it is missing."""
    if layout.is_option or layout.is_indexed:
        return _unwrapped(layout.project())
    if _is_leaf(layout):
        return layout
    if layout.is_record or layout.is_union:
        return layout.copy(contents=[_unwrapped(c) for c in layout.contents])
    return layout.copy(content=_unwrapped(layout.content))


def _without_value(array: ak.Array) -> NDArray[np.bool_]:
    """[events]: is anything missing in it?"""
    found: NDArray[np.bool_] = np.asarray(ak.is_none(array, axis=0))
    if array.fields:
        for field in array.fields:
            found = found | _without_value(array[field])
        return found
    for axis in range(1, array.ndim):
        lacking = ak.is_none(array, axis=axis)
        while lacking.ndim > 1:
            lacking = ak.any(lacking, axis=-1)
        found = found | np.asarray(ak.fill_none(lacking, False))
    return found
