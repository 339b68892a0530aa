# SPDX-License-Identifier: Apache-2.0
"""A user's arrays, checked and made flat: per ragged dim the counts, per branch the contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.runtime.errors import DataError, did_you_mean
from hepq.runtime.manifest import Branch, EventSchema


@dataclass(frozen=True)
class Raw:
    """Events as given: nothing scaled, dropped, sorted or cut.

    ``counts``: ragged dim -> int64 [events]. ``contents``: branch's name in the program -> numbers
    [rows, static dims] with rows = sum of the dim's counts, or events for a per-event branch.
    """

    events: int
    counts: dict[str, NDArray[np.int64]]
    contents: dict[str, NDArray[Any]]


def field_names(data: Any) -> list[str] | None:
    """Names of the columns ``data`` holds, or None if it is no table."""
    if isinstance(data, Mapping):
        return [str(k) for k in data]
    if isinstance(data, ak.Array) and (data.fields or data.layout.is_record):
        return list(data.fields)
    return None


def collect(schema: EventSchema, data: Any, where: str = "the events") -> Raw:
    """Check and flatten what ``schema`` needs from an awkward record array or a mapping of arrays.

    ``where`` names the data in messages. Raises DataError HQ0805 to HQ0807, HQ0812, HQ0813, HQ0815, HQ0816.
    """
    names = field_names(data)
    if names is None:
        raise DataError(
            "HQ0816",
            f"cannot read events from a {type(data).__name__}",
            "events are an awkward record array, a mapping of name to array, or the path of a ROOT file",
        )
    check_present([c.branch for c in schema.columns], names, where)
    counts: dict[str, NDArray[np.int64]] = {}
    contents: dict[str, NDArray[Any]] = {}
    lengths: dict[str, int] = {}
    owner: dict[str, Branch] = {}
    for column in schema.columns:
        array = _as_awkward(data[column.branch], column, where)
        lengths[column.branch] = len(array)
        _same_length(lengths, where)
        if column.dims and (dim := schema.ragged_dim(column.dims)):
            found, contents[column.name] = _jagged(schema, array, column, where)
            first = owner.setdefault(dim.name, column)
            _same_counts(counts.setdefault(dim.name, found), found, first, column, dim.name, where)
        else:
            shape = schema.static_shape(column.dims)
            contents[column.name] = _numbers(array, shape, column, where, _entries(schema, column))
    return Raw(next(iter(lengths.values())) if lengths else _events(data), counts, contents)


def one_each(events: Any, branch: str, where: str, first: int = 0) -> NDArray[np.float64]:
    """A branch of one number for each event, [events], as float64. Raises DataError HQ0806, HQ0807, HQ0815 for others,
    HQ0808 for NaN or infinity, of which ``first`` is the number of the first event in ``where``."""
    column = Branch(name=branch, branch=branch)
    values = _numbers(_as_awkward(events[branch], column, where), (), column, where).astype(np.float64)
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        why = f"first in event {first + int(bad[0])}; {len(bad)} value{'s' * (len(bad) > 1)} in this batch"
        raise DataError("HQ0808", f'NaN or infinity in branch "{branch}" of {where}', why)
    return values


def _events(data: Any) -> int:
    """How many events there are of which no column is needed."""
    if isinstance(data, ak.Array):
        return len(data)
    return next((len(column) for column in data.values() if hasattr(column, "__len__")), 0)


def check_present(needed: list[str], names: list[str], where: str, help: str = "") -> None:
    """Raise HQ0805 for the first needed branch that ``names`` lacks."""
    for branch in needed:
        if branch not in names:
            help = help or f'if the file calls it otherwise, write in the dataset: branch {branch} = "NAME IN FILE": …'
            raise DataError("HQ0805", f'no branch "{branch}" in {where}', did_you_mean(branch, names), help)


def _as_awkward(value: Any, column: Branch, where: str) -> ak.Array:
    try:
        if isinstance(value, ak.Array):
            array = value
        elif np.ma.is_masked(value):
            raise _missing(column, where)
        elif isinstance(value, np.ndarray) and value.dtype != object:
            array = ak.Array(np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("=")))
        else:
            array = ak.Array(list(value))
    except (TypeError, ValueError) as error:
        raise DataError("HQ0807", f'"{column.branch}" in {where} is not an array of numbers', str(error)) from error
    kind = str(array.type)
    if ("?" in kind or "option" in kind) and any(bool(ak.any(ak.is_none(array, axis=i))) for i in range(array.ndim)):
        raise _missing(column, where)
    return ak.drop_none(array) if "?" in kind or "option" in kind else array


def _missing(column: Branch, where: str) -> DataError:
    title = f'"{column.branch}" in {where} has missing values (None)'
    return DataError("HQ0815", title, "a missing value cannot be scored", "try ak.fill_none")


def _jagged(schema: EventSchema, array: ak.Array, column: Branch, where: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    shape = schema.static_shape(column.dims)
    if len(array) == 0:
        return np.zeros(0, np.int64), np.zeros((0, *shape), np.float32)
    if array.ndim < 2:
        raise _shape_error(array, column, where)
    counts = np.asarray(ak.to_numpy(ak.num(array, axis=1)), dtype=np.int64)
    return counts, _numbers(ak.flatten(array, axis=1), shape, column, where, _entries(schema, column))


def _entries(schema: EventSchema, column: Branch) -> tuple[str, ...]:
    """Names under which a record holds the last dim's numbers: px, py, pz, energy of a four-vector."""
    return schema.dim(column.dims[-1]).entries if schema.static_shape(column.dims) else ()


def _numbers(
    array: ak.Array, shape: tuple[int, ...], column: Branch, where: str, entries: tuple[str, ...] = ()
) -> NDArray[Any]:
    if array.fields:
        if not entries:
            raise _type_error(array, column, where)
        help = f"give its records the fields {', '.join(entries)}"
        check_present(list(entries), array.fields, f'"{column.branch}" in {where}', help)
        parts = [_numbers(array[e], shape[:-1], column, where) for e in entries]
        return np.stack(parts, axis=-1)
    if len(array) == 0:
        return np.zeros((0, *shape), np.float32)
    if "string" in str(array.type) or "bytes" in str(array.type):
        raise _type_error(array, column, where)
    try:
        numbers: NDArray[Any] = np.asarray(ak.to_numpy(array))
    except (ValueError, TypeError) as error:
        raise _shape_error(array, column, where) from error
    if numbers.dtype.kind not in "biuf":
        raise _type_error(array, column, where)
    if numbers.shape[1:] != shape:
        raise _shape_error(array, column, where)
    return numbers


def _wanted(column: Branch) -> str:
    return f"{column.elem}[{', '.join(column.dims)}]" if column.dims else f"one {column.elem} an event"


def _type_error(array: ak.Array, column: Branch, where: str) -> DataError:
    why = f"it holds {array.type.content}, where {_wanted(column)} is needed"
    return DataError("HQ0807", f'branch "{column.branch}" in {where} does not hold numbers', why)


def _shape_error(array: ak.Array, column: Branch, where: str) -> DataError:
    why = f"it holds {array.type.content}, where {_wanted(column)} is needed"
    return DataError("HQ0806", f'branch "{column.branch}" in {where} has the wrong shape', why)


def _same_length(lengths: Mapping[str, int], where: str) -> None:
    (first, n), (last, m) = next(iter(lengths.items())), list(lengths.items())[-1]
    if n != m:
        why = f'"{first}" has {n} events, "{last}" has {m}'
        raise DataError("HQ0813", f"branches of {where} have different lengths", why)


def _same_counts(
    a: NDArray[np.int64], b: NDArray[np.int64], first: Branch, other: Branch, dim: str, where: str
) -> None:
    if a is not b and not np.array_equal(a, b):
        event = int(np.flatnonzero(a != b)[0])
        why = f'in event {event}, "{first.branch}" has {a[event]} entries and "{other.branch}" has {b[event]}'
        raise DataError("HQ0812", f"branches of {where} disagree on the size of {dim}", why)
