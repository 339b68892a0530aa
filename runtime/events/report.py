# SPDX-License-Identifier: Apache-2.0
"""What became of the events: one account, which every command prints from and writes with ``--report``.

``as_json`` has the fields of the dataclasses under their own names; NaN is null, an infinite number "infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hepq.runtime.files import replacing

#: values of a numbered label that name no class: so many are told apart, and so many shown
VALUES, SHOWN = 64, 6
OTHERS = "other values"


@dataclass(frozen=True)
class Entries:
    """Of a ragged dim: entries ``read``, ``dropped`` for NaN or infinity, ``cut`` at the bound (of ``over`` events)."""

    read: int = 0
    dropped: int = 0
    cut: int = 0
    over: int = 0

    def __add__(self, other: Entries) -> Entries:
        return Entries(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class NotANumber:
    """NaN or infinity in ``values`` numbers of ``events`` events, the first in ``event`` (and ``entry``) of ``file``.

    ``what``: branch, variable (of the dataset), input (of the model), model (in its own computation), weight, target.
    ``done``: dropped, zeroed, unscored, or scored NaN.
    """

    what: str
    name: str
    done: str
    values: int
    events: int
    file: str
    event: int
    entry: int | None = None

    @property
    def place(self) -> str:
        entry = "" if self.entry is None else f", entry {self.entry}"
        return f"event {self.event:,} of {self.file}{entry}"


@dataclass(frozen=True)
class Default:
    """Of a branch that ``files`` files lack: ``value``, in the file's unit, for their ``events`` events.

    ``file``: the first such.
    """

    value: float
    events: int
    files: int
    file: str

    def __add__(self, other: Default) -> Default:
        return replace(self, events=self.events + other.events, files=self.files + other.files)


@dataclass(frozen=True)
class Labels:
    """How many events are of each of ``classes``, of ``none`` and of ``several``, by ``branches``.

    ``values``: of what numbers the class, values that number none of them, and how often. ``met``: how many events meet
    the rule of each class.
    """

    branches: tuple[str, ...]
    classes: Mapping[str, int]
    none: int = 0
    several: int = 0
    values: Mapping[str, int] = field(default_factory=dict)
    met: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Labels) -> Labels:
        return Labels(
            self.branches, _summed(self.classes, other.classes), self.none + other.none, self.several + other.several,
            fewer(_summed(self.values, other.values)), _summed(self.met, other.met),
        )  # fmt: skip

    @property
    def usual(self) -> int:
        """Events of one class."""
        return sum(self.classes.values())


@dataclass(frozen=True)
class Metrics:
    """``values`` by name, of ``events`` events: which, says ``of``. ``weight``: the branch or words of the program
    that weigh them (None: each counts 1), and their sum. ``not_a_number``: events left out, their score is NaN.
    ``every``: only one in so many was kept to compute them of. ``lacking``: why there are none. ``without``: what
    weighs events in training, and not here.
    """

    of: str
    events: int
    values: Mapping[str, Any]
    weight: str | None = None
    sum_of_weights: float = 0.0
    not_a_number: int = 0
    every: int = 1
    lacking: str = ""
    without: str = ""


@dataclass(frozen=True)
class Evened:
    """A class that was reweighted: of its training ``events``, those ``outside`` all bins, those of bins that cannot be
    evened out (``lost``: weights that do not sum to more than 0, or none of the reference) count nothing, and those
    ``capped`` have the largest factor that is allowed. ``bins``: how many have events, ``largest``: of all factors.
    ``effective``: (Σ w)² / Σ w², as if so many events of equal weight.
    """

    events: int
    bins: int
    outside: int
    lost: int
    capped: int
    largest: float
    effective: float


@dataclass(frozen=True)
class Reweighted:
    """``how``: flat or as which class, in what. ``of``: which events. ``bins``: of all axes. ``most``: allowed."""

    how: str
    of: str
    bins: int
    most: float | None
    classes: Mapping[str, Evened]


@dataclass(frozen=True)
class Report:
    """What was done to the events, counted.

    ``events`` were read, ``selected`` of them used (by default all); ``left_out``: by each ``select`` of the dataset,
    of those that none before it left out. ``truncated``: events cut at a bound;
    ``dropped``: entries (particles) dropped for NaN or infinity; ``entries``: both for each ragged dim.
    ``unscored``: events that are not scored (their scores are NaN) for NaN or infinity of a per-event branch, or for
    ``empty``: no particle. ``nan_scores``: events with a NaN among their scores though nothing that was read is one.
    ``not_numbers``: where NaN and infinity are. ``defaults``: of branches that files lack. ``labels``: the truth, where
    the files hold it. ``parts``: how many events are for what, in training. ``metrics``: how good the scores are, and
    of which events. Of a dataset that applies the model to each entry of a dim, ``each``: ``rows``, entries of events
    that are not left out, and ``rows_used``; labels, parts, metrics and what is not scored count entries then.
    ``reweighted``: how distributions of training events were evened out. ``references``: by
    branch, those to an entry that was dropped or cut, which are of none then. ``outside``: calls of
    corrections outside of their bins.
    """

    events: int = 0
    truncated: int = 0
    dropped: int = 0
    unscored: int = 0
    empty: int = 0
    selected: int = -1
    left_out: Mapping[str, int] = field(default_factory=dict)
    nan_scores: int = 0
    entries: Mapping[str, Entries] = field(default_factory=dict)
    not_numbers: tuple[NotANumber, ...] = ()
    defaults: Mapping[str, Default] = field(default_factory=dict)
    labels: Labels | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    metrics: tuple[Metrics, ...] = ()
    reweighted: tuple[Reweighted, ...] = ()
    each: str = ""
    references: Mapping[str, int] = field(default_factory=dict)
    outside: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    rows_used: int = -1

    def __post_init__(self) -> None:
        for name, all_ in (("selected", self.events), ("rows_used", self.rows)):
            if getattr(self, name) < 0:
                object.__setattr__(self, name, all_)

    @property
    def what(self) -> str:
        """What is scored: events, or the entries that the model is applied to."""
        return self.each or "events"

    def __add__(self, other: Report) -> Report:
        entries = {n: self.entries.get(n, Entries()) + other.entries.get(n, Entries())
                   for n in {**self.entries, **other.entries}}  # fmt: skip
        labels = self.labels if other.labels is None else other.labels if self.labels is None else (
            self.labels + other.labels
        )  # fmt: skip
        return Report(
            self.events + other.events, self.truncated + other.truncated, self.dropped + other.dropped,
            self.unscored + other.unscored, self.empty + other.empty,
            self.selected + other.selected, _summed(self.left_out, other.left_out),
            self.nan_scores + other.nan_scores, entries,
            _merged((*self.not_numbers, *other.not_numbers)), _both(self.defaults, other.defaults), labels,
            _summed(self.parts, other.parts), (*self.metrics, *other.metrics),
            (*self.reweighted, *other.reweighted), self.each or other.each,
            _summed(self.references, other.references), _summed(self.outside, other.outside),
            self.rows + other.rows, self.rows_used + other.rows_used,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        found = _plain(self)
        assert isinstance(found, dict)
        return found


def save(path: Path, report: Report | Mapping[str, Report], command: str) -> None:
    """Write it as JSON, whole or not at all: of several sets of events, each under its name in ``sets``."""
    from importlib.metadata import version

    head = {"format": 1, "command": command, "hepq": version("hepq")}
    body = report.as_json() if isinstance(report, Report) else {"sets": {k: v.as_json() for k, v in report.items()}}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(head | body, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def words(report: Report) -> Iterable[str]:
    """Lines that say all that is out of the ordinary, and what the metrics are of."""
    if report.selected != report.events:
        yield f"{report.selected:,} of {_events(report.events)} used"
    if report.rows_used != report.rows:
        yield f"{report.rows_used:,} of {report.rows:,} {report.each} used"
    for name, count in report.left_out.items():
        if count:
            yield f"{_events(count)} left out by select {name}"
    for dim, n in report.entries.items():
        if n.cut:
            whose = "has" if n.over == 1 else "have"
            yield f"{_events(n.over)} {whose} more {dim} than the bound: {n.cut:,} of {n.read:,} entries were cut"
        if n.dropped:
            yield f"{n.dropped:,} of {n.read:,} entries of {dim} were dropped for NaN or infinity"
    for branch, count in report.references.items():
        yield f"{count:,} of {branch} refer to entries that were dropped or cut: they are of none"
    for name, calls in report.outside.items():
        if calls:
            yield f"{calls:,} calls of correction {name} are outside of its bins"
    if report.parts.get("left out"):
        yield f"{report.parts['left out']:,} of {_events(report.selected)} left out: the kernel takes finite numbers"
    if report.empty:
        yield f"{_scored(report, report.empty)} without particles"
    if report.unscored:
        which = _scored(report, report.unscored)
        yield f"{which} not scored, for NaN or infinity of their own or for want of particles"
    if report.nan_scores:
        yield f"{_scored(report, report.nan_scores)} scored NaN though nothing that was read is NaN or infinite"
    for bad in report.not_numbers:
        yield f"NaN or infinity in {named(bad)}: {_events(bad.events)}, {bad.done}; first in {bad.place}"
    for branch, d in report.defaults.items():
        where = d.file if d.files == 1 else f"{d.files:,} files, the first {d.file}"
        yield f"no branch {branch} in {where}: {d.value:g} for {_events(d.events)}"
    yield from label_words(report)
    for done in report.reweighted:
        yield from evened_words(done)
    for one in report.metrics:
        yield measured_words(one)


def evened_words(done: Reweighted) -> Iterable[str]:
    """A line for each class."""
    for name, n in done.classes.items():
        capped = f"; {n.capped:,} at the largest factor, {done.most:g}" if done.most is not None else ""
        lost = f", {n.lost:,} in bins that cannot be evened out, weight 0" if n.lost else ""
        outside = f", {n.outside:,} outside all bins, weight 0" if n.outside else ""
        yield (
            f"{name} reweighted {done.how}: {n.bins:,} of {done.bins:,} bins filled by {n.events:,} {done.of}{outside}"
            f"{lost}{capped}; factors up to {n.largest:.3g}, {n.effective:,.0f} effective events"
        )


def label_words(report: Report) -> Iterable[str]:
    """What is odd about the truth."""
    labels = report.labels
    if labels is None:
        return
    branches = ", ".join(labels.branches)
    if labels.none:
        which = _scored(report, labels.none)
        yield f"{which} of no class by {branches}: in no metric, not trained on{value_words(labels)}"
    if labels.several:
        yield f"{_scored(report, labels.several)} of several classes by {branches}: in no metric, not trained on"
    if unmet := [name for name, count in labels.met.items() if not count]:
        yield f"no {report.each or 'event'} meets the label's rule of {', '.join(unmet)}"


def value_words(labels: Labels) -> str:
    """The commonest values that number no class."""
    found = sorted(labels.values.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{value} ({count:,})" for value, count in found[:SHOWN])
    return f"; values: {shown}{', …' if len(found) > SHOWN else ''}" if found else ""


def measured_words(found: Metrics) -> str:
    """Of which events metrics are, and weighted by what; or why there are none."""
    if found.lacking and not found.events:
        return f"no metrics: {found.lacking}"
    weight = "each of weight 1" if found.weight is None else (
        f"weighted by {found.weight}, sum {found.sum_of_weights:.6g}"
    )  # fmt: skip
    some = "" if found.every == 1 else f", one in {found.every:,}"
    without = f"; {found.not_a_number:,} left out, their score is NaN" if found.not_a_number else ""
    why = f"; none: {found.lacking}" if found.lacking else ""
    unlike = f", without the {found.without}" if found.without else ""
    return f"metrics of {found.events:,} {found.of}{some}, {weight}{unlike}{without}{why}"


def named(bad: NotANumber) -> str:
    """``input `x` ``, or the model itself."""
    if bad.what == "model":
        return f"what model {bad.name} computes"
    return f"{bad.what} {bad.name}"


def fewer(values: Mapping[str, int]) -> dict[str, int]:
    """The ``VALUES`` commonest, all else as one."""
    ranked = sorted(values.items(), key=lambda item: (item[0] == OTHERS, -item[1]))
    kept, rest = dict(ranked[:VALUES]), sum(count for _, count in ranked[VALUES:])
    return kept | ({OTHERS: kept.get(OTHERS, 0) + rest} if rest else {})


def _events(count: int) -> str:
    return f"{count:,} event" + ("" if count == 1 else "s")


def _scored(report: Report, count: int) -> str:
    return f"{count:,} of the {report.each}" if report.each else _events(count)


def _summed(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}


def _both(a: Mapping[str, Default], b: Mapping[str, Default]) -> dict[str, Default]:
    return {name: a[name] + b[name] if name in a and name in b else {**a, **b}[name] for name in {**a, **b}}


def _merged(found: Iterable[NotANumber]) -> tuple[NotANumber, ...]:
    """One of each name; the first that was met says where."""
    kept: dict[tuple[str, str, str], NotANumber] = {}
    for one in found:
        key = (one.what, one.name, one.done)
        old = kept.get(key)
        kept[key] = one if old is None else replace(
            old, values=old.values + one.values, events=old.events + one.events
        )  # fmt: skip
    return tuple(kept.values())


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    return value
