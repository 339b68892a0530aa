# SPDX-License-Identifier: Apache-2.0
"""`hepqc export`: native circuits of an artifact in the formats of others."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.cli.shared.artifact_options import Sha256, Trusted, check_tree, opened
from hepq.cli.shared.console import example, out
from hepq.cli.shared.numbers import MOST
from hepq.cli.shared.program_options import Effort
from hepq.core.vendors import FORMATS

if TYPE_CHECKING:
    from hepq.core.circuits import Circuit
    from hepq.runtime.artifact.artifact import Artifact as Opened
    from hepq.runtime.quantum.device import Device
    from hepq.runtime.quantum.native import Native


if TYPE_CHECKING:
    Format = str
else:
    Format = StrEnum("Format", [(f, f) for f in FORMATS])
QASM3 = Format("qasm3")


@example(
    "hepqc export zh.hepqx -o circuits                       # OpenQASM 3, angles to be filled in",
    "hepqc export zh.hepqx -o circuits --format qpy          # the same for Qiskit",
    "hepqc export zh.hepqx train.root --events 4 --format originir -o circuits  # filled with events' numbers",
    "hepqc export zh.hepqx train.root --events 1 --anew normal -o circuits      # compiled with one event's numbers",
)
def export(
    artifact: Annotated[Path, typer.Argument(help="Compiled for a quantum device, [.hepqx].")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Files of events, with which circuits are filled.", metavar="FILE...")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path("circuits"),
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = QASM3,
    events: Annotated[
        int, typer.Option(min=1, max=MOST, help="How many events; a kernel takes each pair of them.")
    ] = 4,
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    anew: Annotated[
        Effort | None, typer.Option(help="Compile each event's circuit by itself, with so much effort.")
    ] = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
) -> None:
    """Write native circuits for other tools and vendors; each file is read again and compared before it is kept.

    Without FILE angles stay open: OpenQASM 3, QPY and pytket can say so. The others need numbers, and so events.
    With --anew an event's numbers are known when its circuit is compiled, and may save gates: seconds for each.
    """
    if anew is not None and not files:
        raise typer.BadParameter("--anew compiles events' circuits: give files of events")
    check_tree(tree, files or [])
    import numpy as np

    from hepq.compiler.circuits.formats import export as formats
    from hepq.core.errors import ArtifactError
    from hepq.runtime.files import replacing
    from hepq.runtime.quantum.engine import Compiled

    held = opened(artifact, sha256, trusted)
    compiled = Compiled(held)
    device = compiled.device
    if device is None:
        why = "its circuits were compiled for exact simulation"
        help = "hepqc compile PROGRAM --target DEVICE"
        raise ArtifactError("HQ0843", f"{artifact.name} holds no native circuit", why, help)
    folder.mkdir(parents=True, exist_ok=True)
    suffix = formats.FORMATS[format_].suffix
    natives, slots = compiled.natives, compiled.slots
    wanted: list[tuple[str, Native, Any, tuple[str, ...]]] = [
        (digest[:8], native, None, slots.get(digest, ())) for digest, native in natives.items()
    ]
    if files:
        rows = list(enumerate(_filled(held, files, events, tree)))
        wanted = [(f"{c.digest[:8]}-{i:04d}", natives[c.digest], row, ()) for i, (c, row) in rows]
        if anew is not None:
            wanted = [
                (name, _better(circuit, native, row, device, anew.value, name), np.zeros(0), ())
                for (_, (circuit, row)), (name, native, _, _) in zip(rows, wanted, strict=True)
            ]
    for name, native, values, said in wanted:
        text = formats.export(native, device, format_, values, said)
        with replacing(folder / f"{name}{suffix}") as temporary:
            temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
    out().print(f"{folder}: {len(wanted)} circuits for {device.name} in {format_}")


def _better(circuit: Circuit, native: Native, values: Any, device: Device, effort: str, name: str) -> Native:
    """The circuit of one event: compiled with its numbers, or the one for all events if that has no lower ESP."""
    from hepq.compiler.circuits.portfolio.search import compile_circuit
    from hepq.compiler.circuits.score import score

    numbers = replace(native, circuit=native.circuit.filled(values))
    made = compile_circuit(circuit.filled(values), device, effort=effort).native
    before, after = score(numbers, device), score(made, device)
    better = after.log_esp > before.log_esp
    words = f"{after.two_qubit} two-qubit gates, ESP {after.esp:.4f}" if better else "no better"
    out().print(f"{name}: for all events {before.two_qubit} and {before.esp:.4f}; by itself {words}", markup=False)
    return made if better else numbers


def _filled(artifact: Opened, files: list[str], events: int, tree: str | None) -> list[tuple[Circuit, Any]]:
    """(circuit, numbers for its slots) that the events ask for."""
    from hepq.runtime.events import event_files
    from hepq.runtime.events.columns import collect
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.backends.recording_backend import Noting
    from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel

    noting = Noting()
    model = Model(artifact, backend=noting)
    held = artifact.manifest.circuits
    if held is not None and held.kernel is not None and held.kernel.features is not None:
        x, _ = model.kernel_inputs(files, events, tree=tree)
        kernel = ArtifactKernel(artifact, noting)
        for i in range(len(x)):
            for j in range(i + 1):
                kernel.block(x[i : i + 1], x[j : j + 1])
    else:
        source = event_files.find(files, model.reading(tree))[0]
        chunk = next(iter(event_files.iterate(source, model.branches(source.branches), events)))
        model.score_raw(collect(artifact.manifest, chunk.events[:events], str(source)))
    return [(task.circuit, row) for task, row in noting.rows()]
