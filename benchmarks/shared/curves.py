# SPDX-License-Identifier: Apache-2.0
"""Learning curves: of trainings with AdamW at a one-cycle rate, drawn afterwards."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import track

from benchmarks.shared.kept import R, kept
from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.train.report import History, Watch
from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec


class Recorder(Watch):
    """Keeps ``column`` of each epoch."""

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column
        self.values: tuple[float, ...] = ()

    def epoch(self, history: History) -> None:
        self.values = tuple(row[self.column] for row in history)


def learned(
    program: Path, file: Path, train: str, column: str, rate: float, **recipe: Any
) -> tuple[tuple[float, ...], Trained]:
    """``column`` after each epoch of the training ``train`` of ``program``, and what came out."""
    how = Recipe(
        clip=1.0, device="cpu", optimiser=Spec.default("adamw", OPTIMISERS, lr=rate),
        schedule=Spec.default("one_cycle", SCHEDULES), **recipe,
    )  # fmt: skip
    watch = Recorder(column)
    with tempfile.TemporaryDirectory() as folder:
        made = train_file(program, [file], Path(folder) / "weights.safetensors", how, watch=watch, train=train)
    return watch.values, made


def measured(
    argv: list[str],
    name: str,
    about: str | None,
    models: Collection[str],
    quick: Sequence[str],
    measure: Callable[[str, int], R],
    of: type[R],
) -> tuple[list[R], Path | None]:
    """The results of a benchmark with a curve for each model, and where to draw them.

    ``measure``: of a model and a seed, a result ``of`` a kind that ``kept`` takes.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=about)
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(quick)} only")
    parser.add_argument("--only", nargs="+", choices=list(models), help="these models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a file of results: models in it are not trained again")
    parser.add_argument("--picture", type=Path, help="an [.svg] file")
    options = parser.parse_args(argv)
    names = options.only or (quick if options.quick else sorted(models))
    shown = track(names, console=Console(stderr=True))
    return list(kept(shown, lambda model: measure(model, options.seed), of, options.keep)), options.picture


def draw(
    curves: Mapping[str, Sequence[float]],
    label: str,
    chance: float,
    place: Literal["lower right", "upper right"],
    path: Path,
    log: bool = False,
) -> None:
    """One line for each of ``curves``, a dashed one at ``chance``; the legend at ``place``. An svg file.

    ``log``: a logarithmic scale.
    """
    from matplotlib.figure import Figure

    from hepq.runtime.files import replacing

    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for name, values in sorted(curves.items(), key=lambda item: -item[1][-1]):
        axes.plot(range(1, len(values) + 1), values, marker=".", label=f"{name}, {values[-1]:.3f}")
    axes.axhline(chance, color="grey", linestyle="--", linewidth=1)
    axes.set(xlabel="Epoch", ylabel=label, yscale="log" if log else "linear")
    axes.legend(fontsize="small", ncols=2, loc=place)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
