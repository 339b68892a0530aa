# SPDX-License-Identifier: Apache-2.0
"""Statements of a body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hepq.core.source import Span
from hepq.core.types import Dim
from hepq.lang.elaborate.circuits.gates import BARRIER, GATES
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.expressions import evaluate, known, static_int
from hepq.lang.elaborate.numbering import note_numbered
from hepq.lang.elaborate.values import UNKNOWN, Function, Init, Register, Tensor, Value, describe, length
from hepq.lang.elaborate.work import MAX_ITERATIONS
from hepq.lang.syntax import ast


def run_body(ctx: Context, body: ast.Expr | Sequence[ast.Stmt], span: Span) -> Value:
    """The value a body returns; unknown if an error got in the way."""
    if isinstance(body, ast.Node):
        return evaluate(ctx, body)
    returned: list[Value] = []
    _statements(ctx, body, returned)
    if not returned:
        ctx.error("HQ0416", Span(span.source, max(span.start, span.end - 1), span.end))
    return returned[0]


def _statements(ctx: Context, body: Sequence[ast.Stmt], returned: list[Value]) -> None:
    for statement in body:
        if returned:
            ctx.error("HQ0417", statement.span)
        try:
            _statement(ctx, statement, returned)
        except Reported:
            ctx.go_on()
            for name in targets(statement):
                ctx.frame.locals[name] = UNKNOWN
            if isinstance(statement, ast.Return):
                returned.append(UNKNOWN)


def targets(statement: ast.Stmt) -> tuple[str, ...]:
    """The names that a statement binds."""
    match statement:
        case ast.Bind(targets=t) | ast.For(targets=t):
            return t
        case ast.ParamDecl(name=n) | ast.LocalDim(name=n):
            return (n,)
    return ()


def _statement(ctx: Context, s: ast.Stmt, returned: list[Value]) -> None:
    ctx.spend(1, s.span)
    match s:
        case ast.Bind():
            bind(ctx, s)
        case ast.ParamDecl():
            ctx.frame.locals[s.name] = _param(ctx, s)
        case ast.LocalDim():
            local_dim(ctx, s)
        case ast.For(body=body):
            outer = ctx.frame.item
            ctx.frame.loops += 1
            try:
                unroll(ctx, s, lambda: _statements(ctx, body, returned), MAX_ITERATIONS)
            finally:
                ctx.frame.loops -= 1
                ctx.frame.item = outer
        case ast.Return(value=value):
            returned.append(evaluate(ctx, value))
        case ast.Do(call=call):
            gate = call.fn.id if isinstance(call, ast.Call) and isinstance(call.fn, ast.Name) else ""
            declared = ctx.program.modules[ctx.frame.module].scope
            if (gate in GATES or gate == BARRIER) and gate not in declared and gate not in ctx.frame.locals:
                ctx.error("HQ0504", s.span, gate=gate)
            ctx.error("HQ0418", s.span)


def local_dim(ctx: Context, s: ast.LocalDim) -> None:
    n = static_int(ctx, s.size)
    if not 0 < n <= 1 << 24:
        ctx.error("HQ0206", s.size.span, size=n)
    ctx.frame.locals[s.name] = Dim(s.name, n)


def bind(ctx: Context, s: ast.Bind) -> None:
    """``a, b: type = value``; binding a block to a name fixes its weights' path."""
    from hepq.lang.elaborate.signature import annotate

    value = known(evaluate(ctx, s.value))
    if s.type is not None:
        value = annotate(ctx, value, s.type, s.value.span, f"`{s.targets[0]}`")
    if isinstance(value, Function) and value.decl.kind != "fn" and value.instance is None:
        frame, name = ctx.frame, value.name or s.targets[0]
        note_numbered(frame, value.decl, name, s.span, named=value.name is not None)
        value = replace(value, instance=frame.scope.child(name, indexed=frame.loops > 0))
    if len(s.targets) == 1:
        ctx.frame.locals[s.targets[0]] = value
        return
    if not isinstance(value, (tuple, range)) or length(value) != len(s.targets):
        ctx.error("HQ0419", s.span, wanted=len(s.targets), found=describe(value))
    ctx.frame.locals.update(zip(s.targets, value, strict=True))


def _param(ctx: Context, s: ast.ParamDecl) -> Tensor:
    from hepq.lang.elaborate.signature import concrete_type

    if not ctx.frame.owns_params:
        ctx.error("HQ0420", s.span, name=s.name)
    if ctx.frame.loops:
        ctx.error("HQ0422", s.span, name=s.name)
    if s.name in ctx.frame.weights:
        ctx.error("HQ0102", s.span, name=s.name)
    ctx.frame.weights.add(s.name)
    t = concrete_type(ctx, s.type)
    if any(d.ragged for d in t.dims):
        ctx.error("HQ0210", s.type.span, name=s.name, dim=next(d for d in t.dims if d.ragged))
    if t.elem != "real":
        ctx.error(
            "HQ0309", s.type.span, found=t, wanted="real", what=f"weight `{s.name}`", help="weights are real numbers"
        )
    init = Init("normal", (0.0, 0.02)) if s.init is None else known(evaluate(ctx, s.init))
    if isinstance(init, (int, float)) and not isinstance(init, bool):
        init = Init("constant", (float(init),))
    if not isinstance(init, Init):
        ctx.error("HQ0421", s.init.span if s.init else s.span, found=describe(init))
    return ctx.weight(s.name, t, init, not s.buffer, s.span)


def unroll(ctx: Context, s: ast.For, run: Callable[[], None], limit: int) -> None:
    """Run the body for each item of a static range or list; once, for an unknown item, if it is not known yet."""
    try:
        items = _items(ctx, s, limit)
    except Reported:
        ctx.go_on()
        ctx.frame.locals.update(dict.fromkeys(s.targets, UNKNOWN))
        run()
        return
    for item in items:
        ctx.spend(1, s.iter.span)
        values = (item,) if len(s.targets) == 1 else item if isinstance(item, tuple) else ()
        if len(values) != len(s.targets):
            ctx.error("HQ0419", s.span, wanted=len(s.targets), found=describe(item))
        ctx.frame.locals.update(zip(s.targets, values, strict=True))
        ctx.frame.item = item
        run()


def _items(ctx: Context, s: ast.For, limit: int) -> Sequence[Value]:
    value = known(evaluate(ctx, s.iter))
    if isinstance(value, Dim):
        if value.ragged:
            ctx.error("HQ0211", s.iter.span, dim=value)
        if value.size is None:
            raise Reported
        value = range(value.size)
    if not isinstance(value, (tuple, range)):
        help = None
        if isinstance(value, Tensor):
            help = "operations act on all entries at once; to add them up, `sum(x, over=dim)`"
        if isinstance(value, Register):
            help = "loop over the numbers of the qubits: over the dim of the register"
        ctx.error("HQ0404", s.iter.span, wanted="a static list, range or dim to loop over", found=describe(value),
                  help=help)  # fmt: skip
    return ctx.listed(value, s.iter.span, limit)
