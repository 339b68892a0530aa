# SPDX-License-Identifier: Apache-2.0
"""What changes nothing outside training is taken out: dropout, stopped gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights, rewrite
from hepq.core.ops.table import IDENTITY


@dataclass(frozen=True)
class RemoveTraining:
    name: ClassVar[str] = "remove-training"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return rewrite(module, lambda node, uses: node.operands[0] if node.op in IDENTITY else None), weights
