# SPDX-License-Identifier: Apache-2.0
"""Batched values with named dims and hidden padding: what the torch lowering computes with.

The batch is one more named dim, so that broadcasting, contraction and gather treat it like any other.
A value over (batch, part, …) may also be packed as (rows, …): the real entries of a batch one after another, a row for
each particle of any event; one over pairs has a row for each pair. What works on every entry alone then costs as much
as there are entries, not as there would be if every event were the largest, which for pairs is several times more.

Values at padded positions are unspecified but always finite, and so are the derivatives there: inputs
are zeroed, ops with a singular point see a harmless number, and whatever sums or picks over a ragged
dim looks at valid entries only. So no NaN arises there to leak through ``0 * NaN`` in a backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.matmul_dims import positions
from hepq.compiler.ir.node import Node
from hepq.core.ops.table import ELEMENTWISE, IDENTITY, QUANTUM, REDUCE, SHAPE
from hepq.core.types import Dim

#: not a name that the language can write
BATCH = Dim("<batch>")
#: ops that treat every entry alone, if what they sum over is not ragged; they keep the layout of their operands
_ENTRYWISE = ELEMENTWISE | REDUCE | SHAPE | IDENTITY

#: reductions of packed values, row by row, whatever they are over
SUMS = frozenset(("reduce_sum", "reduce_mean"))


@dataclass(frozen=True)
class Rows(Dim):
    """The real entries of a batch over ragged dims ``of``: events one after another, the last dim fastest.

    ``half``: of two copies of a dim, only pairs whose second place is not after the first.
    """

    of: tuple[Dim, ...] = ()
    half: bool = False

    @staticmethod
    def over(dims: Sequence[Dim], half: bool = False) -> Rows:
        """One order of dims for all values over the same ones."""
        of = tuple(sorted(dims, key=lambda d: d.key))
        return Rows(f"<{'half the' if half else 'the'} rows of {', '.join(map(str, of))}>", of=of, half=half)

    def renamed(self, src: Dim, dst: Dim) -> Rows | None:
        """With ``dst`` for ``src``, if that is one of their dims; None if the rows would be in another order."""
        if all(d.key != src.key for d in self.of):
            return self
        if self.half:
            return None
        of = tuple(dst if d.key == src.key else d for d in self.of)
        rows = Rows.over(of)
        return rows if [d.key for d in rows.of] == [d.key for d in of] else None


@dataclass(frozen=True)
class Table:
    """Of each row: its ``event``, its ``positions`` along each dim of ``rows``, its ``place`` among padded entries."""

    rows: Rows
    event: Tensor
    positions: tuple[Tensor, ...]
    place: Tensor

    def position(self, dim: Dim) -> Tensor:
        return self.positions[[d.key for d in self.rows.of].index(dim.key)]

    def mirrored(self, half: Rows) -> Table:
        """The same rows along the two dims of ``half``, the larger position first, as its pairs are."""
        i, j = (self.position(d) for d in half.of)
        return replace(self, rows=half, positions=(torch.maximum(i, j), torch.minimum(i, j)))


@dataclass(frozen=True)
class Value:
    """``dims`` name the tensor's axes; ``BATCH`` comes first where the value differs between events, or ``Rows``.

    ``parts``: what a stack was made of, so that circuits see which of their angles all events share.
    """

    tensor: Tensor
    dims: tuple[Dim, ...]
    parts: tuple[Value, ...] = ()

    @property
    def batched(self) -> bool:
        return bool(self.dims) and self.dims[0] is BATCH

    @property
    def rows(self) -> Rows | None:
        return self.dims[0] if self.dims and isinstance(self.dims[0], Rows) else None

    @property
    def varies(self) -> bool:
        """Does it depend on the event, or on the place along a ragged dim?"""
        return self.rows is not None or any(d is BATCH or d.ragged for d in self.dims)

    def axis(self, dim: Dim) -> int:
        return positions(self.dims, [dim])[0]

    def permute(self, dims: Sequence[Dim]) -> Tensor:
        order = positions(self.dims, dims)
        return self.tensor if order == tuple(range(len(order))) else self.tensor.permute(order)

    def align(self, wanted: Sequence[Dim]) -> Tensor:
        """In ``wanted``'s order, with axes of size 1 for the dims it lacks."""
        keys = {d.key for d in self.dims}
        tensor = self.permute([d for d in wanted if d.key in keys])
        for i, dim in enumerate(wanted):
            if dim.key not in keys:
                tensor = tensor.unsqueeze(i)
        return tensor


def with_batch(dims: Sequence[Dim], *values: Value) -> tuple[Dim, ...]:
    """The dims of what is made of ``values`` and has dims ``dims`` in each event."""
    rows = next((v.rows for v in values if v.rows), None)
    if rows is not None:
        return (rows, *(d for d in dims if not d.ragged))
    return (BATCH, *dims) if any(v.batched for v in values) else tuple(dims)


@dataclass
class Batch:
    """One call's events: their number, the padded size and the true counts of each ragged dim; of those that operations
    make, once they are made.
    """

    size: int
    padded: dict[str, int]
    counts: dict[str, Tensor]
    inputs: Mapping[str, Tensor]
    dtype: torch.dtype
    device: torch.device
    training: bool
    _valid: dict[tuple[tuple[str, int], ...], Value] = field(default_factory=dict)
    _tables: dict[Rows, Table] = field(default_factory=dict)
    _lookups: dict[tuple[Rows, Rows], Tensor] = field(default_factory=dict)
    _converted: dict[int, tuple[Value, dict[Rows | None, Value]]] = field(default_factory=dict)

    def extent(self, dim: Dim) -> int:
        if dim is BATCH:
            return self.size
        if isinstance(dim, Rows):
            return len(self.table(dim).event)
        return dim.size if dim.size is not None else self.padded[dim.name]

    def extents(self, dims: Sequence[Dim]) -> list[int]:
        return [self.extent(d) for d in dims]

    def make(self, dim: Dim, counts: Tensor) -> int:
        """The padded size of a ragged dim of which each event now has ``counts`` [batch] entries."""
        if dim.name not in self.counts:
            self.counts[dim.name] = counts
            self.padded[dim.name] = max(int(counts.max()) if len(counts) else 0, 1)
        return self.padded[dim.name]

    def full(self, x: Value, dims: Sequence[Dim]) -> Tensor:
        """``x`` over exactly ``dims``."""
        return x.align(dims).expand(self.extents(dims))

    def value(self, tensor: Tensor, dims: Sequence[Dim], wanted: Sequence[Dim]) -> Value:
        """Numbers over ``dims``, of whatever shape, over the same dims in ``wanted``'s order."""
        return Value(Value(tensor.reshape(self.extents(dims)), tuple(dims)).permute(wanted), tuple(wanted))

    def count(self, dims: Sequence[Dim]) -> Value:
        """Number of entries over ``dims`` per event."""
        ragged = [d for d in dims if d.ragged]
        static = torch.tensor([d.size for d in dims if not d.ragged], dtype=torch.int64).prod()
        if not ragged:
            return Value(static.to(self.device), ())
        return Value(reduce(torch.mul, (self.counts[d.name] for d in ragged)) * static.to(self.device), (BATCH,))

    def valid(self, dims: Sequence[Dim]) -> Value | None:
        """True where an entry is real: [batch, ragged dims of ``dims``]; None if no dim is ragged."""
        ragged = tuple(d for d in dims if d.ragged)
        key = tuple(d.key for d in ragged)
        if key and key not in self._valid:
            parts = [
                Value(torch.arange(self.padded[d.name], device=self.device) < self.counts[d.name][:, None], (BATCH, d))
                for d in ragged
            ]
            full = (BATCH, *ragged)
            self._valid[key] = Value(reduce(torch.logical_and, (p.align(full) for p in parts)), full)
        return self._valid.get(key)

    def table(self, rows: Rows) -> Table:
        if rows not in self._tables:
            valid = self.valid(rows.of)
            assert valid is not None
            there = valid.tensor.tril() if rows.half else valid.tensor
            event, *positions = there.nonzero(as_tuple=True)
            place = there.flatten().nonzero().flatten()
            self._tables[rows] = Table(rows, event, tuple(positions), place)
        return self._tables[rows]

    def multiplicity(self, rows: Rows) -> Value | None:
        """How many entries each of ``rows`` stands for; None where it is one for all."""
        if not rows.half:
            return None
        i, j = self.table(rows).positions
        return Value(2 - (i == j).long(), (rows,))

    def lookup(self, rows: Rows, among: Rows, find: Callable[[], Tensor]) -> Tensor:
        """What ``find`` says of the two, asked once."""
        if (rows, among) not in self._lookups:
            self._lookups[rows, among] = find()
        return self._lookups[rows, among]

    def converted(self, x: Value, rows: Rows | None, convert: Callable[[], Value]) -> Value:
        """``x`` in another layout, converted once however many nodes want it."""
        # x is kept so that nothing else gets its id
        _, found = self._converted.setdefault(id(x), (x, {}))
        if rows not in found:
            found[rows] = convert()
        return found[rows]

    def forget(self, x: Value) -> None:
        """Nobody needs ``x`` any more: nor its other layouts."""
        self._converted.pop(id(x), None)

    def fill(self, x: Value, value: float, dims: Sequence[Dim] | None = None) -> Value:
        """``value`` at the entries of x that are padding in one of ``dims`` (default: all of x's)."""
        valid = self.valid(x.dims if dims is None else dims)
        if valid is None:
            return x
        wanted = with_batch([d for d in x.dims if d is not BATCH], valid)
        filler = torch.tensor(value, dtype=x.tensor.dtype, device=x.tensor.device)
        return Value(torch.where(valid.align(wanted), x.align(wanted), filler), wanted)


def arrange(
    node: Node, args: Sequence[Value], batch: Batch, over: Sequence[Dim] = (), half: bool = False
) -> list[Value]:
    """Operands in the layout that ``node`` is computed in: all packed into its rows, or none.

    ``over``: the dims along which it does not treat entries alone. ``half`` the pairs are enough.
    """
    if node.op in SUMS and over and args[0].rows and not args[0].rows.half:
        return list(args)
    rows = None if any(d.ragged for d in over) else _rows_of(node, args, half)
    if rows is None:
        return [dense(a, batch, parts=node.op in QUANTUM) for a in args]
    if node.op == "rename":
        return list(args)
    return [pack(a, rows, batch) for a in args]


def summed(node: Node) -> tuple[Dim, ...]:
    """The dims along which ``node`` does not treat entries alone, if it is one that has rows at all."""
    return tuple(node["over"]) if node.op in REDUCE or node.op == "contract" else ()


def _rows_of(node: Node, args: Sequence[Value], half: bool) -> Rows | None:
    """The rows in which to compute ``node``; None for padded operands."""
    ragged = tuple(d for d in node.type.dims if d.ragged)
    if not ragged:
        return None
    if node.op == "rename":
        renamed = args[0].rows and args[0].rows.renamed(node["src"], node["dst"])
        return args[0].rows if renamed else None
    varying = [a for a in args if a.varies]
    if node.op == "batch_norm" or (node.op == "contract" and len(varying) == 1):
        return Rows.over(ragged, half) if any(a.rows or a.batched for a in varying) else None
    if node.op == "contract":
        rows = varying[0].rows if varying else None
        return rows if rows and all(a.rows == rows for a in varying) else None
    if node.op not in _ENTRYWISE or not any(a.rows for a in varying):
        return None
    # what is padded over all of these dims already would have to be packed for one cheap operation
    keys = {d.key for d in ragged}
    padded = any(a.batched and keys <= {d.key for d in a.dims} for a in varying)
    return None if padded else Rows.over(ragged, half)


def pack(x: Value, rows: Rows, batch: Batch) -> Value:
    """``x`` with an entry for each of ``rows``, if it depends on any of their dims or on the event; itself if not."""
    if x.rows == rows or not x.varies:
        return x
    return batch.converted(x, rows, lambda: _pack(x, rows, batch))


def _pack(x: Value, rows: Rows, batch: Batch) -> Value:
    if x.rows:
        index, rest = _lookup(rows, x.rows, batch), x.dims[1:]
    else:
        mine = [d for d in x.dims if d is BATCH or d.ragged]
        rest = tuple(d for d in x.dims if not (d is BATCH or d.ragged))
        index = _flat(mine, batch.table(rows), batch)
        x = Value(x.permute((*mine, *rest)), (*mine, *rest))
    return Value(_take(x.tensor.reshape(-1, *batch.extents(rest)), index), (rows, *rest))


def _lookup(rows: Rows, among: Rows, batch: Batch) -> Tensor:
    """Of each of ``rows``, the one of ``among``, which are over some of the same dims, that it belongs to."""

    def found() -> Tensor:
        table = batch.table(rows)
        # where each row's padded place is in the other list of places
        there = table.mirrored(among) if among.half else table
        return torch.searchsorted(batch.table(among).place, _flat((BATCH, *among.of), there, batch))

    return batch.lookup(rows, among, found)


def segments(x: Value, over: Sequence[Dim], batch: Batch) -> Value:
    """Packed ``x`` summed over dims of which some are those of its rows: still packed, if other such dims are left."""
    assert x.rows is not None
    keys = {d.key for d in over}
    total, rest = x.tensor, [d for d in x.dims[1:] if d.key not in keys]
    if axes := tuple(x.axis(d) for d in x.dims[1:] if d.key in keys):
        total = total.sum(axes)
    if not any(d.key in keys for d in x.rows.of):
        return Value(total, (x.rows, *rest))
    left = tuple(d for d in x.rows.of if d.key not in keys)
    first: Dim = Rows.over(left) if left else BATCH
    index = _lookup(x.rows, first, batch) if isinstance(first, Rows) else batch.table(x.rows).event
    return Value(total.new_zeros(batch.extent(first), *total.shape[1:]).index_add(0, index, total), (first, *rest))


def _flat(dims: Sequence[Dim], table: Table, batch: Batch) -> Tensor:
    """Of each row, its place in a padded tensor over ``dims``."""
    place = torch.zeros_like(table.event)
    for d in dims:
        place = place * batch.extent(d) + (table.event if d is BATCH else table.position(d))
    return place


def _take(table: Tensor, index: Tensor) -> Tensor:
    """``table[index]`` along the first axis. Of torch's ways, an embedding has the fastest derivative."""
    if not (table.is_floating_point() and table.requires_grad):
        return table.index_select(0, index)
    shape = table.shape[1:]
    return F.embedding(index, table.reshape(len(table), shape.numel())).reshape(-1, *shape)


def dense(x: Value, batch: Batch, parts: bool = False) -> Value:
    """``x`` padded: zero at padding. ``parts``: those of a stack too."""
    if x.rows is None:
        return x
    found = batch.converted(x, None, lambda: _dense(x, batch))
    return Value(found.tensor, found.dims, tuple(dense(p, batch) for p in x.parts)) if parts else found


def _dense(x: Value, batch: Batch) -> Value:
    assert x.rows is not None
    dims = (BATCH, *x.rows.of)
    shape, rest = batch.extents(dims), x.tensor.shape[1:]
    total = torch.Size(shape).numel()
    table = batch.table(x.rows)
    flat = x.tensor.new_zeros(total, *rest).index_copy(0, table.place, x.tensor)
    if x.rows.half:
        swapped = replace(table, positions=table.positions[::-1])
        flat = flat.index_copy(0, _flat(dims, swapped, batch), x.tensor)
    return Value(flat.reshape(*shape, *rest), (*dims, *x.dims[1:]))
