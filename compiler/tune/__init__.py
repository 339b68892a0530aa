# SPDX-License-Identifier: Apache-2.0
"""Tuning: what a program leaves free, searched by Optuna for the training that is best on the events held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields
from functools import partial
from hashlib import sha256
from os import stat
from pathlib import Path
from typing import TYPE_CHECKING

from hepq.compiler.driver.compilation import Compilation
from hepq.compiler.driver.options import Options
from hepq.compiler.train import is_fitted
from hepq.compiler.train.recipe import Recipe
from hepq.compiler.tune.results import RUNNING, Tuned, importance, rows, write_table
from hepq.compiler.tune.study import ASKED, OWN, PROGRAM, StudyFolder, optuna
from hepq.compiler.tune.trial import LOSS, Outcome, Task, keep_best, run_trial
from hepq.compiler.tune.vary import Setting, Varied, varied
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.engine.threads import sleep_when_idle
from hepq.runtime.executors import executor, map_unordered
from hepq.runtime.files import check_folder

if TYPE_CHECKING:
    from hepq.compiler.ir.build import Built

__all__ = ["Outcome", "Tuned", "tune_file"]

#: settings of a recipe that trials may be run with other values of
_FREE = ("threads", "device", "checkpoint", "resume", "trainings", "folds", "fold")


def tune_file(
    program: Path, files: Sequence[str | Path], vary: Sequence[str], folder: Path, *, trials: int = 40,
    metric: str | None = None, workers: int = 1, sampler: str = "tpe", pruner: str = "median",
    recipe: Recipe | None = None, options: Options | None = None, train: str | None = None,
    tell: Callable[[Outcome], None] | None = None, begun: Callable[[int, str], None] | None = None,
) -> Tuned:  # fmt: skip
    """Search what ``vary`` says until the study in ``folder`` has so many ``trials``, each a training of ``program``.

    ``metric``: ``LOSS``, or another that training counts, of the weights that each training keeps; by default the loss
    of the events held out, of support vector machines the AUC. The study goes on if there is one. ``workers``:
    processes. ``sampler`` and ``pruner``: as ``study.sampler`` and ``study.pruner`` take them. ``tell`` is given each
    trial's outcome; ``begun`` how many trials there were, and why the program's own values are no trial.

    Raises HepqError as training does; HQ0780 and HQ0781 for what does not vary, HQ0782 if the study in the folder is
    another one, HQ0783 if training gives no such metric, HQ0784 if no trial comes to an end; DataError for the files,
    HQ0871 without Optuna.
    """
    sleep_when_idle()
    optuna()
    check_folder(folder)
    recipe, options = recipe or Recipe(), options or Options()
    compilation = Compilation(program, options).check()
    built = compilation.training(train)
    recipe.check(built.plan.name, is_fitted(built))
    resolved = recipe.resolved({} if built.training is None else built.training.settings)
    those = varied(built, resolved, options, vary)
    metric = metric or _default(built)
    own, untried = _own(those)
    task = Task(
        program, tuple(map(str, files)), options, recipe, resolved, train, those, own, folder, metric,
        metric != LOSS, trials, sampler, pruner,
    )  # fmt: skip
    texts = {n: m.file.span.source.text for n, m in compilation.program.modules.items() if not n.startswith("std.")}
    was = _begin(task, texts)
    if begun is not None:
        begun(was, untried)
    with closing(executor(workers)) as where:
        for _, outcome in map_unordered(where, partial(run_trial, task), iter(range(max(0, trials - was)))):
            if tell is not None:
                tell(outcome)
    return _result(task, untried)


def _default(built: Built) -> str:
    """The metric of a training that says none. Raises HepqError HQ0783 where no loss tells how good it is."""
    if is_fitted(built):
        return "auc"
    if built.training is not None and len(built.training.steps) > 1:
        found = "its steps work against each other, so that no loss tells how good the whole is"
        raise HepqError([diag("HQ0783", metric=LOSS, found=found)])
    return LOSS


def _own(those: Sequence[Varied]) -> tuple[dict[str, Setting], str]:
    """The program's values by title, if each is one of those tried; else none, and why."""
    out = [one.title for one in those if one.own is None]
    if out:
        return {}, f"the program's own {', '.join(out)} is not among the values: it is not tried"
    return {one.title: one.own for one in those if one.own is not None}, ""


def _begin(task: Task, texts: dict[str, str]) -> int:
    """Begin the study, or check that it is this one; how many trials it has. One without any may be begun anew."""
    task.folder.mkdir(parents=True, exist_ok=True)
    asked = _asked(task, texts)
    with task.study.locked():
        study = task.study.open(task.maximise)
        if not task.study.is_of(study, asked):
            task.study.taken_up(study)
            if any(row.ended or row.state == RUNNING for row in rows(study)):
                task.study.check(study, asked)
            task.study.clear()
            study = task.study.open(task.maximise)
        if not study.user_attrs:
            study.set_user_attr(ASKED, asked)
            if task.own:
                study.enqueue_trial(dict(task.own), {OWN: True})
        return sum(row.ended for row in rows(study))


def _asked(task: Task, texts: dict[str, str]) -> dict[str, str]:
    """What makes a study what it is, in words."""
    from hepq.runtime.events.event_files import named

    program = sha256(repr(sorted(texts.items())).encode()).hexdigest()
    files = [f"{f.path} ({_size(f.path)} bytes)" for f in named(task.files)]
    kept = {f.name: str(getattr(task.recipe, f.name)) for f in fields(task.recipe) if f.name not in _FREE}
    return {
        PROGRAM: program, "files": ", ".join(files) or "those of the dataset", "--train": str(task.train),
        "--vary": "; ".join(one.text for one in task.those), "--metric": task.metric, "--sampler": task.sampler,
        "--prune": task.pruner, **kept, **{name: str(value) for name, value in task.options.chosen.items()},
    }  # fmt: skip


def _size(path: str) -> str:
    try:
        return str(stat(path).st_size)
    except OSError:  # of another machine
        return "?"


def _result(task: Task, untried: str) -> Tuned:
    study = task.study.open(task.maximise)
    with task.study.locked():
        keep_best(task.study, study)
    found = rows(study)
    tuned = Tuned(
        StudyFolder(task.folder), task.metric, task.maximise, task.those, found, importance(study, found), untried
    )
    if not tuned.done:
        why = next((row.why for row in reversed(found) if row.why), "")
        raise HepqError([diag("HQ0784", path=task.folder, reason=why or f"{len(found)} trials, none of them done")])
    write_table(tuned)
    return tuned
