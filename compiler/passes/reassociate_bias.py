# SPDX-License-Identifier: Apache-2.0
"""A bias is added where there are fewest entries, and biases that meet become one.

``(x_i + y_ij) + b`` becomes ``(x_i + b) + y_ij``; ``(x + b) + c`` becomes ``x + (b + c)``.
"""

from __future__ import annotations

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.match import capture
from hepq.compiler.ir.node import Node
from hepq.compiler.passes.base import Facts, Rewrite

_SUMS = (capture("part") + capture("other")).named("inner") + capture("bias")


class SinkBias(Rewrite):
    name = "sink-bias"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        """``(part + other) + bias`` as ``(part + bias) + other``, if part is static or lacks some of the dims."""
        if facts.static(node):
            return None
        for found in _SUMS.matches(node):
            part, other, bias = (found[name] for name in ("part", "other", "bias"))
            smaller = len(part.type.dims) < len(node.type.dims) and all(part.type.dim(d) for d in bias.type.dims)
            if facts.uses(found["inner"]) == 1 and facts.static(bias) and (facts.static(part) or smaller):
                inner = make("add", part, bias, span=node.span)
                inner = self.rule(inner, facts) or inner
                # a bias stands second
                operands = (other, inner) if facts.static(inner) else (inner, other)
                return make("add", *operands, type=node.type, span=node.span)
        return None
