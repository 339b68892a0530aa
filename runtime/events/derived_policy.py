# SPDX-License-Identifier: Apache-2.0
"""``policy nan`` for what a dataset derives of its branches, where the program writes that policy.

Values are those of events as they are scored: without what is dropped, in order, cut. What is derived of each entry of
a ragged dim alone accuses the entry, which may be dropped; anything else its event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Derived, EventSchema
from hepq.runtime.events.derived import SLICE, evaluated, not_finite
from hepq.runtime.events.grouped import Rows, alike
from hepq.runtime.events.report import NotANumber

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Arranged(Rows):
    """``raw``: by ragged dim, the raw row of each row (None: all, in order). ``starts``: each event's first raw row."""

    raw: Mapping[str, Numbers | None]
    starts: Mapping[str, Numbers]

    def raw_rows(self, dim: str, rows: Numbers) -> Numbers:
        kept = self.raw[dim]
        return rows if kept is None else kept[rows]


@dataclass(frozen=True)
class _Bad:
    """``events`` in which the value ``name`` is not finite, in ``values`` numbers; of a value over the entries of
    ``dim``, the raw ``rows`` in which it is not, and the event of each in ``owners``.
    """

    name: str
    events: Numbers
    values: int
    dim: str = ""
    rows: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    owners: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    def place(self, arranged: Arranged) -> tuple[int, int | None]:
        """The first event, and its entry."""
        event = int(self.events.min())
        if not self.dim:
            return event, None
        return event, int((self.rows[self.owners == event] - arranged.starts[self.dim][event]).min())


def applied(
    schema: EventSchema,
    derived: Derived,
    arrange: Callable[[], Arranged],
    drop: Callable[[str, Numbers], None],
    unscored: Flags,
    judged: Numbers,
    where: str,
    first: int,
) -> tuple[NotANumber, ...]:
    """Does what the policy says, and tells of it. ``judged``: events to look at.

    ``arrange`` gives the events as they are scored without the raw rows that ``drop`` was told of; ``unscored``
    [events] is added to. Raises DataError HQ0808 where the policy is an error.
    """
    found: list[NotANumber] = []
    policy, alone = schema.policy.nan, [n for n in derived.roles if n in derived.entries]
    others = [n for n in derived.roles if n not in derived.entries]

    def look(names: Sequence[str], events: Numbers) -> list[_Bad]:
        arranged = arrange()
        bad = _bad(schema, derived, names, arranged, events, first_only=policy != "zero")
        if bad and policy == "error":
            raise _error(derived, bad, arranged, where, first)
        for one in bad:
            event, entry = one.place(arranged)
            done = "zeroed" if policy == "zero" else "dropped" if one.dim else "unscored"
            role = derived.roles[one.name]
            found.append(NotANumber(role, one.name, done, one.values, len(one.events), where, first + event, entry))
        return bad

    if policy != "drop":
        look([*alone, *others], judged)
        return tuple(found)
    left = judged if alone else judged[:0]
    while len(left):  # what was cut may take the place of what is dropped
        bad = look(alone, left)
        for one in bad:
            drop(one.dim, one.rows)
        left = np.unique(np.concatenate([left[:0], *(one.events for one in bad)]))
    for one in look(others, judged):
        unscored[one.events] = True
    return tuple(found)


def _error(derived: Derived, bad: Sequence[_Bad], arranged: Arranged, where: str, first: int) -> DataError:
    one = min(bad, key=lambda b: int(b.events.min()))
    event, entry = one.place(arranged)
    place = f"event {first + event}" + ("" if entry is None else f", entry {entry}")
    count = sum(b.values for b in bad)
    return DataError(
        "HQ0808",
        f"NaN or infinity in {derived.roles[one.name]} {one.name} of {where}",
        f"first in {place}; {count} value{'s' * (count > 1)} in this batch",
        "in the dataset, write `policy nan = drop` or `policy nan = zero` to go on",
    )


def _bad(
    schema: EventSchema, derived: Derived, names: Sequence[str], arranged: Arranged, judged: Numbers, first_only: bool
) -> list[_Bad]:
    """Which of ``names`` are not finite in the events ``judged``; ``first_only``: of each event the first."""
    program = derived.program.model_copy(update={"outputs": {name: derived.program.outputs[name] for name in names}})
    dims = {name: derived.axis(name) for name in names}
    found: dict[str, list[_Bad]] = {}
    for events in alike(program, arranged, judged, SLICE):
        values = evaluated(program, schema, arranged, events)
        left = np.ones(len(events), np.bool_)
        for name in dims:
            flags, dim = not_finite(values[name]), dims[name]
            if not flags.any():
                continue
            flags = np.broadcast_to(flags, (len(events), *flags.shape[1:]))
            mine = flags.reshape(len(events), -1).any(axis=1) & left
            if not mine.any():
                continue
            if first_only:
                left &= ~mine
            found.setdefault(name, []).append(_of(name, dim, flags[mine], events[mine], arranged))
    return [_joined(found[name]) for name in dims if name in found]


def _of(name: str, dim: tuple[int, str] | None, flags: Flags, events: Numbers, arranged: Arranged) -> _Bad:
    values = int(flags.sum())
    if dim is None:
        return _Bad(name, events, values)
    axis, ragged = dim
    entries = np.moveaxis(flags, 1 + axis, 1).reshape(*flags.shape[:1], flags.shape[1 + axis], -1).any(axis=2)
    event, entry = np.nonzero(entries)
    rows = arranged.raw_rows(ragged, arranged.offsets[ragged][events[event]] + entry)
    return _Bad(name, events, values, ragged, rows, events[event])


def _joined(parts: Sequence[_Bad]) -> _Bad:
    events, rows, owners = (np.concatenate([getattr(p, n) for p in parts]) for n in ("events", "rows", "owners"))
    return _Bad(parts[0].name, events, sum(p.values for p in parts), parts[0].dim, rows, owners)
