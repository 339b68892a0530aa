# SPDX-License-Identifier: Apache-2.0
"""Reductions and contractions that are no matrix product with weights: an accumulator per result entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At, Context, Lanes
from hepq.compiler.lower.cpu.expressions import value
from hepq.compiler.lower.cpu.layout import kept_as
from hepq.compiler.lower.cpu.mathfn import maximum, minimum
from hepq.compiler.lower.cpu.tir import (
    Cell,
    Expr,
    bind,
    cast,
    const,
    i32,
    larger,
    level,
    quotient,
    select,
    serial,
    smaller,
)
from hepq.core.types import Dim

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1

Combine = Callable[[Expr, Expr], Expr]


def _sum(a: Expr, b: Expr) -> Expr:
    return a + b


def _product(a: Expr, b: Expr) -> Expr:
    return a * b


def _first(elem: str, low: bool) -> Expr:
    if elem == "real":
        return const(-inf if low else inf, "float32")
    return const(_INT_MIN if low else _INT_MAX, "int64")


def emit_reduce(ctx: Context, node: Node) -> None:
    (x,) = node.operands
    elem = node.type.elem
    dtype = {"real": "float32", "int": "int64"}.get(elem, "int32")
    start, combine = {
        "reduce_sum": (const(0, dtype), _sum),
        "reduce_prod": (const(1, dtype), _product),
        "reduce_mean": (const(0, dtype), _sum),
        "reduce_max": (_first(elem, True), maximum),
        "reduce_min": (_first(elem, False), minimum),
        "reduce_any": (const(0, dtype), larger),
        "reduce_all": (const(1, dtype), smaller),
    }[node.op]
    count: Expr = const(1)
    for dim in node["over"]:
        count = count * i32(ctx.extent(dim))

    def finish(total: Expr) -> Expr:
        if node.op == "reduce_mean":
            return total / level(cast(larger(count, const(1)), "float32"), total)[0]
        if node.op in ("reduce_max", "reduce_min"):
            return select(count > 0, total, const(0, dtype))
        return cast(total, "bool") if elem == "bool" else total

    def term(at: At) -> Expr:
        return cast(value(ctx, x, at), dtype)

    _accumulate(ctx, node, x.type.dims, start, combine, term, finish)


def emit_contract(ctx: Context, node: Node) -> None:
    a, b = node.operands
    dtype = kept_as(node)

    def term(at: At) -> Expr:
        x, y = level(value(ctx, a, at), value(ctx, b, at))
        return x * y

    # a vector runs along the dim that is last in most places
    ends = [o.type.dims[-1] for o in (a, b) if o.type.dims]
    inner = (*(d for d in node["over"] if d.key != ends[0].key), *(d for d in node["over"] if d.key == ends[0].key))
    last = node.type.dims[-1:]
    kept = any(d.key == e.key for d in last for e in ends)
    order = (*inner, *last) if kept else inner
    _accumulate(ctx, node, order, const(0, dtype), _sum, term, lambda total: total)


def _accumulate(
    ctx: Context,
    node: Node,
    order: Sequence[Dim],
    start: Expr,
    combine: Combine,
    term: Callable[[At], Expr],
    finish: Callable[[Expr], Expr],
) -> None:
    """``order``: the operand's dims; its last is the vector dim, whether it is kept or summed."""
    dims, over = node.type.dims, node["over"]
    if dims and order and order[-1].key == dims[-1].key:
        with ctx.loops(dims) as at:
            total = Cell(start, ctx.lanes(dims[-1]))
            with ctx.loops(over, vector=False, tiled=False) as inner:
                total.set(combine(total.get(), term(At({**at.index, **inner.index}))))
            ctx.store(node, at, finish(bind(total.get())))
        return
    outer = [d for d in over if not order or d.key != order[-1].key]
    along = [d for d in over if order and d.key == order[-1].key]
    with ctx.loops(dims, vector=False) as at:
        total = Cell(start)
        if along:
            _along(ctx, at, outer, along[0], total, start, combine, term)
        else:
            with ctx.loops(outer, vector=False, tiled=False) as inner:
                total.set(combine(total.get(), term(At({**at.index, **inner.index}))))
        ctx.store(node, at, finish(bind(total.get())))


def _along(
    ctx: Context,
    at: At,
    outer: Sequence[Dim],
    dim: Dim,
    total: Cell,
    start: Expr,
    combine: Combine,
    term: Callable[[At], Expr],
) -> None:
    """Whole vectors along a summed dim, then its last entries one by one."""
    extent, lanes = ctx.extent(dim), ctx.lanes(dim)
    whole = extent // lanes if isinstance(extent, int) else bind(quotient(extent, lanes))
    partial = Cell(start, lanes)
    with ctx.loops(outer, vector=False, tiled=False) as inner:
        base = At({**at.index, **inner.index})
        if lanes > 1:
            with serial(whole) as step:
                partial.set(combine(partial.get(), term(base.set(dim.key, Lanes(step * lanes, lanes)))))
        with serial(extent - whole * lanes if lanes > 1 else extent) as step:
            rest = step + whole * lanes if lanes > 1 else step
            total.set(combine(total.get(), term(base.set(dim.key, rest))))
    if lanes > 1:
        with serial(lanes) as i:
            total.set(combine(total.get(), partial.lane(i)))
