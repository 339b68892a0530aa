# SPDX-License-Identifier: Apache-2.0
"""A quantum service as a backend: rows become jobs within limits and budget, and jobs become outcomes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Outcomes, Task, finite, native_of
from hepq.runtime.quantum.clients.base import Client, Request
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.jobs.budget import Budget, Estimate, estimate, table
from hepq.runtime.quantum.jobs.job_sender import Failure, Job, Sender
from hepq.runtime.quantum.jobs.ledger import Ledger, State, job_key
from hepq.runtime.quantum.jobs.retry import Patience
from hepq.runtime.quantum.native import Native

Array = NDArray[np.float64]
#: rows of a job where no limit is known
ROWS = 1000


class CalibrationWarning(UserWarning):
    """Circuits were compiled for a calibration that the device no longer has."""


def on_terminal(text: str) -> None:
    """Print to standard error if that is a terminal."""
    if sys.stderr.isatty():
        from rich.console import Console

        Console(stderr=True, highlight=False).print(text, markup=False)


@dataclass
class Remote:
    """Runs native circuits of ``device`` through ``client``.

    Every job is noted in ``ledger`` before it is sent. A run that was interrupted, or killed, goes on where it was
    when asked the same again: finished jobs are read from disk, waiting ones fetched. Another ``seed`` measures anew.
    ``budget`` holds for all runs of this object together. A calibration older than the device's by more than
    ``stale`` gives a CalibrationWarning, or with ``strict`` DataError HQ0876. ``tell`` is given lines of progress.

    ``run`` raises DataError HQ0872-HQ0879, HQ0881, HQ0882; whatever is raised, no finished job is lost.
    """

    client: Client
    device: Device
    ledger: Ledger
    budget: Budget = field(default_factory=Budget)
    strict: bool = False
    stale: timedelta = timedelta(days=1)
    patience: Patience = field(default_factory=Patience)
    tell: Callable[[str], None] = on_terminal
    spent: Estimate = field(default_factory=Estimate, init=False)
    _calibrated: datetime | None = field(default=None, init=False)
    _compared: bool = field(default=False, init=False)

    exact = False

    @property
    def name(self) -> str:
        return self.client.name

    def run(self, task: Task, values: Array, shots: int, seed: int | None = None) -> Outcomes:
        native = native_of(task, self.device, self.name)
        finite(values)
        jobs = self._jobs(native, np.asarray(values, np.float64), shots, seed)
        known = {job.key: found for job in jobs if (found := self._known(job)) is not None}
        left = [job for job in jobs if job.key not in known]
        if unsent := [job for job in left if not self._waits(job)]:
            self._allow(native, unsent)
        if left:
            calibrated = self._calibrated.isoformat() if self._calibrated else None
            sender = Sender(self.client, self.ledger, self.patience, self.tell, calibrated)
            sender.run(left)
            if sender.failures:
                raise self._failed(sender.failures, len(jobs))
            known |= sender.found
        parts = [known[job.key] for job in jobs]
        strings, fractions = sum((o.strings for o in parts), ()), sum((o.fractions for o in parts), ())
        return Outcomes(len(native.measured), strings, fractions)

    def estimate(self, task: Task, rows: int, shots: int) -> Estimate:
        """What running ``rows`` rows would cost. Raises DataError HQ0877 as ``run`` does."""
        native = native_of(task, self.device, self.name)
        return estimate(native, self.device, rows, shots, -(-rows // self._rows(shots)), self.client.costs)

    def _rows(self, shots: int) -> int:
        """How many rows fit in one job."""
        limits = self.client.limits
        most = min((n for n in (limits.shots, self.device.max_shots) if n is not None), default=shots)
        if shots > most:
            raise DataError("HQ0874", f"{self.name} takes at most {most} shots of a circuit", f"{shots} were asked for")
        bounds = [limits.circuits, self.device.max_circuits, limits.executions and limits.executions // shots]
        return max(1, min((b for b in bounds if b is not None), default=ROWS))

    def _jobs(self, native: Native, values: Array, shots: int, seed: int | None) -> list[Job]:
        rows, jobs = self._rows(shots), []
        for i, first in enumerate(range(0, len(values), rows)):
            own = None if seed is None else int(np.random.SeedSequence([seed, i]).generate_state(1)[0] >> 1)
            request = Request(native, values[first : first + rows], shots, own, "")
            key = job_key(self.name, request)
            jobs.append(Job(key, replace(request, tag=f"hepq-{key[:32]}"), first, first + len(request.values)))
        return jobs

    def _known(self, job: Job) -> Outcomes | None:
        record = self.ledger.get(job.key)
        return self.ledger.outcomes(record) if record is not None and record.state is State.done else None

    def _waits(self, job: Job) -> bool:
        """Whether the service has the job, or may have it."""
        record = self.ledger.get(job.key)
        return record is not None and record.state is not State.failed and self.client.lasting

    def _allow(self, native: Native, jobs: Sequence[Job]) -> None:
        """Say what will be sent. Raises DataError HQ0873 over budget, HQ0876 for a stale calibration if strict."""
        rows = sum(len(j.request.values) for j in jobs)
        wanted = estimate(native, self.device, rows, jobs[0].request.shots, len(jobs), self.client.costs)
        self.budget.check(wanted, self.spent)
        if self.client.lasting and not self._compared:
            self._compare_calibrations()
        listed = table(wanted, self.spent, self.budget)
        self.tell(f"{self.name}: {self.device.name} as of {self.device.calibration}\n{listed}")
        self.spent += wanted

    def _compare_calibrations(self) -> None:
        self._calibrated = self.patience.call(self.name, self.client.calibrated)
        self._compared = True
        now = self._calibrated or datetime.now(UTC)
        ours = max((s.date for s in self.device.sources.values()), default=None)
        if ours is None or now.date() - ours <= self.stale:
            return
        said = f"the device was last calibrated on {now.date()}" if self._calibrated else f"today is {now.date()}"
        why = f"circuits were compiled for {self.device.name} as of {ours}, {said}"
        if self.strict:
            raise DataError("HQ0876", "the calibration is stale", why, "compile again for the device as it is now")
        warnings.warn(f"stale calibration: {why}", CalibrationWarning, stacklevel=4)

    def _failed(self, failures: Sequence[Failure], jobs: int) -> DataError:
        refused = failures[0].code == "HQ0874"
        counted = f"{len(failures)} of {jobs} jobs"
        title = f"{self.name} refused {counted}" if refused else f"{counted} for {self.name} failed"
        lines = [f"{f.job.rows}: {f.why}" for f in failures[:5]]
        lines += [f"and {len(failures) - 5} more"] if len(failures) > 5 else []
        kept = f"{jobs - len(failures)} finished jobs are in the ledger {self.ledger.path}; run again to send the rest"
        return DataError(failures[0].code, title, "\n  ".join(lines), kept)
