# SPDX-License-Identifier: Apache-2.0
"""Built-ins on static lists: pairs of wires that gates act on, orders to walk them in."""

from __future__ import annotations

from hepq.lang.elaborate import selection
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.circuits.circuits import Items, ladder, pairs, ring
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Value, describe
from hepq.lang.elaborate.work import MAX_ITEMS

_EDGES = {"ring": ring, "ladder": ladder, "pairs": pairs}


@builtin("pairs", "list other")
def _pairs(ctx: Context, a: Arguments) -> Value:
    """``pairs(wire)``, as ``ladder``; or ``x, y = pairs(Jet, lead)``: both objects, so that values of both are over all
    pairs, though one is among the other."""
    if "other" not in a:
        return _edges(ctx, a)
    first, second = (selection.objects(ctx, a.value(k), a.where(k)) for k in ("list", "other"))
    return first, selection.apart(ctx, second, a.span)


@builtin("ladder ring", "list")
def _edges(ctx: Context, a: Arguments) -> Value:
    """``pairs(wire)``, ``ladder(wire)``, ``ring(wire)``: of the numbers of a dim's entries, or of a list's items."""
    found = _items(ctx, a)
    if a.name == "pairs" and len(found) ** 2 // 2 > MAX_ITEMS:
        ctx.error("HQ0412", a.span, limit=MAX_ITEMS)
    edges = tuple(_EDGES[a.name](found))
    ctx.spend(len(edges) // 8, a.span)
    return edges


@builtin("reverse", "list")
def _reverse(ctx: Context, a: Arguments) -> Value:
    """``reverse(0..n)``: the last first."""
    return tuple(reversed(_items(ctx, a)))


@builtin("every", "list step start")
def _every(ctx: Context, a: Arguments) -> Value:
    """``every(list, 2, start=1)``: items 1, 3, 5 …"""
    step, start = a.integer("step"), a.integer("start", 0)
    if step < 1:
        ctx.error("HQ0206", a.where("step"), size=step)
    if start < 0:
        ctx.error("HQ0404", a.where("start"), wanted="a number of at least 0 to start at", found=describe(start))
    return tuple(_items(ctx, a)[start::step])


def _items(ctx: Context, a: Arguments) -> Items:
    return ctx.listed(ctx.sequence(a.value("list"), a.where("list"), "a static list, range or dim"), a.span)
