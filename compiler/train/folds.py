# SPDX-License-Identifier: Apache-2.0
"""k folds: as many trainings, each on the events outside its fold; what each says of the fold that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepq.compiler.hybrid.kernel import find_kernel
from hepq.compiler.ir.node import Module
from hepq.compiler.schema.events import event_schema, outputs, read_inputs
from hepq.compiler.train.data.events import TrainingSet, folds_of, of_events, resolved
from hepq.compiler.train.fit.gradient import Fitted
from hepq.compiler.train.fit.svm import DECISION
from hepq.compiler.train.recipe import Recipe
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.engine.outputs import kinds, names, regrouped
from hepq.runtime.events.report import Metrics
from hepq.runtime.events.writers import open_writer

#: the column that says which fold an event is of
FOLD = "fold"
#: events written at a time
EVENTS = 2**16


class Predictions:
    """What every event is given by the training that has not seen it: a file of one row for each, in the files' order.

    A row has lists, if the model is applied to each entry of a dim.
    NaN for events that the dataset's policies do not score. ``left_out``: results with an entry for each particle.
    Raises HepqError HQ0757 where no result is a number of an event, DataError HQ0818 for two columns of one name.
    """

    def __init__(self, events: TrainingSet, recipe: Recipe, path: Path) -> None:
        self.events, self.path = events, path
        folds = folds_of(events, resolved(recipe, events.built))
        assert folds is not None
        self.folds = folds
        self.values: dict[str, NDArray[np.float32]] = {}
        module = read_inputs(events.built.module)
        found, counts = of_events(module), module.counts.values()
        self.left_out = tuple(name for name in events.outputs if name not in found and name not in counts)
        if not found:
            said = "all results have an entry for each particle" if self.left_out else "no result is scored"
            raise HepqError([diag("HQ0757", train=events.built.plan.name, found=said)])
        kernel = find_kernel(events.built)
        if kernel is not None and kernel.instance is not None:
            self.columns: dict[str, tuple[str, int | None]] = {DECISION: (DECISION, None)}
            types: dict[str, ak.types.Type] = {DECISION: ak.types.NumpyType("float32")}
        else:
            branches = tuple(n for n in module.inputs if n["name"] in events.table.contents)
            shown = Module(module.name, branches, found)
            schema = event_schema(events.built, shown)
            described = outputs(shown, schema)
            types = kinds(schema, described)
            self.columns = {column: (o.name, i) for o in described for column, i in names(o)}
        one: ak.types.Type = ak.types.NumpyType("int32")
        if events.lists is not None:
            types, one = {n: ak.types.ListType(t) for n, t in types.items()}, ak.types.ListType(one)
        if FOLD in types:
            raise DataError(
                "HQ0818", f'two columns "{FOLD}"', "one says which fold an event is of", "rename the result"
            )
        self.kinds = {**types, FOLD: one}

    def rows(self, fold: int) -> NDArray[np.int64]:
        """Of the table: the fold's events that are scored."""
        return np.flatnonzero((self.folds == fold) & self.events.scored)

    def add(self, fold: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Take what is given for ``rows(fold)``."""
        for name, value in values.items():
            whole = self.values.setdefault(name, np.full((len(self.folds), *value.shape[1:]), np.nan, np.float32))
            whole[self.rows(fold)] = value

    def write(self) -> None:
        lists = self.events.lists
        ends = np.arange(len(self.folds) + 1) if lists is None else np.r_[0, np.cumsum(lists)]
        with open_writer(self.path, self.kinds) as writer:
            for start in range(0, len(ends) - 1, EVENTS):
                stop = min(start + EVENTS, len(ends) - 1)
                found = self._piece(slice(int(ends[start]), int(ends[stop])))
                writer.write(regrouped(found, None if lists is None else lists[start:stop]))

    def _piece(self, part: slice) -> dict[str, Any]:
        found: dict[str, Any] = {FOLD: self.folds[part].astype(np.int32)}
        for column, (name, entry) in self.columns.items():
            value = self.values[name][part]
            found[column] = value if entry is None else np.ascontiguousarray(value[..., entry])
        return found


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a number over trainings, 0 of one; NaN where one is infinite, as rejections may be."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return stdev(values) if len(values) > 1 else 0.0


def accounts(folds: Sequence[Fitted], what: str) -> tuple[Metrics, ...]:
    """What each fold's events say of the training that has not seen them; mean and standard deviation over folds.
    ``what``: events, or what else is trained on."""
    found = []
    for number, scores in enumerate(one.tested for one in folds):
        if scores is None:
            continue
        values = ({"loss": scores.loss} if scores.loss == scores.loss else {}) | dict(
            scores.account.values if scores.account else {}
        )
        weight = float(scores.event_weights.sum())
        account = scores.account or Metrics(f"{what} of fold {number}", len(scores.event_weights), {}, None, weight)
        found.append(replace(account, values=values))
    shared = [name for name in found[0].values if all(name in one.values for one in found)] if found else []
    spread = {
        name: {"mean": fmean(v), "deviation": deviation(v)}
        for name in shared if (v := [one.values[name] for one in found])
    }  # fmt: skip
    if not found:
        return ()
    whole = Metrics(
        f"{what} of {len(found)} folds, mean and standard deviation over folds", sum(m.events for m in found), spread,
        found[0].weight, sum(m.sum_of_weights for m in found), sum(m.not_a_number for m in found),
        without=found[0].without,
    )  # fmt: skip
    return (*found, whole)
