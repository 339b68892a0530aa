# SPDX-License-Identifier: Apache-2.0
"""Jobs on their way: noted in the ledger, sent, awaited, fetched; each failure by itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.clients.base import Client, Lost, Refused, Request, ServiceError, Status, Transient
from hepq.runtime.quantum.jobs.ledger import Ledger, Record, State, utc
from hepq.runtime.quantum.jobs.retry import Patience


@dataclass(frozen=True)
class Job:
    """Rows ``first`` to before ``end`` of a run, as one job."""

    key: str
    request: Request
    first: int
    end: int

    @property
    def rows(self) -> str:
        return f"rows {self.first} to {self.end - 1}"


@dataclass(frozen=True)
class Failure:
    """``code``: HQ0874 refused, HQ0882 accepted but not finished."""

    code: str
    job: Job
    why: str


@dataclass
class Sender:
    """Brings jobs to their outcomes, by key in ``found``. ``calibrated``: what the service said of the device."""

    client: Client
    ledger: Ledger
    patience: Patience
    tell: Callable[[str], None]
    calibrated: str | None
    found: dict[str, Outcomes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def run(self, jobs: Sequence[Job]) -> None:
        """Send what the service has not, and wait for all. Raises DataError HQ0872, HQ0875, HQ0878, HQ0879."""
        todo, waiting = deque(jobs), dict[str, Job]()
        pending, told = self.client.limits.pending or len(jobs), ""
        with self._interruptible(waiting):
            for _ in self.patience.polls():
                while todo and len(waiting) < pending:
                    job = todo.popleft()
                    try:
                        self._send(job)
                        waiting[job.key] = job
                    except Refused as error:
                        self.failures.append(Failure("HQ0874", job, str(error)))
                        self._note(job, state=State.failed, why=f"refused: {error}")
                for key in [job.key for job in waiting.values() if self._ended(job)]:
                    del waiting[key]
                text = f"{self.client.name}: {len(jobs) - len(todo) - len(waiting)} of {len(jobs)} jobs finished"
                if text != told:
                    self.tell(told := text)
                if not (todo or waiting):
                    return

    def _send(self, job: Job) -> None:
        """Send a job, unless the service has it already. Raises Refused; DataError HQ0879 if that cannot be known."""
        with self.ledger.sending(job.key):
            record = self.ledger.get(job.key)
            if record is not None and self.client.lasting:
                if record.state is State.done:  # what it gave is damaged: fetch it again
                    self._note(job, state=State.submitted)
                if record.state in (State.submitted, State.done):
                    return
                if record.state is State.prepared and (found := self._found(job, record)):
                    self._note(job, state=State.submitted, job=found, submitted=record.created)
                    return
            native = job.request.native
            record = self.ledger.put(Record(
                key=job.key, client=self.client.name, state=State.prepared, circuits=len(job.request.values),
                shots=job.request.shots, qubits=len(native.measured), device=native.device,
                compiled_for=native.calibration, calibrated=self.calibrated, created=utc(),
            ))  # fmt: skip
            self._note(job, job=self._submitted(job, record), state=State.submitted, submitted=utc())

    def _submitted(self, job: Job, record: Record) -> str:
        """The id of a job just sent; where the connection broke, of the one that arrived nevertheless."""
        for turn in range(self.patience.tries):
            try:
                return self.patience.call(self.client.name, lambda: self.client.submit(job.request))
            except Transient:  # it may have arrived
                if (found := self._found(job, record)) is not None:
                    return found
            except DataError:
                if turn == 0:  # it surely has not
                    self.ledger.forget(job.key)
                raise
        why = "every connection broke while a job was being sent"
        raise DataError("HQ0875", f"{self.client.name} does not answer", why, "run the same command later")

    def _found(self, job: Job, record: Record) -> str | None:
        """A job by its tag. Raises DataError HQ0879 where tags are not kept."""
        name = self.client.name
        if not self.client.tags:
            short = job.key[:12]
            why = f"{short} was being sent on {record.created}, and {name} keeps no tags to find it by"
            help = f"look for it on the service's site; then hepqc jobs adopt {short} ID, or hepqc jobs forget {short}"
            raise DataError("HQ0879", f"a job for {name} may have been sent", why, help)
        return self.patience.call(name, lambda: self.client.find(job.request.tag))

    def _ended(self, job: Job) -> bool:
        """Whether a job waits no more; then it is among ``found`` or ``failures``."""
        record = self.ledger.get(job.key)
        if record is not None:
            record = fetch(self.client, self.ledger, record, self.patience)
            if record.state is State.submitted:
                return False
            if record.state is State.done and (outcomes := self.ledger.outcomes(record)) is not None:
                self.found[job.key] = outcomes
                return True
        self.failures.append(Failure("HQ0882", job, record.why if record else "removed from the ledger meanwhile"))
        return True

    def _note(self, sent: Job, **changes: object) -> None:
        record = self.ledger.get(sent.key)
        if record is not None:
            self.ledger.put(record.now(**changes))

    @contextmanager
    def _interruptible(self, waiting: dict[str, Job]) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            where = f"{self.client.name}, and the same command fetches them (ledger {self.ledger.path})"
            self.tell(f"interrupted; {len(waiting)} jobs go on at {where}")
            raise


def fetch(client: Client, ledger: Ledger, record: Record, patience: Patience) -> Record:
    """Look after a submitted job, and store what it gave if it is done: the record as it is now.

    Raises DataError HQ0872, HQ0875.
    """
    if record.state is not State.submitted or record.job is None:
        return record
    job, why = record.job, ""
    try:
        report = patience.call(client.name, lambda: client.report(job))
        if report.status in (Status.queued, Status.running):
            return record
        if report.status is Status.done:
            outcomes = patience.call(client.name, lambda: client.result(job, record.qubits))
            if len(outcomes.strings) == record.circuits:
                return ledger.finish(record, outcomes, report.seconds)
            why = f"results of {len(outcomes.strings)} circuits came back, {record.circuits} were sent"
        else:
            why = f"{report.status}: {report.why}" if report.why else str(report.status)
    except Lost:
        why = "the service no longer knows the job"
    except ServiceError as error:
        why = str(error)
    return ledger.put(record.now(state=State.failed, why=why, finished=utc()))
