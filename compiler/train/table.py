# SPDX-License-Identifier: Apache-2.0
"""Events to train on, read once: flat on disk and mapped into memory, so that their number is not limited by it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.compiler.ir import Node
from hepq.compiler.lower.torch_ops import dtype_of
from hepq.runtime.events import Batch
from hepq.runtime.manifest import EventSchema

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Table:
    """``offsets`` int64 [events + 1] of each ragged dim; ``contents`` float32 [rows, *static dims] of each input.

    ``dims``: the ragged dim of each input, None where its rows are events.
    """

    offsets: Mapping[str, NDArray[np.int64]]
    contents: Mapping[str, NDArray[np.float32]]
    dims: Mapping[str, str | None]
    _folder: _Folder | None = field(default=None, repr=False, compare=False)  #: of the files that are mapped

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


class _Folder:
    """A temporary folder that goes when nobody uses it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="hepq-train-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class TableWriter:
    """Takes prepared batches one after the other, in a ``with`` statement; after it, ``finish``."""

    def __init__(self, schema: EventSchema) -> None:
        self.schema = schema
        self._folder = _Folder()
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
        contents = {}
        for value in self.schema.inputs:
            name, shape = self._files[value.name].name, (-1, *self.schema.static_shape(value.dims))
            flat = np.memmap(name, np.float32, "r") if Path(name).stat().st_size else np.zeros(0, np.float32)
            contents[value.name] = flat.reshape(shape)
        offsets = {dim: np.cumsum([0, *np.concatenate([[], *n])], dtype=np.int64) for dim, n in self._counts.items()}
        dims = {v.name: d.name if (d := self.schema.ragged_dim(v.dims)) else None for v in self.schema.inputs}
        return Table(offsets, contents, dims, self._folder)
