# SPDX-License-Identifier: Apache-2.0
"""``state |> circuit``: circuits one after the other."""

from __future__ import annotations

from hepq.core.circuits import inverse
from hepq.core.source import Span
from hepq.lang.elaborate.calls import apply
from hepq.lang.elaborate.circuits.circuits import elaborate, joined, prepare
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.expressions import evaluate, known
from hepq.lang.elaborate.values import Builtin, Circuit, Value, describe
from hepq.lang.syntax import ast

ADJOINT = Builtin("adjoint")


def pipe(ctx: Context, value: ast.Expr, fn: ast.Expr, called: Value, span: Span) -> Value:
    """``value |> fn``, where ``fn`` is a state, or calls ``called``: a circuit or ``adjoint``."""
    first = known(evaluate(ctx, value))
    args = fn.args if isinstance(fn, ast.Call) else ()
    if isinstance(first, State) and (called != ADJOINT or args):
        return joined(ctx, first, _after(ctx, fn, first), span)
    if isinstance(called, State):
        ctx.error("HQ0523", value.span, name="|>", found=describe(first))
    if isinstance(called, Circuit):
        given = [(a.name, evaluate(ctx, a.value), a.span) for a in args]
        return prepare(ctx, called, [(None, first, value.span), *given], span)
    return apply(ctx, called, (ast.Arg(None, value, span=value.span), *args), span, fn.span)


def _after(ctx: Context, e: ast.Expr, state: State) -> State:
    """The gates that ``e`` applies to ``state``."""
    called = known(evaluate(ctx, e.fn if isinstance(e, ast.Call) else e))
    args = e.args if isinstance(e, ast.Call) else ()
    if isinstance(called, Circuit):
        given = [(a.name, evaluate(ctx, a.value), a.span) for a in args]
        done = elaborate(ctx, called, given, e.span, state.register)
        return State(done.register, done.gates, done.lifted)
    if called == ADJOINT and len(args) == 1:
        inner = _after(ctx, args[0].value, state)
        return State(inner.register, None if inner.gates is None else inverse(inner.gates), inner.dims)
    found = known(evaluate(ctx, e))
    if not isinstance(found, State):
        ctx.error("HQ0523", e.span, name="|>", found=describe(found))
    return found
