# SPDX-License-Identifier: Apache-2.0
"""Each IR op in torch, over batched values with hidden padding (see ``values``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.matmul_dims import MatMul
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch import counting, quantum, rows
from hepq.compiler.lower.torch.fused import by_stride
from hepq.compiler.lower.torch.norm import batch_norm
from hepq.compiler.lower.torch.values import BATCH, SUMS, Batch, Rows, Value, pack, segments, with_batch
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import OF_NOTHING, OPS, REDUCE, SEGMENT
from hepq.core.types import Dim

Rule = Callable[[Node, Sequence[Value], Batch], Value]
#: op -> (node, operand values, batch) -> value; the module looks weights up
RULES: Rules[Rule] = Rules("torch", illegal=("noise",), elsewhere=("param",))


def _sqrt(x: Tensor) -> Tensor:
    """Its derivative at 0, which is infinite, is 0: it is there that masses and distances of nothing are taken."""
    zero = x == 0
    return torch.where(zero, 0, torch.sqrt(torch.where(zero, 1, x)))


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    """As ``_sqrt``: the derivative at (0, 0) is 0."""
    zero = (a == 0) & (b == 0)
    return torch.where(zero, 0, torch.hypot(torch.where(zero, 1, a), b))


def _sign(x: Tensor) -> Tensor:
    """torch's own is 0 of NaN."""
    return torch.where(x.isnan(), x, torch.sign(x)) if x.is_floating_point() else torch.sign(x)


def _mod(a: Tensor, b: Tensor) -> Tensor:
    """torch's own divides, which may overflow, and refuses whole numbers by 0: of them that is 0."""
    if not b.is_floating_point():
        none = (b == 0) | (b == -1)  # of the latter, too, processors may stop
        return torch.where(none, 0, torch.remainder(a, torch.where(none, 1, b)))
    rest = torch.fmod(a.double(), b.double()).to(torch.result_type(a, b))  # of large quotients it is NaN in single
    return rest + torch.where((rest != 0) & ((rest < 0) != (b < 0)), b, 0)


def _to_int(x: Tensor) -> Tensor:
    """int64 without the fraction: the nearest there is of what is too large, 0 of NaN."""
    if not x.is_floating_point():
        return x.long()
    edge, most, least = 2.0**63, torch.iinfo(torch.int64).max, torch.iinfo(torch.int64).min
    inside = torch.where(x.abs() < edge, x, 0).long()
    return torch.where(x >= edge, most, torch.where(x <= -edge, least, inside))


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    **{op.name: getattr(torch, op.torch) for op in OPS.values() if op.torch}, "sqrt": _sqrt, "hypot": _hypot,
    "sign": _sign, "mod": _mod,
}  # fmt: skip
_DTYPES = {"bool": torch.bool, "int": torch.int64, "index": torch.int64}


def dtype_of(elem: str, real: torch.dtype) -> torch.dtype:
    return _DTYPES.get(elem, real)


@RULES("input")
def _input(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    tensor = batch.inputs[node["name"]].to(device=batch.device, dtype=dtype_of(node.type.elem, batch.dtype))
    value, ragged = Value(tensor, (BATCH, *node.type.dims)), [d for d in node.type.dims if d.ragged]
    if node.type.elem == "index":
        return batch.fill(value, -1)
    return pack(value, Rows.over(ragged), batch) if ragged else value


@RULES("const")
def _const(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dtype = dtype_of(node.type.elem, batch.dtype)
    return Value(torch.tensor(node["value"], dtype=dtype, device=batch.device), ())


@RULES("iota")
def _iota(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return Value(torch.arange(batch.extent(node["dim"]), device=batch.device), (node["dim"],))


@RULES("count")
def _count(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return batch.count([node["dim"]])


@RULES(*_FUNCTIONS, *counting.FUNCTIONS, "where", "cast")
def _elementwise(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    if (regular := OPS[node.op].regular) is not None:  # at padding too
        args = [batch.fill(a, regular) for a in args]
    dims = with_batch(node.type.dims, *args)
    return Value(_apply(node, [a.align(dims) for a in args], batch), dims)


def _apply(node: Node, args: Sequence[Tensor], batch: Batch) -> Tensor:
    if node.op == "cast":
        return _to_int(args[0]) if node.type.elem == "int" else args[0].to(dtype_of(node.type.elem, batch.dtype))
    if node.op == "where":
        return torch.where(args[0], args[1], args[2])
    if node.op in counting.FUNCTIONS:
        return counting.FUNCTIONS[node.op](node, *args).to(dtype_of(node.type.elem, batch.dtype))
    return _FUNCTIONS[node.op](*args)


@RULES("rename")
def _rename(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    rows = x.rows.renamed(node["src"], node["dst"]) if x.rows else None
    if rows is not None:
        return Value(x.tensor, (rows, *(d for d in node.type.dims if not d.ragged)))
    named = Value(x.tensor, tuple(node["dst"] if d.key == node["src"].key else d for d in x.dims))
    dims = with_batch(node.type.dims, x)
    return Value(named.permute(dims), dims)


@RULES("transpose")
def _transpose(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dims = with_batch(node.type.dims, args[0])
    return Value(args[0].permute(dims), dims)


@RULES("stack")
def _stack(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    shared = with_batch(node.type.dims[:-1], *args)
    tensors = [batch.full(a, shared) for a in args]
    return Value(torch.stack(tensors, -1), (*shared, node["dim"]), tuple(args))


@RULES("concat")
def _concat(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    shared = with_batch(node.type.dims[:-1], *args)
    joined = Dim("<joined>")
    parts = []
    for value, along in zip(args, node["along"], strict=True):
        renamed = Value(value.tensor, tuple(joined if d.key == along.key else d for d in value.dims))
        parts.append(renamed.align((*shared, joined)).expand(*batch.extents(shared), along.size))
    return Value(torch.cat(parts, -1), (*shared, node["dim"]))


@RULES("pick")
def _pick(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    return Value(x.tensor.select(x.axis(node["dim"]), node["index"]), with_batch(node.type.dims, x))


@RULES("slice")
def _slice(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    tensor = x.tensor.narrow(x.axis(node["dim"]), node["start"], node["dst"].size)
    return Value(tensor, with_batch(node.type.dims, x))


@RULES("unflatten")
def _unflatten(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    dims = with_batch(node.type.dims, x)
    return Value(x.tensor.reshape(batch.extents(dims)), dims)


@RULES("flatten")
def _flatten(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    at = x.axis(node["dims"][0])
    return Value(x.tensor.flatten(at, at + 1), with_batch(node.type.dims, x))


@RULES("contract")
def _contract(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    a, b = args
    ragged = [d for d in node["over"] if d.ragged]
    # both: 0 times what an infinite number of the event makes of padding is no 0
    a, b = batch.fill(a, 0, ragged), batch.fill(b, 0, ragged)
    plan = MatMul.of(a.dims, b.dims, node["over"])
    shared, rows, cols, over = (batch.extents(dims) for dims in (plan.batch, plan.rows, plan.cols, plan.over))
    left = a.permute((*plan.batch, *plan.rows, *plan.over))
    right = b.permute((*plan.batch, *plan.over, *plan.cols))
    batches = [prod(shared)] if shared else []
    product = left.reshape(*batches, prod(rows), prod(over)) @ right.reshape(*batches, prod(over), prod(cols))
    return batch.value(product, (*plan.batch, *plan.rows, *plan.cols), with_batch(node.type.dims, a, b))


@RULES(*REDUCE)
def _reduce(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    over, op = node["over"], node.op
    if op in SUMS:
        total = segments(args[0], over, batch) if args[0].rows else _summed(args[0], over, batch)
        return total if op == "reduce_sum" else _divided(total, batch.count(over), batch)
    ragged = [d for d in over if d.ragged]
    x = batch.fill(args[0], _neutral(op, args[0].tensor.dtype), ragged)
    axes = tuple(x.axis(d) for d in over)
    dims = with_batch(node.type.dims, x)
    if op in ("reduce_any", "reduce_all"):
        return Value((torch.any if op == "reduce_any" else torch.all)(x.tensor, dim=axes), dims)
    if op == "reduce_prod":
        product = x.tensor
        for axis in sorted(axes, reverse=True):
            product = product.prod(axis)
        return Value(product, dims)
    extreme = (torch.amax if op == "reduce_max" else torch.amin)(x.tensor, dim=axes)
    if ragged:
        extreme = torch.where(batch.count(ragged).align(dims) > 0, extreme, 0)
    return Value(extreme, dims)


def _summed(x: Value, over: Sequence[Dim], batch: Batch) -> Value:
    """Of padded values."""
    x, keys = batch.fill(x, 0, [d for d in over if d.ragged]), {d.key for d in over}
    return Value(x.tensor.sum(tuple(x.axis(d) for d in over)), tuple(d for d in x.dims if d.key not in keys))


def _divided(total: Value, count: Value, batch: Batch) -> Value:
    """A mean: of nothing it is 0."""
    each = pack(count, total.rows, batch) if total.rows else count
    return Value(total.tensor / each.align(total.dims).clamp(min=1), total.dims)


def _neutral(op: str, dtype: torch.dtype) -> float:
    if op in OF_NOTHING:
        return OF_NOTHING[op]
    if op not in ("reduce_max", "reduce_min"):
        return 0
    if dtype.is_floating_point:
        return -torch.inf if op == "reduce_max" else torch.inf
    info = torch.iinfo(dtype)
    return info.min if op == "reduce_max" else info.max


def _squared_distances(pos: Tensor) -> Tensor:
    """[batch, coord, n] to [batch, n, n], summed over coordinates in order; in pieces that stay in cache."""
    n = pos.shape[-1]
    distance = pos.new_zeros(len(pos), n, n)
    events = max(1, 65536 // n**2) if pos.device.type == "cpu" else len(pos)
    for points, total in zip(torch.split(pos, events), torch.split(distance, events), strict=True):
        difference = torch.empty_like(total)
        for x in points.unbind(1):
            total += torch.sub(x[:, :, None], x[:, None, :], out=difference).square_()
    return distance


@RULES("knn")
@torch.no_grad()
def _knn(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    over, coord, nbr = node["over"], node["coord"], node["nbr"]
    dims = with_batch((over, nbr), *args, batch.valid([over]) or args[0])
    pos = args[0].align((BATCH, coord, over)).expand(batch.size if dims[0] is BATCH else 1, -1, -1)
    n, k = pos.shape[-1], nbr.size
    distance = _squared_distances(pos)
    # behind an infinite distance comes NaN, and behind that what is no neighbour
    most = torch.finfo(distance.dtype).max
    torch.nan_to_num_(distance.clamp_(max=most), nan=torch.inf)
    distance.diagonal(dim1=1, dim2=2).fill_(torch.nan)
    valid = batch.valid([over])
    if valid is not None:
        distance.masked_fill_(~valid.tensor[:, None, :], torch.nan)
    nearest = distance.sort(dim=-1, stable=True).indices[..., :k]
    nearest = F.pad(nearest, (0, k - nearest.shape[-1]))
    others = batch.count([over]).align((BATCH, over, nbr)) - 1
    absent = torch.arange(n, device=batch.device)[:, None] if node["short"] == "self" else -1
    index = torch.where(torch.arange(k, device=batch.device) < others, nearest, absent)
    if dims[0] is not BATCH:
        return Value(index[0], dims)
    return batch.fill(Value(index, dims), -1)


@RULES("gather")
def _gather(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    x, idx = args
    into: Dim = node.operands[1].type.into  # type: ignore[assignment]
    looked_up = {into.key} | {d.key for d in idx.dims}
    shared = [d for d in idx.dims if d.key != into.key and any(d.key == o.key for o in x.dims)]
    own = [d for d in idx.dims if all(d.key != s.key for s in shared)]
    rest = [d for d in x.dims if d.key not in looked_up]
    size, tables, width = batch.extent(into), prod(batch.extents(shared)), prod(batch.extents(rest))
    table = x.permute((*shared, into, *rest)).reshape(tables * size, width)
    # the extra last row is what index -1 finds
    table = torch.cat([table, table.new_full((1, width), -1 if node.type.elem == "index" else 0)])
    index = idx.permute((*shared, *own)).reshape(tables, -1)
    offset = torch.arange(tables, device=batch.device)[:, None] * size
    index = torch.where(index >= 0, index + offset, len(table) - 1)
    found = F.embedding(index, table) if table.is_floating_point() else table[index]
    return batch.value(found, (*shared, *own, *rest), with_batch(node.type.dims, x, idx))


@RULES("window")
def _window(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    dim, win = node["dim"], node["win"]
    x = batch.fill(args[0], 0, [dim])
    axis = x.axis(dim)
    length = (batch.extent(node["dst"]) - 1) * node["stride"] + win.size
    right = length - node["pad"] - batch.extent(dim)
    after = x.tensor.dim() - 1 - axis
    padded = F.pad(x.tensor, (*[0] * (2 * after), node["pad"], right))
    made = (*x.dims[:axis], node["dst"], *x.dims[axis + 1 :], win)
    return batch.value(padded.unfold(axis, win.size, node["stride"]), made, with_batch(node.type.dims, x))


@RULES("dropout")
def _dropout(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    (x,) = args
    return Value(dropped(x.tensor, node["p"]) if batch.training and node["p"] else x.tensor, x.dims)


def dropped(x: Tensor, p: float) -> Tensor:
    """Zero with probability p."""
    keep, factor = kept(x, p)
    return x * torch.empty_like(x).copy_(keep).mul_(factor)


def kept(x: Tensor, p: float) -> tuple[Tensor, float]:
    """Where ``x`` is not dropped, and by what the rest is multiplied for that.

    Four draws from each random number: torch's own draws cost more than a layer.
    """
    lost = round(p * 2**16)
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    keep = torch.empty_like(x, dtype=torch.bool)
    torch.ge(bits.view(torch.int16)[: x.numel()], lost - 2**15, out=keep.permute(by_stride(keep)).view(-1))
    return keep, 2**16 / (2**16 - lost)


@RULES("stop_gradient")
def _stop_gradient(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    return Value(args[0].tensor.detach(), args[0].dims)


RULES("filter")(rows.filtered)
RULES("argsort")(rows.argsort)
RULES("combinations")(rows.combinations)
RULES("unite")(rows.united)
RULES("number")(rows.numbered)
RULES("cumsum")(rows.cumsum)
RULES(*SEGMENT)(rows.segment)
RULES("batch_norm")(batch_norm)
RULES("fidelity")(quantum.fidelity)
RULES("expect")(quantum.expect)
RULES("probs", "sample")(quantum.probs)
