# SPDX-License-Identifier: Apache-2.0
"""What an artifact takes and gives, for programs that call it."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from hepq.core.errors import ArtifactError
from hepq.core.types import Dim
from hepq.lang.elaborate.analyses.models import Interface, ModelInput, ModelOutput, NoInterface, units
from hepq.runtime.artifact import manifest as m
from hepq.runtime.artifact.artifact import Artifact


def read_interface(path: Path) -> Interface:
    """Raises NoInterface."""
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError:
        digest = ""  # opening it says why
    return _interface(path, digest)


@lru_cache(maxsize=32)
def _interface(path: Path, digest: str) -> Interface:
    """Read once: a program calls an artifact in each variation."""
    try:
        found = Artifact.open(path).manifest
    except ArtifactError as error:
        raise NoInterface(error.title) from error
    if found.stage is not None:
        raise NoInterface("its dataset has objects, which are chosen in its own way; give it a dataset of branches")
    dims = {d.name: d for d in found.dims}
    outputs = tuple(_output(o, dims) for o in found.outputs if not any(dims[d].ragged for d in o.dims))
    if not outputs:
        raise NoInterface("it gives nothing of the event as a whole")
    inputs = tuple(_input(c, dims) for c in found.columns)
    return Interface(str(path), found.name, digest, inputs, outputs)


def _input(column: m.Branch, dims: dict[str, m.Dim]) -> ModelInput:
    ragged = bool(column.dims) and dims[column.dims[0]].ragged
    if column.elem == "index":
        raise NoInterface(f"its input {column.name} numbers entries, which is not there yet")
    shape = tuple(dims[d].size or 0 for d in column.dims[ragged:])
    unit, _ = units(column.unit)
    return ModelInput(
        column.name, column.branch, column.elem, ragged, shape, unit, column.factor, column.default is not None
    )


def _output(output: m.Output, dims: dict[str, m.Dim]) -> ModelOutput:
    made = tuple(Dim(d, dims[d].size, entries=dims[d].entries) for d in output.dims)
    return ModelOutput(output.name, output.elem, made, units(output.unit)[0])
