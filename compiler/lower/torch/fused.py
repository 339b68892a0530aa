# SPDX-License-Identifier: Apache-2.0
"""Library functions that torch computes, and differentiates, in one pass over a tensor: found by their formulas."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hepq.compiler.ir.formulas import GELU, LAYER_NORM, LINEAR, RELU, SOFTMAX
from hepq.compiler.ir.match import Found, Pattern
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.lower.torch.values import Batch, Value, with_batch
from hepq.core.types import Dim

Apply = Callable[[Sequence[Value], Batch], Value]
Rule = Callable[[Node, Found], "Fused | None"]


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
    """Nodes of ``module`` that are made at once of nodes above them, entry by entry or along one dim."""
    return found_in(module, _RULES)


def found_in(module: Module, rules: Sequence[tuple[Pattern, Rule]]) -> dict[Node, Fused]:
    """What the rules make of the first match of a formula that they take."""
    found = {}
    for node in module.walk():
        made = (rule(node, captured) for formula, rule in rules for captured in formula.matches(node))
        if (fused := next(filter(None, made), None)) is not None:
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


def _entrywise(function: Callable[[Tensor], Tensor]) -> Rule:
    def rule(node: Node, found: Found) -> Fused:
        def apply(args: Sequence[Value], batch: Batch) -> Value:
            dims = with_batch(node.type.dims, *args)
            return Value(function(args[0].permute(dims)), dims)

        return Fused((found["x"],), apply)

    return rule


def _softmax(node: Node, found: Found) -> Fused:
    (dim,) = found["over"]

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        (x,) = args
        # a finite number: where nothing is real, anything goes but NaN
        x = batch.fill(x, torch.finfo(x.tensor.dtype).min, [dim])
        return Value(along_last(x.tensor, x.axis(dim), lambda t: torch.softmax(t, -1)), x.dims)

    return Fused((found["x"],), apply, (dim,))


def _layer_norm(node: Node, found: Found) -> Fused | None:
    """Over a dim that is not ragged, with weights over it alone."""
    (dim,), operands = found["over"], (found["x"], found["weight"], found["bias"])
    if dim.ragged or [d.key for p in operands[1:] for d in p.type.dims] != [dim.key] * 2:
        return None

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        x, weight, bias = args
        size = [batch.extent(dim)]

        def norm(t: Tensor) -> Tensor:
            return F.layer_norm(t, size, weight.tensor, bias.tensor, found["eps"])

        return Value(along_last(x.tensor, x.axis(dim), norm), x.dims)

    return Fused(operands, apply, (dim,))


def _linear(node: Node, found: Found) -> Fused | None:
    """Over a dim that is not ragged, of weights W [out, over] and b [out], if x has no dim ``out``."""
    x, weight, bias, (over,) = (found[name] for name in ("x", "weight", "bias", "over"))
    out, *more = bias.type.dims
    if more or over.ragged or x.type.dim(out) or [d.key for d in weight.type.dims] != [out.key, over.key]:
        return None

    def apply(args: Sequence[Value], batch: Batch) -> Value:
        x, weight, bias = args
        rest = [d for d in x.dims if d.key != over.key]
        made = F.linear(x.permute((*rest, over)), weight.tensor, bias.tensor)
        return batch.value(made, (*rest, out), with_batch(node.type.dims, x))

    return Fused((x, weight, bias), apply, laid=found["product"])


def along_last(tensor: Tensor, axis: int, f: Callable[[Tensor], Tensor]) -> Tensor:
    """``f`` of ``tensor`` with ``axis`` last and the others as they lie in memory; the result as it was given."""
    order = [*(i for i in by_stride(tensor) if i != axis), axis]
    inverse = [order.index(i) for i in range(tensor.dim())]
    return f(tensor.permute(order)).permute(inverse)


def by_stride(tensor: Tensor) -> list[int]:
    """Axes in the order in which they lie in memory, the contiguous one last."""
    strides = tensor.stride()
    return sorted(range(tensor.dim()), key=lambda i: -strides[i])


_RULES: Sequence[tuple[Pattern, Rule]] = (
    (RELU, _entrywise(torch.relu)),
    (GELU, _entrywise(F.gelu)),
    (SOFTMAX, _softmax),
    (LAYER_NORM, _layer_norm),
    (LINEAR, _linear),
)
