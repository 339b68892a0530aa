# SPDX-License-Identifier: Apache-2.0
"""`hepqc compile`: an artifact of a program and its weights."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import err, example, next_to, out
from hepq.cli.shared.numbers import LAST_SEED, MOST_AT_ONCE
from hepq.cli.shared.program_options import Dataset, Dims, Effort, Model, NoDataset, Statics, options
from hepq.core import targets

if TYPE_CHECKING:
    from hepq.compiler.driver.compilation import CompileReport
    from hepq.runtime.artifact.manifest import CompiledCircuit


_FORMS = [form for target in targets.TARGETS for form in target.forms]


@example(
    "hepqc compile top.hepq --weights top.safetensors",
    "hepqc compile top.hepq --weights top.safetensors --target cpu:x86-64-v3 -o portable.hepqx",
    "hepqc compile top.hepq --init 1            # random weights, to try things out",
    "hepqc compile top.hepq --emit ir           # what the optimised program looks like",
    "hepqc compile top.hepq --init 1 --bisect   # which pass or operation is wrong, if any",
    "hepqc compile zh.hepq --target ibm:torino --effort thorough",
    "hepqc compile top.hepq --weights top.safetensors --target cuda   # for NVIDIA's GPUs, made without one",
    "hepqc compile top.hepq --weights top.safetensors --target onnx   # top.onnx",
)
def compile_(
    program: Annotated[Path, typer.Argument(help="The [.hepq] file.")],
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="What to write; by default beside the program, [.hepqx], or [.onnx] for that target."
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Trained weights, [.safetensors].")] = None,
    init: Annotated[
        int | None, typer.Option(min=0, max=LAST_SEED, metavar="SEED", help="Random weights instead, from this seed.")
    ] = None,
    target: Annotated[
        str, typer.Option(help=f"Where it will run: {', '.join(_FORMS)}, or {targets.DEVICE.name} (hepqc targets).")
    ] = "cpu",
    model: Model = None,
    dataset: Dataset = None,
    no_dataset: NoDataset = False,
    dim: Dims = [],
    set_: Statics = [],
    golden: Annotated[
        Path | None,
        typer.Option(help="A file of events for the golden vectors; else the dataset's, else made-up ones."),
    ] = None,
    golden_events: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4096,
            metavar="N",
            help="How many golden vectors to keep; by default 16, of large circuits fewer.",
        ),
    ] = None,
    effort: Annotated[Effort, typer.Option(help="How long to look for good native circuits.")] = Effort.normal,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of that search: the same seed gives the same circuits.")
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_AT_ONCE, help="Processes that search; by default as many as there are cores."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_AT_ONCE, help="Threads that compute golden vectors; by default all this process may use."
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where compiled circuits are kept; by default in the user's cache folder.")
    ] = None,
    emit: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Print a stage and write nothing: ast, ir, tir, cuda.")
    ] = None,
    print_after: Annotated[str | None, typer.Option(metavar="PASS", help="Print the IR after a pass, or all.")] = None,
    dump_dir: Annotated[Path | None, typer.Option(help="Write the IR after each pass to files here.")] = None,
    time_passes: Annotated[bool, typer.Option("--time-passes", help="Say how long each stage took.")] = False,
    verify_each: Annotated[bool, typer.Option("--verify-each", help="Check the IR after every pass.")] = False,
    bisect: Annotated[
        bool,
        typer.Option("--bisect", help="Name the pass or operation that is wrong, if any; write nothing."),
    ] = False,
) -> None:
    """Compile a program and its weights to one artifact that reads events and gives scores."""
    from dataclasses import replace

    from hepq.compiler.driver.compilation import STAGES, compile_file
    from hepq.compiler.driver.compilation import emit as emit_stage
    from hepq.runtime.engine.threads import limited

    if emit is not None and emit not in STAGES:
        raise typer.BadParameter(f"no stage {emit!r}; stages are {', '.join(STAGES)}")
    if emit in targets.stages() and emit not in targets.find(target).stages:
        owner = next(t.name for t in targets.TARGETS if emit in t.stages)
        raise typer.BadParameter(f"{emit} is of --target {owner}")
    if weights is not None and init is not None:
        raise typer.BadParameter("give either --weights or --init, not both")
    chosen = replace(
        options(model, dataset, no_dataset, dim, set_), target=target, weights=weights, init=init, golden=golden,
        golden_events=golden_events,        effort=effort.value, seed=seed, processes=jobs, cache=cache,
        print_after=print_after, dump_dir=dump_dir, verify_each=verify_each,
        command=shlex.join(["hepqc", *sys.argv[1:]]),
    )  # fmt: skip
    if emit is not None:
        print(emit_stage(program, emit, chosen))
        return
    if init is not None:
        err().print("[yellow]warning[/]: random weights; the scores will mean nothing")
    if bisect:
        from hepq.cli.shared.bisected import show
        from hepq.compiler.driver.bisect import bisect as search
        from hepq.compiler.driver.compilation import Compilation

        with limited(threads), err().status(f"bisecting {program.name}") as status:
            made = Compilation(program, chosen, lambda stage: status.update(f"{program.name}: {stage}"))
            found = search(made.check())
        raise show(found)
    with limited(threads), err().status(f"compiling {program.name}") as status:
        artifact = _named(out_path, program, target)
        report = compile_file(program, artifact, chosen, lambda stage: status.update(f"{program.name}: {stage}"))
    if report.warnings:
        from hepq.core.diagnostics.render import render

        render(report.warnings, err())
    _summary(report, time_passes)


def _named(out_path: Path | None, program: Path, target: str) -> Path:
    """Where to write. Raises DataError HQ0817 for a name that says something else than what will be there."""
    suffix = targets.find(target).file
    if out_path is not None and (owner := targets.of_file(out_path)).file != suffix:
        from hepq.core.errors import DataError

        help = f"give --target {owner.name}" if out_path.suffix == owner.file != targets.ARTIFACT else ""
        raise DataError("HQ0817", f"cannot write {out_path}", f"what is made for {target} is a {suffix} file", help)
    return out_path or next_to(program, suffix)


def _summary(report: CompileReport, time_passes: bool) -> None:
    from hepq.cli.shared.golden_words import phrasing

    golden = f", {phrasing(report.golden)}" if report.golden is not None else ""
    total = sum(seconds for stage, seconds in report.seconds.items() if not stage.startswith("pass "))
    for circuit in report.circuits:
        _recipes(circuit)
    out().print(
        f"[bold]{report.out}[/]: model {report.model} for {report.target}, {report.params:,} weights, "
        f"{report.size / 1024:,.0f} KiB{golden}, {total:.1f} s"
    )
    if report.absent:
        what = f"no event in {', '.join(report.absent)}: golden events are made up; --golden FILE gives real ones"
        out().print(what, markup=False)
    if report.fewer_golden:
        out().print(report.fewer_golden, markup=False)
    if report.replay is not None and report.replay.note:
        out().print(report.replay.note, markup=False)
    if report.kernel_only:
        out().print(f"no weights: it holds the kernel {report.kernel} alone; `hepqc train` finds support vectors")
    if time_passes:
        from rich.table import Table

        table = Table("stage", "seconds", box=None)
        table.columns[1].justify = "right"
        for stage, seconds in report.seconds.items():
            table.add_row(stage, f"{seconds:.3f}")
        out().print(table)


def _recipes(circuit: CompiledCircuit) -> None:
    """How a circuit was compiled: the best figures of every recipe, the one chosen, and why; what was left out."""
    from rich.table import Table

    if not circuit.recipes:
        return
    table = Table("recipe", "2-qubit gates", "depth", "duration", "ESP", "seeds", "seconds", "checked", "", box=None)
    for column in table.columns[1:7]:
        column.justify = "right"
    notes = []
    for name in dict.fromkeys(row.recipe for row in circuit.recipes):
        rows = [row for row in circuit.recipes if row.recipe == name]
        notes += [f"{name}: {note}" for note in dict.fromkeys(row.note for row in rows if row.note)]
        best = max(rows, key=lambda row: (row.chosen, row.esp))
        if best.esp:
            duration = "" if best.duration is None else f"{best.duration * 1e6:.2f} µs"
            table.add_row(
                name, str(best.two_qubit), str(best.depth), duration, f"{best.esp:.4f}", str(len(rows)),
                f"{sum(row.seconds for row in rows):.1f}", best.check, "[bold green]chosen[/]" if best.chosen else "",
            )  # fmt: skip
    console = out()
    console.print(f"circuit {circuit.digest[:8]}, {circuit.qubits} wires, {circuit.slots} angles: {circuit.why}")
    console.print(table, width=max(console.width, 110), crop=False, no_wrap=True)
    for note in notes:
        console.print(note, markup=False)
