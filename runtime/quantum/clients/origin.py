# SPDX-License-Identifier: Apache-2.0
"""Origin Quantum's cloud through pyqpanda3: OpenQASM 2 in, OriginIR sent, on the chip's own qubits.

The API key is read from ORIGIN_API_KEY.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from hepq.core.errors import did_you_mean
from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.bind import qasm2
from hepq.runtime.quantum.clients.base import (
    Denied,
    Limits,
    Lost,
    Refused,
    Report,
    Request,
    Status,
    Transient,
    Untagged,
    outcomes,
    package,
    redacted,
    token,
)
from hepq.runtime.quantum.device import Device

STATUS = {"FINISHED": Status.done, "FAILED": Status.failed, "COMPUTING": Status.running}
_DENIED = ("api key", "api_key", "apikey", "token", "unauthorized", "permission")
_PASSING = ("timeout", "timed out", "connect", "network", "curl", "too many", "busy", "502", "503", "504")
_LOST = ("not exist", "not found", "no such")


def client(chip: str, device: Device | None) -> Origin:
    return Origin(chip)


class Origin(Untagged):
    """``chip`` as the service names it, e.g. ``WK_C180``. Tasks cannot be found by name."""

    def __init__(self, chip: str) -> None:
        self.chip, self.name = chip, f"origin:{chip}"
        self._service: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (self.chip,)

    @property
    def limits(self) -> Limits:
        """Not published; modest."""
        return Limits(circuits=50, pending=5)

    def submit(self, request: Request) -> str:
        compiler = package("origin", ".intermediate_compiler")
        service, cloud = self._connected(), package("origin", ".qcloud")
        programs = [compiler.convert_qasm_string_to_qprog(qasm2(request.native, row)) for row in request.values]
        options = cloud.QCloudOptions()
        for switch in (options.set_mapping, options.set_optimization, options.set_amend):
            switch(False)  # circuits are compiled already, counts are wanted as measured
        with self._errors(sending=True):
            offered = list(service.backends())
            if self.chip not in offered:
                raise Refused(f"Origin has no chip {self.chip}. {did_you_mean(self.chip, offered)}")
            return str(service.backend(self.chip).run(programs, request.shots, options).job_id())

    def report(self, job: str) -> Report:
        held = self._job(job)
        with self._errors():
            found = STATUS.get(held.status().name, Status.queued)
            why = held.query().error_message() if found is Status.failed else ""
        return Report(found, self._safe(why))

    def result(self, job: str, qubits: int) -> Outcomes:
        """Origin writes the last classical bit first."""
        held = self._job(job)
        with self._errors():
            counts = held.result().get_counts_list()
        return outcomes(qubits, [{int(bits, 2): int(n) for bits, n in row.items()} for row in counts])

    def cancel(self, job: str) -> None:
        held = self._job(job)
        with self._errors():
            if not held.cancel():
                raise Refused(f"Origin does not cancel task {job}")

    def calibrated(self) -> datetime | None:
        return None

    def _job(self, job: str) -> Any:
        self._connected()
        return package("origin", ".qcloud").QCloudJob(job)

    def _connected(self) -> Any:
        if self._service is None:
            cloud, key = package("origin", ".qcloud"), token("origin")
            if key is None:
                raise Denied("no API key: ORIGIN_API_KEY is not set")
            with self._errors():
                self._service = cloud.QCloudService(key)
        return self._service

    def _safe(self, text: str) -> str:
        return redacted(text, [token("origin")])

    @contextmanager
    def _errors(self, sending: bool = False) -> Iterator[None]:
        """pyqpanda3 raises RuntimeError for everything: its text tells errors apart."""
        try:
            yield
        except (RuntimeError, ValueError, OSError) as error:
            text = self._safe(str(error))
            said = text.lower()
            if any(w in said for w in _PASSING):
                raise Transient(text, sent=sending) from None
            if any(w in said for w in _DENIED):
                raise Denied(text) from None
            raise Lost(text) if not sending and any(w in said for w in _LOST) else Refused(text) from None
