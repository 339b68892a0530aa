# SPDX-License-Identifier: Apache-2.0
"""Jobs: nothing is lost or sent twice, whatever is killed, refused, interrupted, damaged or silent."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.remote import CalibrationWarning, Remote
from hepq.runtime.quantum.clients.base import Denied, Limits, Refused, Report, Status, Transient
from hepq.runtime.quantum.jobs.budget import Budget
from hepq.runtime.quantum.jobs.ledger import Ledger, State
from hepq.runtime.quantum.jobs.retry import Patience
from hepq.runtime.quantum.native import Native
from tests.support.qiskit_native import line
from tests.support.service import Service

DEVICE = line(2)
SOURCE = Circuit(1, 1, (Gate("rx", (0,), (Angle.slot(0),)),))
NATIVE = Native(
    DEVICE.name, DEVICE.calibration,
    Circuit(2, 1, (Gate("sx", (1,)), Gate("rz", (1,), (Angle.slot(0),)), Gate("sx", (1,)))), (1,), (1,),
)  # fmt: skip
TASK = Task(SOURCE, NATIVE)
VALUES = np.linspace(0.1, 3, 7)[:, None]
SHOTS = 1000


def remote(service: Service, ledger: Path, **options: Any) -> Remote:
    options = {"patience": Patience(sleep=lambda s: None), "stale": timedelta(days=10**5), **options}
    return Remote(service, DEVICE, Ledger(ledger), tell=lambda text: None, **options)


def run(made: Remote, seed: int = 1) -> np.ndarray:
    return made.run(TASK, VALUES, SHOTS, seed).probabilities()


def expected() -> np.ndarray:
    ones = np.trunc(np.abs(NATIVE.bind(VALUES) * 100).sum(1)) % SHOTS / SHOTS
    return np.stack([1 - ones, ones], 1)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    (tmp_path / "service").mkdir()
    return Service(tmp_path / "service")


def once(number: int, error: BaseException) -> Callable[[int], None]:
    """Raise at the ``number``-th job, the first time."""
    left = [error]

    def raise_(n: int) -> None:
        if n == number and left:
            raise left.pop()

    return raise_


def test_rows_become_jobs_and_outcomes_in_order(service: Service, tmp_path: Path) -> None:
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4  # of two circuits, the last of one
    records = Ledger(tmp_path / "jobs").records()
    assert {r.state for r in records} == {State.done}
    assert sorted(r.circuits for r in records) == [1, 2, 2, 2]
    assert {(r.compiled_for, r.seconds, r.device) for r in records} == {(DEVICE.calibration, 1.5, DEVICE.name)}


def test_finished_jobs_are_read_from_disk_and_another_seed_measures_anew(service: Service, tmp_path: Path) -> None:
    first = run(remote(service, tmp_path / "jobs"))
    service.asked = pytest.fail
    np.testing.assert_array_equal(run(remote(service, tmp_path / "jobs")), first)
    assert len(service.jobs()) == 4
    service.asked = lambda job: None
    run(remote(service, tmp_path / "jobs"), seed=2)
    assert len(service.jobs()) == 8


KILL = """
import sys
from pathlib import Path
from tests.runtime.quantum.backends import test_remote
from tests.support import service
where, number = sys.argv[2], int(sys.argv[3])
made = service.Service(Path(sys.argv[1]) / "service", waits=1)
def kill(n):
    if n == number:
        service.kill_me()
if where == "asked":
    made.asked = lambda job: kill(int(job))
else:
    setattr(made, where, kill)
test_remote.run(test_remote.remote(made, Path(sys.argv[1]) / "jobs"))
"""


@pytest.mark.parametrize(("where", "number"), [("before", 1), ("after", 0), ("after", 2), ("asked", 3)])
def test_killed_at_any_moment_nothing_is_sent_twice(service: Service, tmp_path: Path, where: str, number: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILL, str(tmp_path), where, str(number)], check=False, timeout=60)
    assert done.returncode == -9
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4
    assert not list((tmp_path / "jobs").rglob("*.tmp"))


def test_a_job_that_may_have_been_sent_is_not_sent_again(service: Service, tmp_path: Path) -> None:
    """Where the service keeps no tags, the user says what became of it."""
    service.tags = False
    service.after = once(1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(remote(service, tmp_path / "jobs"))
    with pytest.raises(DataError, match=r"HQ0879.*may have been sent\n.*\n.*hepqc jobs adopt"):
        run(remote(service, tmp_path / "jobs"))
    ledger = Ledger(tmp_path / "jobs")
    (pending,) = (r for r in ledger.records() if r.state is State.prepared)
    ledger.put(pending.now(state=State.submitted, job="001"))
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


def test_an_interrupt_leaves_jobs_to_be_fetched(service: Service, tmp_path: Path) -> None:
    told: list[str] = []
    made = remote(service, tmp_path / "jobs")
    made.tell = told.append
    service.asked = lambda job: once(0, KeyboardInterrupt())(0)
    with pytest.raises(KeyboardInterrupt):
        run(made)
    assert "interrupted; 4 jobs go on at test:chip" in told[-1]
    service.asked = lambda job: None
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


def test_a_refused_job_does_not_lose_the_others(service: Service, tmp_path: Path) -> None:
    service.before = once(1, Refused("shots must be below 20000"))
    with pytest.raises(DataError, match=r"HQ0874.*refused 1 of 4 jobs\n  rows 2 to 3: shots must") as caught:
        run(remote(service, tmp_path / "jobs"))
    assert "3 finished jobs are in the ledger" in str(caught.value)
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


@pytest.mark.parametrize("end", [Report(Status.failed, "QPU recalibrating"), Report(Status.cancelled)])
def test_a_failed_job_is_sent_again_by_the_next_run(service: Service, tmp_path: Path, end: Report) -> None:
    service.failing = {2: end}
    with pytest.raises(DataError, match=rf"HQ0882.*1 of 4 jobs.*\n  rows 4 to 5: {end.status}"):
        run(remote(service, tmp_path / "jobs"))
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 5


def test_a_job_that_the_service_forgot_is_told_and_sent_again(service: Service, tmp_path: Path) -> None:
    service.asked = lambda job: once(0, KeyboardInterrupt())(0)
    with pytest.raises(KeyboardInterrupt):
        run(remote(service, tmp_path / "jobs"))
    service.asked = lambda job: None
    service.jobs()[0].unlink()
    with pytest.raises(DataError, match="no longer knows the job"):
        run(remote(service, tmp_path / "jobs"))
    (tmp_path / "service/000.json").write_text("{}")  # the number stays taken
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())


def test_pauses_grow_and_a_wish_for_patience_is_granted(service: Service, tmp_path: Path) -> None:
    slept: list[float] = []
    troubles: list[Exception] = [Transient("busy"), Transient("busy"), Transient("too many", wait=17.0)]

    def trouble(number: int) -> None:
        if troubles:
            raise troubles.pop(0)

    service.before = trouble
    run(remote(service, tmp_path / "jobs", patience=Patience(pause=8.0, sleep=slept.append)))
    assert 4 <= slept[0] <= 8 <= slept[1] <= 16
    assert slept[2] == 17.0


def test_patience_ends(service: Service, tmp_path: Path) -> None:
    def silent(number: int) -> None:
        raise Transient("HTTP 503")

    service.before = silent
    with pytest.raises(DataError, match=r"HQ0875.*does not answer\n  6 tries, the last: HTTP 503"):
        run(remote(service, tmp_path / "jobs"))
    assert Ledger(tmp_path / "jobs").records() == []  # it surely was not sent
    service.before = lambda n: None
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())


def test_a_broken_connection_does_not_send_twice(service: Service, tmp_path: Path) -> None:
    service.after = once(1, Transient("connection reset", sent=True))
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


def test_no_access(service: Service, tmp_path: Path) -> None:
    service.before = once(0, Denied("no API token"))
    with pytest.raises(
        DataError, match=r"HQ0872.*no access to test:chip\n  no API token.*\n  help: `hepqc explain HQ0872`"
    ):
        run(remote(service, tmp_path / "jobs"))


def test_damaged_results_are_fetched_again(service: Service, tmp_path: Path) -> None:
    run(remote(service, tmp_path / "jobs"))
    damaged, gone, *_ = sorted((tmp_path / "jobs/results").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-7] + b"garbage")
    gone.unlink()
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


def test_no_more_jobs_wait_than_may(service: Service, tmp_path: Path) -> None:
    service.limits, service.waits = Limits(circuits=1, pending=3), 2
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert service.most_waiting == 3
    assert len(service.jobs()) == 7


def test_over_budget_nothing_is_sent(service: Service, tmp_path: Path) -> None:
    made = remote(service, tmp_path / "jobs", budget=Budget(seconds=20, circuits=10))
    run(made)
    assert made.spent.circuits == 7
    with pytest.raises(DataError, match=r"HQ0873.*exceeded: circuits\n") as caught:
        run(made, seed=2)
    assert ["circuits", "7", "7", "10"] in [text.split() for text in str(caught.value).splitlines()]
    assert len(service.jobs()) == 4
    run(made)  # what is on disk costs nothing


def test_limits_of_shots_and_executions(service: Service, tmp_path: Path) -> None:
    service.limits = Limits(shots=500)
    with pytest.raises(DataError, match="at most 500 shots"):
        run(remote(service, tmp_path / "jobs"))
    service.limits = Limits(executions=3 * SHOTS + 1)
    run(remote(service, tmp_path / "jobs"))
    assert len(service.jobs()) == 3


def test_stale_calibration(service: Service, tmp_path: Path) -> None:
    service.date = datetime(2026, 1, 3, tzinfo=UTC)  # the device's figures are of January 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(remote(service, tmp_path / "jobs", stale=timedelta(days=2)))
    with pytest.warns(CalibrationWarning, match="as of 2026-01-01, the device was last calibrated on 2026-01-03"):
        run(remote(service, tmp_path / "jobs", stale=timedelta(days=1)), seed=2)
    with pytest.raises(DataError, match="HQ0876"):
        run(remote(service, tmp_path / "jobs", stale=timedelta(days=1), strict=True), seed=3)
    assert len(service.jobs()) == 8
    assert Ledger(tmp_path / "jobs").records()[0].calibrated == "2026-01-03T00:00:00+00:00"


def test_two_processes_send_a_job_once(service: Service, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.runtime.quantum.backends import test_remote as t\n"
        "from tests.support import service\n"
        f"t.run(t.remote(service.Service(Path({str(service.folder)!r})), Path({str(tmp_path / 'jobs')!r})))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [p.wait(60) for p in both] == [0, 0]
    assert len(service.jobs()) == 4


def test_what_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"HQ0878.*is not a job ledger\n  it holds files"):
        Ledger(tmp_path)
    with pytest.raises(DataError, match="there is none"):
        Ledger(tmp_path / "none", create=False)
    ledger = Ledger(tmp_path / "jobs")
    (tmp_path / "jobs/records/ab.json").write_text("{")
    with pytest.raises(DataError, match="HQ0878"):
        ledger.records()


def test_a_full_disk_loses_nothing(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = remote(service, tmp_path / "jobs")
    write = Ledger._write

    def full(self: Ledger, path: Path, data: bytes) -> None:
        if path.suffix == ".npz":
            with self._writing():
                raise OSError(28, "No space left on device")
        write(self, path, data)

    monkeypatch.setattr(Ledger, "_write", full)
    with pytest.raises(DataError, match=r"HQ0878.*is full\n.*what is recorded is safe"):
        run(made)
    monkeypatch.undo()
    np.testing.assert_allclose(run(remote(service, tmp_path / "jobs")), expected())
    assert len(service.jobs()) == 4


def test_backends_go_to_other_processes(tmp_path: Path) -> None:
    from hepq.runtime.quantum.backends.named import backend

    made = backend("ibm", device=line(2).model_copy(update={"name": "ibm:torino"}), ledger=tmp_path / "jobs")
    again = pickle.loads(pickle.dumps(made))
    assert again.name == made.name == "ibm:ibm_torino"


def test_estimates_count_jobs(service: Service, tmp_path: Path) -> None:
    made = remote(service, tmp_path / "jobs")
    wanted = made.estimate(TASK, 7, SHOTS)
    shot = 2 * 3e-8 + 1e-6 + 1e-4  # two sx, readout, rest
    assert (wanted.circuits, wanted.shots, wanted.jobs) == (7, 7000, 4)
    assert wanted.seconds == pytest.approx(4 * 2.0 + 7000 * shot)
    assert partial(run, made)().shape == (7, 2)
    assert made.spent == wanted
