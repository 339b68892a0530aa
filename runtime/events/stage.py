# SPDX-License-Identifier: Apache-2.0
"""Events of files to the inputs of a model: the objects of a dataset, as its compiled event program makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Branch
from hepq.runtime.artifact.stage import EventStage, StageBranch
from hepq.runtime.events import references
from hepq.runtime.events.columns import (
    Column,
    Raw,
    Table,
    check_present,
    count_events,
    field_names,
    same_counts,
    unsupported,
)  # fmt: skip
from hepq.runtime.events.staged import Cut, Staged

#: outputs besides the model's inputs
SELECT, CUT, KEPT, ZEROED, OWNER, LABEL = "select ", "cut ", "kept ", "zeroed ", "owner ", "label "
OUTSIDE = "outside "
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Read:
    """Columns of some events, as they lie in the file. ``counts``: of each ragged dim, in each event. ``lacking``: the
    branches that hold their defaults, and these. ``offsets``: counts summed up, where the data have them."""

    events: int
    columns: dict[str, NDArray[Any]]
    counts: dict[str, NDArray[np.int64]]
    lacking: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def not_finite(self, stage: EventStage) -> dict[tuple[str, str, str], NDArray[np.int64]]:
        """Of branches with NaN or infinity, which comparisons may have hidden: how many each event has."""
        found = {}
        for b in stage.branches:
            values = self.columns[b.name]
            if values.dtype.kind == "f" and not (finite := np.isfinite(values)).all():
                odd = np.count_nonzero(~finite.reshape(len(values), -1), axis=1)
                owner = np.repeat(np.arange(self.events), self.counts[b.dim]) if b.dim else np.arange(self.events)
                found["branch", b.branch, "as read"] = np.bincount(owner, odd, self.events).astype(np.int64)
        return found


def collected(stage: EventStage, data: Any, where: str, first: int = 0) -> Read:
    """Check and flatten what ``stage`` reads of an awkward record array or a mapping of arrays."""
    names = field_names(data)
    if names is None:
        raise unsupported(data)
    check_present(stage.files(names), names, where)
    lists = _Lists(Table(data), where, first)
    lacking = [b for b in stage.branches if b.default is not None and b.branch not in names]
    given = [b for b in stage.branches if b.branch and not b.ends and b not in lacking]
    columns = {b.name: lists.flat(b, b.dim in stage.lists) for b in given}
    if not given:
        lists.events = count_events(data)
    columns |= {b.name: lists.filled(b) for b in lacking}
    for b in stage.branches:
        if not b.branch:
            columns[b.name] = lists.nested_owners(b)
        elif b.ends:
            columns[b.name] = lists.ending_owners(b)
        if b.by:
            columns[b.name] = lists.identified(b, columns[b.name])
        if b.into:
            lists.check_references(b, columns[b.name])
    held = {b.branch: b.default for b in lacking if b.default is not None}
    offsets = {dim: lists.table.offsets(counts) for dim, counts in lists.counts.items()}
    known = {dim: found for dim, found in offsets.items() if found is not None}
    return Read(lists.events, columns, lists.counts, held, known)


class _Lists:
    """How long the lists of some events are, as each column says it."""

    def __init__(self, table: Table, where: str, first: int) -> None:
        self.table, self.where, self.first = table, where, first
        self.events = 0
        self.counts: dict[str, NDArray[np.int64]] = {}
        self._leading: dict[str, Branch] = {}
        #: of each nested dim: the lengths of its lists, and how many lists each event has
        self._nested: dict[str, tuple[NDArray[np.int64], NDArray[np.int64], Branch]] = {}
        self._lengths: dict[str, int] = {}

    def flat(self, of: StageBranch, nested: bool) -> NDArray[Any]:
        dims = (*([of.dim] if of.dim else []), *map(str, of.shape))
        column = Branch(name=of.name, branch=of.branch, elem="int" if of.elem == "index" else of.elem, dims=dims)
        if not nested and (flat := self.table.flat(of.branch, bool(of.dim), of.shape)):
            events, lengths, values = flat
            self._length(of.branch, events)
            if lengths is not None:
                self._note(of.dim, lengths, column)
            return self._of_kind(of, values, lengths)
        value = self.table[of.branch]
        given = self._numbers(of, value) if of.elem == "index" else value
        found = Column.of(given, column, self.where, self.first)
        self._length(of.branch, len(found.given))
        if not of.dim:
            return self._of_kind(of, found.one(of.shape, self.first), None)
        if nested:
            per_event, lengths, values = found.nested(of.shape)
            self._note_nested(of.dim, per_event, lengths, column)
            return self._of_kind(of, values, self.counts[of.dim])
        counts, values = found.jagged(of.shape)
        self._note(of.dim, counts, column)
        return self._of_kind(of, values, counts)

    def filled(self, of: StageBranch) -> NDArray[Any]:
        """The default of a branch that files lack. Raises DataError HQ0805 where nothing says how many entries."""
        if of.dim and of.dim not in self.counts:
            why = f"every {of.dim} of a file without it has {of.default:g}, but no branch of it says how many there are"
            raise DataError("HQ0805", f'no branch "{of.branch}" in {self.where}', why)
        rows = int(self.counts[of.dim].sum()) if of.dim else self.events
        kind = {"int": np.int64, "bool": np.bool_}.get(of.elem, np.float64)
        return np.full((rows, *of.shape), of.default, kind)

    def _numbers(self, of: StageBranch, value: Any) -> Any:
        try:
            return references.numbers(value, of.key)
        except ValueError as error:
            title = f'"{of.branch}" in {self.where} refers to entries of several collections'
            help = f'say which are of {of.into}: `= "{of.branch}@KEY"`'
            raise DataError("HQ0845", title, str(error), help) from error

    def identified(self, of: StageBranch, values: NDArray[Any]) -> NDArray[np.int64]:
        """Places of the entries whose numbers ``values`` are, -1 where the event has none of that number."""
        theirs = self.flat(StageBranch(name=of.by, branch=of.by, elem="int", dim=of.into), False)
        counts = self.counts[of.dim] if of.dim else np.ones(self.events, np.int64)
        event = np.arange(self.events)
        return references.places(values, np.repeat(event, counts), theirs, np.repeat(event, self.counts[of.into]))

    def _of_kind(self, of: StageBranch, values: NDArray[Any], counts: NDArray[np.int64] | None) -> NDArray[Any]:
        """Whole numbers and truth values as such, whatever type a file has them in. ``counts``: rows of each event."""
        if of.elem == "real" or (of.elem == "bool" and values.dtype.kind == "b"):
            return values
        if of.elem == "bool":
            found: NDArray[Any] = values != 0
            return found
        return references.whole(values, of.branch, counts, self.where, self.first)

    def _length(self, branch: str, events: int) -> None:
        self._lengths[branch] = self.events = events
        (one, n), (other, m) = next(iter(self._lengths.items())), (branch, events)
        if n != m:
            why = f'"{one}" has {n} events, "{other}" has {m}'
            raise DataError("HQ0813", f"branches of {self.where} have different lengths", why)

    def _note(self, dim: str, counts: NDArray[np.int64], column: Branch) -> None:
        leading = self._leading.setdefault(dim, column)
        same_counts(self.counts.setdefault(dim, counts), counts, leading, column, dim, self.where, self.first)

    def _note_nested(self, dim: str, lists: NDArray[np.int64], lengths: NDArray[np.int64], column: Branch) -> None:
        known = self._nested.setdefault(dim, (lists, lengths, column))
        if not np.array_equal(known[0], lists) or not np.array_equal(known[1], lengths):
            both = f'"{known[2].branch}" and "{column.branch}"'
            same = np.array_equal(known[0], lists)
            bad = int(np.flatnonzero(known[1] != lengths)[0]) if same else int(np.flatnonzero(known[0] != lists)[0])
            event = int(np.searchsorted(np.cumsum(lists), bad, side="right")) if same else bad
            why = f"in event {self.first + event}, {both} have lists of different lengths"
            raise DataError("HQ0839", f"lists of {self.where} disagree on the size of {dim}", why)
        owner = np.repeat(np.arange(len(lists)), lists)
        self._note(dim, np.bincount(owner, lengths, minlength=len(lists)).astype(np.int64), column)

    def ending_owners(self, of: StageBranch) -> NDArray[np.int64]:
        """Of each entry of a dim, which entry of its parent it is in the list of, from where those of each end."""
        ends = self.flat(StageBranch(name=of.owner, branch=of.branch, elem="int", dim=of.owner), False)
        parents, entries = self.counts[of.owner], self.counts[of.dim]
        event = np.repeat(np.arange(len(parents)), parents)
        begins = np.where(np.arange(len(ends)) == (np.cumsum(parents) - parents)[event], 0, np.roll(ends, 1))
        lengths = ends.astype(np.int64) - begins
        total = np.bincount(event, lengths, minlength=len(parents)).astype(np.int64)
        wrong = np.flatnonzero(lengths < 0)
        if len(wrong) or not np.array_equal(total, entries):
            bad = int(event[wrong[0]]) if len(wrong) else int(np.flatnonzero(total != entries)[0])
            why = f'in event {self.first + bad}, "{of.branch}" does not share out the {entries[bad]} of {of.dim}'
            raise DataError("HQ0839", f"lists of {self.where} are not those of {of.owner}", why)
        place = np.arange(len(ends)) - np.repeat(np.cumsum(parents) - parents, parents)
        return np.repeat(place, lengths)

    def nested_owners(self, of: StageBranch) -> NDArray[np.int64]:
        """Of each entry of a nested dim, which entry of its parent it is in the list of, counted in its event."""
        lists, lengths, column = self._nested[of.dim]
        known = self.counts.get(of.owner)
        if known is None:
            self._note(of.owner, lists, column)
        elif not np.array_equal(known, lists):
            event = int(np.flatnonzero(known != lists)[0])
            why = (
                f'in event {self.first + event}, "{column.branch}" has {lists[event]} lists for {known[event]} entries'
            )
            raise DataError("HQ0839", f"lists of {self.where} are not those of {of.owner}", why)
        starts = np.cumsum(lists) - lists
        place = np.arange(int(lists.sum())) - np.repeat(starts, lists)
        return np.repeat(place, lengths)

    def check_references(self, of: StageBranch, values: NDArray[Any]) -> None:
        """-1 is of none; anything else must be an entry of the event's. Owners are all of one, in their order."""
        if of.into not in self.counts or not of.branch or of.ends:
            return
        counts = self.counts[of.dim] if of.dim else None

        def help(found: int) -> str:
            if of.sure and found == -1:
                return f"-1 means none; declare it `index of {of.into}`"
            return "" if of.owner else "-1 means none"

        references.check(values, of.branch, of.into, counts, self.counts[of.into], self.where, self.first,
                         0 if of.owner or of.sure else -1, help)  # fmt: skip
        if of.owner:
            self._check_order(of, values, np.ones(self.events, np.int64) if counts is None else counts)

    def _check_order(self, of: StageBranch, values: NDArray[Any], counts: NDArray[np.int64]) -> None:
        """Entries of one list must lie together, lists in the order of what has them."""
        event = np.repeat(np.arange(len(counts)), counts)
        wrong = np.flatnonzero((np.diff(values.astype(np.int64)) < 0) & (np.diff(event) == 0))
        if len(wrong):
            bad = int(event[wrong[0]])
            entry = int(wrong[0]) + 1 - int(counts[:bad].sum())
            why = f"in event {self.first + bad}, entry {entry} goes back to an earlier {of.owner}"
            title = f'"{of.branch}" in {self.where} does not have the entries of each {of.owner} together'
            help = f"declare it as a reference, under another name: `index of {of.owner}`"
            raise DataError("HQ0839", title, why, help)


def assembled(stage: EventStage, read: Read, made: Arrays, counted: Arrays) -> Raw:
    """The model's inputs, with what was left out and cut."""
    events, counts = read.events, {**read.counts, **counted}
    lacking = dict.fromkeys(read.lacking, events)
    passed, left_out = np.ones(events, np.bool_), {}
    for name in stage.selects:
        holds = made[SELECT + name].astype(np.bool_)
        left_out[name] = int((passed & ~holds).sum())
        passed &= holds
    own = {d: counts[d].astype(np.int64) for d in dict.fromkeys(i.dim for i in stage.inputs) if d}
    cuts = {name: Cut(*(made[head + name].astype(np.int64) for head in (CUT, KEPT))) for name in stage.cuts}
    labels = {name: made[LABEL + name] for name in stage.labels}
    odd = read.not_finite(stage) | {("variable", name, "zeroed"): made[ZEROED + name] for name in stage.zeroed}
    outside = {name: int(made[OUTSIDE + name][passed].sum()) for name in stage.outside}
    if not stage.each:
        staged = Staged(passed, left_out, cuts, labels, defaults=read.lacking, not_finite=odd, outside=outside)
        return Raw(events, own, _blanked(stage, made, own, passed), lacking, staged)
    rows = counts[stage.each].astype(np.int64)
    starts = np.cumsum(rows) - rows
    total = int(rows.sum())
    lists = {}
    for dim in stage.owned:
        owner = np.repeat(starts, own[dim]) + made[OWNER + dim]
        lists[dim] = np.bincount(owner, minlength=total).astype(np.int64)
    labels = {name: v if stage.labels[name] else np.repeat(v, rows) for name, v in labels.items()}
    staged = Staged(passed, left_out, cuts, labels, rows, stage.each, read.lacking, odd, outside)
    return Raw(total, lists, _blanked(stage, made, {**own, "": rows}, passed), lacking, staged)


def _blanked(
    stage: EventStage, made: Arrays, counts: Mapping[str, NDArray[np.int64]], passed: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """The inputs; 0 in events that are left out, where what a ``select`` says does not hold. ``counts``: rows of each
    event, by dim; "": where it is not one."""
    found = {}
    for i in stage.inputs:
        x = made[i.name]
        found[i.name] = x
        if i.elem == "real" and not passed.all():
            rows = counts.get(i.dim)
            kept = passed if rows is None else np.repeat(passed, rows)
            found[i.name] = np.where(kept.reshape(-1, *[1] * (x.ndim - 1)), x, 0)
    return found
