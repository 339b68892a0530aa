# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation with stored statistics is x·s + t; after a linear map, s and t go into the map's weights."""

from __future__ import annotations

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Node
from hepq.compiler.passes.base import Facts, Rewrite
from hepq.core.types import Dim


class FoldBatchNorm(Rewrite):
    """Leaves arithmetic on weights in the graph: ``fold-constants`` computes it. For inference only."""

    name = "fold-batch-norm"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        if node.op != "batch_norm":
            return None
        x, w, b, mean, var = node.operands
        spread = make("sqrt", make("add", var, make("const", value=float(node["eps"]))))
        scale = make("div", w, spread)
        shift = make("sub", b, make("mul", mean, scale))
        return _affine(x, scale, shift, node["channel"], facts)


def _affine(x: Node, scale: Node, shift: Node, channel: Dim, facts: Facts) -> Node:
    """x * scale + shift, with as much as possible moved into weights above x. Same type as x."""
    if facts.uses(x) == 1 and x.op == "contract":
        weight = next((i for i, o in enumerate(x.operands) if facts.static(o) and o.type.dim(channel)), None)
        if weight is not None:
            operands = list(x.operands)
            operands[weight] = make("mul", operands[weight], scale, type=operands[weight].type)
            product = make("contract", *operands, over=x["over"], type=x.type, span=x.span)
            return make("add", product, shift, type=x.type, span=x.span)
    if facts.uses(x) == 1 and x.op == "add":
        bias = next((i for i, o in enumerate(x.operands) if facts.static(o)), None)
        if bias is not None and x.operands[1 - bias].type == x.type:
            moved = make("add", make("mul", x.operands[bias], scale), shift)
            return _affine(x.operands[1 - bias], scale, moved, channel, facts)
    if facts.uses(x) == 1 and x.op == "rename":
        src, dst = x["src"], x["dst"]
        scale, shift = (make("rename", v, src=dst, dst=src) if v.type.dim(dst) else v for v in (scale, shift))
        channel = src if channel.key == dst.key else channel
        return make("rename", _affine(x.operands[0], scale, shift, channel, facts), src=src, dst=dst)
    return make("add", make("mul", x, scale, type=x.type), shift, type=x.type, span=x.span)
