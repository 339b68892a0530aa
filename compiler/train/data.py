# SPDX-License-Identifier: Apache-2.0
"""Labelled events, split for training and validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.build import Built
from hepq.compiler.ir import Module
from hepq.compiler.options import Options
from hepq.compiler.train.recipe import Recipe
from hepq.compiler.training import training_set
from hepq.lang.catalogue import diag, near
from hepq.lang.diagnostic import HepqError

Events = list[dict[str, NDArray[Any]]]
#: streams of random numbers that one seed feeds
SPLIT, ORDER = 0, 1


@dataclass(frozen=True)
class Labelled:
    """``events``: what ``module`` reads of each. ``truth`` [events]: number of its class; of ``signal`` too."""

    built: Built
    module: Module
    events: Events
    truth: NDArray[np.int64]
    dim: str
    classes: tuple[str, ...]
    signal: int
    training: NDArray[np.int64]
    validation: NDArray[np.int64]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the events, their classes, and which are for what."""
        found = hashlib.sha256()
        for array in (self.truth, self.training, self.validation):
            found.update(array.tobytes())
        for event in self.events:
            for name in sorted(event):
                found.update(np.ascontiguousarray(event[name]).tobytes())
        return found.hexdigest()

    def is_signal(self, which: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.truth[which] == self.signal
        return found

    def class_weights(self, kind: str) -> NDArray[np.float64]:
        """A weight for each class: 1, or what makes all classes of the training events count the same."""
        if kind == "none":
            return np.ones(len(self.classes))
        counts = np.bincount(self.truth[self.training], minlength=len(self.classes))
        return len(self.training) / (np.count_nonzero(counts) * np.maximum(counts, 1))


def labelled(program: Path, files: Sequence[str | Path], recipe: Recipe, options: Options) -> Labelled:
    """The labelled events of ``files``, a fraction of each class held out for validation.

    Raises HepqError for a wrong program, HQ0740 where fewer than two classes occur, HQ0741 for an unknown signal;
    DataError for the files.
    """
    found = training_set(program, files, options)
    known = np.flatnonzero(found.truth >= 0)
    rng = np.random.default_rng([recipe.seed, SPLIT])
    if recipe.events is not None and recipe.events < len(known):
        known = np.sort(rng.permutation(known)[: recipe.events])
    truth, classes = found.truth[known], found.label.entries
    counts = {name: int((truth == i).sum()) for i, name in enumerate(classes)}
    if sum(n > 0 for n in counts.values()) < 2:
        said = ", ".join(f"{n} of {name}" for name, n in counts.items())
        raise HepqError([diag("HQ0740", model=found.built.plan.name, found=said)])
    training, validation = _split(truth, recipe.validation, rng)
    return Labelled(
        found.built, found.module, [found.events[i] for i in known], truth, found.label.name, classes,
        _signal(classes, recipe.signal), training, validation,
    )  # fmt: skip


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
