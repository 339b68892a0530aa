# SPDX-License-Identifier: Apache-2.0
"""Training: events and a program in, weights out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hepq.compiler.driver.options import Options
from hepq.compiler.train.recipe import Recipe
from hepq.runtime.engine.threads import limited, sleep_when_idle

if TYPE_CHECKING:
    from hepq.compiler.train.data.events import Labelled, TrainingSet
    from hepq.compiler.train.fit.gradient import Fitted
    from hepq.compiler.train.report import Watch
    from hepq.runtime.events.report import Report

__all__ = ["Recipe", "Trained", "large_pages", "main_process", "train_file"]


#: sizes of dims that training will find
UNFITTED = {"sv": 1}


@dataclass(frozen=True)
class Trained:
    """What came out, and of which events. Of several trainings, ``fitted`` is the one of least validation loss."""

    fitted: Fitted
    data: Labelled
    by: str = field(default="gradient descent")
    all: tuple[Fitted, ...] = ()

    @property
    def report(self) -> Report:
        """What became of the events, and what the metrics are of."""
        account = self.fitted.account
        return replace(self.data.report, metrics=() if account is None else (account,))


def train_file(
    program: Path, files: Sequence[str | Path], out: Path, recipe: Recipe | None = None,
    options: Options | None = None, watch: Watch | None = None, train: str | None = None,
) -> Trained:  # fmt: skip
    """Train what ``program`` says on the events of ``files``, by default its dataset's; write the weights to ``out``.

    ``train``: the name of one of its trainings; a program without any trains its model on the dataset's labels. A
    model with an ``svm`` is fitted by libsvm on its kernel matrix, all else by gradient descent. Sizes found in
    training (of ``sv``), and which block each weight is of, are kept in the weights file, where compiling finds them.
    Raises HepqError for the program and the recipe, DataError for the files.
    """
    sleep_when_idle()
    from hepq.compiler.train.data.events import read_events
    from hepq.compiler.train.report import Watch
    from hepq.compiler.weights.files import save_weights
    from hepq.runtime.files import check_folder, check_writable

    check_writable(out)
    recipe, watch = recipe or Recipe(), watch or Watch()
    if recipe.checkpoint is not None:
        check_folder(recipe.checkpoint)
    if recipe.device is not None:
        from hepq.compiler.train.fit.machine import device

        device(recipe.device)
    options = options or Options()
    events = read_events(program, files, replace(options, dims=UNFITTED | dict(options.dims)), train, recipe.split)
    runs = [_fitted(events, recipe.of_training(i), watch) for i in range(recipe.trainings)]
    best = min(runs, key=lambda run: run.fitted.loss)
    trained = replace(best, all=tuple(run.fitted for run in runs))
    plan = events.built.training
    blocks = {path: block for path, block in plan.blocks.items() if path} if plan is not None else {}
    if main_process():
        save_weights(out, trained.fitted.weights, trained.fitted.dims, blocks)
    return trained


def main_process() -> bool:
    """Whether this process, of those that `torchrun` started to train together, writes the weights and reports."""
    return os.environ.get("RANK", "0") == "0"


def large_pages() -> None:
    """For large tensors, for the rest of the process, if torch has made none yet; elsewhere than on Linux, nothing.

    The pages of a tensor of some MB, which a step of training makes hundreds of, are cleared one by one by the kernel:
    up to half the step's time with pages of 4 kB.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _fitted(events: TrainingSet, recipe: Recipe, watch: Watch) -> Trained:
    from hepq.compiler.hybrid.kernel import find_kernel
    from hepq.compiler.train.data.events import labelled, resolved

    decided = resolved(recipe, events.built)
    data = labelled(events, decided)
    kernel = find_kernel(data.built)
    if kernel is not None and kernel.instance is not None:
        from hepq.compiler.train.fit.svm import fit_svm

        with limited(recipe.threads):
            return Trained(fit_svm(data, kernel, decided, watch), data, "support vector machine")
    from hepq.compiler.train.fit.gradient import fit_gradient

    return Trained(fit_gradient(data, decided, watch), data)
