# SPDX-License-Identifier: Apache-2.0
"""What a dataset with objects made of events, beside the model's inputs: what it left out, cut and put 0 for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.events.report import Entries, NotANumber, Report


@dataclass(frozen=True)
class Staged:
    """What a dataset with objects made of the events that were read.

    ``passed`` [events]: which are not left out. ``left_out``: by each ``select``, of those that none before it left
    out. ``cuts``: of objects with a bound. ``labels`` [rows]: what decides the class of each. ``rows`` [events]: how
    many rows each event became, where the model is applied to each entry of a dim, ``each``; else None.
    """

    passed: NDArray[np.bool_]
    left_out: Mapping[str, int]
    cuts: Mapping[str, Cut]
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    rows: NDArray[np.int64] | None = None
    each: str = ""
    defaults: Mapping[str, float] = field(default_factory=dict)  #: of the branches that hold them
    #: of values that are NaN or infinite: what and which they are, and what was done; how many each event has
    not_finite: Mapping[tuple[str, str, str], NDArray[np.int64]] = field(default_factory=dict)

    outside: Mapping[str, int] = field(default_factory=dict)  #: of corrections: calls outside of their bins

    def __add__(self, other: Staged) -> Staged:
        return Staged(
            np.concatenate([self.passed, other.passed]),
            {name: n + other.left_out[name] for name, n in self.left_out.items()},
            {dim: n + other.cuts[dim] for dim, n in self.cuts.items()},
            {name: np.concatenate([v, other.labels[name]]) for name, v in self.labels.items()},
            None if self.rows is None or other.rows is None else np.concatenate([self.rows, other.rows]), self.each,
            {**self.defaults, **other.defaults},
            {n: np.concatenate([self._odd(n), other._odd(n)]) for n in {**self.not_finite, **other.not_finite}},
            {name: n + other.outside[name] for name, n in self.outside.items()},
        )  # fmt: skip

    def _odd(self, name: tuple[str, str, str]) -> NDArray[np.int64]:
        return self.not_finite[name] if name in self.not_finite else np.zeros(self.read, np.int64)

    def events_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which event each row is of."""
        return rows if self.rows is None else np.searchsorted(np.cumsum(self.rows), rows, side="right")

    @property
    def read(self) -> int:
        return len(self.passed)

    @property
    def selected(self) -> NDArray[np.bool_]:
        """[rows]"""
        return by_row(self, self.passed)

    @property
    def over(self) -> NDArray[np.bool_]:
        """[events]: of which something was cut."""
        none = np.zeros(self.read, np.bool_)
        return reduce(np.logical_or, (cut.over for cut in self.cuts.values()), none)


@dataclass(frozen=True)
class Cut:
    """Of an object with a bound: how many entries each event has ``before`` it cuts, and how many are ``kept``."""

    before: NDArray[np.int64]
    kept: NDArray[np.int64]

    def __add__(self, other: Cut) -> Cut:
        return Cut(np.concatenate([self.before, other.before]), np.concatenate([self.kept, other.kept]))

    @property
    def over(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.before > self.kept
        return found

    @property
    def entries(self) -> Entries:
        read = int(self.before.sum())
        return Entries(read, 0, read - int(self.kept.sum()), int(self.over.sum()))


def by_row(stage: Staged | None, values: NDArray[Any]) -> NDArray[Any]:
    """``values`` [events] for each row that the events became."""
    return values if stage is None or stage.rows is None else np.repeat(values, stage.rows)


def check_bounds(staged: Staged, where: str, first: int) -> None:
    """Under `policy overflow = error`: raise HQ0811 where a bound cuts an event that is not left out."""
    for name, cut in staged.cuts.items():
        over = np.flatnonzero(cut.over & staged.passed)
        if len(over):
            event = over[0]
            title = f"event {first + event} of {where} has {cut.before[event]} entries in {name}"
            why = f"the bound of {name} keeps {cut.kept[event]} of them; {len(over)} events in this batch have more"
            raise DataError("HQ0811", title, why, "raise the bound; or write `policy overflow = truncate`")


def not_numbers(staged: Staged, where: str, first: int) -> tuple[NotANumber, ...]:
    """NaN and infinity of events that are not left out, that the inputs no longer show."""
    found = []
    for (what, name, done), values in staged.not_finite.items():
        seen = np.where(staged.passed, values, 0)
        if events := np.flatnonzero(seen).tolist():
            found.append(NotANumber(what, name, done, int(seen.sum()), len(events), where, first + events[0]))
    return tuple(found)


def counted(staged: Staged, report: Report) -> Report:
    """``report`` of the model's inputs, with what became of the events before."""
    cuts = {n: replace(c.entries, dropped=report.entries.get(n, Entries()).dropped) for n, c in staged.cuts.items()}
    used = staged.read - sum(staged.left_out.values())
    rows = 0 if staged.rows is None else int(staged.rows[staged.passed].sum())
    return replace(
        report, events=staged.read, selected=used, left_out=staged.left_out, each=staged.each,
        truncated=int(staged.over.sum()), entries={**report.entries, **cuts}, outside=staged.outside, rows=rows,
        rows_used=rows,
    )  # fmt: skip
