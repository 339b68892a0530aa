# SPDX-License-Identifier: Apache-2.0
"""A bias is added where there are fewest entries, and biases that meet become one.

``(x_i + y_ij) + b`` becomes ``(x_i + b) + y_ij``; ``(x + b) + c`` becomes ``x + (b + c)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import Static, Uses, Weights, rewrite


@dataclass(frozen=True)
class SinkBias:
    name: ClassVar[str] = "sink-bias"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        static = Static()
        return rewrite(module, lambda node, uses: _sink(node, uses, static)), weights


def _sink(node: Node, uses: Uses, static: Static) -> Node | None:
    if node.op != "add" or static(node):
        return None
    for x, bias in (node.operands, node.operands[::-1]):
        if x.op == "add" and uses.of(x) == 1 and static(bias):
            return _split(node, x.operands, bias, uses, static) or _split(node, x.operands[::-1], bias, uses, static)
    return None


def _split(node: Node, parts: tuple[Node, ...], bias: Node, uses: Uses, static: Static) -> Node | None:
    """``(part + other) + bias`` as ``(part + bias) + other``, if part is static or lacks some of the dims."""
    part, other = parts
    if not static(part):
        smaller = len(part.type.dims) < len(node.type.dims)
        if not smaller or any(part.type.dim(d) is None for d in bias.type.dims):
            return None
    inner = make("add", part, bias, span=node.span)
    inner = _sink(inner, uses, static) or inner
    # a bias stands second
    operands = (other, inner) if static(inner) else (inner, other)
    return make("add", *operands, type=node.type, span=node.span)
