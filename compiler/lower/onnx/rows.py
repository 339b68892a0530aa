# SPDX-License-Identifier: Apache-2.0
"""Operations that choose, order, combine and join the entries of dims, and sums by an index, over padded batches.

Keys of TopK are whole numbers of which no two are equal: which of equal ones comes first no runtime has to say. Sums by
an index select and reduce: before opset 16 nothing scatters with a reduction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import factorial

import numpy as np

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.onnx.graph import Extent, Graph
from hepq.compiler.lower.onnx.values import BATCH, Batch, Value, select, with_batch
from hepq.core.types import Dim


def filtered(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, dim, dst = batch.graph, node["dim"], node["dst"]
    mask = batch.fill(Value(batch.expand(args[0], (BATCH, dim)), (BATCH, dim), "bool"), False).name
    counts = graph.op("ReduceSum", graph.cast(mask, np.int64), graph.ints(1), keepdims=0)
    slots = batch.make(dst, graph.op("Min", counts, graph.constant(dst.bound, np.int64)), batch.extent(dim))
    number, size = graph.iota(batch.extent(dim)), graph.size(batch.extent(dim))
    key = graph.op("Where", mask, number, graph.op("Add", number, size))
    order = graph.ops("TopK", 2, key, slots, axis=1, largest=0, sorted=1)[1]
    return batch.fill(Value(order, (BATCH, dst), "index"), -1)


def argsort(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, dim, dst, others = batch.graph, node["dim"], node["dst"], node.type.dims[1:]
    own = (BATCH, *others)
    keys = [Value(batch.expand(key, (*own, dim)), (*own, dim), key.elem) for key in args]
    place = _places(batch, keys, node["descending"], dim)
    count = batch.count([dim])
    if dst.key == dim.key:
        slots: Extent = batch.extent(dim)
    elif dst.ragged:
        each = graph.op("Expand", count.name, graph.size(batch.size))
        slots = batch.make(dst, graph.op("Min", each, graph.constant(dst.bound, np.int64)), batch.extent(dim))
    else:
        slots = dst.size or 0
        # so many more places that there always are enough
        more = graph.shape([*batch.extents(own), slots])
        far = graph.op("Add", graph.iota(slots), graph.size(batch.extent(dim)))
        place = graph.op("Concat", place, graph.op("Expand", far, more), axis=-1)
    order = graph.ops("TopK", 2, place, graph.size(slots), axis=-1, largest=0, sorted=1)[1]
    if dst.key != dim.key and not dst.ragged:
        there = graph.op("Less", graph.iota(slots), batch.align(count, (*own, dst)))
        order = select(graph, there, order, -1, "index")
    made = Value(order, (*own, dst), "index")
    return batch.fill(Value(batch.permute(made, (BATCH, dst, *others)), (BATCH, dst, *others), "index"), -1)


def _places(batch: Batch, keys: Sequence[Value], descending: Sequence[bool], dim: Dim) -> str:
    """int64 […, dim]: how many entries stand before each, whose keys ``keys`` [batch, …, dim] are; absent ones last."""
    graph, last = batch.graph, len(keys[0].dims) - 1

    def against(x: str) -> tuple[str, str]:
        """Of each entry, along the last axis those of the others."""
        return graph.unsqueeze(x, [last + 1]), graph.unsqueeze(x, [last])

    mine, theirs = _range_against(graph, batch.extent(dim))
    before = graph.op("Less", theirs, mine)
    for key, down in reversed(list(zip(keys, descending, strict=True))):
        x = graph.cast(key.name, np.int64) if key.elem == "bool" else key.name
        mine, theirs = against(x)
        less, equal = graph.op("Less", *((mine, theirs) if down else (theirs, mine))), graph.op("Equal", mine, theirs)
        if key.elem == "real":
            mine, theirs = against(graph.op("IsNaN", x))
            less = graph.op("Or", less, graph.op("And", mine, graph.op("Not", theirs)))
            equal = graph.op("Or", equal, graph.op("And", mine, theirs))
        before = graph.op("Or", less, graph.op("And", equal, before))
    valid = batch.valid([dim])
    if valid is None:
        return _counted(graph, before)
    there = batch.expand(valid, keys[0].dims)
    place = _counted(graph, graph.op("And", before, against(there)[1]))
    # absent ones among themselves as they stand
    absent = graph.op("Add", graph.iota(batch.extent(dim)), graph.size(batch.extent(dim)))
    return graph.op("Where", there, place, absent)


def _range_against(graph: Graph, extent: Extent) -> tuple[str, str]:
    """Places, as a column and as a row."""
    number = graph.iota(extent)
    return graph.unsqueeze(number, [1]), graph.unsqueeze(number, [0])


def _counted(graph: Graph, flags: str) -> str:
    """How many are true along the last axis."""
    return graph.op("ReduceSum", graph.cast(flags, np.int64), graph.ints(-1), keepdims=0)


def combinations(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """Counted from the end of an event's list, and by places from its last entry, all events have one list."""
    graph, dim, dst, slot = batch.graph, node["dim"], node["dst"], node["slot"]
    extent, k = batch.extent(dim), slot.size
    n = graph.op("Expand", batch.count([dim]).name, graph.size(batch.size))
    all_of = _over(graph, n, k)
    counts = graph.op("Min", all_of, graph.constant(dst.bound, np.int64))
    slots = batch.make(dst, counts, _over(graph, graph.size(extent), k))
    place = graph.op("Sub", graph.unsqueeze(all_of, [1]), graph.op("Add", graph.iota(slots), graph.ints(1)))
    found = graph.op("Gather", _descending(graph, extent, k), graph.op("Max", place, graph.ints(0)), axis=0)
    index = graph.op("Sub", graph.op("Sub", graph.unsqueeze(n, [1, 2]), graph.ints(1)), found)
    return batch.fill(Value(index, (BATCH, dst, slot), "index"), -1)


def _over(graph: Graph, n: str, k: int) -> str:
    """The binomial (n over k)."""
    factors = [n] if k else [graph.op("Add", graph.op("Mul", n, graph.ints(0)), graph.ints(1))]
    factors += [graph.op("Max", graph.op("Sub", n, graph.ints(i)), graph.ints(0)) for i in range(1, k)]
    return graph.op("Div", reduce(lambda a, b: graph.op("Mul", a, b), factors), graph.ints(factorial(k)))


def _descending(graph: Graph, extent: Extent, k: int) -> str:
    """int64 [rows, k]: all c1 > c2 > … below ``extent``, by c1, then by c2, …; and a row more, of zeros."""
    number = graph.iota(extent)
    table = graph.unsqueeze(number, [1])
    for _ in range(1, k):
        last = graph.op("Slice", table, graph.ints(-1), graph.ints(2**31), graph.ints(1))
        found = graph.op("NonZero", graph.op("Less", number, last))
        rows, lower = (graph.op("Gather", found, graph.constant(i, np.int64), axis=0) for i in range(2))
        table = graph.op("Concat", graph.op("Gather", table, rows, axis=0), graph.unsqueeze(lower, [1]), axis=1)
    return graph.op("Concat", table, graph.constant(np.zeros((1, k)), np.int64), axis=0)


def united(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, dst, part, dims = batch.graph, node["dst"], node["part"], node["dims"]
    each = [graph.op("Expand", batch.count([d]).name, graph.size(batch.size)) for d in dims]

    def total(of: Sequence[str]) -> str:
        return reduce(lambda a, b: graph.op("Add", a, b), of)

    counts = graph.op("Min", total(each), graph.constant(dst.bound, np.int64))
    slots = batch.make(dst, counts, total([graph.size(batch.extent(d)) for d in dims]))
    place = graph.iota(slots)
    if part:
        place = graph.op("Sub", place, graph.unsqueeze(total(each[:part]), [1]))
    size = graph.unsqueeze(each[part], [1])
    index = graph.op("Where", graph.op("Less", place, size), place, graph.constant(-1, np.int64))
    index = graph.op("Max", index, graph.constant(-1, np.int64))
    return batch.fill(Value(index, (BATCH, dst), "index"), -1)


def numbered(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, count = batch.graph, batch.count([node["dim"]])
    dims = with_batch(node.type.dims, args[0], count)
    x = batch.align(args[0], dims)
    index = select(graph, graph.op("Less", x, batch.align(count, dims)), x, -1, "index")
    return batch.fill(Value(graph.op("Max", index, graph.constant(-1, np.int64)), dims, "index"), -1)


def cumsum(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, x = batch.graph, batch.fill(args[0], 0, [node["over"]])
    axis = graph.constant(x.axis(node["over"]), np.int64)
    return Value(graph.op("CumSum", x.name, axis), x.dims, x.elem)


def segment(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, (x, idx), (into, *others) = batch.graph, args, node.type.dims
    along = list(node.operands[1].type.dims)
    named = batch.fill(Value(batch.expand(idx, (BATCH, *along)), (BATCH, *along), "index"), -1)
    groups = [[BATCH], along, others]
    everywhere = (BATCH, *along, *others)
    rows = batch.grouped(Value(batch.expand(x, everywhere), everywhere, x.elem), groups)
    entry = graph.unsqueeze(batch.grouped(named, [[BATCH], along]), [1])
    mine = graph.op("Equal", graph.unsqueeze(graph.iota(batch.extent(into)), [1]), entry)  # [batch, into, along]
    mask, rows = graph.unsqueeze(mine, [3]), graph.unsqueeze(rows, [1])
    sums = node.op == "segment_sum"
    kept = select(graph, mask, rows, 0 if sums else _neutral(node.op, x.elem), x.elem)
    if sums:
        made = graph.total(kept, 4, [2], x.elem == "int")
    else:
        made = graph.op("ReduceMax" if node.op == "segment_max" else "ReduceMin", kept, axes=(2,), keepdims=0)
        if x.elem == "real":
            odd = graph.cast(graph.op("And", mask, graph.op("IsNaN", rows)), np.int32)
            odd = graph.cast(graph.op("ReduceMax", odd, axes=(2,), keepdims=0), np.bool_)
            made = select(graph, odd, graph.constant(np.nan, np.float32), made, x.elem)
        some = graph.op("Greater", _counted(graph, mine), graph.constant(0, np.int64))
        made = select(graph, graph.unsqueeze(some, [2]), made, 0, x.elem)
    dims = (BATCH, into, *others)
    return Value(graph.reshape(made, batch.extents(dims)), dims, x.elem)


def _neutral(op: str, elem: str) -> float:
    if elem == "real":
        return -np.inf if op == "segment_max" else np.inf
    info = np.iinfo(np.int64)
    return info.min if op == "segment_max" else info.max
