# SPDX-License-Identifier: Apache-2.0
"""`hepqc train`: weights from labelled events."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.artifact_options import Sha256, Trusted, opened
from hepq.cli.shared.backend_options import NAMES, Budgets, Copies, Ledger, Strict, chosen
from hepq.cli.shared.console import err, example, next_to
from hepq.cli.shared.numbers import MOST_REPEATS, MOST_SHOTS, real
from hepq.cli.shared.program_options import Dataset, Dims, Model, Statics, options
from hepq.cli.shared.reported import ReportFile, check_report, write_report
from hepq.cli.shared.trained import draw_trained, show_trained
from hepq.cli.shared.training_options import (
    DESCENT,
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
    from hepq.runtime.quantum.backends.backend import Backend


class ClassWeight(StrEnum):
    none = "none"
    balanced = "balanced"


class Optimiser(StrEnum):
    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"
    radam = "radam"
    ranger = "ranger"


class Schedule(StrEnum):
    constant = "constant"
    cosine = "cosine"
    one_cycle = "one_cycle"
    flat_decay = "flat_decay"


class Precision(StrEnum):
    single = "single"
    mixed = "mixed"


FINE, SVM = "Fine-tuning", "Support vector machines"


@example(
    "hepqc train top.hepq 'jets/*.root' -o top.safetensors",
    "hepqc train top.hepq                                                    # the files that its dataset names",
    "hepqc train top.hepq jets.root --epochs 50 --checkpoint run1 --resume   # goes on where it was killed",
    "hepqc train top.hepq jets.root --trainings 5 --plots plots              # errors over five trainings",
    "hepqc train hbb.hepq mine.root --start public.safetensors --replace head --freeze 'edge_conv*'",
    "torchrun --nproc-per-node 4 -m hepq train top.hepq 'jets/*.root'         # four processes, one model",
    "hepqc train qsvm.hepq jets.root --C 10 --events 2000                    # a support vector machine",
    "hepqc train qsvm.hepq jets.root --kernel torino.hepqx --backend noisy --events 60 --checkpoint run",
)
def train(
    program: Program,
    files: Files = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="The weights; by default beside the program, [.safetensors].")
    ] = None,
    name: Train = None,
    validation: Validation = None,
    split: SplitBy = None,
    seed: Seed = 0,
    trainings: Annotated[
        int,
        typer.Option(min=1, max=MOST_REPEATS, help="Train so often, each from a seed of its own; the best is kept."),
    ] = 1,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST_REPEATS,
            help="Train so often, each time on the events outside a fold: the split's number modulo it, or by chance.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Write what each event is given by the training that has not seen it: [.root] or [.parquet]."
        ),
    ] = None,
    class_weight: Annotated[
        ClassWeight | None, typer.Option(help="balanced: every class counts the same, however many events it has.")
    ] = None,
    signal: Signal = None,
    events: Events = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder for what a killed training, or its kernel matrix, continues from.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint, if there is one.")] = False,
    threads: Threads = None,
    epochs: Epochs = None,
    batch: Batch = None,
    optimiser: Annotated[
        Optimiser | None, typer.Option(help="How to step.", show_default="adam", rich_help_panel=DESCENT)
    ] = None,
    lr: Rate = None,
    schedule: Annotated[
        Schedule | None,
        typer.Option(help="The learning rate's course.", show_default="constant", rich_help_panel=DESCENT),
    ] = None,
    patience: Patience = None,
    clip: Annotated[
        float | None,
        typer.Option(
            parser=real(0, 1e12, above=True),
            metavar="NUMBER",
            help="Largest norm of a gradient.",
            rich_help_panel=DESCENT,
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="mixed: products in bfloat16.", show_default="single", rich_help_panel=DESCENT),
    ] = None,
    device: TrainsOn = None,
    log: Annotated[
        Path | None, typer.Option(help="Write every epoch to this [.csv] file.", rich_help_panel=DESCENT)
    ] = None,
    start: Annotated[Path | None, typer.Option(help="First weights, [.safetensors].", rich_help_panel=FINE)] = None,
    replace: Annotated[
        list[str], typer.Option(help="Weights that start anew, such as head. Repeatable.", rich_help_panel=FINE)
    ] = [],
    freeze: Annotated[
        list[str], typer.Option(help="Weights that stay, such as 'edge_conv*'. Repeatable.", rich_help_panel=FINE)
    ] = [],
    scale: Annotated[
        list[str],
        typer.Option(
            metavar="WEIGHTS=FACTOR", help="A factor on some weights' learning rate. Repeatable.", rich_help_panel=FINE
        ),
    ] = [],
    C: Annotated[
        float | None,
        typer.Option(
            "--C",
            parser=real(1e-9, 1e12),
            metavar="NUMBER",
            help="Penalty; by default the program's.",
            rich_help_panel=SVM,
        ),
    ] = None,
    kernel: Annotated[
        Path | None,
        typer.Option(help="The program compiled for a chip, [.hepqx], whose circuits are run.", rich_help_panel=SVM),
    ] = None,
    backend: Annotated[str, typer.Option(help=f"What runs them: {NAMES}.", rich_help_panel=SVM)] = "exact",
    shots: Annotated[
        int | None, typer.Option(min=1, max=MOST_SHOTS, help="Shots of a circuit.", rich_help_panel=SVM)
    ] = None,
    budget: Budgets = [],
    ledger: Ledger = None,
    strict: Strict = False,
    copies: Copies = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
    plots: Annotated[Path | None, typer.Option(help="A folder for the ROC curve and the scores' histogram.")] = None,
    report: ReportFile = None,
    model: Model = None,
    dataset: Dataset = None,
    dim: Dims = [],
    set_: Statics = [],
) -> None:
    """Train a model on the labelled events of files, or what a train of the program says.

    A model with an svm is fitted on its kernel matrix, any other by gradient descent, its circuits simulated exactly.
    What is not said here is as the program's train has it.
    """
    from hepq.compiler.train import Recipe, large_pages, main_process, train_file
    from hepq.compiler.train.report import Live, Watch
    from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec
    from hepq.runtime.files import check_folder

    check_report(report)
    if plots is not None:
        check_folder(plots)
    if resume and checkpoint is None:
        raise typer.BadParameter("--resume needs --checkpoint FOLDER")
    if folds is not None and trainings > 1:
        raise typer.BadParameter("--folds and --trainings do not go together: each fold is trained once")
    if predictions is not None and folds is None:
        raise typer.BadParameter("--predictions need --folds: they are of events that a training has not seen")
    runs: str | Backend = backend
    kernel_sha256 = None
    if kernel is not None:
        held = opened(kernel, sha256, trusted)
        kernel_sha256 = held.sha256
        runs = chosen(held, backend, budget, ledger, strict, copies)
    elif budget or ledger or strict or copies or sha256 or trusted:
        options_ = "--budget, --ledger, --strict, --copies, --sha256 and --trusted"
        raise typer.BadParameter(f"{options_} need --kernel, compiled for a device")
    recipe = Recipe(
        epochs=epochs, batch=batch, rate=lr, seed=seed, validation=validation,
        optimiser=Spec.default(optimiser, OPTIMISERS) if optimiser else None,
        schedule=Spec.default(schedule, SCHEDULES) if schedule else None,
        class_weight=class_weight, precision=precision, patience=patience, clip=clip, device=device,
        trainings=trainings, folds=folds, threads=threads,
        split=split_of(split), signal=signal, events=events,
        checkpoint=checkpoint, resume=resume, start=str(start) if start else None,
        replace=tuple(replace) or None, freeze=tuple(freeze) or None, scale=tuple(map(_factor, scale)) or None,
        C=C, kernel=kernel, kernel_sha256=kernel_sha256, backend=runs, shots=shots,
    )  # fmt: skip
    target = out_path or next_to(program, ".safetensors")
    main = main_process()
    if main and folds is None and out_path is None and target.exists():
        err().print(f"[yellow]warning[/]: {target} is there and will be replaced; -o FILE writes elsewhere")
    watch = Live(err(), log) if main else Watch()
    large_pages()
    try:
        trained = train_file(
            program, files or [], target, recipe, options(model, dataset, False, dim, set_), watch, name, predictions
        )
    finally:
        watch.close()
    if main:
        write_report(report, trained.report, "train")
        show_trained(trained, target, predictions)
    if main and plots is not None:
        draw_trained(trained, plots)


def _factor(text: str) -> tuple[str, float]:
    weights, mark, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not (weights and mark and 0 <= value < math.inf):
        raise typer.BadParameter(f"--scale: {text!r} is not WEIGHTS=FACTOR")
    return weights, value
