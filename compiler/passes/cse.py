# SPDX-License-Identifier: Apache-2.0
"""Common subexpressions: nodes of equal structure become one node."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import Facts, Weights, rewrite
from hepq.core.ops.table import COMMUTATIVE, RANDOM


@dataclass(frozen=True)
class MergeEqual:
    """Two dropouts stay two: each draws its own mask."""

    name: ClassVar[str] = "cse"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        first: dict[Hashable, Node] = {}

        def rule(node: Node, facts: Facts) -> Node:
            return node if node.op == "input" or node.op in RANDOM else first.setdefault(_key(node), node)

        return rewrite(module, rule), weights


def _key(node: Node) -> Hashable:
    operands = [id(o) for o in node.operands]
    if node.op in COMMUTATIVE:
        operands.sort()
    # repr, because 0.0 == -0.0 but 1 / 0.0 != 1 / -0.0
    attrs = frozenset((k, repr(v) if k == "value" else v) for k, v in node.attrs.items())
    return (node.op, tuple(operands), attrs, node.type)
