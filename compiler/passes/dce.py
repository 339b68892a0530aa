# SPDX-License-Identifier: Apache-2.0
"""Dead code: weights that no output depends on are dropped; nodes that no output reaches are gone by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hepq.compiler.ir.node import Module
from hepq.compiler.passes.base import Weights


@dataclass(frozen=True)
class DropUnused:
    name: ClassVar[str] = "dce"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return module, {path: weights[path] for path in module.params if path in weights}
