# SPDX-License-Identifier: Apache-2.0
"""Built-ins on static lists: pairs of wires that gates act on, orders to walk them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any

from hepq.core.source import Span
from hepq.core.types import Dim
from hepq.lang.elaborate.arguments import Arguments, read
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.values import Builtin, Value, describe
from hepq.lang.elaborate.work import MAX_ITEMS
from hepq.lang.syntax import ast

Items = Sequence[Any]
Edges = list[tuple[Any, Any]]


def ladder(items: Items) -> Edges:
    """Each with the next: Qiskit's linear entanglement."""
    return list(pairwise(items))


def ring(items: Items) -> Edges:
    """The last with the first, then as a ladder: Qiskit's circular entanglement; of two, the one pair."""
    closing = [(items[-1], items[0])] if len(items) > 2 else []
    return closing + ladder(items)


def pairs(items: Items) -> Edges:
    """Each with all later ones: Qiskit's full entanglement."""
    return list(combinations(items, 2))


#: ``ring(cz, q)`` as a statement of a circuit: a gate on each pair of qubits
PATTERNS: dict[str, Callable[[Items], Edges]] = {"ring": ring, "ladder": ladder, "all_pairs": pairs}
_PAIRS = {"ring": ring, "ladder": ladder, "pairs": pairs}


def _edges(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``pairs(wire)``, ``ladder(wire)``, ``ring(wire)``: of the numbers of a dim's entries, or of a list's items."""
    found = _items(ctx, read(ctx, fn, args, span, ["list"]), span)
    if fn.name == "pairs" and len(found) ** 2 // 2 > MAX_ITEMS:
        ctx.error("HQ0412", span, limit=MAX_ITEMS)
    edges = tuple(_PAIRS[fn.name](found))
    ctx.spend(len(edges) // 8, span)
    return edges


def _reverse(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``reverse(0..n)``: the last first."""
    return tuple(reversed(_items(ctx, read(ctx, fn, args, span, ["list"]), span)))


def _every(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``every(list, 2, start=1)``: items 1, 3, 5 …"""
    a = read(ctx, fn, args, span, ["list", "step", "start"])
    step, start = a.integer("step"), a.integer("start", 0)
    if step < 1:
        ctx.error("HQ0206", a.where("step"), size=step)
    if start < 0:
        ctx.error("HQ0404", a.where("start"), wanted="a number of at least 0 to start at", found=describe(start))
    return tuple(_items(ctx, a, span)[start::step])


def _items(ctx: Context, a: Arguments, span: Span) -> Items:
    value = a.value("list")
    if isinstance(value, Dim):
        if value.ragged:
            ctx.error("HQ0211", a.where("list"), dim=value)
        if value.size is None:
            raise Reported
        value = range(value.size)
    if not isinstance(value, (tuple, range)):
        ctx.error("HQ0404", a.where("list"), wanted="a static list, range or dim", found=describe(value))
    return ctx.listed(value, span)


LISTS = {**dict.fromkeys(_PAIRS, _edges), "reverse": _reverse, "every": _every}
