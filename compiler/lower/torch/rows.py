# SPDX-License-Identifier: Apache-2.0
"""Operations that choose, order, combine and join the entries of dims, and sums by an index, over padded batches.

What an index names is in range or -1, at padding too: it may be looked up without looking at what is real.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch.values import BATCH, Batch, Value, with_batch
from hepq.core.types import Dim


@torch.no_grad()
def filtered(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dim, dst = node["dim"], node["dst"]
    mask = batch.fill(Value(batch.full(args[0], (BATCH, dim)), (BATCH, dim)), False).tensor
    size = batch.make(dst, mask.sum(1).clamp(max=dst.bound))
    order = mask.logical_not().byte().sort(dim=1, stable=True).indices
    return batch.fill(Value(order[:, :size], (BATCH, dst)), -1)


@torch.no_grad()
def argsort(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dim, dst, others = node["dim"], node["dst"], node.type.dims[1:]
    wanted = (BATCH, *others, dim)
    order = _order([batch.full(key, wanted) for key in args], node["descending"], _absent(dim, wanted, batch))
    count = batch.count([dim])
    if dst.ragged and dst.key != dim.key:
        order = order[..., : batch.make(dst, _each(count, batch).clamp(max=dst.bound))]
    elif dst.key != dim.key:
        order = F.pad(order[..., : dst.size], (0, max(0, dst.size - order.shape[-1])))
        there = torch.arange(dst.size, device=batch.device) < count.align((BATCH, *others, dst))
        order = torch.where(there, order, -1)
    made = Value(order, (BATCH, *others, dst))
    return batch.fill(Value(made.permute((BATCH, dst, *others)), (BATCH, dst, *others)), -1)


def _absent(dim: Dim, wanted: Sequence[Dim], batch: Batch) -> Tensor | None:
    valid = batch.valid([dim])
    return None if valid is None else batch.full(valid, wanted).logical_not()


def _order(keys: Sequence[Tensor], descending: Sequence[bool], absent: Tensor | None) -> Tensor:
    """Places along the last axis, by keys, then as they stand; NaN of a key after its numbers, what is absent last."""
    passes: list[tuple[Tensor, bool]] = [] if absent is None else [(absent.byte(), False)]
    for key, down in zip(keys, descending, strict=True):
        if key.is_floating_point():
            passes.append((key.isnan().byte(), False))
            key = torch.where(key.isnan(), 0, key) + 0.0  # -0 is 0
        passes.append((key.byte() if key.dtype == torch.bool else key, down))
    order = torch.arange(keys[0].shape[-1], device=keys[0].device).expand(keys[0].shape)
    for values, down in reversed(passes):
        step = values.gather(-1, order).sort(dim=-1, descending=down, stable=True).indices
        order = order.gather(-1, step)
    return order


def _each(count: Value, batch: Batch) -> Tensor:
    """Of every event."""
    return count.align((BATCH,)).expand(batch.size)


@torch.no_grad()
def combinations(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """The r-th combination from the end, by the combinatorial number system (Knuth, TAOCP 7.2.1.3): r is the sum of
    binomials (c1 over k) + (c2 over k - 1) + … with c1 > c2 > …, each the largest that fits; c counts from the last
    entry.
    """
    dim, dst, slot = node["dim"], node["dst"], node["slot"]
    n, k = _each(batch.count([dim]), batch), slot.size
    all_of = _binomials(batch.extent(dim), k, batch)[n]
    size = batch.make(dst, all_of.clamp(max=dst.bound))
    rest = (all_of[:, None] - 1 - torch.arange(size, device=batch.device)).clamp(min=0)
    chosen = []
    for left in range(k, 0, -1):
        table = _binomials(batch.extent(dim), left, batch)
        largest = torch.searchsorted(table, rest, right=True) - 1
        rest = rest - table[largest]
        chosen.append((n[:, None] - 1 - largest).clamp(min=-1))
    return batch.fill(Value(torch.stack(chosen, -1), (BATCH, dst, slot)), -1)


def _binomials(largest: int, k: int, batch: Batch) -> Tensor:
    """(n over k) for n from 0; no more than any bound."""
    return torch.tensor([min(comb(n, k), 2**62) for n in range(largest + 1)], device=batch.device)


@torch.no_grad()
def united(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dst, part = node["dst"], node["part"]
    counts = [_each(batch.count([d]), batch) for d in node["dims"]]
    size = batch.make(dst, torch.stack(counts).sum(0).clamp(max=dst.bound))
    start = torch.stack([torch.zeros_like(counts[0]), *counts[:part]]).sum(0)
    place = torch.arange(size, device=batch.device) - start[:, None]
    there = (place >= 0) & (place < counts[part][:, None])
    return batch.fill(Value(torch.where(there, place, -1), (BATCH, dst)), -1)


@torch.no_grad()
def numbered(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    count = batch.count([node["dim"]])
    dims = with_batch(node.type.dims, args[0], count)
    x = args[0].align(dims)
    return batch.fill(Value(torch.where((x >= 0) & (x < count.align(dims)), x, -1), dims), -1)


def cumsum(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    x = batch.fill(args[0], 0, [node["over"]])
    return Value(x.tensor.cumsum(x.axis(node["over"])), x.dims)


def segment(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x, idx), (into, *others) = args, node.type.dims
    along = (BATCH, *node.operands[1].type.dims)
    named = batch.fill(Value(batch.full(idx, along), along), -1).align(along)
    rows = batch.full(x, (*along, *others)).reshape(named.numel(), prod(batch.extents(others)))
    size = batch.extent(into)
    offset = torch.arange(batch.size, device=batch.device).reshape(-1, *[1] * (len(along) - 1)) * size
    places = batch.size * size
    # the extra last place is what index -1 adds to
    place = torch.where(named >= 0, named + offset, places).flatten()
    if node.op == "segment_sum":
        made = rows.new_zeros(places + 1, rows.shape[1]).index_add(0, place, rows)
    else:
        made = _extremes(rows, place, places + 1, node.op == "segment_max")
    return Value(made[:places].reshape(batch.size, size, *batch.extents(others)), (BATCH, into, *others))


def _extremes(rows: Tensor, place: Tensor, places: int, largest: bool) -> Tensor:
    """[places, width]: of the rows of each place; 0 where there are none."""
    limits = torch.finfo(rows.dtype) if rows.is_floating_point() else torch.iinfo(rows.dtype)
    start = rows.new_full((places, rows.shape[1]), limits.min if largest else limits.max)
    found = start.scatter_reduce(
        0, place[:, None].expand_as(rows), rows, "amax" if largest else "amin", include_self=False
    )
    some = torch.zeros(places, dtype=torch.bool, device=rows.device).index_fill(0, place, True)
    return torch.where(some[:, None], found, 0)
