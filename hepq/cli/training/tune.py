# SPDX-License-Identifier: Apache-2.0
"""`hepqc tune`: the values of what a program leaves free that train best."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import err, example, next_to, out
from hepq.cli.shared.numbers import MOST_AT_ONCE, MOST_REPEATS
from hepq.cli.shared.program_options import Dataset, Dims, Model, Statics, options
from hepq.cli.shared.training_options import (
    Batch,
    Epochs,
    Events,
    Files,
    Patience,
    Program,
    Rate,
    Seed,
    Signal,
    SplitBy,
    Threads,
    Train,
    TrainsOn,
    Validation,
    split_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepq.compiler.tune import Outcome, Tuned

#: trials that are shown
SHOWN = 10


class Metric(StrEnum):
    validation = "validation"
    accuracy = "accuracy"
    auc = "auc"
    rejection30 = "rejection30"
    rejection50 = "rejection50"
    rejection70 = "rejection70"


class Prune(StrEnum):
    median = "median"
    halving = "halving"
    none = "none"


class Sampler(StrEnum):
    tpe = "tpe"
    random = "random"


@example(
    "hepqc tune top.hepq 'jets/*.root' --vary 'width=16..128 log' --vary 'train.lr=1e-4..1e-2 log'",
    "hepqc tune top.hepq jets.root --vary 'dropout=0..0.5 step 0.1' --vary 'heads=2, 4, 8' --workers 4",
    "hepqc tune top.hepq jets.root --vary 'width=16..128 log' --trials 80    # goes on: 40 more",
    "hepqc tune top.hepq jets.root --vary 'cut=20..60 GeV' --metric auc --prune none --study cuts",
    "hepqc tune qsvm.hepq jets.root --vary 'train.C=0.1..100 log' --events 200",
    "hepqc compile top.hepq --weights top.study/best.safetensors             # what was best",
)
def tune(
    program: Program,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=LOW..HIGH",
            help="A const, static argument or dim of the program, or train.lr, batch, clip, optimiser, schedule, C. "
            "After the range log or step SIZE; or a list: NAME=A,B. Repeatable.",
        ),
    ],
    files: Files = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="What a study is kept in, and goes on from; by default PROGRAM.study."),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, max=MOST_REPEATS, help="Trainings of the study, those of earlier runs among them.")
    ] = 40,
    metric: Annotated[
        Metric | None,
        typer.Option(
            help="What is tuned, of the events held out: the loss, validation, is to be small, all others large.",
            show_default="validation; auc of an svm",
        ),
    ] = None,
    prune: Annotated[
        Prune,
        typer.Option(
            help="Which trials end early: those worse than the median of the others at the same epoch; all but a best "
            "third at 1/9, then at 1/3 of the epochs; or none."
        ),
    ] = Prune.median,
    sampler: Annotated[
        Sampler, typer.Option(help="How values are chosen: by those that were good (Parzen estimators), or by chance.")
    ] = Sampler.tpe,
    workers: Annotated[
        int, typer.Option(min=1, max=MOST_AT_ONCE, help="Processes that run trials; they share the cores.")
    ] = 1,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to draw it, [.png], [.svg] or [.pdf]; by default in the study's folder."
        ),
    ] = None,
    name: Train = None,
    validation: Validation = None,
    split: SplitBy = None,
    seed: Seed = 0,
    signal: Signal = None,
    events: Events = None,
    threads: Threads = None,
    epochs: Epochs = None,
    batch: Batch = None,
    lr: Rate = None,
    patience: Patience = None,
    device: TrainsOn = None,
    model: Model = None,
    dataset: Dataset = None,
    dim: Dims = [],
    set_: Statics = [],
) -> None:
    """Search for what trains best: sizes, cuts and rates that a program leaves free, by Optuna.

    Every trial is a training as `hepqc train` does it, from one seed and with the same events held out; the first one
    has the program's own values. The same command again goes on where it was killed. The best weights are kept.
    """
    from hepq.compiler.train import Recipe, large_pages
    from hepq.compiler.tune import tune_file
    from hepq.draw.tuned import check, draw

    if picture is not None:
        check(picture)
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise typer.BadParameter("trials are not of several processes by torchrun: --workers N runs N at a time")
    recipe = Recipe(
        epochs=epochs, batch=batch, rate=lr, seed=seed, validation=validation, patience=patience, device=device,
        threads=threads, split=split_of(split), signal=signal, events=events,
    )  # fmt: skip
    folder = study or next_to(program, ".study")
    large_pages()
    tuned = tune_file(
        program, files or [], vary, folder, trials=trials, metric=metric.value if metric else None, workers=workers,
        sampler=sampler.value, pruner=prune.value, recipe=recipe,
        options=options(model, dataset, False, dim, set_), train=name, tell=_tell, begun=_begun,
    )  # fmt: skip
    drawn = picture or folder / "study.png"
    draw(tuned, drawn)
    _show(tuned, drawn)
    out().print(f"hepqc compile {program} --weights {tuned.folder.best}", markup=False)


def _begun(trials: int, untried: str) -> None:
    if trials:
        err().print(f"{trials} trials are there: the study goes on")
    elif untried:
        err().print(untried, markup=False, soft_wrap=True)


def _tell(outcome: Outcome) -> None:
    for number in outcome.taken_up:
        err().print(f"trial {number} was killed: it is run again")
    row = outcome.row
    if row is None:
        return
    if row.state == "done":
        said = f"{_number(row.value)}{' in ' + _epochs(row.epochs) if row.epochs else ''}"
    elif row.state == "pruned":
        said = f"pruned after {_epochs(row.epochs)} at {_number(row.value)}"
    else:
        said = f"refused, {row.why}"
    again = "" if row.again is None else f" ({row.again} again)"
    best = ", the best so far" if outcome.best else ""
    err().print(f"trial {row.number}{again}  {_settings(row.settings)}: {said}{best}", markup=False, soft_wrap=True)


def _show(tuned: Tuned, drawn: Path) -> None:
    from rich.table import Table

    count = {state: sum(row.state == state for row in tuned.rows) for state in ("done", "pruned", "refused")}
    said = ", ".join(f"{n} {state}" for state, n in count.items() if n)
    best = tuned.best
    out().print(f"[bold]{tuned.folder.best}[/]: {tuned.metric} {_number(best.value)}, of trial {best.number}; {said}")
    if (own := tuned.own) is not None:
        out().print(f"  the program's own values: {tuned.metric} {_number(own.value)}")
    if tuned.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in tuned.importance.items())
        out().print(f"  what varied is this much of the variance of {tuned.metric}: {shares}", markup=False)
    table = Table(box=None)
    for title in ("trial", tuned.metric, *(one.title for one in tuned.those), "epochs"):
        table.add_column(title, justify="right")
    for row in tuned.ranked[:SHOWN]:
        cells = (_number(row.settings[one.title]) for one in tuned.those)
        table.add_row(f"{row.number}{' (own)' if row.own else ''}", _number(row.value), *cells, str(row.epochs or ""))
    out().print(table)
    for path in (tuned.folder.path / "trials.csv", drawn):
        out().print(str(path), markup=False)


def _settings(settings: Mapping[str, int | float | str]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in settings.items())


def _number(value: float | int | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _epochs(count: int) -> str:
    return f"{count} epoch{'' if count == 1 else 's'}"
