# SPDX-License-Identifier: Apache-2.0
"""Events to train on, split for training and validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.driver.build import Built
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.node import Module
from hepq.compiler.train.data.events import Piece, TrainingSet, training_set
from hepq.compiler.train.data.table import Table
from hepq.compiler.train.recipe import Recipe, Resolved
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.report.report import Report, label_words

Events = list[dict[str, NDArray[Any]]]
#: streams of random numbers that one seed feeds
SPLIT, ORDER, NOISE = 0, 1, 2


@dataclass(frozen=True)
class Labelled:
    """``known``: the rows of ``table`` that are used. Of each, by number: ``truth``, its class; ``training`` and
    ``validation`` are such numbers. ``signal``: of a class. Without a label there are no ``classes``. ``report``: what
    became of all events; ``pieces``: where the rows of the table are from."""

    built: Built
    module: Module
    table: Table
    known: NDArray[np.int64]
    truth: NDArray[np.int64]
    dim: str
    classes: tuple[str, ...]
    signal: int
    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    report: Report = field(default_factory=Report)
    pieces: tuple[Piece, ...] = ()

    @cached_property
    def events(self) -> Events:
        """What ``module`` reads of each event, at true multiplicity."""
        return [self.table.event(i) for i in self.known]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the events, their classes, and which are for what."""
        found = hashlib.sha256(self.table.digest.encode())
        for array in (self.known, self.truth, self.training, self.validation):
            found.update(array.tobytes())
        return found.hexdigest()

    def place(self, row: int) -> str:
        """Where a row of the table is from."""
        piece = next((p for p in self.pieces if p.begin <= row < p.end), None)
        return f"row {row:,}" if piece is None else f"event {piece.first + row - piece.begin:,} of {piece.where}"

    def is_signal(self, which: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.truth[which] == self.signal
        return found

    def class_weights(self, kind: str, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """A weight for each class: 1, or what makes the ``weights`` [events] (default: 1 each) of the training events
        sum to the same for every class, and to what they did. Raises HepqError HQ0753 for a sum that is not above 0.
        """
        if kind == "none" or not self.classes:
            return np.ones(max(1, len(self.classes)))
        mine = self.truth[self.training]
        given = np.ones(len(mine)) if weights is None else weights[self.training]
        sums = np.bincount(mine, given, minlength=len(self.classes))
        there = np.bincount(mine, minlength=len(self.classes)) > 0
        for c in np.flatnonzero(there & (sums <= 0)):
            raise HepqError([diag("HQ0753", what=f"the training events of {self.classes[c]}", found=f"{sums[c]:.6g}")])
        balanced: NDArray[np.float64] = sums.sum() / (there.sum() * np.where(there, sums, 1))
        return balanced


def read_events(program: Path, files: Sequence[str | Path], options: Options, train: str | None = None) -> TrainingSet:
    """What training needs of ``files``. Raises as ``training_set``, and HQ0738 if no event is left."""
    found = training_set(program, files, options, train)
    if not (found.truth >= 0).any():
        raise HepqError([diag("HQ0738", found="; ".join([f"{len(found.truth):,} events", *odd(found.report)]))])
    return found


def labelled(found: TrainingSet, recipe: Resolved) -> Labelled:
    """The events that are used, a fraction of each class held out for validation.

    Raises HepqError HQ0740 where fewer than two classes occur, HQ0741 for an unknown signal.
    """
    known = np.flatnonzero(found.truth >= 0)
    rng = np.random.default_rng([recipe.seed, SPLIT])
    if recipe.events is not None and recipe.events < len(known):
        known = np.sort(rng.permutation(known)[: recipe.events])
    truth = found.truth[known]
    classes = found.label.entries if found.label is not None else ()
    if classes:
        counts = {name: int((truth == i).sum()) for i, name in enumerate(classes)}
        if sum(n > 0 for n in counts.values()) < 2:
            said = "; ".join([", ".join(f"{n} of {name}" for name, n in counts.items()), *odd(found.report)])
            raise HepqError([diag("HQ0740", model=found.built.plan.name, found=said)])
    training, validation = _split(truth, recipe.validation, rng)
    parts = {"training": len(training), "validation": len(validation)}
    limit = found.report.events if recipe.events is None else min(recipe.events, found.report.events)
    report = replace(found.report, selected=limit, parts=parts)
    return Labelled(
        found.built, found.module, found.table, known, truth, found.label.name if found.label else "", classes,
        _signal(classes, recipe.signal), training, validation, report, found.pieces,
    )  # fmt: skip


def odd(report: Report) -> list[str]:
    """Why events are not trained on."""
    unscored = [f"{report.unscored:,} not scored, by the dataset's policies"] if report.unscored else []
    return [*unscored, *label_words(report.labels)]


def resolved(recipe: Recipe, built: Built) -> Resolved:
    """The recipe with the program's settings."""
    return recipe.resolved({} if built.training is None else built.training.settings)


def _signal(classes: Sequence[str], name: str | None) -> int:
    if name is not None and name not in classes:
        close = near(name, classes)
        help = None if close else f"classes are: {', '.join(classes)}"
        raise HepqError([diag("HQ0741", name=name, near=close, help=help)])
    return len(classes) - 1 if name is None else classes.index(name)


def _split(
    truth: NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training and validation events; every class gives the same fraction, and at least one event to train on."""
    held = []
    for c in np.unique(truth):
        mine = rng.permutation(np.flatnonzero(truth == c))
        held.append(mine[: min(round(fraction * len(mine)), len(mine) - 1)])
    validation = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(truth)), validation), validation
