# SPDX-License-Identifier: Apache-2.0
"""A fit in words: tables of its parameters, of the events expected, of limits; and its notes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from io import StringIO

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from hepq.runtime.analysis.fits.fitted import BAND, Fitted, Yields

_KINDS = {"variation": "variation", "rate": "log-normal"}


def shown(made: Fitted) -> Group:
    """All of it."""
    return Group(*parameters(made), channels(made), *goodness(made), *limits(made), *notes(made))


def parameters(made: Fitted) -> Iterator[Table]:
    """Strengths; then pulls. Statistics of bins are summed up in a line of the latter."""
    against = "the expected events (Asimov)" if made.asimov else "data"
    free = [p for p in made.parameters if p.kind == "strength"]
    if free:
        shown = Table(title=f"{made.name}: rates fitted to {against}", title_justify="left", box=None)
        shown.add_column("parameter")
        shown.add_column("fitted", justify="right")
        for p in free:
            interest = "  of interest" if p.name == made.poi else ""
            shown.add_row(p.name, f"{p.value:.4g} ± {p.error:.2g}", interest)
        yield shown
    shown = Table(title=f"{made.name}: pulls", title_justify="left", box=None)
    for title in ("parameter", "kind"):
        shown.add_column(title)
    for title in ("pull [σ]", "constraint [σ]", *([f"moves {made.poi} by"] if made.poi else [])):
        shown.add_column(title, justify="right")
    for p in made.pulled:
        impact = made.impact(p.name)
        moved = [] if impact is None else [f"{impact:+.2g}"]
        shown.add_row(p.name, _KINDS[p.kind], f"{p.pull:+.3f}", f"{p.constraint:.3f}", *moved)
    bins = [p for p in made.parameters if p.kind == "statistics" and not p.fixed]
    if bins:
        worst = max(bins, key=lambda p: abs(p.pull or 0.0))
        numbers = (f"{worst.pull:+.3f}", f"{worst.constraint:.3f}")
        shown.add_row(f"statistics of {len(bins)} bins", "largest pull", *numbers)
    if shown.rows:
        yield shown


def channels(made: Fitted) -> Table:
    """Events before and after the fit."""
    shown = Table(title=f"{made.name}: events", title_justify="left", box=None)
    shown.add_column("channel")
    for title in ("", "before", "after"):
        shown.add_column(title, justify="right" if title else "left")
    for channel in made.channels:
        shown.add_row(channel.title, "observed", "", f"{channel.data.sum():,.6g}")
        for source in channel.before.sources:
            shown.add_row("", source, *(f"{y.sources[source].sum():,.6g}" for y in (channel.before, channel.after)))
        shown.add_row("", "expected", *(_total(y) for y in (channel.before, channel.after)))
    return shown


def goodness(made: Fitted) -> Iterator[Text]:
    if (found := made.goodness) is not None:
        of = "" if math.isnan(found.p) else f", p = {found.p:.2g}"
        yield Text(f"goodness of fit: χ² {found.value:.4g} of {found.degrees} degrees of freedom{of} (saturated model)")


def limits(made: Fitted) -> Iterator[Table]:
    if (limit := made.limit) is None:
        return
    title = f"{made.name}: upper limits on {made.poi}, CLs at {limit.level:.0%}"
    shown = Table(title=title, title_justify="left", box=None)
    for name in ("observed", *(f"expected {one}" for one in BAND)):
        shown.add_column(name, justify="right")
    shown.add_row(f"{limit.observed:.4g}", *(f"{one:.4g}" for one in limit.expected))
    yield shown


def notes(made: Fitted) -> Iterator[Text]:
    yield from (Text(f"note: {note}") for note in made.notes)


def _total(yields: Yields) -> str:
    return f"{math.fsum(yields.total.tolist()):,.6g}"


def words(made: Fitted) -> str:
    """The same as plain text."""
    text = StringIO()
    Console(file=text, width=400, color_system=None, highlight=False).print(shown(made))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
