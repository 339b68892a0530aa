# SPDX-License-Identifier: Apache-2.0
"""Truth labels beside scores, kept in bounded memory while files stream by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Dim, EventSchema, Label, Made, Manifest, Rules
from hepq.runtime.events.columns import one_number
from hepq.runtime.events.report import Labels, Metrics, Report, fewer
from hepq.runtime.events.rules import computed
from hepq.runtime.events.source import Source
from hepq.runtime.events.staged import Staged, by_row
from hepq.runtime.report.metrics import auc, discriminants

#: beyond this many events, every other one is forgotten, again and again
CAPACITY = 2_000_000
Truth = NDArray[np.int64]


@dataclass
class Thinned:
    """``stride``: one in so many events is kept."""

    stride: int = 1
    _parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _seen: int = 0
    _kept: int = 0

    def add(self, *columns: NDArray[Any]) -> None:
        """Arrays [events, …], of the same columns each time."""
        first = -self._seen % self.stride
        self._seen += len(columns[0])
        self._parts.append(tuple(c[first :: self.stride] for c in columns))
        self._kept += len(self._parts[-1][0])
        while self._kept > CAPACITY:
            self._parts = [tuple(c[::2] for c in self.all(len(columns)))]
            self._kept, self.stride = len(self._parts[0][0]), self.stride * 2

    def all(self, columns: int) -> tuple[NDArray[Any], ...]:
        """Each column [kept, …]; of no event, ``columns`` empty ones."""
        if not self._parts:
            return tuple(np.zeros(0) for _ in range(columns))
        return tuple(np.concatenate(parts) for parts in zip(*self._parts, strict=True))


def truth_of(
    events: Any,
    label: Label,
    schema: EventSchema,
    where: str = "the events",
    first: int = 0,
    source: str = "",
    stage: Staged | None = None,
) -> tuple[Truth, Report]:
    """Each event's class [events], or that of each row of the ``stage`` that made them, -1 for none or several; how
    many there are of each, and what became of the branches that are read for the label alone.

    ``source``: the dataset's that the events come from. Raises DataError as ``classes_of``; for rules, as reading and
    preparing what they are computed of.
    """
    dim = schema.dim(label.dim)
    if label.made is not None:
        assert stage is not None
        kept = np.flatnonzero(stage.selected)
        found = {name: value[kept] for name, value in stage.labels.items()}
        mine, labels = _by_rules(label.made, label, dim, found, np.zeros(len(kept), np.bool_))
        truth = np.full(len(stage.selected), -1)
        truth[kept] = mine
        return truth, Report(labels=labels)
    truth, report = _of_events(events, label, schema, where, first, source)
    return by_row(stage, truth), report


def _of_events(
    events: Any, label: Label, schema: EventSchema, where: str, first: int, source: str
) -> tuple[Truth, Report]:
    """Of labels that are read, or computed of what is."""
    dim = schema.dim(label.dim)
    if label.rules is not None:
        found = computed(label.rules, events, where, first)
        truth, labels = _by_rules(label.rules, label, dim, found.results, found.unknown)
        return truth, replace(_own(found.report, schema), labels=labels)
    if label.by_source:
        truth = np.full(len(events), dim.names.index(source) if source in dim.names else -1)
        return truth, Report(labels=_counted(truth, label, dim))
    size = dim.size or 0
    marks = _marks(events, label.branches, where, first)
    truth = _classes(marks, size)
    if len(label.branches) == 1 < size:
        return truth, Report(labels=_counted(truth, label, dim, values=_values(marks[truth < 0, 0])))
    several = int(((marks > 0).sum(axis=1) > 1).sum())
    return truth, Report(labels=_counted(truth, label, dim, several=several))


def _own(report: Report, schema: EventSchema) -> Report:
    """What is said of branches that the model does not read."""
    known = {c.branch for c in schema.columns}
    odd = tuple(replace(n, done=n.done.replace("unscored", "not labelled")) for n in report.not_numbers)
    return Report(
        not_numbers=tuple(n for n in odd if n.name not in known),
        defaults={b: d for b, d in report.defaults.items() if b not in known},
    )


def _by_rules(
    rules: Rules | Made, label: Label, dim: Dim, found: Mapping[str, NDArray[Any]], unknown: NDArray[np.bool_]
) -> tuple[Truth, Labels]:
    if rules.by_number:
        number = found["number"]
        truth = _classes(number[:, None], dim.size or 0) if not rules.values else np.full(len(number), -1)
        for value, c in zip(rules.values, rules.classes, strict=True):
            truth[number == value] = c
        truth[unknown] = -1
        met = {dim.names[c]: int((truth == c).sum()) for c in rules.classes}
        return truth, _counted(truth, label, dim, met=met, values=_values(number[(truth < 0) & ~unknown]))
    hits = np.stack([found[str(i)] > 0 for i in range(len(rules.classes))], axis=1)
    hits[unknown] = False
    count = hits.sum(axis=1)
    rest = -1 if rules.rest is None else rules.rest
    truth = np.where(count == 1, np.array([*rules.classes, rest])[hits.argmax(axis=1)], np.where(count, -1, rest))
    truth[unknown] = -1
    met = {dim.names[c]: int(hits[:, i].sum()) for i, c in enumerate(rules.classes)}
    if rules.rest is not None:
        met[dim.names[rest]] = int((truth == rest).sum())
    return truth, _counted(truth, label, dim, several=int((count > 1).sum()), met=met)


def _counted(truth: Truth, label: Label, dim: Dim, several: int = 0, **more: Mapping[str, int]) -> Labels:
    classes = {name: int((truth == i).sum()) for i, name in enumerate(dim.names)}
    return Labels(label.by, classes, int((truth < 0).sum()) - several, several, **more)


def _values(numbers: NDArray[np.float64]) -> dict[str, int]:
    """The commonest of numbers that mean no class."""
    found, counts = np.unique(numbers, return_counts=True)
    return fewer({f"{v:.10g}": int(n) for v, n in zip(found, counts, strict=True)})


def classes_of(events: Any, branches: Sequence[str], classes: int, where: str = "the events", first: int = 0) -> Truth:
    """Each event's class, -1 for none: from one truth value per class, or from one branch that numbers it from 0.

    ``first`` is the number of the first event in ``where``. Raises DataError HQ0815 for a missing label, HQ0806 or
    HQ0807 for labels that are not one number an event.
    """
    return _classes(_marks(events, branches, where, first), classes)


def _marks(events: Any, branches: Sequence[str], where: str, first: int) -> NDArray[np.float64]:
    """[events, branches]"""
    return np.stack([one_number(events, b, where, first).astype(np.float64) for b in branches], axis=1)


def _classes(marks: NDArray[np.float64], classes: int) -> Truth:
    if marks.shape[1] == 1 < classes:
        number = marks[:, 0]
        return np.where((number >= 0) & (number < classes) & (number == np.floor(number)), number, -1).astype(np.int64)
    hot = marks > 0
    return np.where((hot.sum(axis=1) == 1) & ~np.isnan(marks).any(axis=1), hot.argmax(axis=1), -1)


@dataclass
class LabelledScores:
    """Scores [events, classes] of the output that shares the label's dim, and each event's class (-1: none).

    A ``single`` score, such as a support vector machine's, stands for the last of two classes. ``weight``: the branch
    that weighs events.
    """

    output: str
    classes: tuple[str, ...]
    weight: str | None = None
    single: bool = False
    rows: Thinned = field(default_factory=Thinned)

    @staticmethod
    def of(manifest: Manifest, label: Label, weight: str | None = None) -> LabelledScores | None:
        """A collector, if an output is over the label's dim."""
        dim = manifest.dim(label.dim)
        output = next((o for o in manifest.outputs if o.dims == (label.dim,)), None)
        if output is None and dim.size == 2:
            output = next((o for o in manifest.outputs if o.dims == () and o.elem == "real"), None)
        if output is None:
            return None
        return LabelledScores(output.name, dim.names, weight, not output.dims)

    def columns(
        self, arrays: Mapping[str, NDArray[Any]], truth: Truth, weights: NDArray[np.float64]
    ) -> tuple[NDArray[Any], ...]:
        """What ``rows`` takes of a batch's scores, classes and weights, [events] each."""
        scores = arrays[self.output]
        return np.stack([-scores, scores], axis=1) if self.single else scores, truth, weights

    def metrics(self) -> Metrics:
        """``auc``: class -> AUC of its discriminant against all other classes, of those that occur if two do."""
        scores, truth, weights = self.rows.all(3)
        labelled, nan = truth >= 0, np.isnan(scores).any(axis=tuple(range(1, scores.ndim)))
        known = labelled & ~nan
        scores, truth, weights = scores[known], truth[known].astype(np.int64), weights[known]
        areas: dict[str, float] = {}
        lacking = ""
        if len(present := np.unique(truth)) < 2:
            lacking = f"all are of {self.classes[present[0]]}" if len(present) else "none has a class and a score"
        else:
            likely = scores if self.single else discriminants(scores)
            try:
                areas = {self.classes[c]: auc(likely[:, c], truth == c, weights) for c in present}
            except DataError as error:
                lacking = f"{error.title}: {error.why}"
        return Metrics(
            "events with one label", len(truth), {"auc": areas}, self.weight, float(weights.sum()),
            int((labelled & nan).sum()), self.rows.stride, lacking,
        )  # fmt: skip


def held_label(manifest: EventSchema, sources: Sequence[Source]) -> Label | None:
    """The dataset's label, if every file holds what it is read from."""
    label = manifest.dataset.label if manifest.dataset else None
    return label if label is not None and all(map(partial(holds, label), sources)) else None


def holds(label: Label, source: Source) -> bool:
    """Whether a file has what the label is read from; the dataset's source it is of is not in it."""
    if label.by_source:
        return source.sample != ""
    return set(label.read(source.branches)) <= set(source.branches)
