# SPDX-License-Identifier: Apache-2.0
"""Batched values with named dims and hidden padding, as tensors of an ONNX graph; as ``lower.torch.values`` has them.

The batch is one more named dim. Values at padded positions are unspecified, also NaN: whatever sums, picks or
looks up over a ragged dim puts a neutral value there first, so that none ever reaches a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from hepq.compiler.ir.matmul_dims import positions
from hepq.compiler.lower.onnx.graph import Extent, Graph
from hepq.core.types import Dim

#: not a name that the language can write
BATCH = Dim("<batch>")
DTYPES = {"real": np.float32, "int": np.int64, "index": np.int64, "bool": np.bool_}


@dataclass(frozen=True)
class Value:
    """``dims`` name the tensor's axes; ``BATCH`` comes first where the value differs between events."""

    name: str
    dims: tuple[Dim, ...]
    elem: str = "real"

    @property
    def batched(self) -> bool:
        return bool(self.dims) and self.dims[0] is BATCH

    def axis(self, dim: Dim) -> int:
        return positions(self.dims, [dim])[0]


def with_batch(dims: Sequence[Dim], *values: Value) -> tuple[Dim, ...]:
    return (BATCH, *dims) if any(v.batched for v in values) else tuple(dims)


@dataclass
class Batch:
    """The events of one call. ``size``: how many. By ragged dim, ``padded``: its slots, ``counts``: int64 [batch],
    the entries of each event, which come first; of dims that operations make, once they are made.
    """

    graph: Graph
    size: Extent
    padded: dict[str, Extent]
    counts: dict[str, str]

    def extent(self, dim: Dim) -> Extent:
        if dim is BATCH:
            return self.size
        return dim.size if dim.size is not None else self.padded[dim.name]

    def make(self, dim: Dim, counts: str, most: Extent) -> str:
        """The slots, int64 [1], of a ragged dim of which events now have ``counts``, no event more than ``most``."""
        if dim.name not in self.counts:
            fewer = self.graph.op("Min", self.graph.size(most), self.graph.ints(dim.bound or 0))
            self.counts[dim.name], self.padded[dim.name] = counts, self.graph.op("Max", fewer, self.graph.ints(1))
        return self.graph.size(self.padded[dim.name])

    def extents(self, dims: Sequence[Dim]) -> list[Extent]:
        return [self.extent(d) for d in dims]

    def constant(self, value: float, elem: str) -> Value:
        return Value(self.graph.constant(value, DTYPES[elem]), (), elem)

    # --- layout

    def permute(self, x: Value, dims: Sequence[Dim]) -> str:
        return self.graph.transpose(x.name, positions(x.dims, dims))

    def align(self, x: Value, wanted: Sequence[Dim]) -> str:
        """In ``wanted``'s order, with axes of size 1 for dims it lacks, but for leading ones: ready to broadcast."""
        keys = {d.key for d in x.dims}
        tensor = self.permute(x, [d for d in wanted if d.key in keys])
        leading = next((i for i, d in enumerate(wanted) if d.key in keys), len(wanted))
        return self.graph.unsqueeze(
            tensor, [i - leading for i, d in enumerate(wanted) if d.key not in keys and i > leading]
        )

    def expand(self, x: Value, wanted: Sequence[Dim]) -> str:
        """Over all of ``wanted``, in that order."""
        if {d.key for d in x.dims} == {d.key for d in wanted}:
            return self.permute(x, wanted)
        return self.graph.op("Expand", self.align(x, wanted), self.graph.shape(self.extents(wanted)))

    def grouped(self, x: Value, groups: Sequence[Sequence[Dim]]) -> str:
        """One axis for each group of dims; of no dims, an axis of size 1."""
        tensor = self.permute(x, [d for group in groups for d in group])
        if all(len(group) == 1 for group in groups):
            return tensor
        return self.graph.reshape(tensor, [self.graph.product(self.extents(group)) for group in groups])

    # --- padding

    def count(self, dims: Sequence[Dim]) -> Value:
        """Number of entries over ``dims`` per event."""
        static = self.graph.constant(int(np.prod([d.size for d in dims if d.size is not None])), np.int64)
        ragged = [self.counts[d.name] for d in dims if d.ragged]
        if not ragged:
            return Value(static, (), "int")
        total = reduce(lambda a, b: self.graph.op("Mul", a, b), ragged)
        one = all(d.ragged for d in dims)
        return Value(total if one else self.graph.op("Mul", total, static), (BATCH,), "int")

    def valid(self, dims: Sequence[Dim]) -> Value | None:
        """True where an entry is real: [batch, ragged dims of ``dims``]; None if no dim is ragged."""
        ragged = tuple(d for d in dims if d.ragged)
        if not ragged:
            return None
        parts = [Value(self._slots(d.name), (BATCH, d), "bool") for d in ragged]
        full = (BATCH, *ragged)
        return Value(
            reduce(lambda a, b: self.graph.op("And", a, b), (self.align(p, full) for p in parts)), full, "bool"
        )

    def _slots(self, name: str) -> str:
        return below(self.graph, self.padded[name], self.counts[name])

    def fill(self, x: Value, value: float, dims: Sequence[Dim] | None = None) -> Value:
        """``value`` at the entries of x that are padding in one of ``dims`` (default: all of x's)."""
        valid = self.valid(x.dims if dims is None else dims)
        if valid is None:
            return x
        wanted = with_batch([d for d in x.dims if d is not BATCH], valid)
        made = select(self.graph, self.align(valid, wanted), self.align(x, wanted), value, x.elem)
        return Value(made, wanted, x.elem)


def below(graph: Graph, slots: Extent, counts: str) -> str:
    """bool [batch, slots]: is a slot one of the first ``counts`` [batch]?"""
    return graph.op("Less", graph.iota(slots), graph.unsqueeze(counts, [1]))


def select(graph: Graph, mask: str, x: str, other: float | str, elem: str = "real") -> str:
    """``x`` where ``mask`` is true, ``other`` elsewhere. Old runtimes know no choice between truth values."""
    if elem == "bool":
        if isinstance(other, str):
            return graph.op("Or", graph.op("And", mask, x), graph.op("And", graph.op("Not", mask), other))
        return graph.op("Or", x, graph.op("Not", mask)) if other else graph.op("And", x, mask)
    filler = other if isinstance(other, str) else graph.constant(other, DTYPES[elem])
    return graph.op("Where", mask, x, filler)
