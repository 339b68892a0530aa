# SPDX-License-Identifier: Apache-2.0
"""`hepqc compare`: are two files of one distribution?"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import LAST_SEED, MOST_REPEATS
from hepq.cli.shared.program_options import Dataset, Dims, Model, Statics, options
from hepq.cli.shared.reported import ReportFile, check_report, show_report, write_report
from hepq.cli.shared.training_options import Batch, Epochs, Patience, Rate, Threads, TrainsOn


class Statistic(StrEnum):
    auc = "auc"
    accuracy = "accuracy"


@example(
    "hepqc compare data.root simulation.root --program jets.hepq",
    "hepqc compare 'run1/*.root' 'run2/*.root' --program jets.hepq --permutations 10000 --epochs 10",
)
def compare(
    first: Annotated[str, typer.Argument(help="File of events or glob pattern.")],
    second: Annotated[str, typer.Argument(help="The other file or glob pattern.")],
    program: Annotated[Path, typer.Option("--program", help="The [.hepq] file: a model and a dataset.")],
    statistic: Annotated[
        Statistic, typer.Option(help="What says how well the files are told apart; choose before you look.")
    ] = Statistic.auc,
    permutations: Annotated[int, typer.Option(min=1, max=MOST_REPEATS, help="How often labels are exchanged.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of weights, halves and exchanged labels.")] = 0,
    epochs: Epochs = None,
    batch: Batch = None,
    lr: Rate = None,
    patience: Patience = None,
    threads: Threads = None,
    device: TrainsOn = None,
    report: ReportFile = None,
    model: Model = None,
    dataset: Dataset = None,
    dim: Dims = [],
    set_: Statics = [],
) -> None:
    """Test whether two files are of one distribution: can a model tell their events apart?

    The model is trained on half of the events. How well it does on the other half is compared with what it
    seems to do when labels of that half are exchanged by chance. Labels that the program has are not used.
    """
    from hepq.compiler.train.recipe import Recipe
    from hepq.compiler.train.report import Live
    from hepq.compiler.train.two_sample import compare_files

    check_report(report)
    if shared := _paths(first) & _paths(second):
        title = f"{min(shared)} is on both sides" + (f", as are {len(shared) - 1} more" if len(shared) > 1 else "")
        err().print(f"[yellow]warning[/]: {title}: its events are compared with themselves")
    recipe = Recipe(epochs=epochs, batch=batch, rate=lr, seed=seed, patience=patience, device=device, threads=threads)
    watch = Live(err())
    try:
        found = compare_files(
            program, [first], [second], statistic=statistic.value, permutations=permutations, recipe=recipe,
            options=options(model, dataset, False, dim, set_), watch=watch,
        )  # fmt: skip
    finally:
        watch.close()
    write_report(report, dict(zip(("first", "second"), found.reports, strict=True)), "compare")
    for name, one in zip((first, second), found.reports, strict=True):
        show_report(replace(one, metrics=()), f"{name}: ")
    held = " and ".join(f"{n:,} of {of:,}" for n, of in zip(found.held, found.events, strict=True))
    out().print(f"tested on {held} {found.reports[0].what}: AUC {found.auc:.4f}, accuracy {found.accuracy:.4f}")
    out().print(
        f"[bold]p = {found.p_value:.4g}[/] by {found.statistic}: so often {found.permutations:,} permutations of the "
        "labels reach it, the observation counted in"
    )


def _paths(files: str) -> set[str]:
    from os.path import realpath

    from hepq.runtime.events.event_files import named

    return {realpath(file.path) for file in named(files, absent=True)}
