# SPDX-License-Identifier: Apache-2.0
"""What a training came to: a line, what became of the events, a table of numbers, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepq.cli.shared.console import out
from hepq.cli.shared.reported import show_report

if TYPE_CHECKING:
    from rich.table import Table

    from hepq.compiler.train import Trained


def show_trained(trained: Trained, target: Path, predictions: Path | None) -> None:
    """``target``: where the weights are. ``predictions``: where those of folds are."""
    data, fitted = trained.data, trained.fitted
    count = sum(value.size for value in fitted.weights.values())
    sizes = "".join(f", {name} = {size}" for name, size in fitted.dims.items())
    if trained.folds:
        _show_folds(trained, f"{count:,} numbers each; {trained.by}", predictions)
        return
    held = f"{len(data.validation):,} held out" if len(data.validation) else "none held out: the AUC is of these"
    quality = f"AUC {fitted.auc:.4f}" if len(fitted.scores) else f"loss {fitted.loss:.4g}"
    used = f"{len(data.training):,} {data.what}, {held}"
    out().print(f"[bold]{target}[/]: {count:,} numbers{sizes}; {trained.by}, {used}; {quality}")
    show_report(trained.report)
    if fitted.metrics:
        out().print(_measured(trained))


def _show_folds(trained: Trained, words: str, predictions: Path | None) -> None:
    events = len(trained.data.known)
    first, last = trained.files[0], trained.files[-1].name
    out().print(f"[bold]{first}[/] … {last}: {words}, {events:,} {trained.data.what} in {len(trained.folds)} folds")
    if predictions is not None:
        left = f"; left out, with an entry for each particle: {', '.join(trained.left_out)}" if trained.left_out else ""
        out().print(
            f"[bold]{predictions}[/]: {trained.report.events:,} events, each by the fold that has not seen it{left}"
        )
    report = trained.report
    if not report.metrics:
        show_report(report)
        return
    *folds, whole = report.metrics
    show_report(replace(report, metrics=(*(one for one in folds if one.lacking), whole)))
    table = _table(["fold", trained.data.what, *whole.values])
    for number, one in enumerate(folds):
        table.add_row(str(number), f"{one.events:,}", *(_cell(name, one.values[name]) for name in whole.values))
    table.add_row("mean", f"{whole.events:,}", *(_cell(name, v["mean"]) for name, v in whole.values.items()))
    table.add_row("±", "", *(_cell(name, v["deviation"]) for name, v in whole.values.items()))
    out().print(table)


def _measured(trained: Trained) -> Table:
    """The numbers of the events held out; of several trainings, their mean and standard deviation."""
    from statistics import fmean

    from hepq.compiler.train.folds import deviation

    values = {name: [run.metrics[name] for run in trained.all] for name in trained.fitted.metrics}
    table = _table(values)
    cells = []
    for name, found in values.items():
        error = f" ± {_cell(name, deviation(found))}" if len(found) > 1 else ""
        cells.append(f"{_cell(name, fmean(found))}{error}")
    table.add_row(*cells)
    return table


def _table(names: list[str] | Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None)
    for name in names:
        efficiency = name.removeprefix("rejection")
        table.add_column(name if efficiency == name else f"1/ε_b({efficiency} %)", justify="right")
    return table


def _cell(name: str, value: float) -> str:
    return f"{value:.{1 if name.startswith('rejection') else 4}f}"


def draw_trained(trained: Trained, folder: Path) -> None:
    """Of the events held out; of folds, all events, each by the training that has not seen it."""
    import numpy as np

    from hepq.compiler.train.report import pictures

    data = trained.data
    tested = [one.tested for one in trained.all if one.tested is not None] if trained.folds else [trained.fitted]
    scores = np.concatenate([one.scores for one in tested])
    if not len(scores):
        return
    others = ", ".join(c for i, c in enumerate(data.classes) if i != data.signal)
    for path in pictures(
        folder,
        data.module.name,
        scores,
        np.concatenate([one.is_signal for one in tested]),
        (data.classes[data.signal], others),
        np.concatenate([one.event_weights for one in tested]),
    ):
        out().print(str(path))
