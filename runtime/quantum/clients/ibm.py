# SPDX-License-Identifier: Apache-2.0
"""IBM Quantum through Qiskit Runtime's SamplerV2; with ``local.Local`` as its service, on a simulated device.

Accounts are those of ``QiskitRuntimeService``: its own file, or the variables QISKIT_IBM_TOKEN, QISKIT_IBM_INSTANCE.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.bind import REGISTER, pub
from hepq.runtime.quantum.clients.base import (
    Costs,
    Denied,
    Limits,
    Lost,
    Refused,
    Report,
    Request,
    ServiceError,
    Status,
    Transient,
    outcomes,
    package,
    redacted,
    token,
)
from hepq.runtime.quantum.device import Device

STATUS = {"DONE": Status.done, "ERROR": Status.failed, "CANCELLED": Status.cancelled, "RUNNING": Status.running}


#: gates of any angle that IBM calls fractional
FRACTIONAL = frozenset({"rx", "rzz"})


def client(chip: str, device: Device | None) -> IBM:
    """``chip`` with or without the ``ibm_`` of IBM's names."""
    fractional = device is not None and not FRACTIONAL.isdisjoint((*device.one_qubit, *device.two_qubit))
    return IBM(named(chip), fractional=fractional)


def named(chip: str) -> str:
    """As IBM names it."""
    return chip if chip.startswith("ibm_") else f"ibm_{chip}"


class IBM:
    """``chip`` as IBM names it, e.g. ``ibm_torino``; ``service``: connected to when first needed, if not given.

    ``fractional``: circuits have rzz or rx of any angle, which IBM offers only where it is asked for.
    """

    tags = True

    def __init__(self, chip: str, service: Any = None, fractional: bool = False) -> None:
        self.chip, self._given, self.fractional = chip, service, fractional
        self._service: Any = service
        self._backend: Any = None
        self._jobs: dict[str, Any] = {}
        self.name = f"{'ibm' if service is None else service.kind}:{chip}"
        self.lasting = service is None or service.lasting

    def __reduce__(self) -> tuple[Any, ...]:
        return IBM, (self.chip, self._given, self.fractional)

    @property
    def limits(self) -> Limits:
        """At most 10 million executions in a job (IBM Quantum documentation, "Job limits"); the rest is modest."""
        return Limits(circuits=1000, executions=10_000_000, pending=3)

    @property
    def costs(self) -> Costs:
        """IBM Quantum documentation, "Workload usage": 2 s + (rep_delay + circuit length) × executions; 250 µs."""
        return Costs(2.0, 250e-6, "IBM Quantum documentation, Workload usage")

    def submit(self, request: Request) -> str:
        runtime = package("ibm")
        native = request.native
        filled = pub(native, request.values)
        pubs = [filled] if filled[0].num_parameters else [filled[:1]] * len(request.values)
        with self._errors(sending=True):
            with warnings.catch_warnings():  # from 0.50 on it is to be replaced, by what 0.40 lacks
                warnings.filterwarnings("ignore", "The SamplerV2 class is deprecated", DeprecationWarning)
                sampler = runtime.SamplerV2(mode=self._device())
            sampler.options.environment.job_tags = [request.tag]
            if not self.lasting:
                self._service.prepare(sampler, native, request.seed)
            job = sampler.run(pubs, shots=request.shots)
            self._jobs[job.job_id()] = job
            return str(job.job_id())

    def find(self, tag: str) -> str | None:
        with self._errors():
            found = self._connected().jobs(job_tags=[tag], limit=1)
            return str(found[0].job_id()) if found else None

    def report(self, job: str) -> Report:
        with self._errors():
            held = self._job(job)
            status = held.status()
            found = STATUS.get(getattr(status, "name", status), Status.queued)
            if found is Status.failed:
                return Report(found, self._safe(_reason(held)))
            return Report(found, seconds=float(held.usage()) if found is Status.done and self.lasting else None)

    def result(self, job: str, qubits: int) -> Outcomes:
        with self._errors():
            pubs = self._job(job).result()
        rows: list[dict[int, int]] = []
        for each in pubs:
            bits = each.data[REGISTER]
            rows += [bits.get_int_counts(i) for i in range(bits.size)] if bits.shape else [bits.get_int_counts()]
        return outcomes(qubits, rows)

    def cancel(self, job: str) -> None:
        with self._errors():
            self._job(job).cancel()

    def calibrated(self) -> datetime | None:
        with self._errors():
            properties = getattr(self._device(), "properties", lambda: None)()
        when = getattr(properties, "last_update_date", None)
        return when.astimezone(UTC) if when is not None else None

    def _connected(self) -> Any:
        if self._service is None:
            self._service = package("ibm").QiskitRuntimeService()
        return self._service

    def _device(self) -> Any:
        if self._backend is None:
            options = {"use_fractional_gates": True} if self.fractional else {}
            self._backend = self._connected().backend(self.chip, **options)
        return self._backend

    def _job(self, job: str) -> Any:
        if job not in self._jobs:
            self._jobs[job] = self._connected().job(job)
        return self._jobs[job]

    def _safe(self, text: str) -> str:
        """Without credentials."""
        account: dict[str, str] = getattr(self._service, "active_account", dict)() or {}
        return redacted(text, [token("ibm"), account.get("token")])

    @contextmanager
    def _errors(self, sending: bool = False) -> Iterator[None]:
        """IBM's errors as ours; what they were raised from goes no further, for it may name credentials."""
        from qiskit.exceptions import QiskitError

        try:
            yield
        except (QiskitError, ValueError, OSError) as error:
            raise _classified(error, self._safe(str(getattr(error, "message", error))), sending) from None


def _reason(job: Any) -> str:
    """Why a job failed; a local one says so only when asked for its result."""
    if hasattr(job, "error_message"):
        return str(job.error_message() or "")
    try:
        job.result()
    except Exception as error:
        return str(error)
    return ""


def _classified(error: Exception, text: str, sending: bool) -> ServiceError:
    names = {c.__name__ for c in type(error).__mro__}
    code = next((c for e in _chain(error) if (c := getattr(e, "status_code", None)) is not None), None)
    if names & {"IBMNotAuthorizedError", "IBMAccountError", "AccountNotFoundError", "InvalidAccountError"}:
        return Denied(text)
    if code in (401, 403):
        return Denied(text)
    if "RuntimeJobNotFound" in names or code == 404:
        return Lost(text) if not sending else Refused(text)
    if code == 429:
        return Transient(text)
    if code == -1 or (code or 0) >= 500 or isinstance(error, (ConnectionError, TimeoutError)):
        return Transient(text, sent=sending)
    return Refused(text)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
