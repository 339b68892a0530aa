# SPDX-License-Identifier: Apache-2.0
"""Raw events to a batch: scale to the program's units, treat NaN, sort, cut at the bound.

Everything works on flat contents; no Python code runs per event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Branch, Derived, Dim, EventSchema, Value
from hepq.runtime.events import references
from hepq.runtime.events.columns import Raw
from hepq.runtime.events.ordering import evaluate
from hepq.runtime.events.report import Default, Entries, NotANumber, Report
from hepq.runtime.events.staged import check_bounds, counted, not_numbers

__all__ = ["Batch", "Report", "Rows", "prepare"]
#: generated code reads and writes whole vectors, and takes this for granted
ALIGNMENT = 64


def aligned(size: int, dtype: DTypeLike) -> NDArray[Any]:
    """An uninitialised one-dimensional array that starts on a 64-byte boundary."""
    kind = np.dtype(dtype)
    raw = np.empty(size * kind.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size * kind.itemsize].view(kind)


def aligned_copy(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The array's numbers, flat and row-major, on a 64-byte boundary."""
    out = aligned(array.size, dtype)
    out.reshape(array.shape)[...] = array
    return out


@dataclass(frozen=True)
class Rows:
    """The entries of a ragged dim: raw counts [events], and which raw row each kept row was (None: all, in order)."""

    counts: NDArray[np.int64]
    kept: NDArray[np.int64] | None

    @property
    def total(self) -> int:
        return int(self.counts.sum())


@dataclass(frozen=True)
class Batch:
    """What the compiled function takes: offsets int64 [events + 1] by ragged dim, flat content by input: float32, or
    int64 of whole numbers.

    All 64-byte aligned. ``unscored`` [events] marks events whose outputs are NaN.
    """

    events: int
    offsets: dict[str, NDArray[np.int64]]
    contents: dict[str, NDArray[Any]]
    rows: dict[str, Rows]
    unscored: NDArray[np.bool_]
    report: Report


def prepare(schema: EventSchema, raw: Raw, where: str = "the events", first: int = 0) -> Batch:
    """Turn raw events into a batch, by the schema's units, order and policies.

    ``first`` is the number of the first event in ``where``, for messages.
    Raises DataError HQ0807 (no whole number), HQ0808 (NaN), HQ0810 (no particles), HQ0811 (too many), HQ0814 (an
    integer beyond int64).
    """
    columns = {c.name: c for c in schema.columns}
    owners = {d.name: np.repeat(np.arange(raw.events), raw.counts[d.name]) for d in schema.ragged}
    values = {name: _converted(column, raw.contents[name]) for name, column in columns.items()}
    keep, unscored, found = _treat_nan(schema, raw, values, owners, where, first)
    for name, value in values.items():
        rows = schema.ragged_dim(columns[name].dims)
        values[name] = _whole(columns[name], value, None if rows is None else raw.counts[rows.name], where, first)
    held = _Held(schema, raw, values, owners, keep)
    if schema.dataset is not None and schema.dataset.derived is not None:
        found += _treat_derived(schema, schema.dataset.derived, held, unscored, where, first)
    made = held.arranged()
    entries, over, nothing = {}, np.zeros(raw.events, np.bool_), _without_entries(schema, raw, made)
    for dim in schema.ragged:
        long = _check_bound(schema, dim, made.counts[dim.name], where, first)
        over |= long
        read, kept = int(raw.counts[dim.name].sum()), int(made.counts[dim.name].sum())
        cut = kept - int(made.offsets[dim.name][-1])
        entries[dim.name] = Entries(read, read - kept, cut, int(long.sum()))
    staged = raw.stage
    if staged is not None:
        nothing &= staged.selected
        found += not_numbers(staged, where, first)
        if schema.policy.overflow == "error":
            check_bounds(staged, where, first)
    _check_empty(schema, raw, nothing, where, first)
    if schema.policy.empty == "nan":
        unscored |= nothing
    truncated, blank, empty = (int(mask.sum()) for mask in (over, unscored, nothing))
    dropped = sum(e.dropped for e in entries.values())
    defaults = {b: Default(c.default, raw.lacking[b], int(first == 0), where) for c in schema.columns
                if c.default is not None and (b := c.branch) in raw.lacking}  # fmt: skip
    if staged is not None:
        defaults |= {b: Default(v, raw.lacking[b], int(first == 0), where) for b, v in staged.defaults.items()}
    report = Report(raw.events, truncated, dropped, blank, empty, entries=entries, not_numbers=found,
                    defaults=defaults, references=made.lost)  # fmt: skip
    if staged is not None:
        report = counted(staged, report)
        unscored |= ~staged.selected
    return Batch(raw.events, made.offsets, made.contents, made.rows, unscored, report)


@dataclass(frozen=True)
class _Arranged:
    """What is kept, sorted and cut. ``counts``: before cutting. ``lost``: references to what is gone, by branch."""

    rows: dict[str, Rows]
    offsets: dict[str, NDArray[np.int64]]
    contents: dict[str, NDArray[Any]]
    counts: dict[str, NDArray[np.int64]]
    lost: dict[str, int]


@dataclass
class _Held:
    """``values`` by branch and, by ragged dim, the ``owners`` of its raw rows, and which of them to ``keep``."""

    schema: EventSchema
    raw: Raw
    values: dict[str, NDArray[Any]]
    owners: dict[str, NDArray[np.int64]]
    keep: dict[str, NDArray[np.bool_]]
    _made: _Arranged | None = None

    def drop(self, dim: str, rows: NDArray[np.int64]) -> None:
        self.keep.setdefault(dim, np.ones(len(self.owners[dim]), np.bool_))[rows] = False
        self._made = None

    def arranged(self) -> _Arranged:
        if self._made is None:
            self._made = self._arrange()
        return self._made

    def _arrange(self) -> _Arranged:
        schema, columns = self.schema, {c.name: c for c in self.schema.columns}
        rows, offsets, left = {}, {}, {}
        for dim in schema.ragged:
            owner = self.owners[dim.name]
            kept, counts = _survivors(self.raw, dim, self.keep.get(dim.name), owner)
            kept = _sorted(schema, dim, self.values, columns, owner, kept)
            left[dim.name] = counts
            kept, counts = _cut(dim, kept, counts)
            rows[dim.name] = Rows(self.raw.counts[dim.name], kept)
            offsets[dim.name] = aligned(self.raw.events + 1, np.int64)
            offsets[dim.name][0] = 0
            np.cumsum(counts, out=offsets[dim.name][1:])
        now = {d: self._numbers(d, rows[d], offsets[d]) for d in {v.into for v in schema.inputs} & rows.keys()}
        contents, lost = {}, {}
        for v in schema.inputs:
            column, value = columns[v.name], self.values[v.name]
            number = now.get(v.into)
            if number is not None:
                value, lost[column.branch] = self._followed(v, number, rows)
            contents[v.name] = _taken(schema, column, value, rows)
        return _Arranged(rows, offsets, contents, left, {b: n for b, n in lost.items() if n})

    def _numbers(self, dim: str, rows: Rows, offsets: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Of each raw entry, which of its event's it is now, -1 if it is gone; None: they are as they were."""
        if rows.kept is None:
            return None
        number = np.full(len(self.owners[dim]), -1, np.int64)
        number[rows.kept] = np.arange(len(rows.kept)) - np.repeat(offsets[:-1], np.diff(offsets))
        return number

    def _followed(
        self, value: Value, number: NDArray[np.int64], rows: Mapping[str, Rows]
    ) -> tuple[NDArray[np.int64], int]:
        """References to what has moved, as they are now; and how many that are left are of an entry that is gone."""
        given, dim = self.values[value.name], self.schema.ragged_dim(value.dims)
        owner = np.arange(self.raw.events) if dim is None else self.owners[dim.name]
        found = references.renumbered(given, owner, self.raw.counts[value.into], number)
        gone = (given >= 0) & (found < 0)
        kept = rows[dim.name].kept if dim is not None else None
        return found, int((gone if kept is None else gone[kept]).sum())


def _without_entries(schema: EventSchema, raw: Raw, made: _Arranged) -> NDArray[np.bool_]:
    """[events]: which have nothing in any ragged dim."""
    nothing = np.full(raw.events, bool(schema.ragged))
    for dim in schema.ragged:
        nothing &= np.diff(made.offsets[dim.name]) == 0
    return nothing


def _treat_derived(
    schema: EventSchema, derived: Derived, held: _Held, unscored: NDArray[np.bool_], where: str, first: int
) -> tuple[NotANumber, ...]:
    """As ``_treat_nan``, of what is derived of the branches; adds to ``unscored`` and to what ``held`` drops."""
    from hepq.runtime.events.derived_policy import Arranged, applied

    starts = {name: np.cumsum(counts) - counts for name, counts in held.raw.counts.items()}

    def arranged() -> Arranged:
        made = held.arranged()
        return Arranged(made.offsets, made.contents, {dim: r.kept for dim, r in made.rows.items()}, starts)

    out = unscored.copy()
    if schema.policy.empty == "nan":
        out |= _without_entries(schema, held.raw, held.arranged())
    return applied(schema, derived, arranged, held.drop, unscored, np.flatnonzero(~out), where, first)


def part(schema: EventSchema, batch: Batch, lo: int, hi: int) -> Batch:
    """What compiled code takes of the events from ``lo`` to ``hi``."""
    offsets = {name: aligned_copy(o[lo : hi + 1] - o[lo], np.int64) for name, o in batch.offsets.items()}
    contents = {}
    for v in schema.inputs:
        dim, width = schema.ragged_dim(v.dims), schema.width(v.dims)
        first, last = (lo, hi) if dim is None else (int(batch.offsets[dim.name][i]) for i in (lo, hi))
        contents[v.name] = aligned_copy(batch.contents[v.name][first * width : last * width], v.kind)
    return Batch(hi - lo, offsets, contents, {}, batch.unscored[lo:hi], Report(hi - lo))


def one_event(schema: EventSchema, inputs: Mapping[str, NDArray[Any]]) -> Batch:
    """A batch of one event, of a model's inputs at true multiplicity."""
    sizes = {d.name: len(inputs[v.name]) for v in schema.inputs if (d := schema.ragged_dim(v.dims)) is not None}
    offsets = {name: aligned_copy(np.array([0, size]), np.int64) for name, size in sizes.items()}
    contents = {v.name: aligned_copy(inputs[v.name].reshape(-1), v.kind) for v in schema.inputs}
    return Batch(1, offsets, contents, {}, np.zeros(1, np.bool_), Report(1))


def _converted(column: Branch, content: NDArray[Any]) -> NDArray[Any]:
    """On an aligned boundary: int64 of whole numbers, else float32(content × factor), rounded once.

    Of whole numbers that a file holds as floats or uint64, these; ``_whole`` is for when NaN is dealt with.
    """
    if column.whole:
        kind = content.dtype if content.dtype.kind == "f" or content.dtype == np.uint64 else np.dtype(np.int64)
        return aligned_copy(content, kind).reshape(content.shape)
    out = aligned(content.size, np.float32).reshape(content.shape)
    with np.errstate(all="ignore"):
        if column.factor == 1.0:
            np.copyto(out, content, casting="unsafe")
        else:
            np.multiply(content, column.factor, out=out, dtype=np.float64, casting="unsafe")
    return out


def _whole(
    column: Branch, content: NDArray[Any], counts: NDArray[np.int64] | None, where: str, first: int
) -> NDArray[Any]:
    """``counts``: rows of each event, None: one."""
    if not column.whole or content.dtype == np.int64:
        return content
    found = references.whole(content, column.branch, counts, where, first)
    return aligned_copy(found, np.int64).reshape(content.shape)


def _treat_nan(
    schema: EventSchema,
    raw: Raw,
    values: dict[str, NDArray[Any]],
    owners: dict[str, NDArray[np.int64]],
    where: str,
    first: int,
) -> tuple[dict[str, NDArray[np.bool_]], NDArray[np.bool_], tuple[NotANumber, ...]]:
    """Per ragged dim the particles to keep, the events not to score, and where NaN and infinity are."""
    keep: dict[str, NDArray[np.bool_]] = {}
    unscored = np.zeros(raw.events, np.bool_)
    found = []
    for column in schema.columns:
        value = values[column.name]
        finite = np.isfinite(value)
        if finite.all():
            continue
        good: NDArray[np.bool_] = np.asarray(finite.reshape(len(value), -1).all(axis=1))
        dim = schema.ragged_dim(column.dims)
        seen = _seen(raw, column, np.logical_not(good), owners[dim.name] if dim else None, where, first)
        seen = replace(seen, values=int((~finite).sum()))
        if schema.policy.nan == "error":
            raise _nan_error(seen)
        done = "zeroed" if schema.policy.nan == "zero" else "dropped" if dim else "unscored"
        found.append(replace(seen, done=done))
        value[~finite] = 0
        if schema.policy.nan == "drop":
            if dim:
                keep[dim.name] = np.logical_and(keep.get(dim.name, True), good)
            else:
                unscored |= ~good
    return keep, unscored, tuple(found)


def _seen(
    raw: Raw, column: Branch, bad: NDArray[np.bool_], owner: NDArray[np.int64] | None, where: str, first: int
) -> NotANumber:
    """``bad`` [rows]; ``owner``: the event of each row, if rows are entries of a ragged dim."""
    what, rows = "branch" if raw.stage is None else "input", np.flatnonzero(bad)
    events = np.unique(raw.events_of(rows if owner is None else owner[rows]))
    entry = None if owner is None else int(rows[0] - np.searchsorted(owner, owner[rows[0]]))
    return NotANumber(what, column.branch, "", 0, len(events), where, first + int(events[0]), entry)


def _nan_error(seen: NotANumber) -> DataError:
    entry = "" if seen.entry is None else f", entry {seen.entry}"
    return DataError(
        "HQ0808",
        f'NaN or infinity in {seen.what} "{seen.name}" of {seen.file}',
        f"first in event {seen.event}{entry}; {seen.values} value{'s' * (seen.values > 1)} in this batch",
        "in the dataset, write `policy nan = drop` or `policy nan = zero` to go on",
    )


def _survivors(
    raw: Raw, dim: Dim, keep: NDArray[np.bool_] | None, owner: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    if keep is None or keep.all():
        return None, raw.counts[dim.name]
    return np.flatnonzero(keep), np.bincount(owner[keep], minlength=raw.events)


def _sorted(
    schema: EventSchema,
    dim: Dim,
    values: dict[str, NDArray[Any]],
    columns: dict[str, Branch],
    owner: NDArray[np.int64],
    kept: NDArray[np.int64] | None,
) -> NDArray[np.int64] | None:
    order = next((o for o in (schema.dataset.order if schema.dataset else ()) if o.dim == dim.name), None)
    if order is None:
        return kept
    used = {a for step in order.key for a in step.args if isinstance(a, str)}
    key = evaluate(order.key, {n: values[n] if columns[n].dims else values[n][owner] for n in used}, len(owner))
    key = -key if order.descending else key
    if kept is not None:
        key, owner = key[kept], owner[kept]
    if ((key[1:] >= key[:-1]) | (owner[1:] != owner[:-1])).all():
        return kept
    permutation = np.lexsort((key, owner))
    return permutation if kept is None else kept[permutation]


def _check_bound(schema: EventSchema, dim: Dim, counts: NDArray[np.int64], where: str, first: int) -> NDArray[np.bool_]:
    over: NDArray[np.bool_] = counts > (dim.bound or 0)
    if schema.policy.overflow == "error" and over.any():
        event = int(np.flatnonzero(over)[0])
        title = f"event {first + event} of {where} has {counts[event]} entries in {dim.name}"
        why = f"the program says `dim {dim.name} <= {dim.bound}`; {int(over.sum())} events in this batch have more"
        help = f"raise the bound; or order {dim.name} in a dataset with `policy overflow = truncate`"
        raise DataError("HQ0811", title, why, help)
    return over


def _cut(
    dim: Dim, kept: NDArray[np.int64] | None, counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    bound = dim.bound or 0
    if not (counts > bound).any():
        return kept, counts
    starts = np.cumsum(counts) - counts
    rank = np.arange(int(counts.sum())) - np.repeat(starts, counts)
    inside = np.flatnonzero(rank < bound)
    return (inside if kept is None else kept[inside]), np.minimum(counts, bound)


def _check_empty(schema: EventSchema, raw: Raw, nothing: NDArray[np.bool_], where: str, first: int) -> None:
    if schema.policy.empty == "error" and nothing.any():
        event = int(raw.events_of(np.flatnonzero(nothing)[:1])[0])
        dims = " and ".join(d.name for d in schema.ragged)
        why = f"{int(nothing.sum())} such events in this batch"
        help = "in the dataset, write `policy empty = nan` to score them NaN"
        raise DataError("HQ0810", f"event {first + event} of {where} has nothing in {dims}", why, help)


def _taken(schema: EventSchema, column: Branch, value: NDArray[Any], rows: dict[str, Rows]) -> NDArray[Any]:
    dim = schema.ragged_dim(column.dims)
    kept = rows[dim.name].kept if dim else None
    return aligned_copy(value[kept], value.dtype) if kept is not None else value.reshape(-1)
