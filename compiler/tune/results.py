# SPDX-License-Identifier: Apache-2.0
"""What a study came to: its trials, the best of them, and how much each thing that varied mattered."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.compiler.tune.study import AGAIN, OWN, WHY, StudyFolder, optuna
from hepq.compiler.tune.vary import Setting, Varied
from hepq.runtime.files import replacing

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

DONE, PRUNED, REFUSED, KILLED, RUNNING = "done", "pruned", "refused", "killed", "running"
#: done trials that say something of importance
ENOUGH = 4


@dataclass(frozen=True)
class Row:
    """A trial. ``value``: of the metric, infinite where no background passes; of a pruned one, that of its last epoch;
    None where it has none. ``own``: its values are the program's. ``again``: the number of the killed trial that it is.
    ``why`` it was refused.
    """

    number: int
    state: str
    value: float | None
    settings: Mapping[str, Setting]
    epochs: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    own: bool = False
    again: int | None = None
    why: str = ""

    @property
    def ended(self) -> bool:
        """It counts as one of the trials that were asked for."""
        return self.state in (DONE, PRUNED, REFUSED)


@dataclass(frozen=True)
class Tuned:
    """``rows``: trials in their order. ``importance``: a share of the metric's variance by title, 1 in all; empty where
    too few trials are done to say. ``untried``: why the program's own values are no trial."""

    folder: StudyFolder
    metric: str
    maximise: bool
    those: tuple[Varied, ...]
    rows: tuple[Row, ...]
    importance: Mapping[str, float]
    untried: str = ""

    @property
    def done(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.state == DONE)

    @cached_property
    def ranked(self) -> tuple[Row, ...]:
        """Done trials, the best first; of equal ones the first."""
        return tuple(sorted(self.done, key=lambda row: -(row.value or 0.0) if self.maximise else row.value or 0.0))

    @property
    def best(self) -> Row:
        return self.ranked[0]

    @property
    def own(self) -> Row | None:
        """The trial of the program's own values, if it is done."""
        return next((row for row in self.done if row.own), None)


def rows(study: Study) -> tuple[Row, ...]:
    states = optuna().trial.TrialState
    trials = study.get_trials(deepcopy=False)
    return tuple(_row(t, states) for t in trials if t.state != states.WAITING)


def _row(trial: FrozenTrial, states: Any) -> Row:
    kept = trial.user_attrs
    state = {states.COMPLETE: DONE, states.PRUNED: PRUNED, states.FAIL: KILLED}.get(trial.state, RUNNING)
    why = str(kept.get(WHY, ""))
    value = trial.value
    return Row(
        trial.number, REFUSED if why else state, None if value is None or math.isnan(value) else value,
        trial.params, len(trial.intermediate_values), float(kept.get("seconds", 0.0)), kept.get("metrics", {}),
        bool(kept.get(OWN)), kept.get(AGAIN), why,
    )  # fmt: skip


def importance(study: Study, found: Sequence[Row]) -> dict[str, float]:
    """Shares of the variance of the metric over the values tried (fANOVA: Hutter, Hoos, Leyton-Brown, ICML 2014)."""
    done = [row for row in found if row.state == DONE]
    if len(done) < ENOUGH or len({row.value for row in done}) < 2:
        return {}
    package = optuna().importance
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shares = package.get_param_importances(study, evaluator=package.FanovaImportanceEvaluator(seed=0))
        except (ValueError, RuntimeError):  # nothing varied among those that are done
            return {}
    return {name: float(share) for name, share in shares.items()}


def write_table(tuned: Tuned) -> Path:
    """CSV, a row for each trial."""
    path = tuned.folder.path / "trials.csv"
    titles = [one.title for one in tuned.those]
    others = sorted({name for row in tuned.rows for name in row.metrics} - {tuned.metric})
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", tuned.metric, *titles, "epochs", "seconds", *others, "again", "why"])
        for row in tuned.rows:
            value = "" if row.value is None else repr(row.value)
            settings = [row.settings.get(title, "") for title in titles]
            more = [row.metrics.get(name, "") for name in others]
            again = "" if row.again is None else row.again
            writer.writerow(
                [row.number, row.state, value, *settings, row.epochs, f"{row.seconds:.1f}", *more, again, row.why]
            )
    return path
