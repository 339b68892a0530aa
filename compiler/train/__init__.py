# SPDX-License-Identifier: Apache-2.0
"""Training: events and a program in, weights out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hepq.compiler.driver.options import Options
from hepq.compiler.train.recipe import Recipe
from hepq.runtime.engine.threads import limited, sleep_when_idle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hepq.compiler.ir.build import Built
    from hepq.compiler.train.data.events import Labelled, TrainingSet
    from hepq.compiler.train.fit.gradient import Fitted
    from hepq.compiler.train.report import Watch
    from hepq.runtime.events.report import Report

__all__ = [
    "Recipe", "Trained", "events_of", "large_pages", "main_process", "save_trained", "train_events", "train_file",
]  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """What came out, and of which events. Of several trainings, ``fitted`` is the one of least validation loss.

    ``folds``: the trainings of folds, in their order; ``all`` has what each is. ``files``: the weights that were
    written. ``left_out``: results that predictions do not have.
    """

    fitted: Fitted
    data: Labelled
    by: str = field(default="gradient descent")
    all: tuple[Fitted, ...] = ()
    folds: tuple[Trained, ...] = ()
    files: tuple[Path, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def report(self) -> Report:
        """What became of the events, and what the metrics are of."""
        if self.folds:
            from hepq.compiler.train.folds import accounts

            parts = {f"fold {i}": len(one.data.tested) for i, one in enumerate(self.folds)}
            evened = tuple(account for one in self.all for account in one.reweighted)
            return replace(self.data.report, parts=parts, metrics=accounts(self.all, self.data.what), reweighted=evened)
        account, evened = self.fitted.account, self.fitted.reweighted
        return replace(self.data.report, metrics=() if account is None else (account,), reweighted=evened)


def train_file(
    program: Path, files: Sequence[str | Path], out: Path, recipe: Recipe | None = None,
    options: Options | None = None, watch: Watch | None = None, train: str | None = None,
    predictions: Path | None = None,
) -> Trained:  # fmt: skip
    """Train what ``program`` says on the events of ``files``, by default its dataset's; write the weights to ``out``.

    ``train``: the name of one of its trainings; a program without any trains its model on the dataset's labels. A
    model with an ``svm`` is fitted by libsvm on its kernel matrix, all else by gradient descent. Sizes and values given
    in ``options`` or found in training (of ``sv``), and which block each weight is of, are kept in the weights file,
    where compiling finds them.
    With folds there is a file of weights for each, ``NAME.fold0.safetensors`` and so on, and ``predictions`` is a file,
    .root or .parquet, of what every event is given by the training that has not seen it.
    Raises HepqError for the program and the recipe, DataError for the files.
    """
    sleep_when_idle()
    from hepq.compiler.train.report import Watch
    from hepq.runtime.files import check_folder, check_writable

    check_writable(out)
    recipe, watch = recipe or Recipe(), watch or Watch()
    if predictions is not None:
        check_writable(predictions, (".root", ".parquet"), "predictions are written as .root or .parquet")
    if (recipe.folds is not None and recipe.trainings > 1) or (predictions is not None and recipe.folds is None):
        raise ValueError("folds are trained once each, and predictions are those of folds")
    if recipe.checkpoint is not None:
        check_folder(recipe.checkpoint)
    if recipe.device is not None:
        from hepq.compiler.train.fit.machine import device

        device(recipe.device)
    given = options or Options()
    events = events_of(program, files, given, train, recipe, watch.log is not None)

    def save(path: Path, fitted: Fitted) -> None:
        if main_process():
            save_trained(path, events.built, fitted, given)

    if recipe.folds is not None:
        return _folded(events, recipe, watch, out, save, predictions)
    runs = [train_events(events, recipe.of_training(i), watch) for i in range(recipe.trainings)]
    best = min(runs, key=lambda run: run.fitted.loss)
    save(out, best.fitted)
    return replace(best, all=tuple(run.fitted for run in runs), files=(out,))


def events_of(
    program: Path, files: Sequence[str | Path], given: Options, train: str | None, recipe: Recipe, log: bool = False
) -> TrainingSet:
    """The program's training and its events, as ``train_file`` reads them. ``log``: whether epochs are written down.

    Raises HepqError HQ0759 for what the training would not heed.
    """
    from hepq.compiler.train.data.events import read_events

    def check(built: Built) -> None:
        recipe.check(built.plan.name, is_fitted(built), log)

    return read_events(program, files, given, train, recipe.split, check)


def is_fitted(built: Built) -> bool:
    """Whether a training is of a support vector machine, and not by gradient descent."""
    from hepq.compiler.hybrid.kernel import find_kernel

    kernel = find_kernel(built)
    return kernel is not None and kernel.instance is not None


def save_trained(path: Path, built: Built, fitted: Fitted, given: Options) -> None:
    """Write weights, and beside them what compiling has to know of their training."""
    from hepq.compiler.weights.files import save_weights

    plan = built.training
    blocks = {path: block for path, block in plan.blocks.items() if path} if plan is not None else {}
    save_weights(path, fitted.weights, {**given.dims, **fitted.dims}, blocks, given.statics)


def of_fold(path: Path, number: int) -> Path:
    """What a file is called that each fold has."""
    return path.with_name(f"{path.stem}.fold{number}{path.suffix}")


def main_process() -> bool:
    """Whether this process, of those that `torchrun` started to train together, writes the weights and reports."""
    return os.environ.get("RANK", "0") == "0"


def large_pages() -> None:
    """For large tensors, for the rest of the process, if torch has made none yet; elsewhere than on Linux, nothing.

    The pages of a tensor of some MB, which a step of training makes hundreds of, are cleared one by one by the kernel:
    up to half the step's time with pages of 4 kB.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _folded(
    events: TrainingSet, recipe: Recipe, watch: Watch, out: Path, save: Callable[[Path, Fitted], None],
    predictions: Path | None,
) -> Trained:  # fmt: skip
    """A training for each fold, each on the events outside it, saved as it is done; predictions when all are."""
    from hepq.compiler.train.folds import Predictions

    count = recipe.folds or 0
    kept = None if predictions is None else Predictions(events, recipe, predictions)
    runs, log = list[Trained](), watch.log
    for number in range(count):
        watch.log = None if log is None else of_fold(log, number)
        watch.part(f"fold {number} of {count}")
        runs.append(train_events(events, recipe.of_fold(number), watch, None if kept is None else kept.rows(number)))
        save(of_fold(out, number), runs[-1].fitted)
        if kept is not None:
            kept.add(number, runs[-1].fitted.predictions)
    if kept is not None and main_process():
        kept.write()
    best = min(runs, key=lambda run: run.fitted.loss)
    return replace(
        best, all=tuple(run.fitted for run in runs), folds=tuple(runs),
        files=tuple(of_fold(out, i) for i in range(count)), left_out=() if kept is None else kept.left_out,
    )  # fmt: skip


def train_events(events: TrainingSet, recipe: Recipe, watch: Watch, rows: NDArray[np.int64] | None = None) -> Trained:
    """One training. ``rows``: of the events' table, for which results are wanted. Raises HepqError."""
    from hepq.compiler.hybrid.kernel import find_kernel
    from hepq.compiler.train.data.events import labelled, resolved

    decided = resolved(recipe, events.built)
    data = labelled(events, decided)
    data = data if rows is None else replace(data, rows=rows)
    kernel = find_kernel(data.built)
    if kernel is not None and kernel.instance is not None:
        from hepq.compiler.train.fit.svm import fit_svm

        with limited(recipe.threads):
            return Trained(fit_svm(data, kernel, decided, watch), data, "support vector machine")
    from hepq.compiler.train.fit.gradient import fit_gradient

    return Trained(fit_gradient(data, decided, watch), data)
