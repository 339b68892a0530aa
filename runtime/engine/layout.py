# SPDX-License-Identifier: Apache-2.0
"""What compiled code takes for granted of its arguments, as numbers that the code itself carries.

The code's second function, ``hepq_layout``, fills an array of just as many int64. They are compared with what the
manifest and the packed weights say before the code is called: no forged size makes it read or write out of bounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hepq.core.errors import ArtifactError
from hepq.runtime.artifact.manifest import EventSchema, Output, Value

FUNCTION = "hepq_layout"
_VERSION = 2


@dataclass(frozen=True)
class Buffer:
    """An input or output, flat: ``width`` numbers for each event, or for each entry of the ``ragged``-th ragged dim;
    int64 if ``whole``, else float32.
    """

    name: str
    ragged: int | None
    width: int
    whole: bool = False


@dataclass(frozen=True)
class Layout:
    """Lengths of the packed weights and of scratch memory; ragged dims and their bounds in the order of the offsets."""

    packed: int
    scratch: int
    iscratch: int
    lscratch: int
    bounds: tuple[tuple[str, int], ...]
    inputs: tuple[Buffer, ...]
    outputs: tuple[Buffer, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All of it; names as a hash."""
        buffers = (*self.inputs, *self.outputs)
        names = "\n".join([*(name for name, _ in self.bounds), *(b.name for b in buffers)])
        digest = int.from_bytes(hashlib.sha256(names.encode()).digest()[:7], "big")
        pairs = (n for b in buffers for n in (-1 if b.ragged is None else b.ragged, b.width, int(b.whole)))
        sizes = (len(self.bounds), len(self.inputs), len(self.outputs))
        lengths = (self.packed, self.scratch, self.iscratch, self.lscratch)
        return (_VERSION, *lengths, *sizes, digest, *(bound for _, bound in self.bounds), *pairs)


def of_manifest(
    schema: EventSchema, outputs: Sequence[Output], packed: int, scratch: int, iscratch: int, lscratch: int
) -> Layout:  # fmt: skip
    """What a manifest says of the code that gives ``outputs``."""
    order = [d.name for d in schema.offset_dims]

    def buffer(value: Value | Output) -> Buffer:
        dim = schema.ragged_dim(value.dims)
        return Buffer(
            value.name,
            None if dim is None else order.index(dim.name),
            schema.width(value.dims),
            value.whole,
        )

    bounds = tuple((d.name, d.bound or 0) for d in schema.offset_dims)
    return Layout(
        packed, scratch, iscratch, lscratch, bounds, tuple(map(buffer, schema.inputs)), tuple(map(buffer, outputs))
    )


def refuse(artifact: str, declared: Sequence[int], wanted: Layout) -> None:
    """Raises ArtifactError HQ0890 unless the code declares just what is wanted."""
    numbers = wanted.numbers
    if tuple(declared) == numbers:
        return
    what = (
        "layout",
        "packed weights",
        "scratch memory",
        "index scratch memory",
        "integer scratch memory",
        "ragged dims",
        "inputs",
        "outputs",
    )
    for name, theirs, ours in zip(what, declared, numbers, strict=False):
        if theirs != ours:
            raise unfit(artifact, f"{name}: the code has {theirs:,}, the rest of the artifact {ours:,}")
    raise unfit(artifact, "names, bounds or sizes of its inputs and outputs are not those of the manifest")


def unfit(artifact: str, why: str) -> ArtifactError:
    help = "compile it again; or hepq.load(…, rebuild=True)"
    return ArtifactError("HQ0890", f"the code in {artifact} does not fit its manifest", why, help)
