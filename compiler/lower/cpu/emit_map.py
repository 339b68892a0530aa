# SPDX-License-Identifier: Apache-2.0
"""Nodes whose entries do not depend on each other: elementwise, access, stack, concat; copies in and out."""

from __future__ import annotations

from math import gcd

from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At, Context, Lanes
from hepq.compiler.lower.cpu.expressions import compute, value
from hepq.compiler.lower.cpu.layout import kept_as, passed_as, places
from hepq.compiler.lower.cpu.tir import Expr, cast, const, serial


def emit_map(ctx: Context, node: Node) -> None:
    with ctx.loops(node.type.dims) as at:
        ctx.store(node, at, compute(ctx, node, at))


def emit_stack(ctx: Context, node: Node) -> None:
    *shared, dim = node.type.dims
    with ctx.loops(shared, vector=False) as at:
        for i, operand in enumerate(node.operands):
            ctx.store(node, at.set(dim.key, i), value(ctx, operand, at))


def emit_concat(ctx: Context, node: Node) -> None:
    *shared, dim = node.type.dims
    with ctx.loops(shared, vector=False) as at:
        start = 0
        for operand, along in zip(node.operands, node["along"], strict=True):
            # vectors that end with the operand, so that nothing is overwritten
            width = gcd(gcd(start, along.size), ctx.width)
            with serial(along.size // width) as step:
                source = at.set(along.key, _run(step * width, width))
                ctx.store(node, at.set(dim.key, _run(start + step * width, width)), value(ctx, operand, source))
            start += along.size


def _run(base: Expr, width: int) -> Expr | Lanes:
    return Lanes(base, width) if width > 1 else base


def emit_input(ctx: Context, node: Node, source: Expr, first: Expr) -> None:
    """Copies one event of an input into scratch. ``first``: its first entry in the flat ``source``."""
    with ctx.loops(node.type.dims, vector=False) as at:
        got = source[first + cast(_flat(ctx, node, at), "int64")]
        ctx.store(node, at, cast(got, kept_as(node)))


def emit_output(ctx: Context, node: Node, target: Expr, first: Expr) -> None:
    """Copies one event's value to a flat output; a second ragged dim has places up to its bound there."""
    with ctx.loops(node.type.dims, vector=False) as at:
        T.buffer_store(
            target, cast(value(ctx, node, at), passed_as(node)), [first + cast(_flat(ctx, node, at), "int64")]
        )


def _flat(ctx: Context, node: Node, at: At) -> Expr:
    """Offset of an entry as inputs and outputs are laid out."""
    offset: Expr = const(0)
    for dim in node.type.dims:
        offset = offset * const(places(dim)) + at.expr(dim.key)
    return offset
