# SPDX-License-Identifier: Apache-2.0
"""`hepqc weights`: list a model's weights, import other people's checkpoints."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import err, examples, next_to, out
from hepq.cli.shared.program_options import Dataset, Dims, Model, NoDataset, Statics, options

app = typer.Typer(no_args_is_help=True, help="List weights; import published checkpoints.")
Program = Annotated[Path, typer.Argument(help="The [.hepq] file with the model.")]


@app.command(
    "import",
    epilog=examples(
        "hepqc weights import tagger.hepq ParticleNet_kin.pt -o tagger.safetensors",
        after="The table of names is declared beside the block: checkpoint weaver for ParticleNet { ... }. "
        "PyTorch files are read without running any code in them.",
    ),
)
def import_(
    program: Program,
    checkpoint: Annotated[Path, typer.Argument(help="A PyTorch state_dict or [.safetensors] file.")],
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; by default beside the program, [.safetensors].")
    ] = None,
    table: Annotated[str | None, typer.Option(help="Which checkpoint table, if several fit.")] = None,
    model: Model = None,
    dataset: Dataset = None,
    no_dataset: NoDataset = False,
    dim: Dims = [],
    set_: Statics = [],
    show: Annotated[bool, typer.Option("--show", help="Print which of their names became which of ours.")] = False,
) -> None:
    """Turn a published checkpoint into weights for a model."""
    from hepq.compiler.driver.compilation import build_file
    from hepq.compiler.weights.files import import_checkpoint, save_weights

    with err().status(f"reading {checkpoint.name}"):
        imported = import_checkpoint(
            build_file(program, options(model, dataset, no_dataset, dim, set_)), checkpoint, table
        )
        target = out_path or next_to(program, ".safetensors")
        save_weights(target, imported.weights)
    if show:
        from rich.table import Table

        names = Table("theirs", "ours", "shape", box=None)
        for ours, theirs in imported.mapping.items():
            names.add_row(theirs, ours, str(list(imported.weights[ours].shape)))
        out().print(names)
    count = sum(value.size for value in imported.weights.values())
    ignored = f", {len(imported.ignored)} unused entries left out" if imported.ignored else ""
    out().print(f"[bold]{target}[/]: {len(imported.weights)} tensors, {count:,} numbers{ignored}")


@app.command("list", epilog=examples("hepqc weights list tagger.hepq"))
def list_(
    program: Program,
    model: Model = None,
    dataset: Dataset = None,
    no_dataset: NoDataset = False,
    dim: Dims = [],
    set_: Statics = [],
) -> None:
    """List the weights a model has: name, dims, shape."""
    from rich.table import Table

    from hepq.compiler.driver.compilation import build_file

    module = build_file(program, options(model, dataset, no_dataset, dim, set_)).module
    table, total = Table("weight", "type", "shape", "trained", box=None), 0
    for name, node in sorted(module.params.items()):
        shape = [d.size or 0 for d in node.type.dims]
        total += prod(shape)
        trained = "yes" if node["trainable"] else "statistics"
        table.add_row(name, str(node.type).replace("[", r"\["), str(shape), trained)
    out().print(table)
    out().print(f"{len(module.params)} weights, {total:,} numbers")
