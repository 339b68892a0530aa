# SPDX-License-Identifier: Apache-2.0
"""A quantum service for tests: its jobs lie in a directory, so that they outlive the process that sent them.

What it answers follows from the angles alone, so that results can be checked to the last count. Trouble is made by
functions that it calls at the moments when things go wrong.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from hepq.runtime.quantum.backends.backend import Outcomes
from hepq.runtime.quantum.clients.base import Costs, Limits, Lost, Report, Request, Status, outcomes


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Service:
    """``before``, ``after``: called around the acceptance of a job, with how many it has. ``waits``: looks at a job
    before it is done. ``failing``: what jobs of these numbers end with.
    """

    folder: Path
    tags: bool = True
    lasting: bool = True
    name: str = "test:chip"
    limits: Limits = field(default_factory=lambda: Limits(circuits=2))
    costs: Costs = field(default_factory=lambda: Costs(job=2.0, rest=1e-4))
    before: Callable[[int], None] = lambda n: None
    after: Callable[[int], None] = lambda n: None
    asked: Callable[[str], None] = lambda job: None
    waits: int = 0
    failing: dict[int, Report] = field(default_factory=dict)
    date: datetime | None = None
    looks: dict[str, int] = field(default_factory=dict)
    most_waiting: int = 0

    def jobs(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def submit(self, request: Request) -> str:
        number = len(self.jobs())
        self.before(number)
        angles = request.native.bind(request.values)
        counts = [
            [request.shots - int(a.sum()) % request.shots, int(a.sum()) % request.shots] for a in np.abs(angles * 100)
        ]
        text = json.dumps({"tag": request.tag, "counts": counts})
        (self.folder / f"{number:03}.json").write_text(text)
        self.after(number)
        return f"{number:03}"

    def find(self, tag: str) -> str | None:
        found = [p.stem for p in self.jobs() if json.loads(p.read_text())["tag"] == tag]
        return found[0] if found and self.tags else None

    def report(self, job: str) -> Report:
        self.asked(job)
        if not (self.folder / f"{job}.json").exists():
            raise Lost(job)
        self.looks[job] = self.looks.get(job, 0) + 1
        self.most_waiting = max(self.most_waiting, sum(n <= self.waits for n in self.looks.values()))
        if self.looks[job] <= self.waits:
            return Report(Status.queued)
        return self.failing.get(int(job), Report(Status.done, seconds=1.5))

    def result(self, job: str, qubits: int) -> Outcomes:
        rows = json.loads((self.folder / f"{job}.json").read_text())["counts"]
        return outcomes(qubits, [dict(enumerate(row)) for row in rows])

    def cancel(self, job: str) -> None:
        (self.folder / f"{job}.json").unlink()

    def calibrated(self) -> datetime | None:
        return self.date
