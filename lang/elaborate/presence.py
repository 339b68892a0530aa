# SPDX-License-Identifier: Apache-2.0
"""Values that may be absent: what they need, and where it must be known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.event import Fact


def needing(x: Tensor, fact: Fact, holds: Tensor) -> Tensor:
    """``x``, which is there only where ``fact`` holds; ``holds``: where it does."""
    return replace(x, needs={**x.needs, fact: holds})


def of_index(index: Tensor, name: str) -> Fact:
    return Fact(name, handle=id(index.handle))


def any_over(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """true[dim]"""
    assert ctx.data is not None
    of = ctx.data.over.get(dim.key)
    number = ctx.emit("iota", (), Type("int", (dim,)), span, dim=dim) if of is None else ctx.cast(of, "int", span)
    # an index is -1 or more
    return ctx.emit("ge", [number, ctx.tensor(-1, span)], Type("bool", number.type.dims), span)


def positions(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """int[dim]: 0, 1, 2 …"""
    if ctx.data is None or dim.key not in ctx.data.over:
        return ctx.emit("iota", (), Type("int", (dim,)), span, dim=dim)
    ones = ctx.cast(any_over(ctx, dim, span), "int", span)
    place = ctx.emit("cumsum", [ones], Type("int", (dim,)), span, over=dim)
    return ctx.emit("sub", [place, ctx.tensor(1, span)], place.type, span)


def entries(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """int: how many entries a dim has in this event."""
    if ctx.data is None or dim.key not in ctx.data.over:
        made = ctx.emit("count", (), Type("int"), span, dim=dim)
    else:
        ones = ctx.cast(any_over(ctx, dim, span), "int", span)
        made = ctx.emit("reduce_sum", [ones], Type("int"), span, over=(dim,))
    return replace(made, counts=dim.key)


def at_least(ctx: Context, dim: Dim, least: int, span: Span) -> Tensor:
    """bool: whether a dim has so many entries."""
    made = ctx.emit("ge", [entries(ctx, dim, span), ctx.tensor(least, span)], Type("bool"), span)
    return replace(made, says=frozenset({Fact(str(dim), dim.key, least)}))


def single(ctx: Context, x: Tensor, span: Span) -> Tensor:
    """``x`` without its dims of at most one entry, which it needs to have one."""
    return given(_one(ctx, x, span, ctx.data.facts, every=True), ctx.data.facts) if ctx.data is not None else x


def guarded(ctx: Context, x: Tensor, span: Span, known: Iterable[Fact]) -> Tensor:
    """``x`` where ``known`` facts hold: without the dims that have one entry then, and what it needed of them."""
    return given(_one(ctx, x, span, known, every=False), known) if known else x


def _one(ctx: Context, x: Tensor, span: Span, known: Iterable[Fact], *, every: bool) -> Tensor:
    assert ctx.data is not None
    for dim in x.type.dims:
        fact = ctx.data.single.get(dim.key)
        if fact is None or not (every or fact.follows(known)):
            continue
        t = x.type.with_dims(d for d in x.type.dims if d.key != dim.key)
        needs = x.needs
        op = "reduce_any" if t.elem == "bool" else "reduce_sum"
        x = ctx.emit(op, [replace(x, needs={})], t, span, over=(dim,))
        x = replace(x, needs=needs if fact.follows(known) else {**needs, fact: at_least(ctx, dim, 1, span)})
    return x


def given(x: Tensor, known: Iterable[Fact]) -> Tensor:
    """``x`` where ``known`` facts hold."""
    known = set(known)
    left = {fact: holds for fact, holds in x.needs.items() if not fact.follows(known)}
    return x if len(left) == len(x.needs) else replace(x, needs=left)


def required(ctx: Context, x: Tensor, span: Span, what: str) -> Tensor:
    """``x`` as one value that is always there. Reports HQ0664 where it may be absent."""
    x = single(ctx, x, span)
    for fact in given(x, ctx.data.facts if ctx.data else ()).needs:
        ctx.error("HQ0664", span, what=what, name=fact.name, help=_help(fact, span.text))
    return replace(x, needs={})


def _help(fact: Fact, text: str) -> str:
    guard = f"exists({fact.name})" if fact.least == 1 else f"count({fact.name}) >= {fact.least}"
    return f"guard it: `select NAME = {guard}` before it, or `{guard} and …`; or say a value: `default({text}, …)`"
