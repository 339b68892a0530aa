# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations on branches as a list of instructions, which the runtime can evaluate."""

from __future__ import annotations

from hepq.compiler.ir.node import Node, topological
from hepq.core.ops.table import ELEMENTWISE
from hepq.runtime.events.ordering import Instruction


class NotElementwise(Exception):
    """``node`` is not an elementwise operation."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.op)
        self.node = node


def instructions(result: Node) -> tuple[Instruction, ...]:
    """``result`` over inputs, by name. Raises NotElementwise."""
    steps: list[Instruction] = []
    where: dict[Node, int | str] = {}
    for node in topological([result]):
        source = _through_stack(node)
        if source is not node:
            where[node] = where[source]
        elif node.op == "input":
            where[node] = node["name"]
        elif node.op == "const":
            where[node] = _add(steps, Instruction(op="const", value=float(node["value"])))
        elif node.op == "cast" and node.type.elem == "int" and node.operands[0].type.elem == "real":
            x = where[node.operands[0]]
            whole = _add(steps, Instruction(op="floor", args=(_add(steps, Instruction(op="abs", args=(x,))),)))
            sign = _add(steps, Instruction(op="sign", args=(x,)))
            where[node] = _add(steps, Instruction(op="mul", args=(whole, sign)))
        elif node.op in ELEMENTWISE:
            where[node] = _add(steps, Instruction(op=node.op, args=tuple(where[o] for o in node.operands)))
        elif node.op != "stack":
            raise NotElementwise(node)
    if where[result] != len(steps) - 1:
        _add(steps, Instruction(op="cast", args=(where[result],)))
    return tuple(steps)


def _through_stack(node: Node) -> Node:
    """``pick(stack(a, b), i)`` is the i-th operand: how four-vectors' components reach a key."""
    if node.op == "pick" and node.operands[0].op == "stack" and node.operands[0]["dim"].key == node["dim"].key:
        entry: int = node["index"]
        return node.operands[0].operands[entry]
    return node


def _add(steps: list[Instruction], step: Instruction) -> int:
    steps.append(step)
    return len(steps) - 1
