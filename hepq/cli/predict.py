# SPDX-License-Identifier: Apache-2.0
"""`hepqc predict`: scores of files of events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.artifact_options import Artifact, Device, RunsOn, Sha256, Threads, Trusted, check_tree, say_where
from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import MOST_AT_ONCE, step_size
from hepq.cli.shared.reported import ReportFile, check_report, show_report, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from hepq.runtime.predict import Summary


@example(
    "hepqc predict top.hepqx jets.root -o scores.root",
    "hepqc predict top.hepqx 'data/*.root' -o scores.parquet --keep jet_pt --keep jet_mass",
    "hepqc predict top.hepqx jets.root -o scores.root --device cuda    # compiled with --target cuda",
    "hepqc predict top.hepqx 'data/*.root' -o scores.root --workers 8 --store chunks  # killed? run it again",
)
def predict(
    artifact: Artifact,
    files: Annotated[
        list[str], typer.Argument(help="ROOT, Parquet, CSV or .npz files, or glob patterns.", metavar="FILE...")
    ],
    out_path: Annotated[Path, typer.Option("--out", "-o", help="Where to write: [.root] or [.parquet].")],
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    keep: Annotated[list[str], typer.Option(help="A branch to copy along. Repeatable.")] = [],
    step: Annotated[
        str,
        typer.Option(
            parser=step_size, metavar="STEP", help="How much to hold in memory: a number of events, or a size, '32 MB'."
        ),
    ] = "32 MB",
    weight: Annotated[str | None, typer.Option(help="A branch that weighs events in the metrics.")] = None,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="[OUTPUT=]BRANCH", help="A branch that an output, a number or quantiles, should be. Repeatable."
        ),
    ] = [],
    workers: Annotated[int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Processes of this machine.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Score on a dask cluster: its scheduler's address.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="A folder that keeps chunks as they are done: a run that was killed goes on.")
    ] = None,
    threads: Threads = None,
    device: Device = RunsOn.cpu,
    sha256: Sha256 = None,
    trusted: Trusted = None,
    report: ReportFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Score the events of files: one row of scores per event, in the files' order.

    ROOT files may be of any size, memory stays bounded; of another file all scores are held. The output appears only
    when all is done.
    Where the files hold the labels too, the area under each class's ROC curve is printed.
    Scores do not depend on chunks, workers or their order.
    """
    if workers is not None and scheduler is not None:
        raise typer.BadParameter("--workers are of this machine, --scheduler is of a cluster: give one")
    from hepq.api import load
    from hepq.runtime.engine.threads import limited

    check_report(report)
    check_tree(tree, files)
    model = load(artifact, threads, sha256=sha256, trusted=trusted, device=device.value)
    say_where(model.device.why)
    console = err()
    with limited(threads):
        summary = model.predict(
            files, out_path, tree=tree, keep=keep, step=step, progress=console.is_terminal and not quiet,
            weight=weight, target=target, workers=workers, scheduler=scheduler, store=store,
        )  # fmt: skip
    write_report(report, summary.report, "predict")
    for line in summary.notes:
        console.print(line, markup=False, soft_wrap=True)
    if not quiet:
        _summary(summary)


def _summary(summary: Summary) -> None:
    from rich.table import Table

    console, done = out(), summary.report
    before = f", {summary.found:,} of them were scored before" if summary.found else ""
    files = f"{summary.files} file" + ("" if summary.files == 1 else "s")
    console.print(
        f"[bold]{summary.out}[/]: {done.events:,} events of {files} in {summary.seconds:.1f} s "
        f"({summary.rate:,.0f} a second){before}; columns {', '.join(summary.columns)}"
    )
    if not done.events:
        console.print("  no events: the output has columns and no rows")
    if summary.left_out:
        console.print(
            f"  left out, as an earlier run wrote it: {', '.join(summary.left_out)}", markup=False, soft_wrap=True
        )
    show_report(done)
    if summary.auc:
        table = Table("class", "AUC against all others", box=None)
        for name, area in summary.auc.items():
            table.add_row(name, f"{area:.4f}")
        console.print(table)
    for found in done.metrics:
        if "auc" not in found.values and found.values:
            console.print(_numbers(found.values))


def _numbers(values: Mapping[str, Any]) -> Table:
    """Numbers by name; or of each entry a row of them."""
    from rich.table import Table

    rows = values if isinstance(next(iter(values.values())), dict) else {"": values}
    table = Table("", *next(iter(rows.values())), box=None)
    for name, row in rows.items():
        table.add_row(name, *(f"{value:.4g}" for value in row.values()))
    return table
