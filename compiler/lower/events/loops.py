# SPDX-License-Identifier: Apache-2.0
"""Loops over dims. A virtual dim is a loop over what it was made of, with a condition, or several nested ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, cast, const
from hepq.compiler.lower.events.context import At, Codes, Context, i64
from hepq.compiler.lower.events.rules import value
from hepq.core.types import Dim
from hepq.runtime.engine.event_code import TOO_MANY

#: static dims up to here are unrolled, while a loop's body is written no more often than this
UNROLL, MOST = 8, 64
#: writes what is done with the entry
Body = Callable[[At], None]
#: whether the entry matters, bool
Asked = Callable[[Codes], Expr]


def over(ctx: Context, dims: Sequence[Dim], at: At, body: Body, until: Cell | None = None) -> None:
    """``body`` for every entry of ``dims``, the last quickest. ``until``: loops end when it is no longer 0."""
    if not dims:
        body(at)
        return
    first, *rest = dims
    each(ctx, first, lambda codes: over(ctx, rest, {**at, first.key: codes}, body, until), until)


def each(
    ctx: Context, dim: Dim, body: Callable[[Codes], None], until: Cell | None = None, only: Asked | None = None
) -> None:
    """``body`` for the codes of every entry. ``only``: of these, which is known before any filter is asked."""
    if only is not None and not _is_filtered(ctx, dim):
        inner = body

        def body(codes: Codes) -> None:
            with T.If(only(codes)), T.Then(), ctx.scope():
                inner(codes)

    if dim.size is not None and dim.size <= UNROLL and ctx.unrolled * dim.size <= MOST:
        ctx.unrolled *= dim.size
        for i in range(dim.size):
            body((i,))
        ctx.unrolled //= dim.size
    elif dim.name not in ctx.plan.dims.virtual:
        _positions(ctx, 0, ctx.extent(dim), body, until)
    elif (maker := ctx.plan.dims.makers[dim.name]).op == "filter":
        source = maker["dim"]
        (mask,) = maker.operands
        each(ctx, source, lambda codes: when(ctx, mask, {source.key: codes}, lambda: body(codes)), until, only)
    else:
        chosen(ctx, maker, body, until)


def _is_filtered(ctx: Context, dim: Dim) -> bool:
    return dim.name in ctx.plan.dims.virtual and ctx.plan.dims.makers[dim.name].op == "filter"


def chosen(ctx: Context, node: Node, body: Callable[[Codes], None], until: Cell | None = None) -> None:
    """``body`` for the k positions of each of ``combinations``. Too many of them are trouble, and none is done."""
    n, k = ctx.extent(node["dim"]), node["slot"].size
    if isinstance(n, int):
        nested(ctx, n, k, (), body, until)
        return
    wanted = const(1.0, "float64")
    for i in range(k):
        wanted = bind(bind(wanted * cast(n - i64(i), "float64")) / const(i + 1.0, "float64"))
    few = tirx.Or(n < i64(k), wanted <= ctx.explode)
    with T.If(few):
        with T.Then(), ctx.scope():
            nested(ctx, n, k, (), body, until)
        with T.Else():
            ctx.trouble(TOO_MANY, n)


def nested(
    ctx: Context, n: Expr | int, k: int, before: Codes, body: Callable[[Codes], None], until: Cell | None
) -> None:
    if k == 0:
        body(before)
        return
    start = i64(before[-1]) + i64(1) if before else i64(0)
    _positions(ctx, start, n, lambda codes: nested(ctx, n, k - 1, (*before, *codes), body, until), until)


def _positions(
    ctx: Context, start: Expr | int, end: Expr | int, body: Callable[[Codes], None], until: Cell | None
) -> None:
    with T.serial(i64(start), i64(end)) as i, ctx.scope():
        body((i,))
        if until is not None:
            with T.If(tirx.NE(until.get(), const(0, "int64"))), T.Then():
                T.evaluate(tirx.break_loop())


def when(ctx: Context, mask: Node, at: At, then: Callable[[], None]) -> None:
    """``then`` where ``mask`` is true. Of ``a and b`` the lighter is asked first, the other only where that is true."""
    if mask.op == "and" and mask not in ctx.plan.kept:
        where_both(ctx, mask, at, then)
        return
    with T.If(value(ctx, mask, at)), T.Then(), ctx.scope():
        then()


def where_both(ctx: Context, mask: Node, at: At, then: Callable[[], None]) -> None:
    """``then`` where both operands of ``mask``, ``and``, are true."""
    first, second = sorted(mask.operands, key=ctx.plan.weight)
    when(ctx, first, at, lambda: when(ctx, second, at, then))
