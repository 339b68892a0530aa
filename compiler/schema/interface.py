# SPDX-License-Identifier: Apache-2.0
"""What an artifact takes and gives, for programs that call it."""

from __future__ import annotations

from collections.abc import Callable
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
    return interface_of(found, found.name, digest, lambda target: (str(path), digest))


def interface_of(found: m.Described, name: str, key: str, compiled: Callable[[str], tuple[str, str]]) -> Interface:
    """Raises NoInterface for what an analysis cannot call."""
    if found.stage is not None:
        raise NoInterface("its dataset has objects, which are chosen in its own way; give it a dataset of branches")
    outputs = tuple(_output(o, found) for o in found.outputs if found.ragged_dim(o.dims) is None)
    if not outputs:
        raise NoInterface("it gives nothing of the event as a whole")
    return Interface(name, key, tuple(_input(c, found) for c in found.columns), outputs, compiled)


def _input(column: m.Branch, of: m.Described) -> ModelInput:
    ragged = of.ragged_dim(column.dims) is not None
    if column.elem == "index":
        raise NoInterface(f"its input {column.name} numbers entries, which is not there yet")
    shape = tuple(of.dim(d).size or 0 for d in column.dims[ragged:])
    unit, _ = units(column.unit)
    return ModelInput(
        column.name, column.branch, column.elem, ragged, shape, unit, column.factor, column.default is not None
    )


def _output(output: m.Output, of: m.Described) -> ModelOutput:
    made = tuple(Dim(d, of.dim(d).size, entries=of.dim(d).entries) for d in output.dims)
    return ModelOutput(output.name, output.elem, made, units(output.unit)[0])
