# SPDX-License-Identifier: Apache-2.0
"""`hepqc import`: other people's networks as programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hepq.cli.shared.console import err, example, next_to, out


@example(
    "hepqc import tagger.onnx                       # tagger.hepq and tagger.safetensors",
    "hepqc compile tagger.hepq --weights tagger.safetensors",
)
def import_(
    network: Annotated[Path, typer.Argument(help="A feed-forward network, [.onnx].")],
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="The program to write, [.hepq]; by default beside the file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a program that is there.")] = False,
) -> None:
    """Turn a feed-forward network into a program and its weights, which go beside it as [.safetensors].

    The program gives the same numbers, is readable, and compiles for every target.
    """
    from hepq.compiler.importers.onnx import difference, import_onnx
    from hepq.compiler.weights.files import save_weights
    from hepq.core.errors import DataError
    from hepq.runtime.files import replacing

    target = out_path or next_to(network, ".hepq")
    if target.suffix != ".hepq":
        raise DataError("HQ0817", f"cannot write {target}", "the name of a program ends in .hepq")
    if target.exists() and not force:
        raise DataError("HQ0817", f"cannot write {target}", "it is there already", "give --force to replace it")
    with err().status(f"reading {network.name}"):
        imported = import_onnx(network)
        apart = difference(imported, network)
    weights = target.with_suffix(".safetensors")
    save_weights(weights, imported.weights)
    with replacing(target) as temporary:
        temporary.write_text(imported.text, encoding="utf-8")
    count = sum(value.size for value in imported.weights.values())
    beside = "not compared: onnxruntime is not installed" if apart is None else f"at most {apart:.1e} from onnxruntime"
    out().print(
        f"[bold]{target}[/]: {len(imported.network.operations)} operators, {count:,} weights in {weights}, {beside}"
    )
