# SPDX-License-Identifier: Apache-2.0
"""The logarithm of a softmax without the quotient, for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir.formulas import softmax_of
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import Uses, Weights, rewrite

#: a floor under a probability, there to keep its logarithm finite
FLOOR = 1e-20


@dataclass(frozen=True)
class LogSoftmax:
    """log(softmax(x)) becomes x - max(x) - log(sum(exp(x - max(x)))), which has a derivative also where the probability
    rounds to 0; a floor under the probability of at most ``FLOOR`` goes with it."""

    name: ClassVar[str] = "log-softmax"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return rewrite(module, _rule), weights


def _rule(node: Node, uses: Uses) -> Node | None:
    if node.op != "log":
        return None
    (p,) = node.operands
    if p.op == "max" and p.operands[1].op == "const" and 0 < p.operands[1]["value"] <= FLOOR:
        p = p.operands[0]
    if softmax_of(p) is None:
        return None
    e, total = p.operands
    return make("sub", e.operands[0], make("log", total), type=node.type)
