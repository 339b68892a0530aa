# SPDX-License-Identifier: Apache-2.0
"""`hepqc inspect`: what an artifact reads and gives, its source, and pictures of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.artifact_options import Sha256, Trusted, opened
from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.program_options import Dataset, Dims, Model, NoDataset, Statics, options, sizes

if TYPE_CHECKING:
    from hepq.compiler.driver.options import Options
    from hepq.runtime.artifact.artifact import Artifact as Opened
    from hepq.runtime.artifact.manifest import Circuits, Described
    from hepq.runtime.engine.onnx_model import OnnxModel


@example(
    "hepqc inspect top.hepqx",
    "hepqc inspect top.hepqx --picture top.svg   # the dataflow; [.png] or [.pdf] too",
    "hepqc inspect top.hepqx --source > top.hepq # the program it was made from",
    "hepqc inspect top.onnx                      # what hepqc wrote for ONNX",
    "hepqc inspect zh.hepqx --circuit zh.svg     # its circuits; [.png], [.pdf], or [-] for text",
    "hepqc inspect top.hepqx --performance       # what it costs; [--entries part=40] for events of one size",
)
def inspect(
    artifact: Annotated[
        Path,
        typer.Argument(help="A compiled tagger, [.hepqx]; for a picture or its performance, also a [.hepq] program."),
    ],
    picture: Annotated[Path | None, typer.Option(help="Draw the dataflow: [.png], [.svg] or [.pdf].")] = None,
    circuit: Annotated[
        Path | None, typer.Option(help="Draw its circuits: [.png], [.svg] or [.pdf]; [-] prints them.")
    ] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the program it was made from.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
    performance: Annotated[
        bool,
        typer.Option(
            "--performance", help="FLOPs before and after each rewrite and of each stage, the least time on this CPU."
        ),
    ] = False,
    entries: Annotated[
        list[str],
        typer.Option(metavar="NAME=N", help="Of an event for --performance: entries of a ragged dim. Repeatable."),
    ] = [],
    events: Annotated[
        Path | None,
        typer.Option(help="Events for --performance; else the golden ones, or the dataset's, else made-up ones."),
    ] = None,
    model: Model = None,
    dataset: Dataset = None,
    no_dataset: NoDataset = False,
    dim: Dims = [],
    set_: Statics = [],
    sha256: Sha256 = None,
    trusted: Trusted = None,
) -> None:
    """Say what an artifact reads and gives, and where it comes from."""
    program = artifact.suffix == ".hepq" and (picture is not None or performance)
    if program and (sha256 or trusted):
        raise typer.BadParameter("--sha256 and --trusted are of artifacts")
    if not program and (model or dataset or no_dataset or dim or set_):
        raise typer.BadParameter("--model, --dataset, --no-dataset, --dim and --set are of programs")
    if not performance and (entries or events):
        raise typer.BadParameter("--entries and --events are of --performance")
    if performance and ((entries and events) or picture or circuit or source or json):
        raise typer.BadParameter("--performance takes --entries or --events, and nothing else is printed with it")
    chosen = options(model, dataset, no_dataset, dim, set_)
    if picture is not None:
        _draw(artifact, picture, chosen, sha256, trusted)
        print(picture)
        return
    if performance:
        held_here = None if program else opened(artifact, sha256, trusted)
        _performance(artifact, held_here, chosen, sizes(entries), events)
        return
    from hepq.core import targets

    held: Opened | OnnxModel
    if (target := targets.of_file(artifact)).file == targets.ARTIFACT:
        held = opened(artifact, sha256, trusted)
        if circuit is not None:
            _circuits(held, circuit)
            return
    else:
        from hepq.runtime.artifact.trust import Trust

        held = targets.resolve(target.loads)(artifact, trust=Trust.of(sha256, trusted))
    if json:
        print(held.manifest.model_dump_json(indent=1))
    elif source:
        print(held.source, end="")
    else:
        _describe(held.manifest)


def _performance(
    file: Path, artifact: Opened | None, chosen: Options, entries: dict[str, int], events: Path | None
) -> None:
    """Of a program, with random weights, or of the program and weights in an artifact."""
    from dataclasses import replace

    from hepq.cli.shared.performance_tables import show
    from hepq.compiler.driver import performance as costs
    from hepq.compiler.driver.compilation import Compilation
    from hepq.compiler.driver.rebuilt import compilation

    with err().status(f"looking at {file.name}"):
        if artifact is None:
            program = Compilation(file, replace(chosen, init=0)).check()
        else:
            code = artifact.manifest.code
            program = compilation(artifact, "cpu" if code is None else code.target)
        try:
            if entries:
                given = costs.of_sizes(program, entries)
            elif artifact is not None and events is None:
                given = costs.of_golden(program, artifact)
            else:
                given = costs.of_events(program, events)
        except costs.EntriesError as error:
            raise typer.BadParameter(f"--entries: {error}") from error
        found = costs.performance(program, given)
    show(found, out())


def _draw(file: Path, picture: Path, chosen: Options, sha256: str | None, trusted: Path | None) -> None:
    """Draw a program's model, or that of the program an artifact was made from."""
    from hepq.compiler.driver.compilation import build_file
    from hepq.compiler.driver.rebuilt import rebuilt
    from hepq.draw.dataflow import dataflow
    from hepq.draw.model import draw

    built = build_file(file, chosen) if file.suffix == ".hepq" else rebuilt(opened(file, sha256, trusted))
    draw(dataflow(built), built.plan.name, picture)


def _circuits(artifact: Opened, to: Path) -> None:
    """Draw the circuits as the program has them; several go to numbered files."""
    from hepq.compiler.circuits.formats.draw import picture, text
    from hepq.runtime.quantum.engine import circuits_of, read_program

    held = circuits_of(artifact)
    members = [held.program, held.kernel.program if held.kernel else None]
    found = {c.digest: c for m in members if m is not None for c in read_program(artifact, m).compiled}
    for number, circuit in enumerate(found.values()):
        if str(to) == "-":
            print(text(circuit))
            continue
        path = to if len(found) == 1 else to.with_stem(f"{to.stem}{number}")
        picture(circuit, path)
        print(path)


def _describe(manifest: Described) -> None:
    from rich.markup import escape
    from rich.table import Table

    from hepq.runtime.artifact.manifest import Manifest, OnnxManifest

    def row(*cells: str) -> None:
        table.add_row(*map(escape, cells))

    console = out()
    console.print(f"[bold]model {escape(manifest.name)}[/]", end="")
    console.print(f", {', '.join(manifest.invariances)}" if manifest.invariances else "", markup=False)
    table = Table("", "name", "type", "unit", "", box=None)
    for column in manifest.columns:
        notes = [] if column.factor == 1 else [f"file value × {column.factor:g}"]
        notes += [] if column.default is None else [f"{column.default:g} where a file lacks it"]
        note = "; ".join(notes)
        row("reads", column.branch, column.written, column.unit, note)
    if isinstance(manifest, OnnxManifest):
        for dim_name, name in manifest.counts.items():
            row("reads", name, "int", "1", f"how many {dim_name} an event has")
    for output in manifest.outputs:
        notes = [f"the first {output.counts} are in use"] if output.counts else []
        note = "; ".join([*notes, *([", ".join(output.entries)] if output.entries else [])])
        row("gives", output.name, _type(output.elem, output.dims), output.unit, note)
    console.print(table)
    for dim in manifest.ragged:
        console.print(f"{dim.name}: up to {dim.bound} an event, beyond that {manifest.policy.overflow}", markup=False)
    from hepq.cli.shared.golden_words import phrasing

    made, code = manifest.provenance, ""
    if isinstance(manifest, OnnxManifest):
        code = f"; ONNX opset {manifest.opset}"
    elif isinstance(manifest, Manifest) and manifest.code is not None:
        code = f"; code for {manifest.code.mcpu}"
        if manifest.gpu is not None:
            code += f" and GPUs ({', '.join(i.architecture for i in manifest.gpu.images)})"
    tools = ", ".join([f"hepq {made.hepq}", *([f"TVM {made.tvm}"] if made.tvm else [])])
    weights = sum(_size(shape) for shape in manifest.weights.values())
    if isinstance(manifest, Manifest) and manifest.circuits is not None:
        console.print(_circuit_words(manifest.circuits), markup=False)
    console.print(
        f"{weights:,} weights{code}; {phrasing(manifest.golden)}, "
        f"tolerance {manifest.golden.tolerance:g} x max(1, |reference|)\n"
        f"made {made.created} by {tools}; source SHA-256 {made.source_sha256[:16]}…\n"
        f"passes: {', '.join(made.passes)}\n{made.command}",
        markup=False,
    )


def _circuit_words(held: Circuits) -> str:
    lines = [f"kernel {held.kernel.name} of events of shape {list(held.kernel.shape)}"] if held.kernel else []
    for circuit in held.compiled:
        best = next((r for r in circuit.recipes if r.chosen), None)
        native = f": {best.recipe}, {best.two_qubit} 2-qubit gates, ESP {best.esp:.4f}" if best else ", simulated"
        lines.append(f"circuit {circuit.digest[:8]}, {circuit.qubits} wires, {circuit.slots} angles{native}")
    device = f"compiled for {held.target}, calibration {held.calibration}" if held.device else "not for a device"
    return "\n".join([*lines, device])


def _type(elem: str, dims: tuple[str, ...]) -> str:
    return elem + (f"[{', '.join(dims)}]" if dims else "")


def _size(shape: tuple[int, ...]) -> int:
    from math import prod

    return prod(shape)
