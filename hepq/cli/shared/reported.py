# SPDX-License-Identifier: Apache-2.0
"""`--report FILE.json`, and the same account in words, of every command that reads events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import out

if TYPE_CHECKING:
    from hepq.runtime.events.report import Report

ReportFile = Annotated[
    Path | None,
    typer.Option("--report", help="Write what became of the events, and all metrics, to this [.json] file."),
]


def check_report(path: Path | None) -> None:
    """Raises DataError HQ0817 where it could not be written, before anything is computed."""
    if path is not None:
        from hepq.runtime.files import check_writable

        check_writable(path, (".json",), "a report is written as .json")


def write_report(path: Path | None, report: Report | Mapping[str, Report], command: str) -> None:
    if path is not None:
        from hepq.runtime.events.report import save

        save(path, report, command)


def show_report(report: Report, of: str = "") -> None:
    """All that is out of the ordinary, and what the metrics are of: a line each. ``of``: which set of events."""
    from hepq.runtime.events.report import words

    for line in words(report):
        out().print(f"  {of}{line}", markup=False)
