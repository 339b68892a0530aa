# SPDX-License-Identifier: Apache-2.0
"""Commands that use artifacts: predict, verify, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.console import err, example, out
from hepq.cli.shared.numbers import MOST_AT_ONCE, step_size
from hepq.cli.shared.reported import ReportFile, check_report, show_report, write_report
from hepq.cli.shared.trust_options import Sha256, Trusted, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from hepq.runtime.artifact.artifact import Artifact as Opened
    from hepq.runtime.artifact.manifest import Circuits, Described
    from hepq.runtime.engine.onnx_model import OnnxModel
    from hepq.runtime.model import Model
    from hepq.runtime.predict import Summary

Artifact = Annotated[Path, typer.Argument(help="A compiled tagger, [.hepqx].")]
Threads = Annotated[
    int | None, typer.Option(min=1, max=MOST_AT_ONCE, help="Threads to use; by default all this process may.")
]


@example(
    "hepqc predict top.hepqx jets.root -o scores.root",
    "hepqc predict top.hepqx 'data/*.root' -o scores.parquet --keep jet_pt --keep jet_mass",
)
def predict(
    artifact: Artifact,
    files: Annotated[list[str], typer.Argument(help="ROOT or Parquet files or glob patterns.", metavar="FILE...")],
    out_path: Annotated[Path, typer.Option("--out", "-o", help="Where to write: [.root] or [.parquet].")],
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    keep: Annotated[list[str], typer.Option(help="A branch to copy along. Repeatable.")] = [],  # noqa: B006
    step: Annotated[
        str,
        typer.Option(
            parser=step_size, metavar="STEP", help="How much to hold in memory: a number of events, or a size, '32 MB'."
        ),
    ] = "32 MB",
    weight: Annotated[str | None, typer.Option(help="A branch that weighs events in the metrics.")] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="[OUTPUT=]BRANCH", help="A branch that an output, a number or quantiles, should be."),
    ] = None,
    threads: Threads = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
    report: ReportFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary.")] = False,
) -> None:
    """Score the events of ROOT files: one row of scores per event, in the files' order.

    Files may be of any size, memory stays bounded, and the output appears only when all is done.
    Where the files hold the labels too, the area under each class's ROC curve is printed.
    """
    from hepq.api import load
    from hepq.runtime.engine.threads import limited

    check_report(report)
    model = load(artifact, threads, sha256=sha256, trusted=trusted)
    console = err()
    with limited(threads):
        summary = model.predict(
            files, out_path, tree=tree, keep=keep, step=step, progress=console.is_terminal and not quiet,
            weight=weight, target=target,
        )  # fmt: skip
    write_report(report, summary.report, "predict")
    if not quiet:
        _summary(summary)


def _summary(summary: Summary) -> None:
    from rich.table import Table

    console, done = out(), summary.report
    files = f"{summary.files} file" + ("" if summary.files == 1 else "s")
    console.print(
        f"[bold]{summary.out}[/]: {done.events:,} events of {files} in {summary.seconds:.1f} s "
        f"({summary.rate:,.0f} a second); columns {', '.join(summary.columns)}"
    )
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


@example(
    "hepqc verify top.hepqx",
    "hepqc verify top.onnx            # in onnxruntime",
    "hepqc verify top.hepqx --bisect  # if it does not agree: which pass or operation is wrong",
)
def verify(
    artifact: Artifact, threads: Threads = None,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Compile it anew, and name the pass or operation that is wrong.")
    ] = False,
    sha256: Sha256 = None, trusted: Trusted = None,
) -> None:  # fmt: skip
    """Replay an artifact's golden vectors here: does this machine give the scores it should?"""
    if bisect:
        from hepq.cli.shared.bisected import show
        from hepq.compiler.driver.bisect import bisect_artifact
        from hepq.core.targets import ARTIFACT
        from hepq.runtime.engine.threads import limited

        if artifact.suffix != ARTIFACT:
            raise typer.BadParameter("it holds no program's weights: hepqc compile --bisect finds the operation")
        with limited(threads), err().status(f"bisecting {artifact.name}") as status:
            found = bisect_artifact(opened(artifact, sha256, trusted), status.update)
        raise show(found)
    from rich.markup import escape
    from rich.table import Table

    from hepq.cli.shared.golden_words import phrasing
    from hepq.core import targets
    from hepq.runtime.artifact.trust import Trust
    from hepq.runtime.engine.threads import limited

    with limited(threads), err().status(f"verifying {artifact.name}"):
        load = targets.resolve(targets.of_file(artifact).loads)
        model: OnnxModel | Model = load(artifact, threads, Trust.of(sha256, trusted))
        result = model.verify()
    table = Table("check", "output", "largest difference", "", box=None)
    for check in result.checks:
        mark = "[green]ok[/]" if check.ok else "[bold red]too large[/]"
        table.add_row(escape(check.check), escape(check.output), f"{check.largest:.2e}", mark)
    console = out()
    console.print(table)
    for promise in result.untested:
        console.print(f"not testable: {promise}", markup=False, soft_wrap=True)
    console.print(
        f"{artifact}: {'agrees' if result.ok else 'does NOT agree'} with the reference on {result.events} events, "
        f"tolerance {result.tolerance:g} x max(1, |reference|)",
        markup=False,
    )
    golden = model.manifest.golden
    if golden.rounding or golden.unfit or golden.made_up:
        console.print(f"when compiled: {phrasing(golden)}", markup=False)
    raise typer.Exit(0 if result.ok else 1)


@example(
    "hepqc inspect top.hepqx",
    "hepqc inspect top.hepqx --picture top.svg   # the dataflow; [.png] or [.pdf] too",
    "hepqc inspect top.hepqx --source > top.hepq # the program it was made from",
    "hepqc inspect top.onnx                      # what hepqc wrote for ONNX",
    "hepqc inspect zh.hepqx --circuit zh.svg     # its circuits; [.png], [.pdf], or [-] for text",
)
def inspect(
    artifact: Annotated[Path, typer.Argument(help="A compiled tagger, [.hepqx]; to draw one, also a [.hepq] program.")],
    picture: Annotated[Path | None, typer.Option(help="Draw the dataflow: [.png], [.svg] or [.pdf].")] = None,
    circuit: Annotated[
        Path | None, typer.Option(help="Draw its circuits: [.png], [.svg] or [.pdf]; [-] prints them.")
    ] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the program it was made from.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
    sha256: Sha256 = None,
    trusted: Trusted = None,
) -> None:
    """Say what an artifact reads and gives, and where it comes from."""
    if picture is not None:
        if artifact.suffix == ".hepq" and (sha256 or trusted):
            raise typer.BadParameter("--sha256 and --trusted are of artifacts")
        _draw(artifact, picture, sha256, trusted)
        print(picture)
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


def _draw(file: Path, picture: Path, sha256: str | None, trusted: Path | None) -> None:
    """Draw a program's model, or that of the program an artifact was made from."""
    from hepq.compiler.driver.compilation import build_file
    from hepq.compiler.driver.rebuilt import rebuilt
    from hepq.draw.dataflow import dataflow
    from hepq.draw.model import draw

    built = build_file(file) if file.suffix == ".hepq" else rebuilt(opened(file, sha256, trusted))
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
        note = "" if column.factor == 1 else f"file value × {column.factor:g}"
        row("reads", column.branch, _type(column.elem, column.dims), column.unit, note)
    if isinstance(manifest, OnnxManifest):
        for dim_name, name in manifest.counts.items():
            row("reads", name, "int", "1", f"how many {dim_name} an event has")
    for output in manifest.outputs:
        row("gives", output.name, _type(output.elem, output.dims), output.unit, ", ".join(output.entries))
    console.print(table)
    for dim in manifest.ragged:
        console.print(f"{dim.name}: up to {dim.bound} an event, beyond that {manifest.policy.overflow}", markup=False)
    from hepq.cli.shared.golden_words import phrasing

    made, code = manifest.provenance, ""
    if isinstance(manifest, OnnxManifest):
        code = f"; ONNX opset {manifest.opset}"
    elif isinstance(manifest, Manifest) and manifest.code is not None:
        code = f"; code for {manifest.code.mcpu}"
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
