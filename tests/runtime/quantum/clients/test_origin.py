# SPDX-License-Identifier: Apache-2.0
"""Origin's client with a stand-in for pyqpanda3's cloud module; its own compiler of circuits where it is installed."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.bind import qasm2
from hepq.runtime.quantum.clients.base import Denied, Lost, Transient, package
from hepq.runtime.quantum.clients.origin import Origin
from hepq.runtime.quantum.jobs.ledger import Ledger
from tests.runtime.quantum.clients.test_quafu import exactly
from tests.support.qiskit_native import compiled, line, zz_kernel

KEY = "origin-test-key-90fe"
SOURCE = zz_kernel(3)
DEVICE = line(4)
TASK = Task(SOURCE, compiled(SOURCE, DEVICE, [3, 2, 1]))
VALUES = np.random.default_rng(1).uniform(0, 6, (3, SOURCE.slots))


class Status:
    def __init__(self, name: str) -> None:
        self.name = name


class Job:
    """As ``QCloudJob``; tasks are known by number. Origin writes the last classical bit first."""

    tasks: ClassVar[dict[str, tuple[list[str], int]]] = {}

    def __init__(self, job: str) -> None:
        self.job = job

    def job_id(self) -> str:
        return self.job

    def status(self) -> Status:
        if self.job not in self.tasks:
            raise RuntimeError(f"task {self.job} does not exist")
        return Status("FINISHED")

    def result(self) -> Job:
        return self

    def get_counts_list(self) -> list[dict[str, int]]:
        programs, shots = self.tasks[self.job]
        return [{bits[::-1]: n for bits, n in exactly(p, shots).items()} for p in programs]

    def cancel(self) -> bool:
        return self.job in self.tasks


def timed_out() -> Any:
    raise RuntimeError("connect timeout")


class Options:
    def __init__(self) -> None:
        self.set: dict[str, bool] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda value: self.set.update({name: value})


class Service:
    """As ``QCloudService`` and its backend."""

    error: ClassVar[str | None] = None

    def __init__(self, key: str) -> None:
        if key != KEY:
            raise RuntimeError(f"invalid api key {key}")

    def backends(self) -> dict[str, bool]:
        return {"WK_C180": True, "full_amplitude": True}

    def backend(self, name: str) -> Service:
        return self

    def run(self, programs: list[str], shots: int, options: Options) -> Job:
        if Service.error:
            raise RuntimeError(Service.error)
        assert options.set == {"set_mapping": False, "set_optimization": False, "set_amend": False}
        Job.tasks[number := f"N{len(Job.tasks)}"] = (programs, shots)
        return Job(number)


@pytest.fixture
def _cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, compiler = ModuleType("pyqpanda3.qcloud"), ModuleType("pyqpanda3.intermediate_compiler")
    vars(cloud).update(QCloudService=Service, QCloudJob=Job, QCloudOptions=Options)
    vars(compiler).update(convert_qasm_string_to_qprog=str)
    for module in (ModuleType("pyqpanda3"), cloud, compiler):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("ORIGIN_API_KEY", KEY)
    monkeypatch.setattr(Service, "error", None)
    monkeypatch.setattr(Job, "tasks", {})


def remote(ledger: Path, chip: str = "WK_C180") -> Remote:
    return Remote(Origin(chip), DEVICE, Ledger(ledger), stale=timedelta(days=10**5), tell=lambda text: None)


@pytest.mark.usefixtures("_cloud")
def test_kernels_come_back_in_one_task(tmp_path: Path) -> None:
    found = remote(tmp_path / "jobs").run(TASK, VALUES, 10_000).probabilities()
    np.testing.assert_allclose(found, Exact().run(Task(SOURCE), VALUES, 1).probabilities(), atol=1e-3)
    assert len(Job.tasks) == 1


@pytest.mark.usefixtures("_cloud")
def test_errors_are_told_apart_and_hold_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r'no chip WK_C18. did you mean "WK_C180"'):
        remote(tmp_path / "a", "WK_C18").run(TASK, VALUES, 100)
    with pytest.raises(Lost):
        Origin("WK_C180").report("N99")
    monkeypatch.setattr(Service, "error", f"circuit too deep for {KEY}")
    with pytest.raises(DataError, match=r"HQ0874.*\n.*too deep for \*\*\*"):
        remote(tmp_path / "b").run(TASK, VALUES, 100)
    monkeypatch.setattr(Service, "error", "curl: operation timed out")
    with pytest.raises(DataError, match="HQ0879"):  # it may have been sent
        remote(tmp_path / "c").run(TASK, VALUES, 100)
    monkeypatch.setattr(Job, "status", lambda self: timed_out())
    with pytest.raises(Transient):
        Origin("WK_C180").report("N0")
    monkeypatch.setenv("ORIGIN_API_KEY", "wrong-key-1")
    with pytest.raises(DataError, match=r"HQ0872.*\n  invalid api key \*\*\*"):
        remote(tmp_path / "d").run(TASK, VALUES, 100)
    monkeypatch.delenv("ORIGIN_API_KEY")
    with pytest.raises(Denied, match="ORIGIN_API_KEY is not set"):
        Origin("WK_C180").report("N0")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyqpanda3", None)
    monkeypatch.delitem(sys.modules, "pyqpanda3.qcloud", raising=False)
    with pytest.raises(DataError, match=r"HQ0871.*not installed\n.*\n  help: pip install 'hepq\[origin\]'"):
        package("origin", ".qcloud")


def test_pyqpanda3_reads_what_is_sent() -> None:
    """Skipped where it is not installed: the real converter and simulator, angles and bits in order."""
    compiler = pytest.importorskip("pyqpanda3.intermediate_compiler")
    core = pytest.importorskip("pyqpanda3.core")
    assert TASK.native is not None
    text = qasm2(TASK.native, VALUES[0])
    machine = core.CPUQVM()
    machine.run(compiler.convert_qasm_string_to_qprog(text), 20_000)
    counts = {int(bits, 2): n / 20_000 for bits, n in machine.result().get_counts().items()}
    found = [counts.get(i, 0.0) for i in range(8)]
    np.testing.assert_allclose(found, Exact().run(Task(SOURCE), VALUES[:1], 1).probabilities()[0], atol=0.02)
