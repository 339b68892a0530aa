# SPDX-License-Identifier: Apache-2.0
"""`hepqc plot`: pictures of a result."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.analyses.opened import ResultFile, opened
from hepq.cli.shared.console import err, example, out

if TYPE_CHECKING:
    from hepq.runtime.analysis.plots.pages import Page


class Ending(StrEnum):
    png = "png"
    svg = "svg"
    pdf = "pdf"


@example(
    "hepqc plot TTbar -o pictures                 # of all histograms and cut flows, into a folder",
    "hepqc plot TTbar r4j1b.ht -o ht.pdf          # of one histogram",
    "hepqc plot TTbar 'r4j1b.*' --log --variations -o pictures",
)
def plot(
    result: ResultFile,
    histograms: Annotated[
        list[str] | None,
        typer.Argument(help="Histograms by their names, REGION.NAME; * is any text. All, if none is named."),
    ] = None,
    to: Annotated[
        Path, typer.Option("--out", "-o", help="A folder, or of one picture its file: [.png], [.svg] or [.pdf].")
    ] = Path("pictures"),
    ending: Annotated[Ending, typer.Option("--format", help="Of the pictures in a folder.")] = Ending.png,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic in events. Cut flows always are.")] = False,
    variations: Annotated[
        bool, typer.Option("--variations", help="Also draw each variation beside the nominal one.")
    ] = False,
) -> None:
    """Draw what an analysis gave: simulated sources stacked, their uncertainty as a band, data as points, the ratio.

    The band is of the number of simulated events and of all variations, added in squares; those that go one way widen
    it on one side. Without HISTOGRAM cut flows are drawn too, and what each cut alone takes away. What is in underflows
    and overflows stands in the picture.
    """
    made = opened(result)
    from hepq.runtime.analysis.plots.pages import of_result

    pages, left_out = of_result(made, histograms or (), log, variations)
    for line in left_out:
        err().print(f"not drawn: {line}", markup=False, soft_wrap=True)
    written(pages, to, ending)


def written(pages: list[Page], to: Path, ending: str, quiet: bool = False) -> None:
    """Says which files, unless ``quiet``. ``to`` is a file, of one page, if it has the ending of a picture."""
    from hepq.core.errors import DataError
    from hepq.runtime.analysis.plots.pages import write, write_one
    from hepq.runtime.report.picture import FORMATS

    if to.suffix in FORMATS:
        if len(pages) != 1:
            why = f"there are {len(pages)}: {', '.join(page.name for page in pages[:6])}{' …' * (len(pages) > 6)}"
            raise DataError("HQ0817", f"{to} is a file of one picture", why, "name a folder, or one histogram")
        write_one(pages[0], to)
        made = [to]
    else:
        made = list(write(pages, to, f".{ending}"))
    for path in made if not quiet else ():
        out().print(str(path), markup=False)
