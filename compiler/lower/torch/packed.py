# SPDX-License-Identifier: Apache-2.0
"""Packed values: the real entries of a batch, one after another, without padding.

A value over (batch, part, …) may be held as (rows, …) instead, with a row for each particle of any event; one over
pairs has a row for each pair. What works on every entry alone then costs as much as there are entries, not as there
would be if every event were the largest, which for pairs is several times more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch.values import BATCH, Batch, Rows, Table, Value
from hepq.core.ops.table import ELEMENTWISE, IDENTITY, QUANTUM, REDUCE, SHAPE
from hepq.core.types import Dim

#: ops that treat every entry alone, if what they sum over is not ragged; they keep the layout of their operands
_ENTRYWISE = ELEMENTWISE | REDUCE | SHAPE | IDENTITY

#: reductions of packed values, row by row, whatever they are over
SUMS = frozenset(("reduce_sum", "reduce_mean"))


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
    sizes = [batch.extent(d) for d in rest]
    return Value(_take(x.tensor.reshape(-1, *sizes), index), (rows, *rest))


def _lookup(rows: Rows, among: Rows, batch: Batch) -> Tensor:
    """Of each of ``rows``, the one of ``among``, which are over some of the same dims, that it belongs to."""

    def found() -> Tensor:
        table = batch.table(rows)
        # where each row's padded place is in the other list of places
        there = replace(table, positions=table.mirrored) if among.half else table
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
    shape, rest = [batch.extent(d) for d in dims], x.tensor.shape[1:]
    total = torch.Size(shape).numel()
    table = batch.table(x.rows)
    flat = x.tensor.new_zeros(total, *rest).index_copy(0, table.place, x.tensor)
    if x.rows.half:
        swapped = replace(table, positions=table.positions[::-1])
        flat = flat.index_copy(0, _flat(dims, swapped, batch), x.tensor)
    return Value(flat.reshape(*shape, *rest), (*dims, *x.dims[1:]))
