# SPDX-License-Identifier: Apache-2.0
"""Learning curves: kept while a training runs, drawn afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from hepq.compiler.train.report import History, Watch


class Recorder(Watch):
    """Keeps ``column`` of each epoch."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column
        self.values: tuple[float, ...] = ()

    def epoch(self, history: History) -> None:
        self.values = tuple(row[self.column] for row in history)


def draw(
    curves: Mapping[str, Sequence[float]],
    label: str,
    chance: float,
    place: Literal["lower right", "upper right"],
    path: Path,
) -> None:
    """One line for each of ``curves``, a dashed one at ``chance``; the legend at ``place``. An svg file."""
    from matplotlib.figure import Figure

    from hepq.runtime.files import replacing

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for name, values in sorted(curves.items(), key=lambda item: -item[1][-1]):
        axes.plot(range(1, len(values) + 1), values, marker=".", label=f"{name}, {values[-1]:.3f}")
    axes.axhline(chance, color="grey", linestyle="--", linewidth=1)
    axes.set(xlabel="Epoch", ylabel=label)
    axes.legend(fontsize="small", ncols=2, loc=place)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
