# SPDX-License-Identifier: Apache-2.0
"""The logarithm of a softmax without the quotient, for training."""

from __future__ import annotations

from hepq.compiler.ir.formulas import LOG_SOFTMAX
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Node
from hepq.compiler.passes.base import Facts, Rewrite


class LogSoftmax(Rewrite):
    """log(softmax(x)) becomes x - max(x) - log(sum(exp(x - max(x)))), which has a derivative also where the probability
    rounds to 0; a floor under the probability of at most ``formulas.FLOOR`` goes with it."""

    name = "log-softmax"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        found = LOG_SOFTMAX.match(node)
        return make("sub", found["shifted"], make("log", found["total"]), type=node.type) if found else None
