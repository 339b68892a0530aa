# SPDX-License-Identifier: Apache-2.0
"""What `--bisect` says: the stages that agree with the reference, and where the first that does not goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hepq.cli.shared.console import out

if TYPE_CHECKING:
    from hepq.compiler.driver.bisect import Bisection


def show(found: Bisection) -> typer.Exit:
    """Print it; the exit status is 1 where something differs."""
    console = out()
    for stage in found.agree:
        console.print(f"agrees   {stage}", markup=False)
    wrong = found.difference
    if wrong is None:
        console.print(f"all agree with the reference on {found.events} golden events", markup=False)
        return typer.Exit(0)
    console.print(f"differs  {wrong.stage}: {wrong.found}", markup=False)
    if (span := wrong.span) is not None:
        line, _ = span.source.line_col(span.start)
        console.print(f"         {span}: {span.source.line(line).strip()}", markup=False)
    return typer.Exit(1)
