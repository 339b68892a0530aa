# SPDX-License-Identifier: Apache-2.0
"""Scores beside the truth of a stream of files: classes beside labels, numbers beside the branch they should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.artifact.manifest import Label, Manifest
from hepq.runtime.events.columns import check_present, one_each
from hepq.runtime.events.event_files import none_of
from hepq.runtime.events.report import Metrics, Report
from hepq.runtime.events.source import Chunk, Source
from hepq.runtime.events.staged import Staged, by_row
from hepq.runtime.report.labels import LabelledScores, Thinned, held_label, holds, truth_of
from hepq.runtime.report.metrics import regression

Arrays = Mapping[str, NDArray[Any]]
#: how names of arrays begin
_LABELS, _TARGETS = "label", "target"


@dataclass
class Targets:
    """An ``output`` of a number, or a list of numbers such as quantiles, for each event, and what it should be:
    ``branch`` of the files times ``factor``. ``entries``: names of the list's, none for a number.
    """

    output: str
    entries: tuple[str, ...]
    branch: str
    factor: float
    weight: str | None
    rows: Thinned = field(default_factory=Thinned)

    @staticmethod
    def of(manifest: Manifest, sources: Sequence[Source], given: str, weight: str | None) -> Targets:
        """``given``: ``OUTPUT=BRANCH`` or the branch. Raises DataError HQ0805, HQ0834."""
        fit = {o.name: o for o in manifest.outputs if manifest.single(o) and o.elem != "index"}
        name, mark, branch = given.partition("=")
        output, branch = (name, branch) if mark else (next(iter(fit)) if len(fit) == 1 else "", given)
        if output not in fit:
            why = did_you_mean(output, fit) if output else f"it gives, of one list of numbers at most: {', '.join(fit)}"
            title = f"no output of {manifest.name} to compare with {branch}"
            raise DataError("HQ0834", title, why, "name it with --target OUTPUT=BRANCH")
        for source in sources:
            check_present([branch], list(source.branches), str(source), "a target is a branch of the files")
        factor = next((b.factor for b in manifest.read if b.branch == branch), 1.0)
        found = fit[output]
        entries = found.entries or tuple(map(str, range(manifest.width(found.dims)))) if found.dims else ()
        return Targets(output, entries, branch, factor, weight)

    def columns(
        self, arrays: Arrays, truth: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[Any], ...]:
        """What ``rows`` takes of a batch, [events] each."""
        scores = arrays[self.output].astype(np.float64)
        return scores.reshape(len(scores), -1), truth * self.factor, weights

    def metrics(self) -> Metrics:
        """What ``metrics.regression`` gives, of the number, or of each entry."""
        found, truth, weights = self.rows.all(3)
        known = ~np.isnan(found).any(axis=tuple(range(1, found.ndim)))
        values: dict[str, Any] = {}
        lacking = "" if known.any() else "none has a score"
        if not lacking:
            try:
                each = [asdict(regression(column, truth[known], weights[known])) for column in found[known].T]
                values = dict(zip(self.entries, each, strict=True)) if self.entries else each[0]
            except DataError as error:
                lacking = f"{error.title}: {error.why}"
        return Metrics(
            f"events, {self.output} less {self.branch}", int(known.sum()), values, self.weight,
            float(weights[known].sum()), int((~known).sum()), self.rows.stride, lacking,
        )  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """A batch beside its truth: ``arrays``, by name; what its labels are; or why they are of no use."""

    arrays: Arrays
    report: Report
    odd: str = ""


@dataclass
class Judged:
    """What a stream of scores is compared with, if there is something in the files to compare with."""

    manifest: Manifest
    label: Label | None
    labelled: LabelledScores | None
    targets: tuple[Targets, ...]
    weight: str | None
    some: str = ""

    @staticmethod
    def of(manifest: Manifest, sources: Sequence[Source], weight: str | None, targets: Sequence[str]) -> Judged:
        """Raises DataError HQ0805 for a branch, HQ0834 for an output, or a weight with nothing to weigh."""
        label, own = held_label(manifest, sources), manifest.dataset.label if manifest.dataset else None
        odd = "" if label is None else _odd_kind(manifest, sources, label)
        label = None if odd else label
        labelled = None if label is None else LabelledScores.of(manifest, label, weight)
        found = tuple(Targets.of(manifest, sources, given, weight) for given in targets)
        some = odd
        if own is not None and own.by_source:
            some = "the label is the dataset's source, and files that are named are of none"
        elif own is not None and label is None and not odd:
            without = [s for s in sources if not holds(own, s)]
            some = f"{len(without)} of {len(sources)} files lack {', '.join(own.by)}: {without[0]} is the first"
        if weight is not None and labelled is None and not found:
            why = some or "the files hold no labels that a score could be compared with"
            raise DataError("HQ0834", f'no metric for "{weight}" to weigh', why, "name what to compare with: --target")
        return Judged(manifest, label, labelled, found, weight, some)

    def branches(self, held: Collection[str]) -> list[str]:
        """All that is read for it from a file that holds ``held``."""
        weight = () if self.weight is None else (self.weight,)
        return [*(self.label.read(held) if self.label else ()), *(t.branch for t in self.targets), *weight]

    def compared(self, arrays: Arrays, chunk: Chunk, stage: Staged | None = None) -> Compared:
        """Scores of a batch, which the ``stage`` of a dataset made of the chunk, if there is one, beside the truth."""
        where, events = str(chunk.source), chunk.events
        weights = np.ones(len(events))
        if self.weight is not None:
            weights = one_each(events, self.weight, where, chunk.first)
        weights = by_row(stage, weights)
        found = dict[str, NDArray[Any]]()
        for kind, targets in self._targets():
            target = one_each(events, targets.branch, where, chunk.first)
            found |= _numbered(kind, targets.columns(arrays, by_row(stage, target), weights))
        if self.label is None:
            return Compared(found, Report())
        try:
            truth, report = truth_of(events, self.label, self.manifest, where, chunk.first, stage=stage)
        except DataError as error:
            return Compared(found, Report(), f"{error.title}: {error.why}")
        if self.labelled is not None:
            truth = truth if stage is None else np.where(stage.selected, truth, -1)
            found |= _numbered(_LABELS, self.labelled.columns(arrays, truth, weights))
        return Compared(found, report)

    def add(self, found: Arrays) -> None:
        """Take what ``compared`` gave of a batch, in the order of the events."""
        for kind, part in ((_LABELS, self.labelled), *self._targets()):
            columns = [array for name, array in sorted(found.items()) if name.rpartition(" ")[0] == kind]
            if part is not None and columns:
                part.rows.add(*columns)

    def without_labels(self, why: str) -> None:
        """No metrics of classes: from some event on, labels are odd."""
        self.label, self.labelled, self.some = None, None, why

    def metrics(self) -> tuple[Metrics, ...]:
        none = (Metrics("events with one label", 0, {}, self.weight, lacking=self.some),) if self.some else ()
        return (*none, *(part.metrics() for part in (self.labelled, *self.targets) if part is not None))

    def _targets(self) -> list[tuple[str, Targets]]:
        """Each, and how names of its arrays begin."""
        return [(f"{_TARGETS} {i}", targets) for i, targets in enumerate(self.targets)]


def _numbered(kind: str, columns: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{kind} {i}": column for i, column in enumerate(columns)}


def _odd_kind(manifest: Manifest, sources: Sequence[Source], label: Label) -> str:
    """Why labels of this kind are of no use, if they are not."""
    if label.made is not None:
        return ""
    try:
        for source in sources:
            truth_of(none_of(source, label.read(source.branches)), label, manifest, str(source))
    except DataError as error:
        return f"{error.title}: {error.why}"
    return ""
