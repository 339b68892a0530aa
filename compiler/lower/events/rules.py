# SPDX-License-Identifier: Apache-2.0
"""The value of a node at an entry, as an expression: a load of a kept one, else by its rule. Of an index: its codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import tirx

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import const, select
from hepq.compiler.lower.events.context import DTYPE, At, Codes, Context, i64
from hepq.compiler.lower.events.prepare import ILLEGAL
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import SEGMENT

#: op of a node that is computed where it is read -> its value; of an index: a tuple of codes
RULES: Rules[Callable[[Context, Node, At], Any]] = Rules(
    "events", illegal=ILLEGAL, elsewhere=("input", "filter", "argsort", "combinations", "cumsum", *SEGMENT)
)


def value(ctx: Context, node: Node, at: At) -> Any:
    """``node`` at an entry; computed once for an entry, within a loop's body."""
    if node.op == "const":
        return const(node["value"], DTYPE[node.type.elem])
    if node.op in ("filter", "combinations") and node not in ctx.plan.kept:
        return _chosen(node, at)
    return ctx.once((node, ctx.place(node, at)), lambda: _value(ctx, node, at))


def _value(ctx: Context, node: Node, at: At) -> Any:
    if node not in ctx.plan.kept:
        return RULES[node.op](ctx, node, at)
    if node.op == "combinations":
        return _slot(ctx, node, at)
    return ctx.load(node, at)


def compute(ctx: Context, node: Node, at: At) -> Any:
    """As ``value``, from the operands."""
    return RULES[node.op](ctx, node, at)


def _chosen(node: Node, at: At) -> Codes:
    """Of a virtual dim: an entry's codes say it."""
    codes = at[node["dst"].key]
    return codes if node.op == "filter" else _one_of(codes, at[node["slot"].key][0])


def _slot(ctx: Context, node: Node, at: At) -> Codes:
    """Rows of combinations in memory: a buffer for each slot."""
    (row,) = at[node["dst"].key]
    columns = tuple(buffer[i64(row)] for buffer in ctx.memory[node])
    return _one_of(columns, at[node["slot"].key][0])


def _one_of(options: Codes, i: Any) -> Codes:
    if isinstance(i, int):
        return (options[i],)
    found = i64(options[0])
    for k in range(1, len(options)):
        found = select(tirx.EQ(i, i64(k)), i64(options[k]), found)
    return (found,)
