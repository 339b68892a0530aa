# SPDX-License-Identifier: Apache-2.0
"""Each classical IR op in ONNX's, over batched values with hidden padding (see ``values``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.formulas import RELU
from hepq.compiler.ir.matmul_dims import MatMul
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.onnx import elementwise, rows
from hepq.compiler.lower.onnx.values import BATCH, DTYPES, Batch, Value, select, with_batch
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import COUNTING, GIVEN, IDENTITY, OF_NOTHING, QUANTUM, REDUCE, SEGMENT
from hepq.core.types import Dim

Rule = Callable[[Node, Sequence[Value], Batch], Value]
#: op -> (node, operand values, batch) -> value
RULES: Rules[Rule] = Rules("onnx", illegal=(*COUNTING, "batch_norm", *IDENTITY, *QUANTUM), elsewhere=GIVEN)


@RULES("const")
def _const(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return batch.constant(node["value"], node.type.elem)


@RULES("iota")
def _iota(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return Value(batch.graph.iota(batch.extent(node["dim"])), (node["dim"],), "int")


@RULES("count")
def _count(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return batch.count([node["dim"]])


@RULES(*elementwise.RULES, "where", "cast")
def _elementwise(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dims = with_batch(node.type.dims, *args)
    aligned = [batch.align(a, dims) for a in args]
    return Value(_apply(node, aligned, batch), dims, node.type.elem)


def _apply(node: Node, args: list[str], batch: Batch) -> str:
    graph, operand = batch.graph, node.operands[0].type.elem
    if node.op == "cast" and operand == "real" and node.type.elem == "int":
        return elementwise.to_int(graph, args[0])
    if node.op == "cast":
        return args[0] if operand == node.type.elem else graph.cast(args[0], DTYPES[node.type.elem])
    if node.op == "where":
        mask, x, other = args
        return select(graph, mask, x, other, node.type.elem)
    if node.type.elem == "real" and (found := RELU.match(node)) is not None:
        return graph.op("Relu", args[node.operands.index(found["x"])])
    if node.op in ("eq", "ne") and operand == "bool":
        return graph.op("Xor", args[0], args[1] if node.op == "ne" else graph.op("Not", args[1]))
    return elementwise.apply(graph, node.op, args, DTYPES[operand])


@RULES("rename")
def _rename(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return Value(args[0].name, with_batch(node.type.dims, args[0]), args[0].elem)


@RULES("transpose")
def _transpose(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dims = with_batch(node.type.dims, args[0])
    return Value(batch.permute(args[0], dims), dims, args[0].elem)


@RULES("stack")
def _stack(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    shared = with_batch(node.type.dims[:-1], *args)
    parts = [batch.graph.unsqueeze(batch.expand(a, shared), [len(shared)]) for a in args]
    return Value(batch.graph.op("Concat", *parts, axis=-1), (*shared, node["dim"]), node.type.elem)


@RULES("concat")
def _concat(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    shared = with_batch(node.type.dims[:-1], *args)
    parts = []
    for value, along in zip(args, node["along"], strict=True):
        joined = Dim("<joined>", along.size)
        renamed = Value(value.name, tuple(joined if d.key == along.key else d for d in value.dims), value.elem)
        parts.append(batch.expand(renamed, (*shared, joined)))
    return Value(batch.graph.op("Concat", *parts, axis=-1), (*shared, node["dim"]), node.type.elem)


@RULES("pick")
def _pick(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    index = batch.graph.constant(node["index"], np.int64)
    made = batch.graph.op("Gather", x.name, index, axis=x.axis(node["dim"]))
    return Value(made, with_batch(node.type.dims, x), x.elem)


@RULES("slice")
def _slice(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,), start = args, node["start"]
    ends = [batch.graph.ints(n) for n in (start, start + node["dst"].size, x.axis(node["dim"]))]
    return Value(batch.graph.op("Slice", x.name, *ends), with_batch(node.type.dims, x), x.elem)


@RULES("unflatten", "flatten")
def _reshape(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dims = with_batch(node.type.dims, args[0])
    return Value(batch.graph.reshape(args[0].name, batch.extents(dims)), dims, args[0].elem)


@RULES("contract")
def _contract(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    ragged = [d for d in node["over"] if d.ragged]
    # both: 0 times an infinite value at a padded position is no 0
    a, b = (batch.fill(x, 0, ragged) for x in args)
    plan = MatMul.of(a.dims, b.dims, node["over"])
    shared = [[d] for d in plan.batch]
    if not shared and len(plan.over) == len(plan.cols) == 1 and plan.rows:
        # every row at once: ONNX's product takes a matrix on the right and any axes on the left
        left, right = batch.permute(a, (*plan.rows, *plan.over)), batch.permute(b, (*plan.over, *plan.cols))
        made = batch.graph.op("MatMul", left, right)
    else:
        left, right = (
            batch.grouped(a, [*shared, plan.rows, plan.over]),
            batch.grouped(b, [*shared, plan.over, plan.cols]),
        )
        made = batch.graph.op("MatMul", left, right)
        if not len(plan.rows) == len(plan.cols) == 1:
            made = batch.graph.reshape(made, batch.extents((*plan.batch, *plan.rows, *plan.cols)))
    dims = with_batch(node.type.dims, a, b)
    product = Value(made, (*plan.batch, *plan.rows, *plan.cols), node.type.elem)
    return Value(batch.permute(product, dims), dims, node.type.elem)


_REDUCE = {
    "reduce_sum": "ReduceSum", "reduce_mean": "ReduceMean", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin",
    "reduce_any": "ReduceMax", "reduce_all": "ReduceMin", "reduce_prod": "ReduceProd",
}  # fmt: skip


@RULES(*REDUCE)
def _reduce(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, op, elem = batch.graph, node.op, node.type.elem
    over: tuple[Dim, ...] = node["over"]
    ragged = [d for d in over if d.ragged]
    x = batch.fill(args[0], _neutral(op, elem), ragged)
    axes, dims = tuple(x.axis(d) for d in over), with_batch(node.type.dims, x)
    if op in ("reduce_any", "reduce_all"):  # truth values are ordered in newer opsets only
        made = graph.op(_REDUCE[op], graph.cast(x.name, np.int32), axes=axes, keepdims=0)
        return Value(graph.cast(made, np.bool_), dims, elem)
    if op == "reduce_sum" or (op == "reduce_mean" and ragged):
        total = graph.total(x.name, len(x.dims), axes, elem == "int")
        if op == "reduce_mean":
            entries = graph.op("Max", batch.align(batch.count(over), dims), graph.constant(1, np.int64))
            total = graph.op("Div", total, graph.cast(entries, np.float32))
        return Value(total, dims, elem)
    made = graph.op(_REDUCE[op], x.name, axes=axes, keepdims=0)
    if op == "reduce_prod":
        return Value(made, dims, elem)
    if elem == "real":  # onnxruntime keeps NaN or not, as it stands
        odd = graph.cast(graph.op("IsNaN", x.name), np.int32)
        odd = graph.cast(graph.op("ReduceMax", odd, axes=axes, keepdims=0), np.bool_)
        made = select(graph, odd, graph.constant(np.nan, np.float32), made, elem)
    if ragged:
        some = graph.op("Greater", batch.align(batch.count(ragged), dims), graph.constant(0, np.int64))
        made = select(graph, some, made, 0, elem)
    return Value(made, dims, elem)


def _neutral(op: str, elem: str) -> float:
    if op not in ("reduce_max", "reduce_min"):
        return OF_NOTHING.get(op, 0)
    if elem == "real":
        return -np.inf if op == "reduce_max" else np.inf
    info = np.iinfo(np.int64)
    return info.min if op == "reduce_max" else info.max


@RULES("knn")
def _knn(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    """TopK gives equal values in the order of their indices: that much of it is specified."""
    graph, over, nbr = batch.graph, node["over"], node["nbr"]
    k: int = nbr.size
    dims = with_batch((over, nbr), *args, batch.valid([over]) or args[0])
    own = (BATCH,) if dims[0] is BATCH else ()
    pos = Value(batch.expand(args[0], (*own, over, node["coord"])), (*own, over, node["coord"]))
    valid = batch.valid([over])
    dtype = np.float64 if as_read(node.operands[0]) else np.float32
    distance = _squared_distances(batch, pos, node["coord"], valid, dtype)
    # behind an infinite distance comes NaN, and behind that what is no neighbour
    most = np.finfo(dtype).max
    far = graph.op("Min", distance, graph.constant(np.nextafter(most, dtype(0)), dtype))
    far = graph.op("Where", graph.op("Equal", distance, distance), far, graph.constant(most, dtype))
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


@RULES("gather")
def _gather(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    x, idx = args
    into: Dim = node.operands[1].type.into  # type: ignore[assignment]
    shared = [d for d in idx.dims if d.key != into.key and any(d.key == o.key for o in x.dims)]
    own = [d for d in idx.dims if all(d.key != s.key for s in shared)]
    rest = [d for d in x.dims if all(d.key != o.key for o in (into, *idx.dims))]
    table = _with_zero(batch, Value(batch.permute(x, (*shared, into, *rest)), (*shared, into, *rest), x.elem), into)
    index = batch.graph.unsqueeze(batch.permute(idx, (*shared, *own)), [len(shared) + len(own)])
    found = Value(batch.graph.op("GatherND", table, index, batch_dims=len(shared)), (*shared, *own, *rest), x.elem)
    dims = with_batch(node.type.dims, x, idx)
    return Value(batch.permute(found, dims), dims, x.elem)


def _with_zero(batch: Batch, x: Value, dim: Dim) -> str:
    """``x`` with a last entry of zeros, or of an index -1, in ``dim``: what index -1 finds."""
    shape = batch.graph.shape([1 if d is dim else batch.extent(d) for d in x.dims])
    zeros = batch.graph.op("Expand", batch.constant(-1 if x.elem == "index" else 0, x.elem).name, shape)
    return batch.graph.op("Concat", x.name, zeros, axis=x.dims.index(dim))


@RULES("window")
def _window(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    graph, dim, win = batch.graph, node["dim"], node["win"]
    x = batch.fill(args[0], 0, [dim])
    own = x.dims[x.axis(dim)]
    first = graph.op("Mul", graph.iota(batch.extent(node["dst"])), graph.constant(node["stride"], np.int64))
    offsets = graph.constant(np.arange(win.size) - node["pad"], np.int64)
    at = graph.op("Add", graph.unsqueeze(first, [1]), offsets)
    inside = graph.op("Less", at, graph.size(batch.extent(dim)))
    # a place before the beginning would count from the end; -1 is the entry of zeros
    index = select(graph, inside, graph.op("Max", at, graph.constant(-1, np.int64)), -1, "int")
    found = graph.op("Gather", _with_zero(batch, x, own), index, axis=x.axis(dim))
    axes = list(range(len(x.dims) + 1))
    axes.append(axes.pop(x.axis(dim) + 1))
    return Value(graph.transpose(found, axes), with_batch(node.type.dims, x), x.elem)


RULES("filter")(rows.filtered)
RULES("argsort")(rows.argsort)
RULES("combinations")(rows.combinations)
RULES("unite")(rows.united)
RULES("number")(rows.numbered)
RULES("cumsum")(rows.cumsum)
RULES(*SEGMENT)(rows.segment)
