# SPDX-License-Identifier: Apache-2.0
"""What every vendor's client does, and the ways in which a service can say no."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepq.core.vendors import VENDORS
from hepq.runtime.imports import optional
from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.native import Native


class Status(StrEnum):
    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


@dataclass(frozen=True)
class Request:
    """One job: ``native`` filled with each row of ``values`` [N, slots], each run ``shots`` times.

    ``tag`` goes with the job where the vendor keeps tags. ``seed`` matters to simulators only.
    """

    native: Native
    values: NDArray[np.float64]
    shots: int
    seed: int | None
    tag: str


@dataclass(frozen=True)
class Limits:
    """What one job may hold, and how many jobs may wait at once; None: no limit is known."""

    circuits: int | None = None
    shots: int | None = None
    executions: int | None = None  #: circuits times shots
    pending: int | None = None


@dataclass(frozen=True)
class Costs:
    """What a service's time is made of besides circuits: seconds per job, and of rest before each shot."""

    job: float = 0.0
    rest: float = 0.0
    source: str = "assumed"


@dataclass(frozen=True)
class Report:
    """How a job fares. ``why``: what the service says of a failure; ``seconds``: QPU time charged, where told."""

    status: Status
    why: str = ""
    seconds: float | None = None


class Client(Protocol):
    """A service that runs batches. Methods raise ``ServiceError``s, whose texts hold no credentials.

    ``name`` identifies service and chip. ``tags``: jobs can be found by tag. ``lasting``: jobs outlive the process.
    """

    name: str
    tags: bool
    lasting: bool

    @property
    def limits(self) -> Limits: ...

    @property
    def costs(self) -> Costs: ...

    def submit(self, request: Request) -> str:
        """Send a job; its id."""

    def find(self, tag: str) -> str | None:
        """The id of the job that carries ``tag``; None if there is none, or tags are not kept."""

    def report(self, job: str) -> Report:
        """How a job fares now. Raises ``Lost`` if the service knows no such job."""

    def result(self, job: str, qubits: int) -> Outcomes:
        """What a finished job gave: an outcome per row of its request, bit i being wire i of ``qubits``."""

    def cancel(self, job: str) -> None: ...

    def calibrated(self) -> datetime | None:
        """When the chip was last calibrated, with a time zone; None where the service does not say."""


class Untagged:
    """What services have in common that keep no tags and publish no figures of their time."""

    tags, lasting = False, True

    @property
    def costs(self) -> Costs:
        """200 µs between shots is usual for passive reset."""
        return Costs(rest=200e-6)

    def find(self, tag: str) -> str | None:
        return None


class ServiceError(Exception):
    """A service said no, or something that cannot be understood."""


class Transient(ServiceError):
    """Worth another try, after ``wait`` seconds if given. ``sent``: the request may have been acted upon."""

    def __init__(self, text: str, wait: float | None = None, sent: bool = False) -> None:
        super().__init__(text)
        self.wait, self.sent = wait, sent


class Refused(ServiceError):
    """The service will not take this job, now or later."""


class Denied(ServiceError):
    """No credentials, or the service does not accept them."""


class Lost(ServiceError):
    """The service knows no such job."""


class Unreadable(ServiceError):
    """An answer that cannot be understood."""


def outcomes(qubits: int, counts: Iterable[dict[int, int]]) -> Outcomes:
    """From how often each bit string was seen, per row. Raises Unreadable for no shots or too wide strings."""
    strings, fractions = [], []
    for row in counts:
        total = sum(row.values())
        if total <= 0 or min(row.values()) < 0:
            raise Unreadable("a result without shots")
        if any(not 0 <= s < 1 << qubits for s in row):
            raise Unreadable(f"a result with bit strings of more than {qubits} bits")
        keys = sorted(row)
        strings.append(np.array(keys, np.uint64))
        fractions.append(np.array([row[k] for k in keys]) / total)
    return Outcomes(qubits, tuple(strings), tuple(fractions))


def redacted(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` without any of ``secrets``."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def token(vendor: str) -> str | None:
    """The user's, from the environment variable of that vendor; None where that is not set."""
    return os.environ.get(VENDORS[vendor].token) or None


def package(vendor: str, part: str = "") -> ModuleType:
    """A vendor's package, or ``part`` of it. Raises DataError HQ0871 where it is not installed."""
    return optional(VENDORS[vendor].package + part, vendor)
