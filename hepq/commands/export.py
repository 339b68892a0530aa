# SPDX-License-Identifier: Apache-2.0
"""`hepqc export`: native circuits of an artifact in the formats of others."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hepq.commands.console import example, out
from hepq.commands.trust_options import Sha256, Trusted, opened

if TYPE_CHECKING:
    from hepq.runtime.artifact import Artifact as Opened


class Format(StrEnum):
    qasm3 = "qasm3"
    qasm2 = "qasm2"
    qpy = "qpy"
    tket = "tket"
    originir = "originir"
    qcis = "qcis"


@example(
    "hepqc export zh.hepqx -o circuits                       # OpenQASM 3, angles to be filled in",
    "hepqc export zh.hepqx -o circuits --format qpy          # the same for Qiskit",
    "hepqc export zh.hepqx train.root --events 4 --format originir -o circuits  # filled with events' numbers",
)
def export(
    artifact: Annotated[Path, typer.Argument(help="Compiled for a quantum device, [.hepqx].")],
    files: Annotated[
        list[str] | None, typer.Argument(help="ROOT files: circuits are filled with their events.", metavar="FILE...")
    ] = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path("circuits"),
    format_: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.qasm3,
    events: Annotated[int, typer.Option(min=1, help="How many events; a kernel takes each pair of them.")] = 4,
    tree: Annotated[str | None, typer.Option(help="The tree to read; by default the program's.")] = None,
    sha256: Sha256 = None,
    trusted: Trusted = None,
) -> None:
    """Write native circuits for other tools and vendors; each file is read again and compared before it is kept.

    Without FILE angles stay open: OpenQASM 3, QPY and pytket can say so. The others need numbers, and so events.
    """
    from hepq.compiler.lower.circuit.export import FORMATS
    from hepq.compiler.lower.circuit.export import export as written
    from hepq.runtime.errors import ArtifactError
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
    suffix = FORMATS[format_.value].suffix
    natives, slots = compiled.natives, compiled.slots
    wanted: list[tuple[str, str, Any]] = [(digest[:8], digest, None) for digest in natives]
    if files:
        rows = _filled(held, files, events, tree)
        wanted = [(f"{digest[:8]}-{i:04d}", digest, row) for i, (digest, row) in enumerate(rows)]
    for name, digest, values in wanted:
        text = written(natives[digest], device, format_.value, values, slots.get(digest, ()))
        with replacing(folder / f"{name}{suffix}") as temporary:
            temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
    out().print(f"{folder}: {len(wanted)} circuits for {device.name} in {format_.value}")


def _filled(artifact: Opened, files: list[str], events: int, tree: str | None) -> list[tuple[str, Any]]:
    """(circuit's digest, numbers for its slots) that the events ask for."""
    from hepq.runtime import event_files
    from hepq.runtime.columns import collect
    from hepq.runtime.model import Model
    from hepq.runtime.quantum.artifact_kernel import ArtifactKernel
    from hepq.runtime.quantum.asked import Noting

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
        source = event_files.find(files, model.tree(tree))[0]
        chunk = next(iter(event_files.iterate(source, model.branches(), events)))
        model.score_raw(collect(artifact.manifest, chunk.events[:events], str(source)))
    return [(task.circuit.digest, row) for task, row in noting.rows()]
