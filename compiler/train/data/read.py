# SPDX-License-Identifier: Apache-2.0
"""Reading events to train on: once, chunk by chunk, with their classes and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.train.data.table import Table, table_of
from hepq.lang.declarations.train_events import Split
from hepq.runtime.artifact.manifest import EventSchema, Label
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import Plain, Reader, check_present, whole_each
from hepq.runtime.events.event_files import iterate
from hepq.runtime.events.report import Report
from hepq.runtime.events.source import Source
from hepq.runtime.events.staged import by_row
from hepq.runtime.report.labels import truth_of


@dataclass(frozen=True)
class Piece:
    """Rows ``begin`` to ``end`` of a table: events of the file ``where``, numbered from ``first`` in it."""

    where: str
    first: int
    begin: int
    end: int


@dataclass(frozen=True)
class Read:
    """The events of some samples, one after the other.

    ``truth`` [events]: the number of each event's class; -1 for none, or where the event is not ``scored`` [events].
    ``numbers`` [events]: what a split tells them apart by, if there is one. ``pieces``: where they are from, in their
    order. ``reports``: what became of the events of each sample. ``lists``: of each event of the files, how many of
    these it became, where the model is applied to each entry of a dim; else None.
    """

    table: Table
    truth: NDArray[np.int64]
    scored: NDArray[np.bool_]
    numbers: NDArray[np.int64] | None
    pieces: tuple[Piece, ...]
    reports: tuple[Report, ...]
    lists: NDArray[np.int64] | None = None


@dataclass
class _Columns:
    truth: list[NDArray[np.int64]] = field(default_factory=list)
    scored: list[NDArray[np.bool_]] = field(default_factory=list)
    numbers: list[NDArray[np.int64]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    lists: list[NDArray[np.int64]] = field(default_factory=list)


def read_table(
    schema: EventSchema, samples: Sequence[Sequence[Source]], label: Label | None = None, split: Split | None = None,
    reader: Reader | None = None,
) -> Read:  # fmt: skip
    """The events of some samples, or the entries of each that the model is applied to. The class is what ``label``
    says, else the number of the sample. ``reader``: what reads them, by default the branches themselves.

    Raises DataError for the files.
    """
    read = reader or Plain(schema)
    numbers = (split.branch,) if split is not None else ()
    help = "the dataset's `label` says how the branches of classes are called, its dim which classes there are"
    kept, reports = _Columns(), [Report() for _ in samples]

    def batches() -> Iterator[Batch]:
        for number, source in ((i, source) for i, sample in enumerate(samples) for source in sample):
            labels = label.read(source.branches) if label is not None else []
            check_present(labels, list(source.branches), str(source), help)
            source.check_present(numbers, "a `split` is by a branch of the files")
            for chunk in iterate(source, [*read.branches(source.branches), *labels, *numbers]):
                where = (str(source), chunk.first)
                raw = read(chunk.events, *where)
                batch = prepare(schema, raw, *where)
                reports[number] += batch.report
                begin = kept.pieces[-1].end if kept.pieces else 0
                kept.pieces.append(Piece(*where, begin, begin + batch.events))
                found = np.full(batch.events, number)
                if label is not None:
                    found, said = truth_of(chunk.events, label, schema, *where, source.sample, raw.stage)
                    reports[number] += said
                kept.truth.append(np.where(batch.unscored, -1, found))
                kept.scored.append(~batch.unscored)
                kept.lists += [raw.stage.rows] if raw.stage is not None and raw.stage.rows is not None else []
                kept.numbers += [by_row(raw.stage, whole_each(chunk.events, branch, *where)) for branch in numbers]
                yield batch

    table = table_of(batches(), schema)
    return Read(
        table, np.concatenate(kept.truth), np.concatenate(kept.scored),
        np.concatenate(kept.numbers) if numbers else None, tuple(kept.pieces), tuple(reports),
        np.concatenate(kept.lists) if kept.lists else None,
    )  # fmt: skip
