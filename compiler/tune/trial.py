# SPDX-License-Identifier: Apache-2.0
"""One trial: values, a training with them, and what it came to."""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.compiler.driver.options import Options
from hepq.compiler.train import Trained, events_of, save_trained, train_events
from hepq.compiler.train.recipe import Recipe, Resolved
from hepq.compiler.train.report import History, Watch
from hepq.compiler.tune.results import DONE, RUNNING, Row, rows
from hepq.compiler.tune.study import FOLDER, WHY, StudyFolder, optuna, pruner, sampler
from hepq.compiler.tune.vary import Setting, Varied, applied
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import Trial

    from hepq.compiler.train.data.events import TrainingSet

#: the metric that every training by gradient descent has: the loss of the events held out
LOSS = "validation"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Task:
    """What each trial is made of; sent to the processes that run them. ``resolved``: the recipe as the program has it.
    ``own``: the program's values, by title. ``trials``: of the study, those of earlier runs among them.
    """

    program: Path
    files: tuple[str, ...]
    options: Options
    recipe: Recipe
    resolved: Resolved
    train: str | None
    those: tuple[Varied, ...]
    own: Mapping[str, Setting]
    folder: Path
    metric: str
    maximise: bool
    trials: int
    sampler: str = "tpe"
    pruner: str = "median"

    @property
    def study(self) -> StudyFolder:
        return StudyFolder(self.folder)


@dataclass(frozen=True)
class Outcome:
    """``row``: of the trial that was run; None where enough were run already. ``taken_up``: killed trials that were
    found, and queued again. ``best``: whether none is better.
    """

    row: Row | None = None
    taken_up: tuple[int, ...] = ()
    best: bool = False


class _Pruned(Exception):
    """The trial is not worth going on with."""


class _Judge(Watch):
    """Tells the study the metric of each epoch, and ends a training that is worse than others were."""

    def __init__(self, task: Task, trial: Trial, log: Path) -> None:
        super().__init__(log)
        self.task, self.trial = task, trial

    def begin(self, history: History, epochs: int, resumed: Path | None = None) -> None:
        for row in history:
            self._tell(row)

    def epoch(self, history: History) -> None:
        super().epoch(history)
        self._tell(history[-1])
        if self.trial.should_prune():
            raise _Pruned

    def _tell(self, row: Mapping[str, float]) -> None:
        value = float(_of(row, self.task))
        if not math.isnan(value):
            # a median of infinite numbers alone would be NaN
            self.trial.report(min(value, sys.float_info.max), int(row["epoch"]))


def run_trial(task: Task, slot: int) -> Outcome:
    """The next trial of the study, if it has fewer than are wanted. ``slot``: any number.

    Raises HepqError for a training that the program's own values do not allow either; DataError for files.
    """
    study = task.study.open(task.maximise, pruner=pruner(task.pruner, task.resolved.epochs))
    with ExitStack() as until_done:
        with task.study.locked():
            taken_up = tuple(task.study.taken_up(study))
            found = rows(study)
            if sum(row.ended or row.state == RUNNING for row in found) >= task.trials:
                return Outcome(taken_up=taken_up)
            study.sampler = sampler(task.sampler, task.resolved.seed, len(found))
            trial = study.ask()
            settings = {one.title: one.space.suggested(trial, one.title) for one in task.those}
            folder = task.study.of(trial)
            trial.set_user_attr(FOLDER, folder.name)
            until_done.enter_context(task.study.held(folder))
        _run(task, study, trial, settings, folder)
        with task.study.locked():
            best = keep_best(task.study, study)
    row = next(row for row in rows(study) if row.number == trial.number)
    return Outcome(row, taken_up, best == row.number)


def _run(task: Task, study: Study, trial: Trial, settings: Mapping[str, Setting], folder: Path) -> None:
    """Train with ``settings``, and tell the study what that came to."""
    states = optuna().trial.TrialState
    options, recipe = applied(task.those, settings, task.options, task.recipe, task.resolved)
    recipe = replace(recipe, checkpoint=folder, resume=True)
    start = time.perf_counter()

    def timed() -> None:
        trial.set_user_attr("seconds", time.perf_counter() - start)

    try:
        events = _events(task.program, task.files, _Key(options), task.train, _Key(recipe))
        trained = train_events(events, recipe, _Judge(task, trial, folder / "log.csv"))
        value = _value(trained, task)
    except _Pruned:
        timed()
        study.tell(trial, state=states.PRUNED)
    except (HepqError, MemoryError, RuntimeError) as error:
        why = _refusal(error)
        if why is None or dict(settings) == dict(task.own):
            raise
        timed()
        trial.set_user_attr(WHY, why)
        study.tell(trial, state=states.PRUNED)
    else:
        save_trained(folder / WEIGHTS, events.built, trained.fitted, options)
        timed()
        account = trained.fitted.account
        trial.set_user_attr("metrics", {} if account is None else dict(account.values))
        study.tell(trial, value)
    _leave(folder)


def _refusal(error: Exception) -> str | None:
    """Why it may be that other values train; None for what has another reason."""
    if isinstance(error, HepqError):
        first = error.diagnostics[0]
        return None if first.code == "HQ0783" else f"{first.code}: {first.title}"
    full = isinstance(error, MemoryError) or "memory" in str(error)  # torch raises RuntimeError
    return "not enough memory" if full else None


def _value(trained: Trained, task: Task) -> float:
    fitted = trained.fitted
    known = {} if fitted.account is None else dict(fitted.account.values)
    value = float(_of(known if math.isnan(fitted.loss) else {LOSS: fitted.loss, **known}, task))
    if math.isnan(value):
        raise HepqError([diag("HQ0746", what=f"the {task.metric} of the events held out")])
    return value


def _of(known: Mapping[str, float], task: Task) -> float:
    if task.metric not in known:
        names = ", ".join(n for n in known if n not in ("epoch", "loss", "rate", "seconds"))
        raise HepqError([diag("HQ0783", metric=task.metric, found=f"it gives {names}")])
    return known[task.metric]


def _leave(folder: Path) -> None:
    """Take away what the trial would have gone on from."""
    shutil.rmtree(folder / "kernel", ignore_errors=True)
    for name in ("training.pt", ".running"):
        (folder / name).unlink(missing_ok=True)


def keep_best(folder: StudyFolder, study: Study) -> int | None:
    """Keep the weights of the best trial, and no other's; in a locked study. The number of the best."""
    done = [row.number for row in rows(study) if row.state == DONE]
    if not done:
        return None
    best = study.best_trial
    trials = {t.number: t for t in study.get_trials(deepcopy=False)}
    weights = folder.of(best) / WEIGHTS
    if weights.exists():
        os.replace(weights, folder.best)
    for number in done:
        (folder.of(trials[number]) / WEIGHTS).unlink(missing_ok=True)
    return int(best.number)


class _Key:
    """Options or a recipe as an argument of what is kept: equal where all that the events depend on is."""

    def __init__(self, value: Any) -> None:
        self.value = value
        parts = (value.dims, value.statics) if isinstance(value, Options) else (value.split,)
        self.key = repr(parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=1)
def _events(program: Path, files: tuple[str, ...], options: _Key, train: str | None, recipe: _Key) -> TrainingSet:
    """Read once for trials that differ in options of the training alone."""
    return events_of(program, files, options.value, train, recipe.value)
