# SPDX-License-Identifier: Apache-2.0
"""`hepqc targets`: what programs can be compiled for; a quantum device's figures; vendors' calibrations as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hepq.cli.shared.console import err, examples, next_to, out
from hepq.core.vendors import READERS, VENDORS

if TYPE_CHECKING:
    from rich.table import Table

    from hepq.compiler.targets.quantum import Entry

if TYPE_CHECKING:
    Vendor = str
else:
    Vendor = StrEnum("Vendor", [(v, v) for v in READERS])
app = typer.Typer(help="List targets; show a quantum device; read a vendor's calibration.")


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "hepqc targets",
        "hepqc targets show ibm:torino --picture torino.svg",
        "hepqc targets import chip.json --vendor quafu -o chip.toml",
    ),
)
def targets(ctx: typer.Context) -> None:
    """List what programs can be compiled for."""
    if ctx.invoked_subcommand is not None:
        return
    from hepq.compiler.targets.cpu import native
    from hepq.compiler.targets.quantum import ABSTRACT, DEFAULTS, listed
    from hepq.core.targets import ARTIFACT, TARGETS

    best, console = native().mcpu, out()
    console.print(_cpus(best))
    said = {t: f"[bold]{'[/] or [bold]'.join(t.forms)}[/] {t.help}" for t in TARGETS if t.name != "cpu"}
    artifacts = " ".join(line for t, line in said.items() if t.file == ARTIFACT)
    console.print(f"\n[bold]cpu[/] and [bold]cpu:native[/] mean cpu:{best} here. {artifacts}")
    console.print("\n".join(line for t, line in said.items() if t.file != ARTIFACT) + "\n")
    console.print(_devices(listed(), titles=console.width >= 110))
    meant = ", ".join(f"[bold]{bare}[/] is {name}" for bare, name in DEFAULTS.items())
    console.print(f"\nBy default {meant}.")
    shapes = ", ".join(f"[bold]{name}[/] {what}" for name, what in ABSTRACT.items())
    console.print(f"Any topology: {shapes}; all figures assumed.")
    live = ", ".join(f"[bold]{v.name}:{v.live_prefix}NAME[/]" for v in VENDORS.values() if v.live)
    console.print(f"A live device, {live}. A device of yours, [bold]FILE.toml[/]: docs/devices.md.")


def _cpus(best: str) -> Table:
    from rich.table import Table

    from hepq.compiler.targets.cpu import KNOWN, host_features, machine

    here, features = machine(), host_features()
    table = Table("--target", "machine", "vector bits", "runs here", box=None)
    for name, (architecture, bits, needs) in KNOWN.items():
        runs = architecture == here and features.issuperset(needs)
        note = "[green]yes, best[/]" if name == best else "yes" if runs else "[dim]no[/]"
        table.add_row(f"cpu:{name}", architecture, str(bits), note)
    return table


def _devices(entries: tuple[Entry, ...], titles: bool) -> Table:
    """``titles``: with what makers call them, where there is room; names are never cut short."""
    from rich.table import Table

    from hepq.draw.device import status

    table = Table(box=None, collapse_padding=True)
    for heading, right in (
        ("--target", False), *[("device", False)] * titles, ("qubits", True), ("work", True), ("2-qubit", False),
        ("couplings", False), ("errors", False), ("as of", False),
    ):  # fmt: skip
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading != "device")
    for e in entries:
        table.add_row(
            e.name, *[e.title] * titles, str(e.qubits), str(e.usable), ", ".join(e.two_qubit),
            status(e.statuses.get("topology")), status(e.statuses.get("gate_errors")), e.date.isoformat(),
        )  # fmt: skip
    return table


@app.command(
    epilog=examples(
        "hepqc targets show ibm:torino",
        "hepqc targets show ibm:torino --picture torino.svg",
        "hepqc targets show my.toml",
    )
)
def show(
    target: Annotated[str, typer.Argument(help="A device's name, or a [.toml] or [.json] file.")],
    picture: Annotated[
        Path | None, typer.Option(help="Draw the topology with its error rates: [.png], [.svg] or [.pdf].")
    ] = None,
) -> None:
    """Show a device: its gates, error rates, what is dead, and where its figures are from."""
    from datetime import date

    from hepq.compiler.targets.quantum import device, staleness
    from hepq.core.diagnostics.render import render
    from hepq.draw.device import summary

    with err().status(f"reading {target}"):
        chip = device(target)
    for part in summary(chip):
        out().print(part)
    if warning := staleness(chip, date.today()):
        render([warning], err())
    if picture is not None:
        from hepq.draw.topology import draw

        with err().status(f"drawing {picture}"):
            draw(chip, picture)
        err().print(f"wrote {picture}")


@app.command(
    "import",
    epilog=examples(
        "hepqc targets import properties.json --vendor ibm",
        "hepqc targets import chip.json --vendor quafu --name Baihua -o baihua.toml",
        after="docs/devices.md says what is read of each vendor's file.",
    ),
)
def import_(
    calibration: Annotated[Path, typer.Argument(help="The vendor's [.json] file.")],
    vendor: Annotated[Vendor, typer.Option(help="Whose file it is.")],
    out_path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to write, [.toml] or [.json]; by default beside the file, [.toml]."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the vendor calls the device.")] = None,
) -> None:
    """Turn a vendor's calibration into a device of yours, a target of [bold]hepqc compile[/]."""
    from hepq.compiler.targets.files import marked, to_json, to_toml
    from hepq.compiler.targets.vendors.table import imported
    from hepq.core.errors import DataError
    from hepq.runtime.files import replacing

    target = out_path or next_to(calibration, ".toml")
    if target.suffix not in (".toml", ".json"):
        raise DataError("HQ0817", f"cannot write {target}", "the name should end in .toml or .json")
    chip = imported(calibration, vendor, name)
    with replacing(target) as temporary:
        temporary.write_text(marked((to_json if target.suffix == ".json" else to_toml)(chip)), encoding="utf-8")
    working = sum(q.usable for q in chip.qubits)
    day = max(s.date for s in chip.sources.values())
    out().print(
        f"[bold]{target}[/]: {chip.name} as of {day}, {chip.size} qubits of which {working} work, "
        f"{len(chip.couplings)} couplings of which {len(chip.usable)} work"
    )
