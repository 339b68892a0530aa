# SPDX-License-Identifier: Apache-2.0
"""Options of commands that read programs, and of those that build a model: which one, its dims and values."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hepq.compiler.driver.options import Options

Programs = Annotated[list[Path], typer.Argument(help="[.hepq] files; - is standard input.", metavar="FILE...")]
Dims = Annotated[
    list[str], typer.Option("--dim", metavar="NAME=SIZE", help="Size of a dim the program leaves open. Repeatable.")
]
Statics = Annotated[
    list[str],
    typer.Option("--set", metavar="NAME=VALUE", help="Value of a const, or of a static argument. Repeatable."),
]
Model = Annotated[str | None, typer.Option("--model", help="Which model, if the program has several.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Which dataset, if the program has several.")]
NoDataset = Annotated[bool, typer.Option("--no-dataset", help="Take the model's own inputs, not a dataset's branches.")]


class Effort(StrEnum):
    quick = "quick"
    normal = "normal"
    thorough = "thorough"


def options(model: str | None, dataset: str | None, no_dataset: bool, dims: list[str], statics: list[str]) -> Options:
    """The choices that every command which builds a model shares."""
    from hepq.compiler.driver.options import Options, value_of

    return Options(
        model=model,
        dataset=dataset,
        use_dataset=not no_dataset,
        dims=sizes(dims),
        statics={k: value_of(v) for k, v in map(_pair, statics)},
    )


def sizes(given: list[str]) -> dict[str, int]:
    """Of ``NAME=SIZE``."""
    return {k: _size(k, v) for k, v in map(_pair, given)}


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not (mark and name.isidentifier() and value):
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value


def _size(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise typer.BadParameter(f"the size of {name} must be a positive whole number, not {text!r}")
    return int(text)


def text_of(file: Path) -> str:
    """A program's text, - being standard input. Raises HepqError if it is too long, or cannot be read as text."""
    from hepq.core.diagnostics.diagnostic import HepqError, Sink
    from hepq.lang.syntax.reading import MAX_BYTES, read_source, source_of

    sink, given = Sink(), str(file) == "-"
    source = source_of(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>", sink) if given else read_source(file, sink)
    if source is None:
        raise HepqError(sink.items)
    return source.text
