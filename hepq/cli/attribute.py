# SPDX-License-Identifier: Apache-2.0
"""`hepqc attribute`: which inputs a compiled model's score hangs on, as a table and a picture."""

from __future__ import annotations

from enum import StrEnum
from math import floor, inf, log10
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.artifact_options import Artifact, Sha256, Threads, Trusted, check_tree
from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import LAST_SEED, MOST, MOST_REPEATS
from hepq.cli.shared.reported import ReportFile, check_report, show_report, write_report

if TYPE_CHECKING:
    from hepq.runtime.report.attributions import Attributions


#: options that one way alone heeds, and why the others do not
ONLY = {
    "permutation": (("metric", "repeats", "together", "ragged"), "features have gradients of their own"),
    "integrated": (("baseline", "steps"), "nothing else is integrated from a baseline on"),
}


class By(StrEnum):
    permutation = "permutation"
    gradient = "gradient"
    integrated = "integrated"


class Metric(StrEnum):
    auc = "auc"
    accuracy = "accuracy"


class Ragged(StrEnum):
    lists = "lists"
    ranks = "ranks"


class Baseline(StrEnum):
    mean = "mean"
    zero = "zero"


@example(
    "hepqc attribute top.hepqx jets.root -o inputs.png",
    "hepqc attribute top.hepqx jets.root --together part_px,part_py,part_pz,part_energy",
    "hepqc attribute top.hepqx jets.root --by integrated --class Tbqq -o features.png --csv features.csv",
)
def attribute(
    artifact: Artifact,
    files: Annotated[
        list[str], typer.Argument(help="ROOT, Parquet, CSV or .npz files, or glob patterns.", metavar="FILE...")
    ],
    picture: Annotated[Path | None, typer.Option("--out", "-o", help="Draw it: [.png], [.svg] or [.pdf].")] = None,
    by: Annotated[
        By, typer.Option(help="permutation: of branches; gradient (times input), integrated gradients: of features.")
    ] = By.permutation,
    output: Annotated[str | None, typer.Option(help="Which output, if there are several.")] = None,
    class_: Annotated[str | None, typer.Option("--class", help="Whose score; by default the last class's.")] = None,
    metric: Annotated[Metric | None, typer.Option(help="Permutation: what is lost.", show_default="auc")] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_REPEATS, help="Permutation: how often each variable is permuted.", show_default="5"
        ),
    ] = None,
    together: Annotated[
        list[str], typer.Option(metavar="A,B,…", help="Permutation: variables to permute as one. Repeatable.")
    ] = [],
    ragged: Annotated[
        Ragged | None,
        typer.Option(
            help="Permutation of particles: whole lists between events of as many, or values of equal rank.",
            show_default="lists",
        ),
    ] = None,
    baseline: Annotated[
        Baseline | None, typer.Option(help="Integrated gradients: where they begin.", show_default="mean")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_REPEATS, help="Integrated gradients: points of the integral.", show_default="32"),
    ] = None,
    events: Annotated[int, typer.Option(min=2, max=MOST, help="Use at most so many events, drawn by chance.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of events drawn, and of permutations.")] = 0,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this [.csv] file.")] = None,
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    threads: Threads = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
    report: ReportFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no table.")] = False,
) -> None:
    """Say which inputs a model's score hangs on.

    By permutation: how much worse it separates when one branch is exchanged between events. By gradients: how much it
    moves with each feature that the dataset makes; these need the program's own modules beside the artifact.
    """
    from hepq.api import attributions, load
    from hepq.draw.attributions import check, draw
    from hepq.draw.progress import bar
    from hepq.runtime.engine.threads import limited
    from hepq.runtime.files import check_writable

    check_report(report)
    if picture is not None:
        check(picture)
    if csv is not None:
        check_writable(csv, (".csv",), "a table is written as .csv")
    given: dict[str, Any] = {
        "metric": metric and metric.value, "repeats": repeats, "together": together, "ragged": ragged and ragged.value,
        "baseline": baseline and baseline.value, "steps": steps,
    }  # fmt: skip
    for way, (names, why) in ONLY.items():
        if by.value != way and (wrong := [f"--{name}" for name in names if given[name]]):
            raise typer.BadParameter(f"{', '.join(wrong)} {_are(wrong)} for --by {way}: {why}")
    check_tree(tree, files)
    model = load(artifact, threads, sha256=sha256, trusted=trusted)
    groups = [tuple(n.strip() for n in group.split(",") if n.strip()) for group in together]
    with limited(threads), bar(by.value, err().is_terminal and not quiet) as progress:
        found = attributions(
            model, files, by=by.value, output=output, class_=class_, seed=seed, limit=events, tree=tree,
            progress=progress, **{name: value for name, value in (given | {"together": groups}).items() if value},
        )  # fmt: skip
    if picture is not None:
        draw(found, picture)
    if csv is not None:
        _write(found, csv)
    write_report(report, found.report, "attribute")
    if not quiet:
        _show(found)
        show_report(found.report)


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _show(found: Attributions) -> None:
    from rich.table import Table

    whole = "" if found.whole is None else f", {found.quantity.removeprefix('loss of ')} {found.whole:.4f}"
    console = out()
    console.print(f"[bold]{found.model}[/], {found.score}: {found.events:,} events{whole}")
    table = Table("input", found.quantity, "±", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    digits = next((max(0, 1 - floor(log10(error))) for _, _, error in found.ranking if 0 < error < inf), 4)
    for name, value, error in found.ranking:
        table.add_row(name.replace("[", r"\["), f"{value:.{digits}f}", f"{error:.{digits}f}")
    console.print(table)
    for dim, count in found.alone.items():
        console.print(
            f"{count:,} events alone have as many {dim} as they have: their lists stay as they are (--ragged ranks)"
        )
    if found.residual is not None:
        console.print(f"they add up to the score less the baseline's within {found.residual:.2g} in every event")


def _write(found: Attributions, path: Path) -> None:
    import csv

    from hepq.runtime.files import replacing

    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("input", found.quantity, "error"))
        table.writerows(found.ranking)
