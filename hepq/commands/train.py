# SPDX-License-Identifier: Apache-2.0
"""`hepqc train`: weights from labelled events."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.commands.backend_options import NAMES, Budgets, Copies, Ledger, Strict, chosen
from hepq.commands.build import Dataset, Dims, Model, Statics, options
from hepq.commands.console import err, example, out

if TYPE_CHECKING:
    from hepq.compiler.train import Trained
    from hepq.runtime.quantum.backend import Backend


class ClassWeight(StrEnum):
    none = "none"
    balanced = "balanced"


@example(
    "hepqc train top.hepq 'jets/*.root' -o top.safetensors",
    "hepqc train top.hepq jets.root --epochs 50 --checkpoint run1 --resume   # goes on where it was killed",
    "hepqc train qsvm.hepq jets.root --C 10 --events 2000                    # a support vector machine",
    "hepqc train qsvm.hepq jets.root --kernel torino.hepqx --backend noisy --events 60 --checkpoint run",
)
def train(
    program: Annotated[Path, typer.Argument(help="The [.hepq] file: a model, and a dataset with a label.")],
    files: Annotated[list[str], typer.Argument(help="ROOT files or glob patterns.", metavar="FILE...")],
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="The weights; by default beside the program, [.safetensors].")
    ] = None,
    validation: Annotated[float, typer.Option(min=0, max=0.9, help="Fraction of each class held out.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of first weights, the split, and the order of events.")] = 0,
    class_weight: Annotated[
        ClassWeight, typer.Option(help="balanced: every class counts the same, however many events it has.")
    ] = ClassWeight.none,
    signal: Annotated[
        str | None, typer.Option(help="The class that a single score stands for; by default the label's last.")
    ] = None,
    events: Annotated[int | None, typer.Option(min=2, help="Use at most so many events, drawn by chance.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder for what a killed training, or its kernel matrix, continues from.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint, if there is one.")] = False,
    epochs: Annotated[int, typer.Option(min=1, help="Gradient descent: passes over the events.")] = 30,
    batch: Annotated[int, typer.Option(min=1, help="Gradient descent: events a step.")] = 64,
    lr: Annotated[float, typer.Option(min=0, help="Gradient descent: learning rate of Adam.")] = 1e-2,
    C: Annotated[
        float | None, typer.Option("--C", min=1e-9, help="Support vector machine: penalty; by default the program's.")
    ] = None,
    kernel: Annotated[
        Path | None,
        typer.Option(help="Support vector machine: the program compiled for a chip, [.hepqx], whose circuits are run."),
    ] = None,
    backend: Annotated[str, typer.Option(help=f"Support vector machine: what runs them: {NAMES}.")] = "exact",
    shots: Annotated[int | None, typer.Option(min=1, help="Support vector machine: shots of a circuit.")] = None,
    budget: Budgets = [],  # noqa: B006
    ledger: Ledger = None,
    strict: Strict = False,
    copies: Copies = None,
    log: Annotated[Path | None, typer.Option(help="Gradient descent: write every epoch to this [.csv] file.")] = None,
    plots: Annotated[Path | None, typer.Option(help="A folder for the ROC curve and the scores' histogram.")] = None,
    model: Model = None,
    dataset: Dataset = None,
    dim: Dims = [],  # noqa: B006
    set_: Statics = [],  # noqa: B006
) -> None:
    """Train a model on the labelled events of ROOT files.

    A model with an svm is fitted on its kernel matrix, any other by gradient descent, its circuits simulated exactly.
    """
    from hepq.compiler.train import Recipe, train_file
    from hepq.compiler.train.report import Live

    if resume and checkpoint is None:
        raise typer.BadParameter("--resume needs --checkpoint FOLDER")
    runs: str | Backend = backend
    if kernel is not None:
        from hepq.runtime.artifact import Artifact

        runs = chosen(Artifact.open(kernel), backend, budget, ledger, strict, copies)
    elif budget or ledger or strict or copies:
        raise typer.BadParameter("--budget, --ledger, --strict and --copies need --kernel, compiled for a device")
    recipe = Recipe(
        epochs=epochs, batch=batch, rate=lr, seed=seed, validation=validation, class_weight=class_weight.value,
        signal=signal, events=events, checkpoint=checkpoint, resume=resume, C=C, kernel=kernel,
        backend=runs, shots=shots,
    )  # fmt: skip
    target = out_path or program.with_suffix(".safetensors")
    watch = Live(err(), log)
    try:
        trained = train_file(program, files, target, recipe, options(model, dataset, False, dim, set_), watch)
    finally:
        watch.close()
    _summary(trained, target)
    if plots is not None:
        _plots(trained, plots)


def _summary(trained: Trained, target: Path) -> None:
    data, fitted = trained.data, trained.fitted
    count = sum(value.size for value in fitted.weights.values())
    sizes = "".join(f", {name} = {size}" for name, size in fitted.dims.items())
    held = f"{len(data.validation):,} held out" if len(data.validation) else "none held out: the AUC is of these"
    out().print(
        f"[bold]{target}[/]: {count:,} numbers{sizes}; {trained.by}, {len(data.training):,} events, {held}; "
        f"AUC {fitted.auc:.4f}"
    )


def _plots(trained: Trained, folder: Path) -> None:
    from hepq.compiler.train.report import pictures

    data, fitted = trained.data, trained.fitted
    others = ", ".join(c for i, c in enumerate(data.classes) if i != data.signal)
    for path in pictures(
        folder, data.module.name, fitted.scores, fitted.is_signal, (data.classes[data.signal], others)
    ):
        out().print(str(path))
