# SPDX-License-Identifier: Apache-2.0
"""Built-ins of datasets: objects of others, and values that may be absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate import arithmetic, presence, selection
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.objects import View, numbered
from hepq.lang.elaborate.values import Objects, Value, describe


@builtin("combinations", "objects k")
def _combinations(ctx: Context, a: Arguments) -> Value:
    """``combinations(Jet, 3)``: every three of them, i < j < k."""
    _in_dataset(ctx, a)
    base = selection.objects(ctx, a.value("objects"), a.where("objects"))
    return selection.combinations(ctx, base, a.integer("k"), a.span)


@builtin("union", variadic=True)
def _union(ctx: Context, a: Arguments) -> Value:
    """``union(Muon, Electron)``: the entries of both, with the values that both have, and their ``kind``: 0, 1."""
    _in_dataset(ctx, a)
    if not 2 <= len(a.rest) <= selection.MOST_UNITED:
        ctx.error("HQ0665", a.span, wanted=f"2 to {selection.MOST_UNITED} collections", found=len(a.rest))
    return selection.union(ctx, [selection.objects(ctx, v, s) for v, s in a.rest], a.span)


@builtin("part_of", "objects others")
def _part_of(ctx: Context, a: Arguments) -> Value:
    """``part_of(lepton, z)``: whether each lepton is one of which a z is made."""
    _in_dataset(ctx, a)
    base, others = (selection.objects(ctx, a.value(k), a.where(k)) for k in ("objects", "others"))
    return selection.part_of(ctx, base, others, a.span)


@builtin("exists", "x")
def _exists(ctx: Context, a: Arguments) -> Value:
    """``exists(top)``: whether there is one, in this event, or behind each reference."""
    _in_dataset(ctx, a)
    value, span = a.value("x"), a.where("x")
    if isinstance(value, View) and value.optional:
        return presence.of_entry(ctx, value.index, value.name, numbered(ctx, value.index, span), span)
    if isinstance(value, Objects) and value.dim is None:
        ctx.error("HQ0667", span, found=f"`{value.name}`")
    if isinstance(value, Objects | Dim):
        return presence.at_least(ctx, selection.dim_of(ctx, selection.objects(ctx, value, span), span), 1, span)
    return _there(ctx, presence.single(ctx, ctx.tensor(value, span), span), span)


@builtin("default", "x value")
def _default(ctx: Context, a: Arguments) -> Value:
    """``default(top.mass, 0 GeV)``: the value, or another where it is absent."""
    _in_dataset(ctx, a)
    x = presence.single(ctx, a.tensor("x"), a.where("x"))
    if not x.needs:
        ctx.error("HQ0667", a.where("x"), found=describe(x))
    there, other = _there(ctx, x, a.span), a.value("value")
    if isinstance(other, Tensor | Objects):
        other = presence.single(ctx, ctx.tensor(other, a.where("value")), a.where("value"))
    spans = (a.span, a.where("x"), a.where("x"), a.where("value"))
    return arithmetic.where(ctx, there, replace(x, needs={}), other, *spans)


def _there(ctx: Context, x: Tensor, span: Span) -> Tensor:
    holds: Sequence[Tensor] = list(x.needs.values())
    if not holds:
        ctx.error("HQ0667", span, found=describe(x))
    first, *others = holds
    for other in others:
        dims = arithmetic.align(ctx, [first, other], [span, span])
        first = ctx.emit("and", [first, other], Type("bool", dims), span)
    return replace(first, says=frozenset(x.needs))


def _in_dataset(ctx: Context, a: Arguments) -> None:
    if ctx.data is None:
        ctx.error("HQ0660", a.span, name=a.name)
