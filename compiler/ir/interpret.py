# SPDX-License-Identifier: Apache-2.0
"""The reference: one event at a time in NumPy, every array at its true shape, no optimisation.

There is no batch and no padding: in an event with 7 particles, ``real[part, feat]`` has shape
(7, feat). All other lowerings are compared with this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

import numpy as np

from hepq.compiler.ir import counting
from hepq.compiler.ir.matmul_dims import MatMul, positions
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.ir.state_vector import expectation, states
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import IDENTITY, OF_NOTHING, REDUCE, SEGMENT
from hepq.core.types import Dim, Type
from hepq.runtime.events.elementwise import NUMPY, to_int
from hepq.runtime.quantum.measure import marginal

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]
Forced = Mapping[Node, Array]


def run(
    module: Module,
    events: Sequence[Arrays],
    weights: Arrays,
    dtype: Any = np.float64,
    forced: Sequence[Forced] | None = None,
) -> dict[str, list[Array]]:
    """Outputs by name, one array per event. Arguments as in ``run_event``, ``forced`` one per event."""
    out: dict[str, list[Array]] = {name: [] for name in module.outputs}
    for event, given in zip(events, forced or [{}] * len(events), strict=True):
        for name, value in run_event(module, event, weights, dtype, given).items():
            out[name].append(value)
    return out


def run_event(
    module: Module, inputs: Arrays, weights: Arrays, dtype: Any = np.float64, forced: Forced | None = None
) -> dict[str, Array]:
    """Outputs of one event: arrays of exactly the shape of the output's type in this event.

    ``inputs`` has an array for each declared input. ``dtype`` is the float type of every real value.
    ``forced`` gives the value of some nodes (say, neighbour lists) instead of computing it.
    Raises ``ValueError`` naming an input or weight that is missing or has the wrong shape.
    """
    values = evaluate(module, module.outputs.values(), inputs, weights, dtype, forced)
    return {name: values[node] for name, node in module.outputs.items()}


def evaluate(
    module: Module,
    nodes: Iterable[Node],
    inputs: Arrays,
    weights: Arrays,
    dtype: Any = np.float64,
    forced: Forced | None = None,
) -> dict[Node, Array]:
    """As ``run_event``; the values of ``nodes`` and of everything they are computed from."""
    context = Context(np.dtype(dtype), _sizes(module, inputs), inputs, weights)
    values: dict[Node, Array] = dict(forced or {})
    with np.errstate(all="ignore"):
        for node in topological(nodes):
            if node not in values:
                value = RULES[node.op](node, [values[o] for o in node.operands], context)
                values[node] = context.convert(value, node.type)
            context.note(node.type.dims, values[node].shape)
    return values


@dataclass(frozen=True)
class Context:
    """One event: its inputs and the sizes of its ragged dims, of those that operations make as they are made."""

    dtype: np.dtype[Any]
    sizes: dict[str, int]
    inputs: Arrays
    weights: Arrays

    def size(self, dim: Dim) -> int:
        return dim.size if dim.size is not None else self.sizes[dim.name]

    def shape(self, dims: Iterable[Dim]) -> tuple[int, ...]:
        return tuple(self.size(d) for d in dims)

    def note(self, dims: Sequence[Dim], shape: Sequence[int]) -> None:
        for dim, n in zip(dims, shape, strict=True):
            if dim.ragged:
                self.sizes.setdefault(dim.name, n)

    def convert(self, value: Any, type: Type) -> Array:
        dtype = {"real": self.dtype, "bool": np.dtype(bool)}.get(type.elem, np.dtype(np.int64))
        return np.asarray(value, dtype)


def _sizes(module: Module, inputs: Arrays) -> dict[str, int]:
    """Entries of each ragged dim in this event, read off the inputs' shapes."""
    sizes: dict[str, int] = {}
    for node in module.inputs:
        name, dims = node["name"], node.type.dims
        if name not in inputs:
            raise ValueError(f"input {name} is missing")
        shape = np.shape(inputs[name])
        if len(shape) != len(dims):
            raise ValueError(f"input {name} has shape {shape}, must be {node.type}")
        for dim, n in zip(dims, shape, strict=True):
            expected = sizes.setdefault(dim.name, n) if dim.ragged else dim.size
            if n != expected or (dim.bound is not None and n > dim.bound):
                raise ValueError(
                    f"input {name} has {n} entries in dim {dim}, must have {expected}, at most {dim.bound}"
                )
    return sizes


def _align(value: Array, dims: Sequence[Dim], wanted: Sequence[Dim]) -> Array:
    """``value`` with its dims in ``wanted``'s order and size-1 axes for those it lacks: ready to broadcast."""
    own = [d for d in wanted if any(d.key == o.key for o in dims)]
    value = value.transpose(positions(dims, own))
    return value.reshape([value.shape[own.index(d)] if d in own else 1 for d in wanted])


def _operands(node: Node, args: Sequence[Array], wanted: Sequence[Dim]) -> list[Array]:
    return [_align(a, o.type.dims, wanted) for a, o in zip(args, node.operands, strict=True)]


Rule = Callable[[Node, Sequence[Array], Context], Any]
#: op -> (node, operand values, event) -> value
RULES: Rules[Rule] = Rules("reference")


@RULES("input")
def _input(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return ctx.inputs[node["name"]]


@RULES("param")
def _param(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    if node["path"] not in ctx.weights:
        raise ValueError(f"weight {node['path']} is missing")
    value, shape = ctx.weights[node["path"]], ctx.shape(node.type.dims)
    if np.shape(value) != shape:
        raise ValueError(f"weight {node['path']} has shape {np.shape(value)}, must be {shape}")
    return value


@RULES("const")
def _const(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return node["value"]


@RULES("iota")
def _iota(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return np.arange(ctx.size(node["dim"]))


@RULES("count")
def _count(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return ctx.size(node["dim"])


@RULES(*NUMPY.keys() - REDUCE, "where", "cast")
def _elementwise(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    aligned = _operands(node, args, node.type.dims)
    if node.op == "cast":
        return to_int(aligned[0]) if node.type.elem == "int" else aligned[0]
    if node.op == "where":
        return np.where(*aligned)
    return NUMPY[node.op](*aligned)


@RULES("rename", *IDENTITY)
def _same(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return args[0]


@RULES("transpose")
def _transpose(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return args[0].transpose(positions(node.operands[0].type.dims, node.type.dims))


@RULES("stack")
def _stack(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    shared = node.type.dims[:-1]
    shape = ctx.shape(shared)
    return np.stack([np.broadcast_to(a, shape) for a in _operands(node, args, shared)], axis=-1)


@RULES("concat")
def _concat(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    shared = node.type.dims[:-1]
    parts = []
    for value, operand, along in zip(args, node.operands, node["along"], strict=True):
        part = _align(value, operand.type.dims, [*(d for d in shared if d.key != along.key), along])
        # a dim of the result may bear the name of the dim joined here
        missing = [i for i, d in enumerate(shared) if d.key == along.key]
        part = np.expand_dims(part, missing[0]) if missing else part
        parts.append(np.broadcast_to(part, (*ctx.shape(shared), ctx.size(along))))
    return np.concatenate(parts, axis=-1)


def _axis(node: Node, dim: Dim) -> int:
    return positions(node.operands[0].type.dims, [dim])[0]


@RULES("pick")
def _pick(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return np.take(args[0], node["index"], axis=_axis(node, node["dim"]))


@RULES("slice")
def _slice(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    entries = np.arange(node["start"], node["start"] + node["dst"].size)
    return np.take(args[0], entries, axis=_axis(node, node["dim"]))


@RULES("unflatten", "flatten")
def _reshape(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return args[0].reshape(ctx.shape(node.type.dims))


@RULES("contract")
def _contract(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    (a, b), (x, y) = args, node.operands
    plan = MatMul.of(x.type.dims, y.type.dims, node["over"])
    batch, rows, cols, over = (ctx.shape(dims) for dims in (plan.batch, plan.rows, plan.cols, plan.over))
    left = a.transpose(positions(x.type.dims, (*plan.batch, *plan.rows, *plan.over)))
    right = b.transpose(positions(y.type.dims, (*plan.batch, *plan.over, *plan.cols)))
    product = left.reshape(*batch, prod(rows), prod(over)) @ right.reshape(*batch, prod(over), prod(cols))
    made = (*plan.batch, *plan.rows, *plan.cols)
    return product.reshape((*batch, *rows, *cols)).transpose(positions(made, node.type.dims))


@RULES(*NUMPY.keys() & REDUCE)
def _reduce(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    axes = positions(node.operands[0].type.dims, node["over"])
    if prod(ctx.shape(node["over"])) == 0:
        return np.full(ctx.shape(node.type.dims), OF_NOTHING.get(node.op, False))
    return NUMPY[node.op](args[0], axis=axes)


@RULES("knn")
def _knn(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    over, coord, nbr = node["over"], node["coord"], node["nbr"]
    pos = _align(args[0], node.operands[0].type.dims, (over, coord))
    n, k = len(pos), nbr.size
    distance = np.zeros((n, n), ctx.dtype)
    for x in pos.T:
        distance += (x[:, None] - x[None, :]) ** 2
    column = np.arange(n - 1)[None, :]
    others = column + (column >= np.arange(n)[:, None])
    order = np.argsort(np.take_along_axis(distance, others, axis=1), axis=1, kind="stable")
    nearest = np.take_along_axis(others, order, axis=1)[:, :k]
    absent = np.full((n, k), -1) if node["short"] == "zero" else np.repeat(np.arange(n)[:, None], k, axis=1)
    absent[:, : nearest.shape[1]] = nearest
    return absent


@RULES("gather")
def _gather(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    (x, idx), (x_node, i_node) = args, node.operands
    into: Dim = i_node.type.into  # type: ignore[assignment]
    others = [d for d in x_node.type.dims if d.key != into.key]
    shared = [d for d in others if i_node.type.dim(d)]
    rest = [d for d in others if not i_node.type.dim(d)]
    x = x.transpose(positions(x_node.type.dims, (into, *shared, *rest)))
    # an extra last entry is what index -1 finds
    x = np.concatenate([x, np.full((1, *x.shape[1:]), -1 if x_node.type.elem == "index" else 0, x.dtype)])
    along = [_align(np.arange(ctx.size(d)), [d], i_node.type.dims) for d in shared]
    return x[(idx, *along)]


@RULES("filter")
def _filter(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return np.flatnonzero(args[0])[: node["dst"].bound]


@RULES("argsort")
def _argsort(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    dim, dst, others = node["dim"], node["dst"], node.type.dims[1:]
    n, shape = ctx.size(dim), ctx.shape(others)
    keys = [np.broadcast_to(key, (n, *shape)) for key in _operands(node, args, (dim, *others))]
    ranks = [_rank(key, down) for key, down in zip(keys, node["descending"], strict=True)]
    order = np.lexsort([*ranks[::-1]], axis=0)
    if dst.size is None:
        return order[: None if dst.key == dim.key else dst.bound]
    absent = np.full((dst.size, *shape), -1)
    absent[:n] = order[: dst.size]
    return absent


def _rank(key: Array, descending: bool) -> Array:
    """Whole numbers that ascend as ``key`` does, or descends; equal ones for equal ones, NaN last, along axis 0."""
    ranks = np.empty(key.shape, np.int64)
    for at in np.ndindex(key.shape[1:]):
        column = key[(slice(None), *at)]
        place = np.unique(column, return_inverse=True, equal_nan=True)[1]
        ranks[(slice(None), *at)] = np.where(np.isnan(column), len(column), -place if descending else place)
    return ranks


@RULES("combinations")
def _combinations(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    chosen = list(combinations(range(ctx.size(node["dim"])), node["slot"].size))
    return np.array(chosen, np.int64).reshape(-1, node["slot"].size)[: node["dst"].bound]


@RULES("unite")
def _unite(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    sizes = [ctx.size(d) for d in node["dims"]]
    parts = [np.arange(n) if i == node["part"] else np.full(n, -1) for i, n in enumerate(sizes)]
    return np.concatenate(parts)[: node["dst"].bound]


@RULES("number")
def _number(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    x = args[0]
    return np.where((x >= 0) & (x < ctx.size(node["dim"])), x, -1)


@RULES("cumsum")
def _cumsum(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return np.cumsum(args[0], axis=_axis(node, node["over"]))


@RULES(*SEGMENT)
def _segment(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    (x, idx), (x_node, i_node) = args, node.operands
    into, *others = node.type.dims
    rows = x.transpose(positions(x_node.type.dims, (*i_node.type.dims, *others))).reshape(idx.size, *ctx.shape(others))
    combine, start = {"segment_sum": (np.add, 0), "segment_max": (np.maximum, None), "segment_min": (np.minimum, None)}[
        node.op
    ]
    out = np.zeros((ctx.size(into), *ctx.shape(others)), x.dtype)
    seen = set() if start is None else set(range(len(out)))
    for row, at in zip(rows, idx.ravel(), strict=True):
        if at >= 0:
            out[at] = combine(out[at], row) if at in seen else row
            seen.add(at)
    return out


@RULES("window")
def _window(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    dim, win, dst = node["dim"], node["win"], node["dst"]
    x = np.moveaxis(args[0], _axis(node, dim), 0)
    n = len(x)
    at = np.arange(ctx.size(dst))[:, None] * node["stride"] + np.arange(win.size) - node["pad"]
    x = np.concatenate([x, np.zeros((1, *x.shape[1:]), x.dtype)])
    y = x[np.where((at >= 0) & (at < n), at, n)]
    return np.moveaxis(np.moveaxis(y, 1, -1), 0, _axis(node, dim))


@RULES("bin")
def _bin(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    (x,) = _operands(node, args, node.type.dims)
    return counting.bins(node["axis"], x)


@RULES("lookup")
def _lookup(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    (i,) = _operands(node, args, node.type.dims)
    return counting.looked_up(node["values"], i)


@RULES("noise")
def _noise(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return counting.noise(node["name"], *_operands(node, args, node.type.dims))


@RULES("cut")
def _cut(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    return counting.cut(node["number"], *_operands(node, args, node.type.dims))


@RULES("batch_norm")
def _batch_norm(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    x, w, b, mean, var = args
    dims, channel = node.type.dims, [node["channel"]]
    w, b, mean, var = (_align(v, channel, dims) for v in (w, b, mean, var))
    eps = ctx.dtype.type(node["eps"])
    return (x - mean) / np.sqrt(var + eps) * w + b


# --- circuits

_AMPLITUDES = Dim("<amplitudes>")


@RULES("fidelity")
def _fidelity(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    sides = [states(node[side], angles) for side, angles in zip(("left", "right"), args, strict=True)]
    wanted = (*node.type.dims, _AMPLITUDES)
    left, right = (
        _align(psi, (*o.type.dims[:-1], _AMPLITUDES), wanted) for psi, o in zip(sides, node.operands, strict=True)
    )
    return np.abs((np.conj(right) * left).sum(-1)) ** 2


@RULES("expect")
def _expect(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    psi = states(node["circuit"], args[0])
    values = [expectation(psi, terms) for terms in node["observables"]]
    return values[0] if node["dim"] is None else np.stack(values, -1)


@RULES("probs", "sample")
def _probs(node: Node, args: Sequence[Array], ctx: Context) -> Any:
    """A sample's estimate tends to them."""
    circuit = node["circuit"]
    return marginal(np.abs(states(circuit, args[0])) ** 2, node["wires"], circuit.qubits)
