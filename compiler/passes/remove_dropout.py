# SPDX-License-Identifier: Apache-2.0
"""Dropout is the identity outside training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir import Module
from hepq.compiler.passes.base import Weights, rewrite


@dataclass(frozen=True)
class RemoveDropout:
    name: ClassVar[str] = "remove-dropout"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return rewrite(module, lambda node, uses: node.operands[0] if node.op == "dropout" else None), weights
