# SPDX-License-Identifier: Apache-2.0
"""Events to train on, read once: flat on disk and mapped into memory, so that their number is not limited by it.

Batches of them are made ready while the model computes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

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
Pick = NDArray[np.int64]
T = TypeVar("T")

#: batches made ready ahead
AHEAD = 2


@dataclass(frozen=True)
class Table:
    """``offsets`` int64 [events + 1] of each ragged dim; ``contents`` [rows, *static dims] of each input, float32 or
    int64 of whole numbers.

    ``dims``: the ragged dim of each input, None where its rows are events.
    """

    offsets: Mapping[str, NDArray[np.int64]]
    contents: Mapping[str, NDArray[Any]]
    dims: Mapping[str, str | None]
    _owner: Any = field(default=None, repr=False, compare=False)  #: of the files that are mapped

    @property
    def events(self) -> int:
        """How many, of a table that has any column."""
        for name, dim in self.dims.items():
            return len(self.contents[name]) if dim is None else len(self.offsets[dim]) - 1
        return 0

    def event(self, i: int) -> dict[str, NDArray[Any]]:
        """Inputs of one event at its true multiplicity."""
        found = {}
        for name, dim in self.dims.items():
            rows = slice(i, i + 1) if dim is None else slice(*self.offsets[dim][i : i + 2])
            value = self.contents[name][rows]
            value = value if value.dtype.kind == "i" else np.asarray(value, np.float64)
            found[name] = value[0] if dim is None else value
        return found

    def batch(self, nodes: tuple[Node, ...], pick: NDArray[np.int64], dtype: torch.dtype) -> tuple[Inputs, Inputs]:
        """(inputs, counts) of the events ``pick`` as ``TorchModule.forward`` takes them, padded to their longest."""
        counts = {dim: offsets[pick + 1] - offsets[pick] for dim, offsets in self.offsets.items()}
        inputs = {}
        for node in nodes:
            name = node["name"]
            dim, content = self.dims[name], self.contents[name]
            if dim is None:
                rows = pick
            else:
                slots = np.arange(int(counts[dim].max(initial=0)))
                rows = np.minimum(self.offsets[dim][pick][:, None] + slots, max(len(content) - 1, 0))
            found = content[rows] if len(content) else np.zeros((*rows.shape, *content.shape[1:]), content.dtype)
            inputs[name] = torch.from_numpy(np.ascontiguousarray(found)).to(dtype_of(node.type.elem, dtype))
        return inputs, {dim: torch.from_numpy(n) for dim, n in counts.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of all there is."""
        found = hashlib.sha256()
        for array in (*self.offsets.values(), *self.contents.values()):
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()


def table_of(batches: Iterable[Batch], schema: EventSchema) -> Table:
    """The events of ``batches``, one after the other. Raises OSError where the disk is full."""
    counts: dict[str, list[NDArray[np.int64]]] = {d.name: [] for d in schema.ragged}

    def pieces() -> Iterator[Mapping[str, NDArray[Any]]]:
        for batch in batches:
            for dim, found in counts.items():
                found.append(np.diff(batch.offsets[dim]))
            yield batch.contents

    shapes = {v.name: schema.static_shape(v.dims) for v in schema.inputs}
    contents, folder = written(pieces(), shapes, {v.name: v.kind for v in schema.inputs})
    offsets = {dim: np.cumsum([0, *np.concatenate([[], *n])], dtype=np.int64) for dim, n in counts.items()}
    dims = {v.name: d.name if (d := schema.ragged_dim(v.dims)) else None for v in schema.inputs}
    return Table(offsets, contents, dims, folder)


def written(
    pieces: Iterable[Mapping[str, NDArray[Any]]], shapes: Mapping[str, tuple[int, ...]],
    kinds: Mapping[str, type[np.generic]],
) -> tuple[dict[str, NDArray[Any]], object]:  # fmt: skip
    """``pieces`` one after the other, [rows, *shape] by name; and the owner of the files that they are in.

    ``kinds``: of what type numbers are, if not float32.
    """
    folder = Scratch("hepq-train")
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder.path / str(i)).open("wb")) for i, name in enumerate(shapes)}
        for piece in pieces:
            for name, file in files.items():
                file.write(np.ascontiguousarray(piece[name], kinds.get(name, np.float32)).data)
    return {
        name: _mapped(Path(file.name), kinds.get(name, np.float32), shapes[name]) for name, file in files.items()
    }, folder


def _mapped(file: Path, kind: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """[rows, *shape] of a file of numbers."""
    flat = np.memmap(file, kind, "r") if file.stat().st_size else np.zeros(0, kind)
    return np.asarray(flat).reshape((-1, *shape))


def batches(events: Pick, size: int, rng: np.random.Generator) -> list[Pick]:
    """All ``events`` once, in random batches of ``size``.

    Events of like multiplicity are not brought together, which would save padding: multiplicity tells classes apart,
    and the statistics of batch normalisation would be those of each kind in training, of all kinds later.
    """
    order = rng.permutation(events)
    return [order[i : i + size] for i in range(0, len(order), size)]


def ahead(items: Sequence[Pick], make: Callable[[int, Pick], T], thread: bool = True) -> Iterator[tuple[Pick, T]]:
    """Each item with what ``make(number, item)`` gives, made in a ``thread`` while the one before is used."""
    if not thread:
        for i, item in enumerate(items):
            yield item, make(i, item)
        return
    with ThreadPoolExecutor(1, "hepq-batches") as pool:
        waiting = [pool.submit(make, i, item) for i, item in enumerate(items[:AHEAD])]
        for i, item in enumerate(items):
            made = waiting.pop(0).result()
            if i + AHEAD < len(items):
                waiting.append(pool.submit(make, i + AHEAD, items[i + AHEAD]))
            yield item, made
