# SPDX-License-Identifier: Apache-2.0
"""Library functions that torch computes, and differentiates, in one pass over a tensor: found by their formulas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import isclose, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.formulas import softmax_of
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.lower.torch.values import Batch, Value, with_batch
from hepq.core.types import Dim

Apply = Callable[[Sequence[Value], Batch], Value]


@dataclass(frozen=True)
class Fused:
    """``node`` as ``apply`` of other nodes; ``over`` are the dims that it does not treat entry by entry.

    ``padded``: it takes padded values only. ``laid``: the node whose layout it has, if not its own.
    """

    operands: tuple[Node, ...]
    apply: Apply
    over: tuple[Dim, ...] = ()
    padded: bool = False
    laid: Node | None = None


def find(module: Module) -> dict[Node, Fused]:
    """Nodes of ``module`` that are made at once of nodes above them."""
    found = {}
    for node in module.walk():
        fused = next(filter(None, (rule(node) for rule in _RULES.get(node.op, ()))), None)
        if fused is not None:
            found[node] = fused
    return found


def needed(outputs: Collection[Node], fused: Mapping[Node, Fused]) -> tuple[Node, ...]:
    """What has to be computed for ``outputs``, in order: nothing that only the inside of a fused node reads."""
    wanted = set(outputs)
    nodes = list(topological(outputs))
    for node in reversed(nodes):
        if node in wanted:
            wanted.update(fused[node].operands if node in fused else node.operands)
    return tuple(node for node in nodes if node in wanted)


def _gelu(node: Node) -> Fused | None:
    """0.5 x (1 + erf(x / sqrt(2))), arXiv:1606.08415"""
    for half, rest in permutations(node.operands):
        one = _without(rest, "add", 1)
        x = _without(half, "mul", 0.5)
        if x is None or one is None or one.op != "erf":
            continue
        scaled = one.operands[0]
        if scaled.op == "div" and scaled.operands[0] is x and _is(scaled.operands[1], sqrt(2)):
            return Fused((x,), lambda args, batch: Value(F.gelu(args[0].tensor), args[0].dims))
    return None


def _softmax(node: Node) -> Fused | None:
    found = softmax_of(node)
    if found is None:
        return None
    x, dim = found

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        (x,) = args
        # a finite number: where nothing is real, anything goes but NaN
        x = batch.fill(x, torch.finfo(x.tensor.dtype).min, [dim])
        return Value(along_last(x.tensor, x.axis(dim), lambda t: torch.softmax(t, -1)), x.dims)

    return Fused((x,), apply, (dim,))


def _layer_norm(node: Node) -> Fused | None:
    """(x - mean) / sqrt(mean((x - mean)^2) + eps) * w + b over one dim that is not ragged, arXiv:1607.06450"""
    for scaled, bias in permutations(node.operands):
        if scaled.op != "mul":
            continue
        for unit, weight in permutations(scaled.operands):
            found = _normalised(unit)
            if found is None:
                continue
            x, dim, eps = found
            if [d.key for p in (weight, bias) for d in p.type.dims] == [dim.key] * 2:
                return Fused((x, weight, bias), _apply_layer_norm(dim, eps), (dim,))
    return None


def _normalised(node: Node) -> tuple[Node, Dim, float] | None:
    if node.op != "div" or node.operands[1].op != "sqrt":
        return None
    d, (total,) = node.operands[0], node.operands[1].operands
    if d.op != "sub" or total.op != "add":
        return None
    x, mean = d.operands
    variance, eps = total.operands if total.operands[1].op == "const" else total.operands[::-1]
    if eps.op != "const" or mean.op != "reduce_mean" or mean.operands[0] is not x:
        return None
    over = mean["over"]
    if variance.op != "reduce_mean" or variance["over"] != over or len(over) != 1 or over[0].ragged:
        return None
    square = variance.operands[0]
    return (x, over[0], eps["value"]) if square.op == "mul" and all(o is d for o in square.operands) else None


def _apply_layer_norm(dim: Dim, eps: float) -> Apply:
    def apply(args: Sequence[Value], batch: Batch) -> Value:
        x, weight, bias = args
        size = [batch.extent(dim)]

        def norm(t: Tensor) -> Tensor:
            return F.layer_norm(t, size, weight.tensor, bias.tensor, eps)

        return Value(along_last(x.tensor, x.axis(dim), norm), x.dims)

    return apply


def along_last(tensor: Tensor, axis: int, f: Callable[[Tensor], Tensor]) -> Tensor:
    """``f`` of ``tensor`` with ``axis`` last and the others as they lie in memory; the result as it was given."""
    order = [*(i for i in by_stride(tensor) if i != axis), axis]
    inverse = [order.index(i) for i in range(tensor.dim())]
    return f(tensor.permute(order)).permute(inverse)


def by_stride(tensor: Tensor) -> list[int]:
    """Axes in the order in which they lie in memory, the contiguous one last."""
    strides = tensor.stride()
    return sorted(range(tensor.dim()), key=lambda i: -strides[i])


def _without(node: Node, op: str, value: float) -> Node | None:
    """The other operand of a commutative ``op`` with a constant."""
    if node.op == op:
        for constant, other in permutations(node.operands):
            if _is(constant, value):
                return other
    return None


def _is(node: Node, value: float) -> bool:
    return node.op == "const" and isclose(node["value"], value, rel_tol=1e-12)


def _linear(node: Node) -> Fused | None:
    """x W^T + b over one dim that is not ragged, of weights W [out, over] and b [out]"""
    for product, bias in permutations(node.operands):
        if product.op != "contract" or len(product["over"]) != 1 or bias.op != "param" or len(bias.type.dims) != 1:
            continue
        (over,), (out,) = product["over"], bias.type.dims
        for x, weight in permutations(product.operands):
            of = [d.key for d in x.type.dims]
            if weight.op == "param" and [d.key for d in weight.type.dims] == [out.key, over.key] and out.key not in of:
                return (
                    None if over.ragged else Fused((x, weight, bias), _apply_linear(node, over, out), (), laid=product)
                )
    return None


def _apply_linear(node: Node, over: Dim, out: Dim) -> Apply:
    def apply(args: Sequence[Value], batch: Batch) -> Value:
        x, weight, bias = args
        rest = [d for d in x.dims if d.key != over.key]
        made = F.linear(x.permute((*rest, over)), weight.tensor, bias.tensor)
        dims = with_batch(node.type.dims, x)
        return Value(Value(made, (*rest, out)).permute(dims), dims)

    return apply


_RULES: dict[str, Sequence[Callable[[Node], Fused | None]]] = {
    "mul": (_gelu,), "div": (_softmax,), "add": (_layer_norm, _linear)
}  # fmt: skip
