# SPDX-License-Identifier: Apache-2.0
"""The Quafu cloud (BAQIS) through its REST interface, as pyquafu 0.4 uses it; that package itself needs NumPy 1.

The API token is read from QUAFU_API_TOKEN or from pyquafu's own file, ``~/.quafu/api``.
"""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
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
    Unreadable,
    Untagged,
    outcomes,
    token,
)
from hepq.runtime.quantum.clients.transport import Transport
from hepq.runtime.quantum.device import Device

URL = "https://quafu.baqis.ac.cn/"
STATUS = (Status.queued, Status.running, Status.done, Status.cancelled, Status.failed, Status.queued)
#: codes of the service's answers (pyquafu ``exceptions/utils.py``)
_DENIED, _REFUSED, _BUSY = (201, 205), (400, 5001, 5004), (5003,)


def client(chip: str, device: Device | None) -> Quafu:
    return Quafu(chip)


class Quafu(Untagged):
    """``chip`` as Quafu names it, e.g. ``Baihua``. One circuit is one task; tasks cannot be found by name."""

    def __init__(self, chip: str, url: str | None = None) -> None:
        self.chip, self.url, self.name = chip, url, f"quafu:{chip}"
        self._transport: Transport | None = None
        self._system: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Quafu, (self.chip, self.url)

    @property
    def limits(self) -> Limits:
        return Limits(circuits=1, pending=20)

    def submit(self, request: Request) -> str:
        fields = {
            "qtasm": qasm2(request.native, request.values[0]), "shots": request.shots,
            "qubits": request.native.circuit.qubits,
            "scan": 0, "tomo": 0, "selected_server": self._server(), "compile": 0, "priority": 2,
            "task_name": request.tag, "pyquafu_version": "0.4.5", "runtime_job_id": "",
        }  # fmt: skip
        answer = self._post("qbackend/scq_kit_asyc/", fields, sending=True)
        if not answer.get("task_id"):
            raise Transient("an answer without a task id", sent=True)
        return str(answer["task_id"])

    def report(self, job: str) -> Report:
        answer = self._recall(job)
        code = answer.get("status")
        if not isinstance(code, int) or not 0 <= code < len(STATUS):
            raise Unreadable(f"task {job} has status {code!r}")
        return Report(STATUS[code])

    def result(self, job: str, qubits: int) -> Outcomes:
        """Quafu writes the first classical bit first, and counts as a Python dictionary."""
        text = self._recall(job).get("res")
        try:
            counts: dict[str, int] = ast.literal_eval(text) if isinstance(text, str) else dict(text or {})
            row = {int(bits[::-1], 2): int(n) for bits, n in counts.items() if len(bits) == qubits}
        except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError) as error:
            raise Unreadable(f"the result of task {job}: {error}") from None
        if len(row) != len(counts):
            raise Unreadable(f"the result of task {job} has not {qubits} bits")
        return outcomes(qubits, [row])

    def cancel(self, job: str) -> None:
        raise Refused("Quafu offers no way to cancel a task but its web site")

    def calibrated(self) -> datetime | None:
        found = self._post("qbackend/scq_get_chip_info/", {"system_name": self.chip.lower()}).get("calibration_time")
        try:
            when = datetime.fromisoformat(found) if isinstance(found, str) else None
        except ValueError:
            return None
        return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)

    def _server(self) -> int:
        """The number of the chip's server."""
        if self._system is None:
            systems = self._post("qbackend/get_backends/", {}).get("data")
            if not isinstance(systems, list):
                raise Unreadable("no list of chips")
            numbers = {str(s.get("system_name")): s.get("system_id") for s in systems if isinstance(s, dict)}
            found = next((n for name, n in numbers.items() if name.lower() == self.chip.lower()), None)
            if not isinstance(found, int):
                raise Refused(f"Quafu has no chip {self.chip}. {did_you_mean(self.chip, numbers)}")
            self._system = found
        return self._system

    def _recall(self, job: str) -> dict[str, Any]:
        return self._post("qbackend/scq_task_recall/", {"task_id": job}, task=True)

    def _post(self, path: str, fields: dict[str, Any], *, sending: bool = False, task: bool = False) -> dict[str, Any]:
        if self._transport is None:
            secret, url = credentials()
            headers = {"api_token": secret, "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
            self._transport = Transport(self.url or url, headers)
        answer = self._transport.post(path, fields, sending=sending)
        code = answer.get("status", answer.get("code"))
        text = self._transport.safe(answer.get("message", answer.get("msg", f"code {code}")))
        if code in _DENIED or (code == 400 and "token" in text.lower()):
            raise Denied(text)
        if code in _BUSY:
            raise Transient(text)
        if code in _REFUSED:
            raise Lost(text) if task else Refused(text)
        return answer


def credentials() -> tuple[str, str]:
    """The API token, and the service's address. Raises Denied where there is none."""
    if given := token("quafu"):
        return given, URL
    path = Path.home() / ".quafu/api"
    try:
        text = path.read_text()
    except OSError:
        raise Denied("no API token: QUAFU_API_TOKEN is not set, and there is no file ~/.quafu/api") from None
    try:
        held = json.loads(text)
        return str(held["token"]), str(held.get("url", URL))
    except (ValueError, KeyError, TypeError):
        lines = text.split()  # pyquafu's older form: the token, then the address
        if len(lines) == 2 and lines[1].startswith("http"):
            return lines[0], lines[1]
        raise Denied("~/.quafu/api cannot be read; User.save_apitoken() of pyquafu writes it") from None
