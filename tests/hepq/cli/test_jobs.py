# SPDX-License-Identifier: Apache-2.0
"""`hepqc jobs`: what the ledger knows, fetched, cancelled, adopted, forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hepq.cli.jobs import app
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends import named
from hepq.runtime.quantum.clients.base import Client
from hepq.runtime.quantum.jobs.ledger import Ledger, State
from tests.runtime.quantum.backends.test_remote import expected, remote, run
from tests.support.service import Service


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four jobs sent, none fetched."""
    monkeypatch.setenv("COLUMNS", "250")
    (tmp_path / "service").mkdir()
    service = Service(tmp_path / "service")

    def client(name: str) -> Client:
        assert name == "test:chip"
        return service

    monkeypatch.setattr(named, "client", client)

    def interrupt(job: str) -> None:
        raise KeyboardInterrupt

    service.asked = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(remote(service, tmp_path / "jobs"))
    service.asked = lambda job: None
    return tmp_path / "jobs"


def call(*words: str, ledger: Path) -> str:
    done = CliRunner().invoke(app, [*words, "--ledger", str(ledger)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def states(ledger: Path) -> list[State]:
    return [r.state for r in Ledger(ledger).records()]


def test_list(ledger: Path) -> None:
    rows = [line.split() for line in call("list", ledger=ledger).splitlines()]
    keys = [r.key[:12] for r in Ledger(ledger).records()]
    assert [row[:4] for row in rows[1:]] == [
        [k, "test:chip", f"{Ledger(ledger).find(k).job}", "submitted"] for k in keys
    ]
    assert rows[0][:4] == ["key", "service", "job", "state"]


def test_fetch_then_run_needs_the_service_no_more(ledger: Path) -> None:
    one = Ledger(ledger).records()[0].key
    assert "done" in call("fetch", one[:6], ledger=ledger)
    assert sorted(states(ledger)) == [State.done, *[State.submitted] * 3]
    call("fetch", ledger=ledger)
    assert states(ledger) == [State.done] * 4
    gone = Service(ledger.parent / "service", asked=pytest.fail)
    np.testing.assert_allclose(run(remote(gone, ledger)), expected())


def test_cancel(ledger: Path) -> None:
    one = Ledger(ledger).records()[0]
    assert call("cancel", one.key[:8], ledger=ledger) == f"{one.key[:12]} cancelled\n"
    assert Ledger(ledger).find(one.key).why == "cancelled"
    assert len(list((ledger.parent / "service").iterdir())) == 3
    assert "nothing to cancel" in call("cancel", one.key, ledger=ledger)


def test_adopt_and_forget(ledger: Path) -> None:
    held = Ledger(ledger)
    one, other, *_ = held.records()
    held.put(one.now(state=State.prepared, job=None))
    call("adopt", one.key[:8], "T7", ledger=ledger)
    assert (held.find(one.key).job, held.find(one.key).state) == ("T7", State.submitted)
    with pytest.raises(DataError, match="is submitted, not a job whose id is missing"):
        call("adopt", other.key, "T8", ledger=ledger)
    call("forget", one.key, other.key, ledger=ledger)
    assert len(held.records()) == 2


def test_keys_must_be_one_jobs(ledger: Path) -> None:
    with pytest.raises(DataError, match=r"HQ0883.*no job zz… in the ledger"):
        call("fetch", "zz", ledger=ledger)
    with pytest.raises(DataError, match="4 jobs …"):
        call("forget", "", ledger=ledger)


def test_a_user_without_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEPQ_JOBS", str(tmp_path / "none"))
    assert CliRunner().invoke(app, ["list"]).output == "no jobs\n"
