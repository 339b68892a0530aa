# SPDX-License-Identifier: Apache-2.0
"""The ledger: what was sent to quantum services, on disk before it is sent, so that nothing is lost or sent twice.

``records/KEY.json`` says how a job fares, ``results/KEY.npz`` what it gave; both are written aside, then renamed.
While a job is being sent, one of ``locks`` is held (flock): the system frees it should the process be killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from hepq.core.errors import DataError
from hepq.runtime.files import Scratch, kept_safe, replacing, seal_text, sync, unseal_text
from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.clients.base import Request

MARK, FORMAT = "hepq-jobs", "hepq job ledger 1\n"
FOLDERS = {"records", "results", "locks"}


class State(StrEnum):
    """prepared: about to be sent, or sent by a process that was killed before it could note the id."""

    prepared = "prepared"
    submitted = "submitted"
    done = "done"
    failed = "failed"


class Record(BaseModel):
    """One job. ``compiled_for``: the calibration its circuit was compiled for; ``calibrated``: when the device was
    last calibrated as it was sent; ``seconds``: QPU time charged, where the service tells; times in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    client: str
    state: State
    circuits: int
    shots: int
    qubits: int
    device: str
    compiled_for: str
    calibrated: str | None = None
    job: str | None = None
    created: str = ""
    submitted: str | None = None
    finished: str | None = None
    seconds: float | None = None
    why: str = ""
    sha256: str | None = None

    def now(self, **changes: object) -> Record:
        return self.model_copy(update=changes)


def job_key(client: str, request: Request) -> str:
    """SHA-256 of all that a job's results depend on."""
    native = json.dumps(request.native.to_json(), separators=(",", ":"))
    numbers = np.ascontiguousarray(request.values, "<f8")
    parts = [client, native, repr(numbers.shape), str(request.shots), str(request.seed)]
    return hashlib.sha256("\n".join(parts).encode() + numbers.tobytes()).hexdigest()


def utc() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def default_ledger() -> Path:
    """``$HEPQ_JOBS``, else ``hepq/jobs`` where the user's data lie."""
    if given := os.environ.get("HEPQ_JOBS"):
        return Path(given)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "hepq/jobs"


class Ledger:
    """Jobs of any number of programs; any number of processes of one machine may use it at once.

    Raises DataError HQ0878 if ``path`` holds something else, or cannot be written.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path)
        self._scratch: Scratch | None = None
        self._open(create)

    @classmethod
    def passing(cls) -> Ledger:
        """A ledger in a temporary folder, which goes with it."""
        scratch = Scratch("hepq-jobs")
        made = cls(scratch.path)
        made._scratch = scratch
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process opens the folder, and leaves it there."""
        return Ledger, (self.path,)

    def get(self, key: str) -> Record | None:
        path = self.path / "records" / f"{key}.json"
        try:
            text = path.read_text(encoding="utf-8")
            # a record that an earlier hepq wrote ends with its last brace: what it cost is not to be lost
            return Record.model_validate_json(text if text.endswith("}\n") else unseal_text(text))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError("HQ0878", f"{path} cannot be read as a job", str(error)) from error

    def put(self, record: Record) -> Record:
        """Write a record durably."""
        self._write(self.path / "records" / f"{record.key}.json", seal_text(record.model_dump_json(indent=1)).encode())
        return record

    def finish(self, record: Record, outcomes: Outcomes, seconds: float | None = None) -> Record:
        """Store what a job gave, then that it is done."""
        buffer = io.BytesIO()
        lengths = [len(s) for s in outcomes.strings]
        np.savez_compressed(
            buffer, qubits=outcomes.qubits, lengths=lengths,
            strings=np.concatenate([*outcomes.strings, np.zeros(0, np.uint64)]),
            fractions=np.concatenate([*outcomes.fractions, np.zeros(0)]),
        )  # fmt: skip
        data = buffer.getvalue()
        self._write(self._result(record.key), data)
        digest = hashlib.sha256(data).hexdigest()
        return self.put(record.now(state=State.done, finished=utc(), seconds=seconds, sha256=digest, why=""))

    def outcomes(self, record: Record) -> Outcomes | None:
        """What a job that is done gave; None if that is damaged or gone."""
        try:
            data = self._result(record.key).read_bytes()
        except FileNotFoundError:
            return None
        if hashlib.sha256(data).hexdigest() != record.sha256:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as held:
            ends = np.cumsum(held["lengths"], dtype=np.int64)[:-1]
            strings, fractions = np.split(held["strings"], ends), np.split(held["fractions"], ends)
            return Outcomes(int(held["qubits"]), tuple(strings), tuple(fractions))

    def forget(self, key: str) -> None:
        for path in (self.path / "records" / f"{key}.json", self._result(key)):
            path.unlink(missing_ok=True)

    def records(self) -> list[Record]:
        """Every job, oldest first."""
        found = [self.get(path.stem) for path in (self.path / "records").glob("*.json")]
        return sorted((r for r in found if r is not None), key=lambda r: (r.created, r.key))

    def find(self, start: str) -> Record:
        """The one job whose key begins so. Raises DataError HQ0883 if there is none, or several."""
        found = [r for r in self.records() if r.key.startswith(start)]
        if len(found) != 1:
            title = f"{len(found) or 'no'} job{'s' * (len(found) > 1)} {start}… in the ledger {self.path}"
            raise DataError("HQ0883", title, help="hepqc jobs list")
        return found[0]

    @contextmanager
    def sending(self, key: str) -> Iterator[None]:
        """Only one process at a time is inside for a key."""
        with (self.path / "locks" / key[:2]).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _result(self, key: str) -> Path:
        return self.path / "results" / f"{key}.npz"

    def _open(self, create: bool) -> None:
        mark = self.path / MARK
        try:
            if mark.read_text() != FORMAT:
                raise DataError("HQ0878", f"{self.path} is a job ledger of another format", "a newer hepq made it")
            return
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise DataError("HQ0878", f"{self.path} is not a job ledger", str(error)) from error
        # another process may be making it now: its mark comes last
        foreign = self.path.is_dir() and {p.name for p in self.path.iterdir() if MARK not in p.name} - FOLDERS
        if not create or foreign:
            why = f"it holds files, but no file {MARK}" if foreign else "there is none"
            raise DataError("HQ0878", f"{self.path} is not a job ledger", why)
        with self._writing():
            for name in FOLDERS:
                (self.path / name).mkdir(parents=True, exist_ok=True)
        self._write(mark, FORMAT.encode())

    def _write(self, path: Path, data: bytes) -> None:
        with self._writing():
            with replacing(path) as aside:
                aside.write_bytes(data)
            sync(path.parent)

    def _writing(self) -> AbstractContextManager[None]:
        return kept_safe("HQ0878", f"the job ledger {self.path}", "what is recorded is safe")
