# SPDX-License-Identifier: Apache-2.0
"""What is seen of a training: a live table, a CSV log, pictures."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.files import replacing

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

History = Sequence[Mapping[str, float]]
#: what is shown of an epoch, where it is known; the log has all
COLUMNS = ("epoch", "loss", "validation", "accuracy", "auc", "rejection50", "rate", "seconds")
SHOWN = 12


class Watch:
    """Is told what training does; this one only keeps the log, if a path is given."""

    def __init__(self, log: Path | None = None) -> None:
        self.log = log

    def begin(self, history: History, epochs: int, resumed: Path | None = None) -> None:
        """``history``: what was done before, as the folder ``resumed``, if it is to be resumed, has it."""

    def part(self, words: str) -> None:
        """One of several trainings begins."""

    def step(self, done: int, total: int) -> None:
        """``done`` of the epoch's ``total`` events (or of the kernel matrix's entries) are through."""

    def epoch(self, history: History) -> None:
        """An epoch is over; its row is the last of ``history``."""
        if self.log is not None:
            write_log(self.log, history)

    def close(self) -> None:
        """Training is over."""


class Live(Watch):
    """A table that grows on a terminal; a line for each epoch elsewhere."""

    def __init__(self, console: Console, log: Path | None = None) -> None:
        from rich.live import Live as RichLive

        super().__init__(log)
        self.console = console
        self._history: History = ()
        self._done, self._total, self._epochs, self._start = 0, 1, 0, time.perf_counter()
        self._live = RichLive(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        if self._live is not None:
            self._live.start()

    def begin(self, history: History, epochs: int, resumed: Path | None = None) -> None:
        self._history, self._epochs = history, epochs
        if history:
            self.console.print(f"resumed after epoch {len(history)}")
        elif resumed is not None:
            self.console.print(f"no training to resume in {resumed}: it begins anew", markup=False, soft_wrap=True)

    def part(self, words: str) -> None:
        self.console.print(words)

    def step(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        if self._live is not None:
            self._live.update(self._shown())

    def epoch(self, history: History) -> None:
        super().epoch(history)
        self._history, self._done = history, 0
        if self._live is not None:
            self._live.update(self._shown())
        else:
            row = history[-1]
            self.console.print(
                "  ".join(f"{name} {_text(name, row[name])}" for name in COLUMNS if name in row), soft_wrap=True
            )

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            if self._history:
                self.console.print(self._table(len(self._history)))

    def _shown(self) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar

        bar = ProgressBar(total=self._total, completed=self._done, width=40)
        return Group(self._table(SHOWN), bar) if self._history else bar

    def _table(self, rows: int) -> RenderableType:
        from rich.table import Table

        best = min((r["validation"] for r in self._history), default=None)
        columns = [name for name in COLUMNS if name in self._history[-1]]
        table = Table(*columns, box=None)
        for column in table.columns:
            column.justify = "right"
        for row in self._history[-rows:]:
            cells = [_text(name, row[name]) for name in columns]
            table.add_row(*cells, style="bold" if row["validation"] == best else "")
        return table


def _text(name: str, value: float) -> str:
    return _FORMATS.get(name, "{:.4f}").format(value)


_FORMATS = {"epoch": "{:.0f}", "rate": "{:.3g}", "rejection50": "{:.0f}", "seconds": "{:.1f}"}


def write_log(path: Path, history: History) -> None:
    """CSV, a row for each epoch."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[-1]))
        writer.writeheader()
        writer.writerows(history)


def pictures(folder: Path, name: str, scores: NDArray[np.float64], is_signal: NDArray[np.bool_],
             classes: tuple[str, str], weights: NDArray[np.float64]) -> tuple[Path, Path]:  # fmt: skip
    """``roc.png`` and ``scores.png`` of scores [events] that are weighed; ``classes``: signal's name and background's.

    Events whose score is NaN are in neither; a histogram's errors are sqrt(Σ w²).
    """
    import matplotlib
    import mplhep
    from matplotlib.figure import Figure

    from hepq.runtime.report.metrics import roc_picture

    folder.mkdir(parents=True, exist_ok=True)
    roc = roc_picture({name: (scores, is_signal, weights)}, folder / "roc.png")
    known = np.isfinite(scores)
    scores, is_signal, weights = scores[known], is_signal[known], weights[known]
    with matplotlib.rc_context(mplhep.style.CMS):
        figure = Figure(figsize=(9, 8), layout="constrained")
        axes = figure.subplots()
        edges = np.histogram_bin_edges(scores, 30)
        for label, mask in zip(classes, (is_signal, ~is_signal), strict=True):
            counts, _ = np.histogram(scores[mask], edges, weights=weights[mask])
            squares, _ = np.histogram(scores[mask], edges, weights=weights[mask] ** 2)
            mplhep.histplot(counts, edges, ax=axes, yerr=np.sqrt(squares), label=label)
        axes.set(xlabel="Score", ylabel="Events, weighted", title=name)
        axes.legend()
        with replacing(folder / "scores.png") as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    return roc, folder / "scores.png"
