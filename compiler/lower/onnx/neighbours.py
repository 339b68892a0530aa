# SPDX-License-Identifier: Apache-2.0
"""The k nearest other points of each event, ties to the lower index, padding never among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepq.compiler.ir import Node
from hepq.compiler.lower.onnx.graph import Graph
from hepq.compiler.lower.onnx.values import BATCH, Batch, Value, select, with_batch
from hepq.lang.types import Dim


def knn(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """TopK gives equal values in the order of their indices: that much of it is specified."""
    graph, over, nbr = batch.graph, node["over"], node["nbr"]
    k: int = nbr.size
    dims = with_batch((over, nbr), *args, batch.valid([over]) or args[0])
    own = (BATCH,) if dims[0] is BATCH else ()
    pos = Value(batch.expand(args[0], (*own, over, node["coord"])), (*own, over, node["coord"]))
    distance = _squared_distances(graph, pos, node["coord"])
    # what is no neighbour sorts behind every distance, also an infinite one
    far = graph.op("Min", distance, graph.constant(np.finfo(np.float32).max, np.float32))
    number = graph.iota(batch.extent(over))
    itself = graph.op("Equal", graph.unsqueeze(number, [1]), number)
    distance = graph.op("Where", itself, graph.constant(np.inf, np.float32), far)
    valid = batch.valid([over])
    if valid is not None:
        distance = select(graph, graph.unsqueeze(valid.name, [1]), distance, np.inf)
    # so many more columns that there always are k
    shape = graph.shape([*batch.extents((*own, over)), k])
    padded = graph.op("Concat", distance, graph.op("Expand", graph.constant(np.inf, np.float32), shape), axis=-1)
    _, nearest = graph.ops("TopK", 2, padded, graph.ints(k), largest=0, sorted=1)
    others = graph.op("Sub", batch.align(batch.count([over]), (*own, over, nbr)), graph.constant(1, np.int64))
    absent = graph.unsqueeze(number, [1]) if node["short"] == "self" else -1
    index = select(graph, graph.op("Less", graph.iota(k), others), nearest, absent, "int")
    return batch.fill(Value(index, dims, "index"), -1)


def _squared_distances(graph: Graph, pos: Value, coord: Dim) -> str:
    """[…, n, coord] to […, n, n], by differences, summed over coordinates in order."""
    last, total = len(pos.dims) - 1, ""
    size = coord.size or 0
    columns = [pos.name] if size == 1 else graph.ops("Split", size, pos.name, axis=last)
    for x in columns:  # [..., n, 1]
        row = graph.transpose(x, [*range(last - 1), last, last - 1])
        difference = graph.op("Sub", x, row)
        square = graph.op("Mul", difference, difference)
        total = graph.op("Add", total, square) if total else square
    return total
