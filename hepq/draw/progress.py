# SPDX-License-Identifier: Apache-2.0
"""Progress bars on standard error: of events or evaluations, of a kernel matrix, and of an analysis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from hepq.runtime.chunks.run import Progress as Events
    from hepq.runtime.quantum.kernel.gram import Progress


@contextmanager
def bar(name: str, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """What to tell how much of how many is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), disable=not shown) as shows:
        task = shows.add_task(name, total=None)
        yield lambda done, total: shows.update(task, completed=done, total=total)


@contextmanager
def watched(console: Console, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """What to tell of a matrix's progress; says first what was found in the store."""
    columns = (
        TextColumn("tiles"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    start: list[Progress] = []
    with Bar(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("tiles", total=None, rate="")

        def tell(now: Progress) -> None:
            if not start:
                start.append(now)
                if now.found and not quiet:
                    bar.console.print(f"{now.found:,} of {now.tiles:,} tiles are in the store")
                bar.reset(task, total=now.tiles, completed=now.done, rate="")
                return
            done, seconds = now.values_done - start[0].values_done, now.seconds - start[0].seconds
            bar.update(task, completed=now.done, rate=f"{done / max(seconds, 1e-9):,.0f} values/s")

        yield tell


@contextmanager
def events_bar(quiet: bool) -> Iterator[Callable[[Events], None]]:
    """What to tell of a run of an analysis."""
    columns = (
        TextColumn("events"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Bar(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("events", total=None, rate="")

        def tell(now: Events) -> None:
            events, size = now.rate
            failed = f", {now.failed:,} failed" if now.failed else ""
            rate = f"{events:,.0f} events/s, {size / 1e6:,.0f} MB/s{failed}" if now.done > now.found else failed
            bar.update(task, completed=now.done, total=now.events, rate=rate)

        yield tell
