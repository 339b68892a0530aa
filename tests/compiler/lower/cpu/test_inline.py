# SPDX-License-Identifier: Apache-2.0
"""Long chains of elementwise operations: written with memory in between, not as one expression of any depth."""

from __future__ import annotations

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.inline import DEEPEST, Inlining
from tests.support.circuits import module


def test_no_expression_is_deeper_than_the_limit() -> None:
    built = module("model M(x: real) -> real {\n  for i in 0..600 {\n    x = sin(x) + i\n  }\n  return x\n}\n")
    found = Inlining.of(built)
    depth: dict[Node, int] = {}
    for node in built.walk():
        depth[node] = 1 + max((depth[o] for o in node.operands if o in found.inlined), default=0)
    assert DEEPEST <= max(depth.values()) <= DEEPEST + 1
    assert sum(found.stored(node) for node in built.walk() if node.op == "sin") < 20
