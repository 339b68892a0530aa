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
from hepq.lang.elaborate.objects import Known, Stored, View, numbered
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


@builtin("propagate", "met objects")
def _propagate(ctx: Context, a: Arguments) -> Value:
    """``propagate(MET, Jet)``: missing momentum, less what the transverse momenta of all jets gained by what a program
    says of them: MET − Σ (pT′ − pT), as vectors."""
    _in_dataset(ctx, a)
    met, objects, span = a.value("met"), a.value("objects"), a.span
    for value, key, one in ((met, "met", True), (objects, "objects", False)):
        fine = isinstance(value, Known) and {"pt", "phi"} <= set(value.names()) and (value.dim is None) is one
        if not fine or not (one or isinstance(value, Stored)):
            wanted = (
                "missing momentum, one in each event, with pt and phi"
                if one
                else "a collection of the file, with pt and phi"
            )
            ctx.error("HQ0928", a.where(key), wanted=wanted, found=describe(value))
    assert isinstance(met, Known)
    assert isinstance(objects, Known)
    objects.viewed = True
    changes = [_gained(ctx, objects, function, span) for function in ("cos", "sin")]
    pt, phi = (ctx.tensor(met.field(ctx, name, span), span) for name in ("pt", "phi"))
    if all(change is None for change in changes):
        return met.with_field("pt", pt).with_field("phi", phi)  # others than the file's: each may be varied
    x, y = (
        ctx.emit("sub", [_along(ctx, pt, phi, function, span), change], pt.type, span)
        for function, change in zip(("cos", "sin"), changes, strict=True)
        if change is not None
    )
    size = ctx.emit("hypot", [x, y], pt.type, span)
    return met.with_field("pt", size).with_field("phi", ctx.emit("atan2", [y, x], phi.type, span))


def _gained(ctx: Context, objects: Known, function: str, span: Span) -> Tensor | None:
    """Of the sum of the transverse momenta of ``objects``, a component: now, less what it was; None: the same."""
    now, before = (
        [ctx.tensor(o.field(ctx, n, span), span) for n in ("pt", "phi")] for o in (objects, objects.original)
    )
    if all(a.handle is b.handle for a, b in zip(now, before, strict=True)):
        return None
    if now[1].handle is before[1].handle:
        difference = ctx.emit("sub", [now[0], before[0]], now[0].type, span)
        gained = _along(ctx, difference, now[1], function, span)
    else:
        ends = [_along(ctx, pt, phi, function, span) for pt, phi in (now, before)]
        gained = ctx.emit("sub", ends, now[0].type, span)
    return ctx.emit("reduce_sum", [gained], gained.type.with_dims(()), span, over=gained.type.dims)


def _along(ctx: Context, pt: Tensor, phi: Tensor, function: str, span: Span) -> Tensor:
    return ctx.emit("mul", [pt, ctx.emit(function, [phi], phi.type, span)], pt.type, span)


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
