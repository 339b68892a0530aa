# SPDX-License-Identifier: Apache-2.0
"""`hepqc jobs`: what was sent to quantum services, as the ledger knows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import err, examples, out

if TYPE_CHECKING:
    from hepq.runtime.quantum.jobs.ledger import Ledger, Record

app = typer.Typer(no_args_is_help=True, help="Jobs sent to quantum services: list, fetch, cancel.")
Where = Annotated[
    Path | None, typer.Option("--ledger", help="The ledger's directory; by default the user's own ($HEPQ_JOBS).")
]
Keys = Annotated[list[str], typer.Argument(help="Keys of jobs, or their beginnings.", metavar="KEY...")]
Key = Annotated[str, typer.Argument(help="The job's key, or its beginning.")]
_STYLES = {"prepared": "yellow", "submitted": "cyan", "done": "green", "failed": "red"}


@app.command("list", epilog=examples("hepqc jobs list", "hepqc jobs list --ledger run7/jobs"))
def list_(ledger: Where = None) -> None:
    """List every job: where it was sent, what it holds, how it fares."""
    _show(_ledger(ledger).records())


@app.command(epilog=examples("hepqc jobs fetch          # all that wait", "hepqc jobs fetch 1f0c64"))
def fetch(
    keys: Annotated[list[str] | None, typer.Argument(help="Keys of jobs; by default all that wait.")] = None,
    ledger: Where = None,
) -> None:
    """Ask the services for finished jobs and store what they gave."""
    from hepq.runtime.quantum.backends.named import client
    from hepq.runtime.quantum.jobs.job_sender import fetch as fetch_job
    from hepq.runtime.quantum.jobs.ledger import State
    from hepq.runtime.quantum.jobs.retry import Patience

    held, patience = _ledger(ledger), Patience()
    wanted = [held.find(k) for k in keys] if keys else held.records()
    done = []
    with err().status("fetching") as status:
        for record in (r for r in wanted if r.state is State.submitted):
            status.update(f"fetching {record.key[:12]} from {record.client}")
            done.append(fetch_job(client(record.client), held, record, patience))
    _show(done)


@app.command(epilog=examples("hepqc jobs cancel 1f0c64"))
def cancel(keys: Keys, ledger: Where = None) -> None:
    """Cancel jobs that wait at a service."""
    from functools import partial

    from hepq.core.errors import DataError
    from hepq.runtime.quantum.backends.named import client
    from hepq.runtime.quantum.clients.base import ServiceError
    from hepq.runtime.quantum.jobs.ledger import State, utc
    from hepq.runtime.quantum.jobs.retry import Patience

    held = _ledger(ledger)
    for record in [held.find(k) for k in keys]:
        job = record.job
        if record.state is not State.submitted or job is None:
            err().print(f"{record.key[:12]} is {record.state}: nothing to cancel")
            continue
        service = client(record.client)
        try:
            Patience().call(record.client, partial(service.cancel, job))
        except ServiceError as error:
            raise DataError("HQ0874", f"{record.client} did not cancel {record.key[:12]}", str(error)) from None
        held.put(record.now(state=State.failed, why="cancelled", finished=utc()))
        out().print(f"{record.key[:12]} cancelled")


@app.command(epilog=examples("hepqc jobs adopt 1f0c64 6707A5B1   # the id that the service's site shows"))
def adopt(
    key: Key, job: Annotated[str, typer.Argument(help="The id that the service gave it.")], ledger: Where = None
) -> None:
    """Note the id of a job that was sent by a process that was killed before it could."""
    from hepq.core.errors import DataError
    from hepq.runtime.quantum.jobs.ledger import State, utc

    held = _ledger(ledger)
    record = held.find(key)
    if record.state is not State.prepared:
        raise DataError("HQ0883", f"{record.key[:12]} is {record.state}, not a job whose id is missing")
    held.put(record.now(state=State.submitted, job=job, submitted=utc()))
    out().print(f"{record.key[:12]} is {job} at {record.client}")


@app.command(epilog=examples("hepqc jobs forget 1f0c64"))
def forget(keys: Keys, ledger: Where = None) -> None:
    """Remove jobs, and what they gave, from the ledger: the next run sends them again."""
    held = _ledger(ledger)
    for record in [held.find(k) for k in keys]:
        held.forget(record.key)
        out().print(f"{record.key[:12]} forgotten")


def _ledger(path: Path | None) -> Ledger:
    from hepq.runtime.quantum.jobs.ledger import Ledger, default_ledger

    return Ledger(path or default_ledger(), create=path is None)


def _show(records: list[Record]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "service", "job", "state", "circuits", "shots", "sent", "QPU s", "calibration", "", box=None)
    for column in (4, 5, 7):
        table.columns[column].justify = "right"
    for r in records:
        seconds = "" if r.seconds is None else f"{r.seconds:.1f}"
        table.add_row(
            r.key[:12], r.client, r.job or "", Text(r.state, _STYLES[r.state]), f"{r.circuits:,}", f"{r.shots:,}",
            r.submitted or r.created, seconds, r.calibrated or r.compiled_for, Text(r.why),
        )  # fmt: skip
    out().print(table if records else "no jobs")
