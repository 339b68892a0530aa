# SPDX-License-Identifier: Apache-2.0
"""Functions of the library found again in the IR, by their formulas."""

from __future__ import annotations

from hepq.compiler.ir.node import Node
from hepq.core.types import Dim


def softmax_of(node: Node) -> tuple[Node, Dim] | None:
    """x and dim, if ``node`` is exp(x - max(x)) / sum(exp(x - max(x))) over one dim."""
    if node.op != "div":
        return None
    e, total = node.operands
    if e.op != "exp" or total.op != "reduce_sum" or total.operands[0] is not e or len(total["over"]) != 1:
        return None
    difference = e.operands[0]
    if difference.op != "sub":
        return None
    x, top = difference.operands
    if top.op != "reduce_max" or top.operands[0] is not x or top["over"] != total["over"]:
        return None
    return x, total["over"][0]
