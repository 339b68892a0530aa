# SPDX-License-Identifier: Apache-2.0
"""Values that may be absent: what they need, and where it must be known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import Dim, Type, merge_dims
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.event import Fact


def needing(x: Tensor, fact: Fact, holds: Tensor) -> Tensor:
    """``x``, which is there only where ``fact`` holds; ``holds``: where it does."""
    return replace(x, needs={**x.needs, fact: holds})


def of_index(index: Tensor, name: str) -> Fact:
    return Fact(name, handle=index.handle)


def any_over(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """true[dim]"""
    assert ctx.data is not None
    of = ctx.data.over.get(dim.key)
    if of is None and dim.base.key in ctx.data.over:
        return _copied(ctx, any_over(ctx, dim.base, span), dim, span)
    number = ctx.emit("iota", (), Type("int", (dim,)), span, dim=dim) if of is None else ctx.cast(of, "int", span)
    # an index is -1 or more
    return ctx.emit("ge", [number, ctx.tensor(-1, span)], Type("bool", number.type.dims), span)


def any_value(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """Any value over ``dim``."""
    assert ctx.data is not None
    of = ctx.data.over.get(dim.key)
    return positions(ctx, dim, span) if of is None else of


def positions(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """int[dim]: 0, 1, 2 …"""
    if ctx.data is not None and dim.key not in ctx.data.over and dim.base.key in ctx.data.over:
        return _copied(ctx, positions(ctx, dim.base, span), dim, span)
    if ctx.data is None or dim.key not in ctx.data.over:
        return ctx.emit("iota", (), Type("int", (dim,)), span, dim=dim)
    ones = ctx.cast(any_over(ctx, dim, span), "int", span)
    place = ctx.emit("cumsum", [ones], Type("int", (dim,)), span, over=dim)
    return ctx.emit("sub", [place, ctx.tensor(1, span)], place.type, span)


def _copied(ctx: Context, x: Tensor, dim: Dim, span: Span) -> Tensor:
    """``x``, of the dim of which ``dim`` is a copy, over the copy."""
    return ctx.emit("rename", [x], x.type.with_dims([dim]), span, src=dim.base, dst=dim)


def entries(ctx: Context, dim: Dim, span: Span) -> Tensor:
    """int: how many entries a dim, or that of which it is a copy, has in this event."""
    dim = dim if ctx.data is None else dim.base
    if ctx.data is None or dim.key not in ctx.data.over:
        made = ctx.emit("count", (), Type("int"), span, dim=dim)
    else:
        ones = ctx.cast(any_over(ctx, dim, span), "int", span)
        made = ctx.emit("reduce_sum", [ones], Type("int"), span, over=(dim,))
    return replace(made, counts=dim.name)


def at_least(ctx: Context, dim: Dim, least: int, span: Span) -> Tensor:
    """bool: whether a dim has so many entries."""
    made = ctx.emit("ge", [entries(ctx, dim, span), ctx.tensor(least, span)], Type("bool"), span)
    return replace(made, says=frozenset({Fact(dim.name, dim.name, least)}))


def single(ctx: Context, x: Tensor, span: Span, over: Dim | None = None) -> Tensor:
    """``x`` without its dims of at most one entry, which it needs to have one; with ``over``, if it has it."""
    if ctx.data is None:
        return x
    beside = None if over is None else Type("bool", (over,))
    one = _one(ctx, x, span, (), every=True, beside=beside)
    left = given(one, ctx.data.facts)
    ctx.data.given += [holds for fact, holds in one.needs.items() if fact not in left.needs]
    return left


def without_needs(x: Tensor) -> Tensor:
    """``x``, wherever it is there."""
    return replace(x, needs={})


def known_there(ctx: Context, x: Tensor, span: Span, what: str) -> tuple[Tensor, list[Tensor]]:
    """``x`` as one value of the event, which is there where all of the list hold: what ``facts`` say does.

    Reports HQ0664 where it may be absent nevertheless.
    """
    assert ctx.data is not None
    one = _one(ctx, x, span, (), every=True)
    _report_absent(ctx, given(one, ctx.data.facts), span, what)
    return replace(one, needs={}), list(one.needs.values())


def guarded(ctx: Context, x: Tensor, span: Span, known: Collection[Fact]) -> Tensor:
    """``x`` where ``known`` facts hold: without the dims that have one entry then, and what it needed of them."""
    return given(_one(ctx, x, span, known, every=False), known) if known and ctx.data is not None else x


def alternatives(ctx: Context, x: Tensor, y: Tensor, xspan: Span, yspan: Span) -> tuple[Tensor, Tensor]:
    """Two values, one of which is taken: without dims of at most one entry that the other lacks."""
    if ctx.data is None:
        return x, y
    one = _one(ctx, x, xspan, (), every=True, beside=y.type)
    return one, _one(ctx, y, yspan, (), every=True, beside=x.type)


def _one(
    ctx: Context, x: Tensor, span: Span, known: Collection[Fact], *, every: bool, beside: Type | None = None
) -> Tensor:
    assert ctx.data is not None
    for dim in x.type.dims if beside is None else [d for d in x.type.dims if beside.dim(d) is None]:
        fact = ctx.data.single.get(dim.key)
        if fact is None or not (every or fact.follows(known)):
            continue
        t = x.type.with_dims(d for d in x.type.dims if d.key != dim.key)
        needs = {f: _any(ctx, holds, dim, span) for f, holds in x.needs.items()}
        op = "reduce_any" if t.elem == "bool" else "reduce_sum"
        says = x.says
        x = ctx.emit(op, [replace(x, needs={})], t, span, over=(dim,))
        needs = needs if fact.follows(known) else {**needs, fact: at_least(ctx, dim, 1, span)}
        x = replace(x, needs=needs, says=says)
    return x


def _any(ctx: Context, holds: Tensor, dim: Dim, span: Span) -> Tensor:
    """Whether ``holds`` does for an entry of ``dim``."""
    if holds.type.dim(dim) is None:
        return holds
    t = holds.type.with_dims(d for d in holds.type.dims if d.key != dim.key)
    return ctx.emit("reduce_any", [holds], t, span, over=(dim,))


def of_entry(ctx: Context, index: Tensor, name: str, holds: Tensor, span: Span) -> Tensor:
    """``holds``, that an index is of an entry, where there are indices: false where a dim of at most one has none."""
    assert ctx.data is not None
    facts = {of_index(index, name)}
    for dim in holds.type.dims:
        if dim.key in ctx.data.single:
            facts.add(ctx.data.single[dim.key])
            holds = _any(ctx, holds, dim, span)
    return replace(holds, says=frozenset(facts))


def given(x: Tensor, known: Collection[Fact]) -> Tensor:
    """``x`` where ``known`` facts hold."""
    left = {fact: holds for fact, holds in x.needs.items() if not fact.follows(known)}
    return x if len(left) == len(x.needs) else replace(x, needs=left)


def required(ctx: Context, x: Tensor, span: Span, what: str, over: Dim | None = None) -> Tensor:
    """``x`` as one value, of each entry of ``over``, that is always there. Reports HQ0664 where it may be absent."""
    x = single(ctx, x, span, over)
    _report_absent(ctx, x, span, what)
    return replace(x, needs={})


def _report_absent(ctx: Context, x: Tensor, span: Span, what: str) -> None:
    for fact in given(x, ctx.data.facts if ctx.data else ()).needs:
        ctx.error(
            "HQ0664",
            span,
            what=what,
            why=fact.missing,
            help=_help(fact, x, span.text, "select" if ctx.data is None else ctx.data.word),
        )


def _help(fact: Fact, x: Tensor, text: str, word: str) -> str:
    """How to mend ``x`` that lacks ``fact``."""
    once = f"`{word} NAME = {fact.guard}` before it, " if not x.needs[fact].type.dims else ""
    wide = x.type.elem == "bool"
    guard = f"`{fact.guard} and …`" if wide else f"`if {fact.guard} then … else …`"
    shown = text if len(text) <= 40 and "\n" not in text else "…"
    return f"guard it: {once}{'or ' if once else ''}{guard}; or say a value: `default({shown}, …)`"


def either(ctx: Context, made: Tensor, cond: Tensor, then: Tensor, orelse: Tensor, span: Span) -> Tensor:
    """``made``, which is ``then`` where ``cond`` and ``orelse`` elsewhere: each is needed only where it is taken."""
    if not (then.needs or orelse.needs):
        return made
    needs = dict(cond.needs)
    condition = replace(cond, needs={})
    for fact, holds in then.needs.items():
        if fact not in cond.needs and fact not in orelse.needs:
            needs |= _or(ctx, ctx.emit("not", [condition], cond.type, span), holds, fact, span)
    for fact, holds in orelse.needs.items():
        if fact not in cond.needs:
            needs |= {fact: holds} if fact in then.needs else _or(ctx, condition, holds, fact, span)
    return replace(made, needs=needs)


def _or(ctx: Context, other: Tensor, holds: Tensor, fact: Fact, span: Span) -> dict[Fact, Tensor]:
    """What is needed where ``other`` is false."""
    dims = merge_dims([other.type.dims, holds.type.dims])
    made = ctx.emit("or", [other, holds], Type("bool", dims), span)
    return {Fact(fact.name, handle=made.handle, by=fact): made}
