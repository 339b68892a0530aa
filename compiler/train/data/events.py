# SPDX-License-Identifier: Apache-2.0
"""Events to train on: what a training computes with and its truth, read the way its dataset says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.driver.build import Built
from hepq.compiler.driver.build_training import build_training_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.node import Module
from hepq.compiler.schema.events import event_schema, read_inputs
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.artifact.manifest import Dim, EventSchema
from hepq.runtime.events import event_files
from hepq.runtime.events.batch import Batch, prepare
from hepq.runtime.events.columns import check_present, collect
from hepq.runtime.report.labels import truth_of
from hepq.runtime.report.report import Report

if TYPE_CHECKING:
    from hepq.compiler.train.data.table import Table


@dataclass(frozen=True)
class Piece:
    """Rows ``begin`` to ``end`` of a table: events of the file ``where``, numbered from ``first`` in it."""

    where: str
    first: int
    begin: int
    end: int


@dataclass(frozen=True)
class TrainingSet:
    """``table``: what ``module`` reads of each event, in base units.

    ``truth`` [events]: the number of each event's class, 0 without a label; -1 where the labels name none or the
    event is not scored. ``label``: the dim of the classes. ``report``: what became of the events. ``pieces``: where
    they are from, in their order.
    """

    module: Module
    table: Table
    truth: NDArray[np.int64]
    built: Built
    label: Dim | None
    report: Report
    pieces: tuple[Piece, ...]

    @cached_property
    def events(self) -> list[dict[str, NDArray[Any]]]:
        """Per event, the branches that ``module`` reads, at true multiplicity."""
        return [self.table.event(i) for i in range(len(self.truth))]


def training_set(
    program: Path, files: Sequence[str | Path], options: Options | None = None, train: str | None = None
) -> TrainingSet:
    """The training of ``program`` (or its model, if it has no training) and the events of ``files``.

    ``files``: paths or patterns. Raises HepqError if the program is wrong or there is nothing to train on; DataError
    for the files.
    """
    from hepq.compiler.train.data.table import TableWriter

    built = build_training_file(program, options, train)
    module = read_inputs(built.module)
    read = {} if built.plan.dataset is None else built.plan.dataset.tensors
    branches = tuple(n for n in module.inputs if n["name"] in read)
    schema = event_schema(built, Module(module.name, branches, module.outputs))
    if schema.dataset is None or (schema.dataset.label is None and built.training is None):
        raise HepqError([diag("HQ0632", model=built.plan.name)])
    label = schema.dataset.label
    dim = None if label is None else schema.dim(label.dim)
    truth, report, pieces = [], Report(), list[Piece]()
    with TableWriter(schema) as writer:
        for chunk, batch in read_batches(schema, files, label.branches if label else ()):
            writer.add(batch)
            where = (str(chunk.source), chunk.first)
            report += batch.report
            pieces.append(Piece(*where, report.events - batch.events, report.events))
            found = np.zeros(batch.events, np.int64)
            if label is not None:
                found, labels = truth_of(chunk.events, label, schema, *where)
                report += Report(labels=labels)
            truth.append(np.where(batch.unscored, -1, found))
    return TrainingSet(module, writer.finish(), np.concatenate(truth), built, dim, report, tuple(pieces))


def read_batches(
    schema: EventSchema, files: Sequence[str | Path], labels: Sequence[str] = ()
) -> Iterator[tuple[event_files.Chunk, Batch]]:
    """Chunks of the events of ``files``, as they are, with the branches of labels too, and prepared.

    Raises DataError for the files.
    """
    assert schema.dataset is not None
    names = [*(c.branch for c in schema.columns), *labels]
    help = "the dataset's `label` says how the branches of classes are called, its dim which classes there are"
    for source in event_files.find(list(files), schema.dataset.tree):
        check_present(list(labels), list(source.branches), str(source), help)
        for chunk in event_files.iterate(source, names):
            raw = collect(schema, chunk.events, str(source), chunk.first)
            yield chunk, prepare(schema, raw, str(source), chunk.first)
