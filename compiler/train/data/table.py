# SPDX-License-Identifier: Apache-2.0
"""Events to train on, read once: flat on disk and mapped into memory, so that their number is not limited by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch.ops import dtype_of
from hepq.runtime.artifact.manifest import EventSchema
from hepq.runtime.events.batch import Batch
from hepq.runtime.files import Scratch

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Table:
    """``offsets`` int64 [events + 1] of each ragged dim; ``contents`` float32 [rows, *static dims] of each input.

    ``dims``: the ragged dim of each input, None where its rows are events.
    """

    offsets: Mapping[str, NDArray[np.int64]]
    contents: Mapping[str, NDArray[np.float32]]
    dims: Mapping[str, str | None]
    _owner: Any = field(default=None, repr=False, compare=False)  #: of the files that are mapped

    @property
    def events(self) -> int:
        """How many, of a table that has any column."""
        for name, dim in self.dims.items():
            return len(self.contents[name]) if dim is None else len(self.offsets[dim]) - 1
        return 0

    def event(self, i: int) -> dict[str, NDArray[np.float64]]:
        """Inputs of one event at its true multiplicity."""
        found = {}
        for name, dim in self.dims.items():
            rows = slice(i, i + 1) if dim is None else slice(*self.offsets[dim][i : i + 2])
            value = np.asarray(self.contents[name][rows], np.float64)
            found[name] = value[0] if dim is None else value
        return found

    def counts(self, dim: str, pick: NDArray[np.int64]) -> NDArray[np.int64]:
        offsets = self.offsets[dim]
        return offsets[pick + 1] - offsets[pick]

    def batch(self, nodes: tuple[Node, ...], pick: NDArray[np.int64], dtype: torch.dtype) -> tuple[Inputs, Inputs]:
        """(inputs, counts) of the events ``pick`` as ``TorchModule.forward`` takes them, padded to their longest."""
        counts = {dim: self.counts(dim, pick) for dim in self.offsets}
        inputs = {}
        for node in nodes:
            name = node["name"]
            dim, content = self.dims[name], self.contents[name]
            if dim is None:
                rows = pick
            else:
                slots = np.arange(int(counts[dim].max(initial=0)))
                rows = np.minimum(self.offsets[dim][pick][:, None] + slots, max(len(content) - 1, 0))
            found = content[rows] if len(content) else np.zeros((*rows.shape, *content.shape[1:]), np.float32)
            inputs[name] = torch.from_numpy(np.ascontiguousarray(found)).to(dtype_of(node.type.elem, dtype))
        return inputs, {dim: torch.from_numpy(n) for dim, n in counts.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of all there is."""
        found = hashlib.sha256()
        for array in (*self.offsets.values(), *self.contents.values()):
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()


@dataclass(frozen=True)
class Written:
    """``arrays``: mapped files of ``folder``."""

    arrays: Mapping[str, NDArray[np.float32]]
    folder: object


def written(
    pieces: Iterable[Mapping[str, NDArray[np.float32]]], shapes: Mapping[str, tuple[int, ...]]
) -> Written:  # fmt: skip
    """``pieces`` one after the other, [rows, *shape] by name, in files."""
    folder = Scratch("hepq-train")
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder.path / f"{i}.f32").open("wb")) for i, name in enumerate(shapes)}
        for piece in pieces:
            for name, file in files.items():
                file.write(np.ascontiguousarray(piece[name], np.float32).data)
    return Written({name: _mapped(Path(file.name), shapes[name]) for name, file in files.items()}, folder)


def _mapped(file: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """[rows, *shape] of a file of float32."""
    flat = np.memmap(file, np.float32, "r") if file.stat().st_size else np.zeros(0, np.float32)
    return np.asarray(flat).reshape((-1, *shape))


class TableWriter:
    """Takes prepared batches one after the other, in a ``with`` statement; after it, ``finish``."""

    def __init__(self, schema: EventSchema) -> None:
        self.schema = schema
        self._folder = Scratch("hepq-train")
        self._files: dict[str, BinaryIO] = {
            v.name: (self._folder.path / f"{i}.f32").open("wb") for i, v in enumerate(schema.inputs)
        }
        self._counts: dict[str, list[NDArray[np.int64]]] = {d.name: [] for d in schema.ragged}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, batch: Batch) -> None:
        for name, file in self._files.items():
            file.write(np.ascontiguousarray(batch.contents[name], np.float32).data)
        for dim, counts in self._counts.items():
            counts.append(np.diff(batch.offsets[dim]))

    def finish(self) -> Table:
        contents = {
            value.name: _mapped(Path(self._files[value.name].name), self.schema.static_shape(value.dims))
            for value in self.schema.inputs
        }
        offsets = {dim: np.cumsum([0, *np.concatenate([[], *n])], dtype=np.int64) for dim, n in self._counts.items()}
        dims = {v.name: d.name if (d := self.schema.ragged_dim(v.dims)) else None for v in self.schema.inputs}
        return Table(offsets, contents, dims, self._folder)
