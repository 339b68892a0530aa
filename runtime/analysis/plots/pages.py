# SPDX-License-Identifier: Apache-2.0
"""Which pictures there are of a result and of a fit, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hepq.runtime.analysis.fits.fitted import Fitted
from hepq.runtime.analysis.plots import fits, flows, maps, stack, variations
from hepq.runtime.analysis.plots.histograms import stack as stacked
from hepq.runtime.analysis.plots.histograms import views, wanted
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.writers.names import identifiers
from hepq.runtime.files import check_folder
from hepq.runtime.report.picture import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: of axes, the most that a picture shows
_MOST = 2


@dataclass(frozen=True)
class Page:
    """``name``: of its file, without ending. ``size``: inches."""

    name: str
    size: tuple[float, float]
    draw: Callable[[Figure], None]


def of_result(
    result: Result, patterns: Sequence[str] = (), log: bool = False, varied: bool = False
) -> tuple[list[Page], list[str]]:
    """Pictures of the histograms that ``patterns`` name, with their variations one by one if they are ``varied``;
    without patterns, of all histograms and of cut flows. And what there is no picture of, in words.

    Raises DataError HQ0966.
    """
    pages: list[Page] = []
    left_out: list[str] = []
    for histogram in wanted(result, patterns):
        for view in views(histogram):
            if len(view.axes) > _MOST:
                left_out.append(f"{view.title} has {len(view.axes)} axes, and a picture at most {_MOST}")
            elif len(view.axes) == _MOST:
                width, height = maps.SIZE
                size = (width * len(maps.panels(result)), height)
                pages.append(Page(view.title, size, partial(maps.draw, result, view)))
            else:
                pages.append(Page(view.title, stack.SIZE, partial(stack.draw, stacked(result, view), log=log)))
                grids = list(variations.pages(result, view)) if varied else []
                for i, grid in enumerate(grids):
                    number = f"_{i + 1}" if len(grids) > 1 else ""
                    draw = partial(variations.draw, result, view, grid)
                    pages.append(Page(f"{view.title}.variations{number}", variations.size(grid), draw))
    for region in () if patterns else result.regions:
        for what, one in (("cutflow", flows.cut_flow), ("n_minus_one", flows.n_minus_one)):
            made = one(result, region)
            if made is not None:
                name = f"{region or result.analysis.name}.{what}"
                pages.append(Page(name, stack.SIZE, partial(stack.draw, made, log=log or what == "cutflow")))
    return pages, left_out


def of_fit(made: Fitted, log: bool = False) -> list[Page]:
    """Pulls, if anything is constrained; each channel before and after."""
    pages = [Page(f"{made.name}.pulls", fits.size(made), partial(fits.pulls, made))] if made.pulled else []
    for channel in made.channels:
        for when in ("before", "after"):
            drawn = fits.channel(made, channel, when)
            pages.append(Page(f"{made.name}.{channel.name}.{when}", stack.SIZE, partial(stack.draw, drawn, log=log)))
    return pages


def write(pages: Sequence[Page], folder: Path, ending: str = ".png") -> Iterator[Path]:
    """Each page as a file of the folder, which is made; their names are identifiers. Raises DataError HQ0817."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    called = identifiers(page.name for page in pages)
    for page in pages:
        path = folder / f"{called[page.name]}{ending}"
        write_one(page, path)
        yield path


def write_one(page: Page, path: Path) -> None:
    """Raises DataError HQ0817."""
    with picture(path, page.size) as figure:
        page.draw(figure)
