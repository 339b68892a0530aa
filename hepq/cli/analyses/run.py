# SPDX-License-Identifier: Apache-2.0
"""`hepqc run`: an analysis of files of events, to histograms, cut flows and skims."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import MOST, MOST_AT_ONCE
from hepq.cli.shared.reported import check_report

if TYPE_CHECKING:
    from hepq.runtime.analysis.engine import Run
    from hepq.runtime.analysis.results import Result
    from hepq.runtime.chunks.run import ChunksFailed


@example(
    "hepqc run ttbar.hepq                                    # to the folder TTbar",
    "hepqc run ttbar.hepq -o results --workers 8             # killed? the same again goes on",
    "hepqc run ttbar.hepq --scheduler tcp://host:8786        # on a dask cluster",
    "hepqc run adl.hepq ADL --source run2012b='Run2012B/*.root'",
)
def run(
    program: Annotated[Path, typer.Argument(help="A program with an analysis, [.hepq].")],
    name: Annotated[str | None, typer.Argument(help="Which analysis, if the program has several.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to write to; by default the analysis's name.")
    ] = None,
    source: Annotated[
        list[str],
        typer.Option(metavar="NAME=FILE", help="Other files of a source: a file or a pattern. Repeatable."),
    ] = [],
    workers: Annotated[int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Processes of this machine.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on a dask cluster: its scheduler's address.")
    ] = None,
    chunk_size: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Events of a chunk; by default about 128 MB of what is read.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from chunks of earlier runs, or compute all again.")
    ] = True,
    skip_bad_files: Annotated[
        bool, typer.Option("--skip-bad-files", help="Leave out files that fail; the result says which.")
    ] = False,
    n_minus_one: Annotated[
        bool, typer.Option("--n-minus-one/--no-n-minus-one", help="Count what each cut alone takes away.")
    ] = True,
    target: Annotated[str, typer.Option(help="The CPU of the workers: cpu, or cpu:NAME.")] = "cpu",
    report: Annotated[
        Path | None, typer.Option("--report", help="Write what was read, and what failed, to this [.json] file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no tables.")] = False,
) -> None:
    """Run an analysis: all regions, histograms and variations in one pass over its files.

    Names of files in the program are from its own folder. Chunks are kept as they are done: run the same command again
    and it goes on. Results do not depend on chunks, workers or their order, to the last bit.
    """
    if workers is not None and scheduler is not None:
        raise typer.BadParameter("--workers are of this machine, --scheduler is of a cluster: give one")
    check_report(report)
    from hepq.compiler.driver.running import compiled_program
    from hepq.draw.progress import events_bar
    from hepq.runtime.analysis.engine import Options
    from hepq.runtime.analysis.engine import run as computed
    from hepq.runtime.analysis.outputs import CHUNKS, prepared, write
    from hepq.runtime.chunks.run import ChunksFailed
    from hepq.runtime.executors import executor

    compiled = compiled_program(program, name, _files(source), target)
    place = prepared(folder or Path(compiled.analysis.name))
    options = Options(
        folder=program.parent, store=place / CHUNKS, chunk=chunk_size, fresh=not resume, skip_bad=skip_bad_files,
        n_minus_one=n_minus_one, skims=place,
    )  # fmt: skip
    try:
        with closing(executor(workers, scheduler)) as where, events_bar(quiet) as tell:
            done = computed(compiled, options, where, tell)
    except ChunksFailed as failed:
        _report(report, failed)
        raise
    paths, left_out = write(done.result, place)
    _report(report, done)
    for line in (*(f"left out: {one}" for one in done.failed), *done.notes, *left_out):
        err().print(line, markup=False, soft_wrap=True)
    if not quiet:
        _tables(done.result)
        _summary(done, [*paths, *done.skims])


def _files(given: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        name, mark, file = text.partition("=")
        if not (mark and name and file):
            raise typer.BadParameter(f"{text!r} is not NAME=FILE")
        found.setdefault(name, []).append(file)
    return found


def _tables(result: Result) -> None:
    from rich.table import Table

    from hepq.runtime.analysis.flows import tables

    console = out()
    for region in result.regions:
        flows = result.cut_flows(region)
        if any(len(flow.rows) > 1 for flow in flows):
            for shown in tables(flows, console):
                console.print(shown)
                console.print()
    shown = Table("histogram", "axes", box=None)
    for title in ("entries", "outside"):
        shown.add_column(title, justify="right")
    for name in result:
        inside, outside = result.entries(name)
        axes = " × ".join(f"{axis.name} {axis.bins}" for axis in result.described(name).axes)
        shown.add_row(name, axes, f"{inside + outside:,}", f"{outside:,}" if outside else "")
    if len(result):
        console.print(shown)
    if same := result.unchanging():
        console.print(f"variations that change nothing: {', '.join(same)}")


def _summary(done: Run, paths: list[Path]) -> None:
    now, files = done.progress, len(done.result.provenance.files)
    events, size = now.rate
    there = f", {now.found:,} of them were computed before" if now.found else ""
    rate = f" ({events:,.0f} events and {size / 1e6:,.0f} MB a second)" if now.done > now.found else ""
    of = f"{files:,} file" + ("" if files == 1 else "s")
    out().print(f"[bold]{now.done:,} events[/] of {of} in {now.seconds:.1f} s{rate}{there}")
    out().print(f"written: {', '.join(map(str, paths))}", markup=False)
    if done.failed:
        out().print(f"[bold]not complete[/]: {len(done.failed):,} chunks or files are left out")


def _report(path: Path | None, done: Run | ChunksFailed) -> None:
    if path is None:
        return
    from importlib.metadata import version

    from hepq.runtime.analysis.engine import Run
    from hepq.runtime.files import replacing

    body: dict[str, Any] = {
        "failed": [
            {"source": f.source, "file": f.path, "what": f.what, "code": f.error.code, "title": f.error.title,
             "why": f.error.why}
            for f in done.failed
        ]
    }  # fmt: skip
    if isinstance(done, Run):
        now = done.progress
        body |= {
            "events": now.done, "computed_before": now.found, "chunks": now.chunks, "seconds": now.seconds,
            "notes": list(done.notes), "provenance": done.result.provenance.model_dump(mode="json"),
            "sources": {n: {"events": r.events, "sumw": r.sumw} for n, r in done.result.read.items()},
        }  # fmt: skip
    head = {"format": 1, "command": "run", "hepq": version("hepq"), "complete": not done.failed}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(head | body, indent=1, allow_nan=False) + "\n", encoding="utf-8")
