# SPDX-License-Identifier: Apache-2.0
"""The k nearest other points of each event, ties to the lower index, padding never among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.onnx.values import BATCH, Batch, Value, select, with_batch
from hepq.core.types import Dim


def knn(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """TopK gives equal values in the order of their indices: that much of it is specified."""
    graph, over, nbr = batch.graph, node["over"], node["nbr"]
    k: int = nbr.size
    dims = with_batch((over, nbr), *args, batch.valid([over]) or args[0])
    own = (BATCH,) if dims[0] is BATCH else ()
    pos = Value(batch.expand(args[0], (*own, over, node["coord"])), (*own, over, node["coord"]))
    valid = batch.valid([over])
    dtype = np.float64 if as_read(node.operands[0]) else np.float32
    distance = _squared_distances(batch, pos, node["coord"], valid, dtype)
    # what is no neighbour sorts behind every distance, also an infinite one
    far = graph.op("Min", distance, graph.constant(np.finfo(dtype).max, dtype))
    number = graph.iota(batch.extent(over))
    barred = graph.op("Equal", graph.unsqueeze(number, [1]), number)
    if valid is not None:
        barred = graph.op("Or", barred, graph.op("Not", graph.unsqueeze(valid.name, [1])))
    behind = graph.cast(select(graph, barred, graph.constant(np.inf, np.float32), 0.0), dtype)
    distance = graph.op("Max", far, behind)
    # so many more columns that there always are k
    shape = graph.shape([*batch.extents((*own, over)), k])
    padded = graph.op("Concat", distance, graph.op("Expand", graph.constant(np.inf, dtype), shape), axis=-1)
    _, nearest = graph.ops("TopK", 2, padded, graph.ints(k), largest=0, sorted=1)
    others = graph.op("Sub", batch.align(batch.count([over]), (*own, over, nbr)), graph.constant(1, np.int64))
    absent = graph.unsqueeze(number, [1]) if node["short"] == "self" else -1
    index = select(graph, graph.op("Less", graph.iota(k), others), nearest, absent, "int")
    return batch.fill(Value(index, dims, "index"), -1)


def _squared_distances(batch: Batch, pos: Value, coord: Dim, valid: Value | None, dtype: Any) -> str:
    """``dtype`` […, n, n], by differences, summed over coordinates in order; onnxruntime 1.6 splits and selects floats
    only."""
    graph, last, total = batch.graph, len(pos.dims) - 1, ""
    name = pos.name if valid is None else select(graph, graph.unsqueeze(valid.name, [-1]), pos.name, 0.0)
    size = coord.size or 0
    columns = [name] if size == 1 else graph.ops("Split", size, name, axis=last)
    for column in columns:  # [..., n, 1]
        x = graph.cast(column, dtype) if dtype is np.float64 else column
        row = graph.transpose(x, [*range(last - 1), last, last - 1])
        difference = graph.op("Sub", x, row)
        square = graph.op("Mul", difference, difference)
        total = graph.op("Add", total, square) if total else square
    return total
