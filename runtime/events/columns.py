# SPDX-License-Identifier: Apache-2.0
"""A user's arrays, checked and made flat: per ragged dim the counts, per branch the contents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, Protocol

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.artifact.manifest import Branch, EventSchema
from hepq.runtime.events import references
from hepq.runtime.events.staged import Staged


@dataclass(frozen=True)
class Raw:
    """Events as given: nothing scaled, dropped, sorted or cut.

    ``counts``: ragged dim -> int64 [events]. ``contents``: branch's name in the program -> numbers
    [rows, static dims] with rows = sum of the dim's counts, or events for a per-event branch.
    """

    events: int
    counts: dict[str, NDArray[np.int64]]
    contents: dict[str, NDArray[Any]]
    lacking: Mapping[str, int] = field(default_factory=dict)  #: branch that holds its default -> in how many events
    stage: Staged | None = None

    def events_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of the events read each row is of: itself, but where the model is applied to each entry of a dim."""
        return rows if self.stage is None else self.stage.events_of(rows)


class Reader(Protocol):
    """What turns events of files, or in memory, into what a model takes."""

    def branches(self, held: Collection[str] = ()) -> list[str]:
        """What to read from files that hold ``held``; without, what they must have."""

    def __call__(self, data: Any, where: str = "the events", first: int = 0) -> Raw: ...


@dataclass(frozen=True)
class Plain:
    """The branches themselves, as ``collect`` has it."""

    schema: EventSchema

    def branches(self, held: Collection[str] = ()) -> list[str]:
        return self.schema.branches(held)

    def __call__(self, data: Any, where: str = "the events", first: int = 0) -> Raw:
        return collect(self.schema, data, where, first)


def field_names(data: Any) -> list[str] | None:
    """Names of the columns ``data`` holds, or None if it is no table."""
    if isinstance(data, Mapping):
        return [str(k) for k in data]
    if isinstance(data, ak.Array) and (data.fields or data.layout.is_record):
        return list(data.fields)
    return None


class Table:
    """Columns by name; numbers and lists of numbers of an awkward record array as they lie in memory."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._layout = data.layout if isinstance(data, ak.Array) and data.layout.is_record else None
        self._counts: dict[tuple[int, int], NDArray[np.int64]] = {}
        self._offsets: dict[int, NDArray[np.int64]] = {}

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def flat(
        self, name: str, ragged: bool, shape: tuple[int, ...]
    ) -> tuple[int, NDArray[np.int64] | None, NDArray[Any]] | None:
        """How many events there are, how long the list of each is, and the numbers [rows, *shape].

        None where it is not just that, or has no rows. Lists with the same offsets have the same array of lengths.
        """
        if self._layout is None or name not in self._layout.fields:
            return None
        layout, counts, events = self._layout.content(name), None, len(self._layout)
        if ragged:
            if not isinstance(layout, ak.contents.ListOffsetArray) or layout.parameters:
                return None
            offsets, layout = np.asarray(layout.offsets.data), layout.content
            key = offsets.__array_interface__["data"][0], len(offsets)
            if key not in self._counts:
                self._counts[key] = np.diff(offsets).astype(np.int64, copy=False)
                if offsets[0] == 0 and offsets.dtype == np.int64:
                    self._offsets[id(self._counts[key])] = offsets
            counts = self._counts[key]
            begin, end = int(offsets[0]), int(offsets[-1])
        else:
            begin, end = 0, events
        if not isinstance(layout, ak.contents.NumpyArray) or layout.parameters or begin == end:
            return None
        values: NDArray[Any] = np.asarray(layout.data)[begin:end]
        return None if values.shape[1:] != shape or values.dtype.kind not in "biuf" else (events, counts, values)

    def offsets(self, counts: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Those that ``flat`` made these lengths of, if they begin with 0."""
        return self._offsets.get(id(counts))


def collect(schema: EventSchema, data: Any, where: str = "the events", first: int = 0) -> Raw:
    """Check and flatten what ``schema`` needs from an awkward record array or a mapping of arrays.

    ``where`` names the data in messages, ``first`` is the number of its first event. Without events, types are
    checked all the same. Raises DataError HQ0805 to HQ0807, HQ0812, HQ0813, HQ0815, HQ0816, HQ0845.
    """
    names = field_names(data)
    if names is None:
        raise unsupported(data)
    check_present(schema.branches(names), names, where)
    lacking = [c for c in schema.columns if c.branch not in names]
    counts: dict[str, NDArray[np.int64]] = {}
    contents: dict[str, NDArray[Any]] = {}
    lengths: dict[str, int] = {}
    owner: dict[str, Branch] = {}
    table = Table(data)
    for column in schema.columns:
        if column in lacking:
            continue
        shape, dim, mine = schema.static_shape(column.dims), schema.ragged_dim(column.dims), None
        if flat := table.flat(column.branch, dim is not None, shape):
            lengths[column.branch], mine, contents[column.name] = flat
        else:
            found = Column.of(table[column.branch], column, where, first)
            lengths[column.branch] = len(found.given)
            entries = _entries(schema, column)
            if dim is None:
                contents[column.name] = found.numbers(found.given, shape, entries)
            else:
                mine, contents[column.name] = found.jagged(shape, entries)
        _same_length(lengths, where)
        if dim is not None and mine is not None:
            leading = owner.setdefault(dim.name, column)
            same_counts(counts.setdefault(dim.name, mine), mine, leading, column, dim.name, where, first)
    events = next(iter(lengths.values())) if lengths else count_events(data)
    contents |= {c.name: _defaults(schema, c, events, counts, where) for c in lacking}
    for column in (c for c in schema.columns if c.into):
        contents[column.name] = _references(schema, column, contents[column.name], events, counts, where, first)
    return Raw(events, counts, contents, {c.branch: events for c in lacking})


def _references(
    schema: EventSchema, column: Branch, values: NDArray[Any], events: int, counts: Mapping[str, NDArray[np.int64]],
    where: str, first: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Numbers of the entries that there are, or -1."""
    dim, into = schema.ragged_dim(column.dims), schema.dim(column.into)
    mine = None if dim is None else counts[dim.name]
    most = counts[into.name] if into.ragged else np.full(events, into.size or 0)
    found = references.whole(values, column.branch, mine, where, first, f"it numbers entries of {into.name}, from 0")
    references.check(found, column.branch, into.name, mine, most, where, first)
    return found.astype(np.int64)


def joined(schema: EventSchema, parts: Sequence[Raw]) -> Raw:
    """Events of ``parts``, one after the other."""
    if not parts:
        empty = {c.name: np.zeros((0, *schema.static_shape(c.dims)), np.float32) for c in schema.columns}
        return Raw(0, {d.name: np.zeros(0, np.int64) for d in schema.ragged}, empty)
    counts = {k: np.concatenate([p.counts[k] for p in parts]) for k in parts[0].counts}
    contents = {k: np.concatenate([p.contents[k] for p in parts]) for k in parts[0].contents}
    lacking = {b: sum(p.lacking.get(b, 0) for p in parts) for p in parts for b in p.lacking}
    staged = [p.stage for p in parts if p.stage is not None]
    stage = reduce(add, staged) if staged else None
    return Raw(sum(p.events for p in parts), counts, contents, lacking, stage)


def _defaults(
    schema: EventSchema, column: Branch, events: int, counts: Mapping[str, NDArray[np.int64]], where: str
) -> NDArray[Any]:
    """What a file without the branch holds. Raises DataError HQ0805 where nothing says how many entries there are."""
    dim = schema.ragged_dim(column.dims)
    if dim is not None and dim.name not in counts:
        why = (
            f"every {dim.name} of a file without it has {column.default:g}, but no branch of it says how many there are"
        )
        raise DataError("HQ0805", f'no branch "{column.branch}" in {where}', why)
    rows = events if dim is None else int(counts[dim.name].sum())
    kind = {"int": np.int64, "index": np.int64, "bool": np.bool_}.get(column.elem, np.float64)
    return np.full((rows, *schema.static_shape(column.dims)), column.default, kind)


def unsupported(data: Any) -> DataError:
    return DataError(
        "HQ0816",
        f"cannot read events from a {type(data).__name__}",
        "events are an awkward record array, a mapping of name to array, or the path of a ROOT file",
    )


def one_number(events: Any, branch: str, where: str, first: int = 0) -> NDArray[Any]:
    """A branch of one number for each event, [events]. Raises DataError HQ0806, HQ0807, HQ0815 for others, of which
    ``first`` is the number of the first event in ``where``."""
    column = Branch(name=branch, branch=branch)
    found = Column.of(events[branch], column, where, first)
    return found.numbers(found.given, ())


def whole_each(events: Any, branch: str, where: str, first: int = 0) -> NDArray[np.int64]:
    """As ``one_number``, exact. Raises DataError HQ0838 for a number that is not whole, or is beyond what its type
    holds every whole number up to: 2^53 of float64, 2^63 of integers.
    """
    values = one_number(events, branch, where, first)
    kind, found = values.dtype.kind, values
    if kind == "f":
        limit = 2.0 ** (np.finfo(values.dtype).nmant + 1)
        good = np.isfinite(values) & (np.abs(values) <= limit) & (values == np.floor(values))
        found = np.where(good, values, 0)
    else:
        good = values <= np.iinfo(np.int64).max
    if len(bad := np.flatnonzero(~good)):
        why = f"it is {values[bad[0]]} in event {first + int(bad[0]):,}; {len(bad)} of this batch"
        help = "name a branch of whole numbers, such as the event's number"
        raise DataError("HQ0838", f'branch "{branch}" of {where} is no exact whole number', why, help)
    return found.astype(np.int64)


def one_each(events: Any, branch: str, where: str, first: int = 0) -> NDArray[np.float64]:
    """As ``one_number``, as float64. Raises HQ0808 for NaN or infinity, too."""
    values = one_number(events, branch, where, first).astype(np.float64)
    if len(bad := np.flatnonzero(~np.isfinite(values))):
        why = f"first in event {first + int(bad[0])}; {len(bad)} value{'s' * (len(bad) > 1)} in this batch"
        raise DataError("HQ0808", f'NaN or infinity in branch "{branch}" of {where}', why)
    return values


def count_events(data: Any) -> int:
    """How many events there are of which no column is needed."""
    if isinstance(data, ak.Array):
        return len(data)
    return next((len(column) for column in data.values() if hasattr(column, "__len__")), 0)


def check_present(needed: list[str], names: list[str], where: str, help: str = "") -> None:
    """Raise HQ0805 for the first needed branch that ``names`` lacks."""
    for branch in needed:
        if branch not in names:
            help = help or (
                f'if the file calls it otherwise, say so: `branch {branch} = "NAME IN FILE": …` in a dataset, '
                '`pt = "NAME IN FILE": …` of a field in a collection'
            )
            raise DataError("HQ0805", f'no branch "{branch}" in {where}', did_you_mean(branch, names), help)


def _as_awkward(value: Any, column: Branch, where: str, first: int) -> ak.Array:
    try:
        if isinstance(value, ak.Array):
            array = value
        elif np.ma.is_masked(value):
            lacking = np.ma.getmaskarray(value).reshape(len(value), -1).any(axis=1)
            raise missing(column.branch, where, first + int(np.flatnonzero(lacking)[0]))
        elif isinstance(value, np.ndarray) and value.dtype != object:
            array = ak.Array(np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("=")))
        else:
            array = ak.Array(list(value))
    except RuntimeError as error:  # awkward's, of whole numbers beyond its own
        raise _beyond(value, column, where, first) from error
    except (TypeError, ValueError) as error:
        raise DataError("HQ0807", f'"{column.branch}" in {where} is not an array of numbers', str(error)) from error
    return plain(array, column.branch, where, first)


def _beyond(value: Any, column: Branch, where: str, first: int) -> DataError:
    """What to raise of events the first of which awkward cannot take is told."""
    help = "give it as a float" if column.elem == "real" else "whole numbers of the program are of 64 bits"
    for event, one in enumerate(value):
        try:
            ak.Array([one])
        except RuntimeError:
            return references.too_large(column.branch, where, f"event {first + event}", one, help)
    return DataError("HQ0807", f'"{column.branch}" in {where} is not an array of numbers')


def _lengths(lists: ak.Array) -> NDArray[np.int64]:
    return np.asarray(ak.to_numpy(ak.num(lists, axis=1)), dtype=np.int64)


def _entries(schema: EventSchema, column: Branch) -> tuple[str, ...]:
    """Names under which a record holds the last dim's numbers: px, py, pz, energy of a four-vector."""
    return schema.dim(column.dims[-1]).entries if schema.static_shape(column.dims) else ()


@dataclass(frozen=True)
class Column:
    """A column as it was given, which is what messages are about."""

    given: ak.Array
    column: Branch
    where: str

    @staticmethod
    def of(value: Any, column: Branch, where: str, first: int) -> Column:
        return Column(_as_awkward(value, column, where, first), column, where)

    def jagged(self, shape: tuple[int, ...], entries: tuple[str, ...] = ()) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """How long the list of each event is, and what is in them, [rows, *shape]."""
        if not self.is_numeric(self.given):
            raise self.type_error()
        if self.given.ndim < 2:
            if len(self.given) or not self.given.layout.is_unknown:
                raise self.shape_error()
            return np.zeros(0, np.int64), np.zeros((0, *shape), np.float32)
        return _lengths(self.given), self.numbers(ak.flatten(self.given, axis=1), shape, entries)

    def nested(self, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """How many lists each event has, how long each is, and what is in them, [rows, *shape]."""
        if not self.is_numeric(self.given):
            raise self.type_error()
        if self.given.ndim < 3:
            if len(self.given):
                raise self.shape_error()
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, *shape), np.float32)
        lists = ak.flatten(self.given, axis=1)
        return _lengths(self.given), _lengths(lists), self.numbers(ak.flatten(lists, axis=1), shape)

    def one(self, shape: tuple[int, ...], first: int) -> NDArray[Any]:
        """The one value of each event, [events, *shape]; lists of one each are taken as that."""
        lists = self.given
        if lists.ndim != 2 + len(shape) or lists.fields or isinstance(lists.type.content, ak.types.RegularType):
            return self.numbers(lists, shape)
        lengths = _lengths(lists)
        if (lengths != 1).any():
            event = int(np.flatnonzero(lengths != 1)[0])
            title = f'branch "{self.column.branch}" in {self.where} has the wrong shape'
            why = f"event {first + event} has {lengths[event]} values, where one is needed"
            raise DataError("HQ0806", title, why, "declare it in a `collection`, not a `record`")
        return self.numbers(ak.flatten(lists, axis=1), shape)

    def is_numeric(self, array: ak.Array) -> bool:
        """Are there numbers at the bottom, or records (of numbers, or not)?"""
        kind = array.type.content
        while isinstance(kind, ak.types.ListType | ak.types.RegularType):
            if "__array__" in kind.parameters:
                return False
            kind = kind.content
        return not isinstance(kind, ak.types.NumpyType) or np.dtype(kind.primitive).kind in "biuf"

    def numbers(self, array: ak.Array, shape: tuple[int, ...], entries: tuple[str, ...] = ()) -> NDArray[Any]:
        """``array`` [rows], a part of the column, as numbers [rows, *shape]."""
        if array.fields:
            if not entries:
                raise self.type_error()
            help = f"give its records the fields {', '.join(entries)}"
            check_present(list(entries), array.fields, f'"{self.column.branch}" in {self.where}', help)
            return np.stack([self.numbers(array[e], shape[:-1]) for e in entries], axis=-1)
        if not self.is_numeric(array):
            raise self.type_error()
        if len(array) == 0:
            if not _can_hold(array.type.content, shape):
                raise self.shape_error()
            return np.zeros((0, *shape), np.float32)
        try:
            found: NDArray[Any] = np.asarray(ak.to_numpy(array))
        except (ValueError, TypeError) as error:
            raise self.shape_error() from error
        if found.dtype.kind not in "biuf":
            raise self.type_error()
        if found.shape[1:] != shape:
            raise self.shape_error()
        return found

    def type_error(self) -> DataError:
        return DataError("HQ0807", f'branch "{self.column.branch}" in {self.where} does not hold numbers', self._why())

    def shape_error(self) -> DataError:
        return DataError("HQ0806", f'branch "{self.column.branch}" in {self.where} has the wrong shape', self._why())

    def _why(self) -> str:
        return f"it holds {self.given.type.content}, where {_wanted(self.column)} is needed"


def _can_hold(kind: ak.types.Type, shape: tuple[int, ...]) -> bool:
    """Can a column of this type, in which there is nothing yet, hold numbers of this shape?"""
    for size in shape:
        if isinstance(kind, ak.types.UnknownType):
            return True
        if not isinstance(kind, ak.types.ListType | ak.types.RegularType):
            return False
        if isinstance(kind, ak.types.RegularType) and kind.size != size:
            return False
        kind = kind.content
    return isinstance(kind, ak.types.NumpyType | ak.types.UnknownType)


def _wanted(column: Branch) -> str:
    return column.written if column.dims else f"one {column.elem} an event"


def _same_length(lengths: Mapping[str, int], where: str) -> None:
    (first, n), (last, m) = next(iter(lengths.items())), list(lengths.items())[-1]
    if n != m:
        why = f'"{first}" has {n} events, "{last}" has {m}'
        raise DataError("HQ0813", f"branches of {where} have different lengths", why)


def same_counts(
    a: NDArray[np.int64], b: NDArray[np.int64], leading: Branch, other: Branch, dim: str, where: str, first: int
) -> None:
    if a is not b and not np.array_equal(a, b):
        event = int(np.flatnonzero(a != b)[0])
        why = f'in event {first + event}, "{leading.branch}" has {a[event]} entries and "{other.branch}" has {b[event]}'
        raise DataError("HQ0812", f"branches of {where} disagree on the size of {dim}", why)


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
