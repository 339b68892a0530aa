# SPDX-License-Identifier: Apache-2.0
"""Which qubits an expression names: ``q``, ``q[0]``, ``q[-1]``, ``q[0..2]``, ``[q[0], q[2]]``."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.core.source import Span
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.expressions import evaluate, known, positions, static_int
from hepq.lang.elaborate.values import Register, describe, length
from hepq.lang.elaborate.work import MAX_WIRES
from hepq.lang.syntax import ast

#: numbers of wires; an unknown number is None, and so is a list of unknown length
Wires = tuple[int | None, ...] | None


def names_qubits(ctx: Context, e: ast.Expr) -> bool:
    """Whether ``e`` is made of qubits rather than of numbers."""
    match e:
        case ast.Name(id=name):
            return isinstance(ctx.frame.locals.get(name), Register)
        case ast.Index(base=base):
            return names_qubits(ctx, base)
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return any(names_qubits(ctx, i) for i in items)
    return False


def wires_of(ctx: Context, e: ast.Expr) -> Wires:
    """The wires that ``e`` names; of an expression for which ``names_qubits`` holds."""
    match e:
        case ast.Name(id=name):
            register: Register = ctx.frame.locals[name]
            return register.wires
        case ast.Index(base=base, args=(arg,)) if arg.name is None:
            return _picked(ctx, wires_of(ctx, base), arg.value, e.span)
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return joined([_item(ctx, i) for i in items])
    return ctx.error("HQ0413", e.span, what=f"{e.span.text.split('[')[0]}[ ]", wanted="1 index", found="more")


def _item(ctx: Context, e: ast.Expr) -> Wires:
    if not names_qubits(ctx, e):
        ctx.error("HQ0511", e.span, found=e.span.text[:40])
    return wires_of(ctx, e)


def joined(groups: Sequence[Wires]) -> Wires:
    """All of them, in order."""
    return None if any(g is None for g in groups) else tuple(w for g in groups for w in g or ())


def _picked(ctx: Context, wires: Wires, index: ast.Expr, span: Span) -> Wires:
    try:
        value = known(evaluate(ctx, index))
        numbers = value if isinstance(value, (range, tuple)) else (static_int(ctx, index),)
        if not isinstance(value, range) and any(not isinstance(n, int) or isinstance(n, bool) for n in numbers):
            ctx.error("HQ0404", index.span, wanted="whole numbers of qubits", found=describe(value))
    except Reported:  # an error, or a number that is not known yet: the gate is checked all the same
        ctx.go_on()
        return (None,)
    if wires is None:
        return tuple([None] * length(numbers)) if length(numbers) <= MAX_WIRES else None
    return tuple(wires[i] for i in positions(ctx, numbers, len(wires), "whole numbers of qubits", index.span, span))
