# SPDX-License-Identifier: Apache-2.0
"""Quafu's client against a local server that behaves as the service does, troubles included."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import qasm2
from qiskit.quantum_info import Statevector

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.clients.base import Denied, Lost, Unreadable
from hepq.runtime.quantum.clients.quafu import Quafu
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.jobs.ledger import Ledger, State
from hepq.runtime.quantum.jobs.retry import Patience
from tests.runtime.quantum.clients import quafu_server
from tests.runtime.quantum.clients.quafu_server import TOKEN
from tests.support.qiskit_native import compiled, line, zz_kernel

SOURCE = zz_kernel(3)
DEVICE: Device = line(4).model_copy(update={"one_qubit": ("rx", "ry", "rz"), "name": "quafu:baihua"})
TASK = Task(SOURCE, compiled(SOURCE, DEVICE, [2, 1, 0]))
VALUES = np.random.default_rng(0).uniform(0, 6, (3, SOURCE.slots))
SHOTS = 10_000


def exactly(qasm: str, shots: int) -> dict[str, int]:
    """Every string's chance times shots; Quafu writes the first classical bit first."""
    circuit = qasm2.loads(qasm, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    measured = {circuit.find_bit(i.clbits[0]).index: circuit.find_bit(i.qubits[0]).index
                for i in circuit.data if i.operation.name == "measure"}  # fmt: skip
    circuit.remove_final_measurements()
    chances = Statevector(circuit).probabilities([measured[c] for c in sorted(measured)])
    return {f"{i:0{len(measured)}b}"[::-1]: round(p * shots) for i, p in enumerate(chances) if round(p * shots)}


@pytest.fixture
def service() -> Iterator[tuple[quafu_server.Quafu, str]]:
    made = quafu_server.Quafu(exactly)
    server, url = quafu_server.serve(made)
    yield made, url
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUAFU_API_TOKEN", TOKEN)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def remote(url: str, ledger: Path, **options: Any) -> Remote:
    patience = Patience(sleep=lambda s: None)
    given: dict[str, Any] = {"stale": timedelta(days=5), "patience": patience, "tell": lambda text: None, **options}
    return Remote(Quafu("baihua", url), DEVICE, Ledger(ledger), **given)


def test_kernels_come_back(service: tuple[quafu_server.Quafu, str], tmp_path: Path) -> None:
    found = remote(service[1], tmp_path / "jobs").run(TASK, VALUES, SHOTS)
    expected = Exact().run(Task(SOURCE), VALUES, 1)
    np.testing.assert_allclose(found.probabilities(), expected.probabilities(), atol=1e-3)
    tasks = service[0].tasks
    assert [(t["selected_server"], t["compile"], t["qubits"]) for t in tasks] == [("9", "0", "4")] * 3
    assert all("qreg q[4]" in t["qtasm"] and "cz q[" in t["qtasm"] for t in tasks)
    assert {r.calibrated for r in Ledger(tmp_path / "jobs").records()} == {"2026-01-03T08:00:00+00:00"}


def test_the_token_is_in_nothing_that_is_written(
    service: tuple[quafu_server.Quafu, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    made, told = remote(service[1], tmp_path / "jobs"), list[str]()
    made.tell = told.append
    made.run(TASK, VALUES[:1], SHOTS)
    monkeypatch.setenv("QUAFU_API_TOKEN", other := "revoked-token-77aa")
    with pytest.raises(DataError, match=r"HQ0872.*no access to quafu:baihua\n  api token \*\*\*") as caught:
        remote(service[1], tmp_path / "jobs").run(TASK, VALUES[1:], SHOTS)
    assert caught.value.__cause__ is None
    written = b"".join(p.read_bytes() for p in (tmp_path / "jobs").rglob("*") if p.is_file())
    for secret in (TOKEN, other):
        assert secret.encode() not in written
        assert secret not in "".join([*told, str(caught.value), caplog.text, repr(made)])


def test_a_refused_task(service: tuple[quafu_server.Quafu, str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"HQ0874.*refused 1 of 1 jobs\n  rows 0 to 0: shots must be below 20000"):
        remote(service[1], tmp_path / "jobs").run(TASK, VALUES[:1], 30_000)


def test_an_unknown_chip(service: tuple[quafu_server.Quafu, str], tmp_path: Path) -> None:
    made = remote(service[1], tmp_path / "jobs")
    made.client = Quafu("baihau", service[1])
    with pytest.raises(DataError, match=r'no chip baihau\. did you mean "Baihua"'):
        made.run(TASK, VALUES[:1], SHOTS)


def test_rate_limits_are_waited_out(service: tuple[quafu_server.Quafu, str], tmp_path: Path) -> None:
    left, slept = [1, 1], list[float]()

    def limited(path: str, fields: dict[str, str]) -> Any:
        return (429, {"Retry-After": "7", "Content-Length": "0"}, b"") if left and left.pop() else None

    service[0].trouble = limited
    made = remote(service[1], tmp_path / "jobs", patience=Patience(sleep=slept.append))
    made.run(TASK, VALUES[:1], SHOTS)
    assert slept[:2] == [7.0, 7.0]


@pytest.mark.parametrize("body", [b'{"status": 2, "res": "{\'00', b"<html>gateway</html>", b"[]", b""])
def test_truncated_answers_to_looks_are_asked_for_again(
    service: tuple[quafu_server.Quafu, str], tmp_path: Path, body: bytes
) -> None:
    left = [1]

    def truncated(path: str, fields: dict[str, str]) -> Any:
        return (200, {"Content-Length": str(len(body))}, body) if "recall" in path and left and left.pop() else None

    service[0].trouble = truncated
    found = remote(service[1], tmp_path / "jobs").run(TASK, VALUES[:1], SHOTS)
    assert found.zero()[0] == pytest.approx(Exact().run(Task(SOURCE), VALUES[:1], 1).zero()[0], abs=1e-3)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(200, {"Content-Length": "500"}, b'{"task'), (200, {"Content-Length": "6"}, b'{"task'), (500, {}, b"")],
    ids=["cut off", "no JSON", "server error"],
)
def test_a_task_that_may_have_been_taken_is_not_sent_again(
    service: tuple[quafu_server.Quafu, str], tmp_path: Path, status: int, headers: dict[str, str], body: bytes
) -> None:
    def lost(path: str, fields: dict[str, str]) -> Any:
        if "asyc" not in path:
            return None
        service[0].answer(path, fields, TOKEN)  # it was taken
        return status, headers, body

    service[0].trouble = lost
    for _ in range(2):
        with pytest.raises(DataError, match="HQ0879"):
            remote(service[1], tmp_path / "jobs").run(TASK, VALUES[:1], SHOTS)
    assert len(service[0].tasks) == 1
    ledger = Ledger(tmp_path / "jobs")
    (record,) = ledger.records()
    ledger.put(record.now(state=State.submitted, job="T1"))
    service[0].trouble = lambda path, fields: None
    assert remote(service[1], tmp_path / "jobs").run(TASK, VALUES[:1], SHOTS).qubits == 3
    assert len(service[0].tasks) == 1


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"HQ0875.*\n  6 tries, the last: .*refused"):
        remote("http://127.0.0.1:1/", tmp_path / "jobs").run(TASK, VALUES[:1], SHOTS)


def test_the_token_follows_no_redirect(service: tuple[quafu_server.Quafu, str], tmp_path: Path) -> None:
    elsewhere, asked = quafu_server.Quafu(exactly), list[str]()
    elsewhere.trouble = lambda path, fields: asked.append(path)
    server, url = quafu_server.serve(elsewhere)
    service[0].trouble = lambda path, fields: (302, {"Location": url + path[1:], "Content-Length": "0"}, b"")
    with pytest.raises(Exception, match="302"):
        Quafu("baihua", service[1]).calibrated()
    server.shutdown()
    server.server_close()
    assert asked == []


def test_answers_that_make_no_sense(service: tuple[quafu_server.Quafu, str]) -> None:
    client = Quafu("baihua", service[1])
    with pytest.raises(Lost):
        client.report("T99")
    service[0].tasks.append({"looks": 9, "qtasm": "", "shots": "1"})
    for counts in ({"0000": 3}, {"01x": 3}, {}, {"000": -1}):
        service[0].run = lambda qasm, shots, counts=counts: counts  # type: ignore[misc]
        with pytest.raises(Unreadable):
            client.result("T1", 3)


def test_credentials_are_read_where_pyquafu_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hepq.runtime.quantum.clients.quafu import URL, credentials

    monkeypatch.delenv("QUAFU_API_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Denied, match="QUAFU_API_TOKEN is not set"):
        credentials()
    (tmp_path / ".quafu").mkdir()
    (tmp_path / ".quafu/api").write_text('{"token": "abc"}')
    assert credentials() == ("abc", URL)
    (tmp_path / ".quafu/api").write_text("abc\nhttps://elsewhere/\n")
    assert credentials() == ("abc", "https://elsewhere/")
    (tmp_path / ".quafu/api").write_text("{")
    with pytest.raises(Denied, match="cannot be read"):
        credentials()


def test_calibration_times(service: tuple[quafu_server.Quafu, str]) -> None:
    assert Quafu("baihua", service[1]).calibrated() == datetime(2026, 1, 3, 8, tzinfo=UTC)
