# SPDX-License-Identifier: Apache-2.0
"""A study on disk: Optuna's journal, and who runs which trial.

=====================  ===============================================================================
``journal.log``        Optuna's: all that was tried, in the order it happened
``trials/0007/``       ``log.csv``, a row for each epoch; while it runs, what a killed trial goes on from
``best.safetensors``   the weights of the best trial
``trials.csv``         the table; ``study.png`` the picture
=====================  ===============================================================================

A trial is held by a lock for as long as it runs, which ends with its process however that ends: a trial that runs and
is held by nobody was killed. It is run again, as a trial of its own with the same values, in the same folder, and goes
on after the last epoch that is there. The same study may be run by several processes, and several commands.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.runtime.imports import optional

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

NAME = "tune"
#: keys of what is kept with a study and with a trial
ASKED, FOLDER, AGAIN, OWN, WHY = "asked", "folder", "again", "own", "why"
#: trials that are not compared with others; the share of the epochs after which one may be pruned
FIRST, EARLIEST = 5, 5
#: how many times as many epochs a trial has that was better than as many others
REDUCTION = 3
#: what is kept as a hash alone
PROGRAM = "program"
#: characters of what differs between studies, at most
SAID = 200


def optuna() -> Any:
    """The package, silent. Raises DataError HQ0871 where it is not installed."""
    package = optional("optuna", "tune")
    package.logging.set_verbosity(package.logging.ERROR)
    return package


class _Lock:
    """Of processes that write the journal: Optuna's own outlives a killed process by half a minute."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path, -1

    def acquire(self) -> bool:
        self.held = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o666)
        fcntl.flock(self.held, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        os.close(self.held)

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class StudyFolder:
    """The study in ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        return self.path / "journal.log"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    def of(self, trial: Trial | FrozenTrial) -> Path:
        """The folder of a trial: that of the one that it is again."""
        return self.path / "trials" / str(trial.user_attrs.get(FOLDER, f"{trial.number:04d}"))

    def locked(self) -> AbstractContextManager[None]:
        """Alone of all processes that run the study: what is decided of all trials is decided inside."""
        return _Lock(self.path / ".lock")

    @contextmanager
    def held(self, folder: Path) -> Iterator[bool]:
        """Hold a trial's folder; whether nobody else did."""
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".running", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        try:
            yield True
        finally:
            os.close(descriptor)

    def open(self, maximise: bool, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> Study:
        """The study, begun if there is none. Raises HepqError HQ0782 for a damaged journal."""
        package = optuna()
        lock = _Lock(self.path / ".journal.lock")
        self._mend(lock)
        journal = package.storages.journal
        try:
            storage = package.storages.JournalStorage(journal.JournalFileBackend(str(self.journal), lock_obj=lock))
            direction = "maximize" if maximise else "minimize"
            made: Study = package.create_study(
                storage=storage, study_name=NAME, direction=direction, sampler=sampler, pruner=pruner,
                load_if_exists=True,
            )  # fmt: skip
            return made
        except (ValueError, KeyError, TypeError, AssertionError, IndexError) as error:
            raise self.refused(f"{self.journal.name} is damaged: {error}") from error

    def _mend(self, lock: _Lock) -> None:
        """Take off a last line that a process was killed in."""
        with lock:
            if self.journal.exists():
                with self.journal.open("rb+") as file:
                    data = file.read()
                    if not data.endswith(b"\n"):
                        file.truncate(data.rfind(b"\n") + 1)

    def refused(self, reason: str) -> HepqError:
        return HepqError([diag("HQ0782", path=self.path, reason=reason)])

    def is_of(self, study: Study, asked: Mapping[str, str]) -> bool:
        """Whether the study is new, or began with what is ``asked``."""
        return bool(study.user_attrs.get(ASKED, asked) == asked)

    def check(self, study: Study, asked: Mapping[str, str]) -> None:
        """Raises HepqError HQ0782 saying what of ``asked`` the study did not begin with."""
        for name, value in asked.items():
            if (was := study.user_attrs[ASKED].get(name)) != value:
                shown = name != PROGRAM and len(f"{was}{value}") < SAID
                raise self.refused(f"{name}: {was} then, {value} now" if shown else f"the {name} has changed")

    def clear(self) -> None:
        """Take away all that was tried."""
        self.journal.unlink()
        shutil.rmtree(self.path / "trials", ignore_errors=True)

    def taken_up(self, study: Study) -> list[int]:
        """Queue again the trials that were killed, in a locked study; their numbers."""
        states = optuna().trial.TrialState
        again = {t.user_attrs.get(AGAIN) for t in study.get_trials(deepcopy=False)}
        found = []
        for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
            folder = self.of(trial)
            with self.held(folder) as free:
                if not free:
                    continue
            if trial.number not in again:
                kept = {k: v for k, v in trial.user_attrs.items() if k == OWN}
                study.enqueue_trial(trial.params, {**kept, FOLDER: folder.name, AGAIN: trial.number})
            study.tell(trial.number, state=states.FAIL)
            found.append(trial.number)
        return found


def sampler(kind: str, seed: int, number: int) -> BaseSampler:
    """``tpe`` or ``random``. What it draws for trial ``number`` depends on the seed, the number and the trials before
    alone."""
    made = optuna().samplers
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():  # of Optuna 4, which calls it an experiment that trials under way are heeded
        warnings.simplefilter("ignore")
        found: BaseSampler = (
            made.RandomSampler(own) if kind == "random" else made.TPESampler(seed=own, constant_liar=True)
        )
    return found


def pruner(kind: str, epochs: int) -> BasePruner:
    """``median``, ``halving`` or ``none``, of trainings of so many epochs."""
    made = optuna().pruners
    found: BasePruner
    match kind:
        case "none":
            found = made.NopPruner()
        case "halving":
            found = made.SuccessiveHalvingPruner(
                min_resource=max(1, epochs // REDUCTION**2), reduction_factor=REDUCTION
            )
        case _:
            found = made.MedianPruner(n_startup_trials=FIRST, n_warmup_steps=epochs // EARLIEST)
    return found
