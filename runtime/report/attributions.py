# SPDX-License-Identifier: Apache-2.0
"""Which inputs a model's score hangs on: what all methods share, and permutation importance.

Permutation importance (Breiman, Machine Learning 45 (2001) 5; Fisher, Rudin, Dominici, arXiv:1801.01489): permute one
variable's values across events, everything else as it is, and see how much worse the score separates. Permuted is what
the compiled function reads: after NaN, order and bound, so that the same particles of the same events are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.engine.outputs import nan_events
from hepq.runtime.events.batch import Batch, aligned_copy
from hepq.runtime.events.report import Metrics, Report
from hepq.runtime.report.scored import Score, Truth
from hepq.runtime.scorer import Scorer

Ragged = Literal["lists", "ranks"]
#: done, of
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Attributions:
    """How much each of ``names`` matters to ``score``: ``values`` and ``errors`` [names], in the program's order.

    ``quantity``: what a value is. ``whole``: the metric with nothing permuted. ``by_rank``: dim -> name -> mean of
    each rank's particle, in the order that the model sees them. ``residual``: of integrated gradients, the largest
    |Σ attributions - (score - score at the baseline)| of an event. ``alone``: dim -> events whose lists of particles
    could not be exchanged, for want of another event of as many. ``report``: what became of the events.
    """

    model: str
    score: str
    quantity: str
    events: int
    names: tuple[str, ...]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    whole: float | None = None
    residual: float | None = None
    by_rank: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)
    alone: Mapping[str, int] = field(default_factory=dict)
    report: Report = field(default_factory=Report)

    @property
    def ranking(self) -> tuple[tuple[str, float, float], ...]:
        """(name, value, error), the largest value first."""
        order = np.argsort(-self.values, kind="stable")
        return tuple((self.names[i], float(self.values[i]), float(self.errors[i])) for i in order)


@dataclass(frozen=True)
class Variable:
    """``parts``: an input of the compiled function, and which entry of its only static dim (None: all of it)."""

    name: str
    parts: tuple[tuple[str, int | None], ...]


def variables(model: Scorer, together: Sequence[Sequence[str]] = ()) -> tuple[Variable, ...]:
    """What can be permuted: each input that the model reads, or each entry of one's only static dim.

    Those named ``together`` are one variable. Raises DataError HQ0833 for an unknown name, or one that is named twice.
    """
    manifest = model.manifest
    single: dict[str, Variable] = {}
    for value in manifest.inputs:
        static = [d for d in map(manifest.dim, value.dims) if not d.ragged]
        if len(static) != 1:
            single[value.name] = Variable(value.name, ((value.name, None),))
            continue
        for i in range(static[0].size or 0):
            name = f"{value.name}.{static[0].entries[i]}" if static[0].entries else f"{value.name}[{i}]"
            single[name] = Variable(name, ((value.name, i),))
    groups = [tuple(n for name in group for n in _named(name, single)) for group in together]
    grouped = [name for group in groups for name in group]
    if twice := next((n for n in grouped if grouped.count(n) > 1), None):
        raise DataError("HQ0833", f"{twice} is permuted together with others twice", help="name it once")
    joint = [Variable(" + ".join(g), tuple(p for n in g for p in single[n].parts)) for g in groups]
    return (*joint, *(v for name, v in single.items() if name not in grouped))


def _named(name: str, single: Mapping[str, Variable]) -> list[str]:
    """The variables of a name: itself, or all entries of an input."""
    found = [n for n, v in single.items() if n == name or v.parts[0][0] == name]
    if not found:
        raise DataError("HQ0833", f"no input variable {name}", did_you_mean(name, single))
    return found


def permutation(
    model: Scorer, batch: Batch, truth: Truth, score: Score, *, metric: Literal["auc", "accuracy"] = "auc",
    repeats: int = 5, seed: int = 0, ragged: Ragged = "lists", together: Sequence[Sequence[str]] = (),
    progress: Progress | None = None,
) -> Attributions:  # fmt: skip
    """The loss of ``metric`` when a variable is permuted: the mean of ``repeats``, and their standard deviation.

    ``ragged``: exchange whole ``lists`` of particles' values between events of as many particles, which keeps the
    order within a list and what its values have to do with each other; or the values of particles of the same rank,
    ``ranks``, which keeps neither. Raises DataError HQ0833 for ``together``, HQ0829 if the metric is not defined.
    """
    wanted, measure = variables(model, together), score.metric(metric, truth, batch)
    computed = model.engine.run(batch)
    whole, report = measure(computed), _report(model, batch, computed, truth, metric)
    report = replace(report, metrics=tuple(replace(m, values={metric: whole}) for m in report.metrics))
    losses = np.empty((len(wanted), repeats))
    for i, variable in enumerate(wanted):
        for repeat in range(repeats):
            permuted = _permuted(model, batch, variable, ragged, np.random.default_rng([seed, repeat, i]))
            losses[i, repeat] = whole - measure(model.engine.run(permuted))
            if progress is not None:
                progress(i * repeats + repeat + 1, losses.size)
    spread = losses.std(axis=1, ddof=1) if repeats > 1 else np.full(len(wanted), np.nan)
    alone = {d: n for d in batch.offsets if ragged == "lists" and (n := _alone(np.diff(batch.offsets[d])))}
    quantity = f"loss of {'AUC' if metric == 'auc' else metric}"
    return Attributions(model.manifest.name, score.title, quantity, batch.events, tuple(v.name for v in wanted),
                        losses.mean(axis=1), spread, whole=whole, alone=alone, report=report)  # fmt: skip


def _report(
    model: Scorer, batch: Batch, computed: Mapping[str, NDArray[np.float32]], truth: Truth, metric: str
) -> Report:
    """What became of the events drawn, numbered in the order they were drawn in, and which the metric is of."""
    nan = nan_events(model.manifest, batch, computed)
    report = model.with_nan(batch, nan, "the events drawn", 0)
    labelled = np.ones(len(truth), np.bool_) if truth.dtype == np.bool_ else truth >= 0
    events = int((labelled & ~nan & ~batch.unscored).sum())
    lost = int((labelled & (nan | batch.unscored)).sum())
    one = Metrics("events with one label", events, {}, sum_of_weights=float(events), not_a_number=lost)
    return replace(report, metrics=(one,))


def _permuted(model: Scorer, batch: Batch, variable: Variable, ragged: Ragged, rng: np.random.Generator) -> Batch:
    """All parts of a variable move alike; over several dims, events do."""
    manifest = model.manifest
    values = {v.name: v for v in manifest.inputs}
    orders: dict[str | None, NDArray[np.int64]] = {}
    contents = dict(batch.contents)
    for name, entry in variable.parts:
        dim = manifest.ragged_dim(values[name].dims)
        key = dim.name if dim else None
        if key not in orders:
            orders[key] = rng.permutation(batch.events) if key is None else _rows(batch.offsets[key], ragged, rng)
        table = contents[name].reshape(len(orders[key]), -1).copy()
        columns = slice(None) if entry is None else entry
        table[:, columns] = table[orders[key], columns]
        contents[name] = aligned_copy(table.reshape(-1), table.dtype)
    return replace(batch, contents=contents)


def _rows(offsets: NDArray[np.int64], ragged: Ragged, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which row's value each row of a ragged dim gets."""
    counts, starts = np.diff(offsets), offsets[:-1]
    rank = np.arange(offsets[-1]) - np.repeat(starts, counts)
    if ragged == "ranks":
        return _within(rank, rng)
    rows: NDArray[np.int64] = np.repeat(starts[_within(counts, rng)], counts) + rank
    return rows


def _within(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random permutation that exchanges members of the same group alone."""
    to = np.empty_like(groups)
    to[np.argsort(groups, kind="stable")] = np.lexsort((rng.random(len(groups)), groups))
    return to


def _alone(counts: NDArray[np.int64]) -> int:
    """How many events with particles are the only ones of their multiplicity."""
    _, first, times = np.unique(counts, return_index=True, return_counts=True)
    return int(((times == 1) & (counts[first] > 0)).sum())
