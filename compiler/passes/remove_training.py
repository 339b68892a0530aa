# SPDX-License-Identifier: Apache-2.0
"""What changes nothing outside training is taken out: dropout, stopped gradients."""

from __future__ import annotations

from hepq.compiler.ir.node import Node
from hepq.compiler.passes.base import Facts, Rewrite
from hepq.core.ops.table import IDENTITY


class RemoveTraining(Rewrite):
    name = "remove-training"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        return node.operands[0] if node.op in IDENTITY else None
