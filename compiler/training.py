# SPDX-License-Identifier: Apache-2.0
"""Events to train on: a model's inputs and its truth, read the way its dataset says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.build import Built
from hepq.compiler.golden import inputs_of
from hepq.compiler.ir import Module
from hepq.compiler.options import Options
from hepq.compiler.pipeline import build_file
from hepq.compiler.schema import event_schema, read_inputs
from hepq.lang.catalogue import diag
from hepq.lang.diagnostic import HepqError
from hepq.runtime import root
from hepq.runtime.columns import collect
from hepq.runtime.events import prepare
from hepq.runtime.labels import classes_of
from hepq.runtime.manifest import Dim


@dataclass(frozen=True)
class TrainingSet:
    """``events``: per event, the branches that ``module`` reads, at true multiplicity, in base units.

    ``truth`` [events]: the number of each event's class, -1 where the labels name none or the event is not scored.
    ``label``: the dim of the classes.
    """

    module: Module
    events: list[dict[str, NDArray[Any]]]
    truth: NDArray[np.int64]
    built: Built
    label: Dim


def training_set(program: Path, files: Sequence[str | Path], options: Options | None = None) -> TrainingSet:
    """The model of ``program`` and the labelled events of ``files`` (paths or patterns), all in memory.

    Raises HepqError if the program is wrong or its dataset has no label; DataError for the files.
    """
    built = build_file(program, options)
    module = read_inputs(built.module)
    schema = event_schema(built, module)
    if schema.dataset is None or schema.dataset.label is None:
        raise HepqError([diag("HQ0632", model=built.plan.name)])
    label = schema.dataset.label
    dim = schema.dim(label.dim)
    branches = [*(c.branch for c in schema.columns), *label.branches]
    events: list[dict[str, NDArray[Any]]] = []
    truth: list[NDArray[np.int64]] = []
    for source in root.find(list(files), schema.dataset.tree):
        for chunk in root.iterate(source, branches):
            batch = prepare(schema, collect(schema, chunk.events, str(source)))
            events += [inputs_of(module, schema, batch, i) for i in range(batch.events)]
            truth.append(np.where(batch.unscored, -1, classes_of(chunk.events, label.branches, dim.size or 0)))
    return TrainingSet(module, events, np.concatenate(truth), built, dim)
