# SPDX-License-Identifier: Apache-2.0
"""Evaluating expressions: static ones to values, the rest to operations in the back end."""

from __future__ import annotations

import math

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ENERGY, LORENTZ, UNITS, Dim, Type, anonymous
from hepq.lang.elaborate import arithmetic
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.phrasing import entries_of
from hepq.lang.elaborate.unknown import unknown_name
from hepq.lang.elaborate.values import (
    UNKNOWN,
    Builtin,
    Circuit,
    Function,
    Quantity,
    Register,
    Tensor,
    Value,
    describe,
    length,
)
from hepq.lang.elaborate.work import MAX_POWER, NAMES_A_STEP
from hepq.lang.syntax import ast

#: other spellings of what a four-vector has
_COMPONENTS = {"e": "energy", "E": "energy", "en": "energy", "m": "mass", "M": "mass", "m2": "mass2", "p": "momentum"}
CONSTANTS = {"pi": math.pi, "inf": math.inf}


def evaluate(ctx: Context, e: ast.Expr) -> Value:
    """The value of an expression in the current frame; raises ``Reported`` after an error."""
    ctx.spend(1, e.span)
    match e:
        case ast.Int(value=v) | ast.Float(value=v) | ast.Bool(value=v) | ast.String(value=v):
            return v
        case ast.Quantity(value=v, unit=u, power=n):
            unit, factor = UNITS[u]
            try:
                scaled = v * factor**n
            except OverflowError:
                scaled = math.inf
            if not math.isfinite(scaled) or abs(n) > MAX_POWER:
                ctx.error("HQ0405", e.span, expression=e.span.text[:60])
            return scaled if unit.dimensionless else Quantity(scaled, unit**n)
        case ast.Name():
            return lookup(ctx, e)
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return tuple(evaluate(ctx, i) for i in items)
        case ast.Unary(op="-", operand=x):
            return arithmetic.unary_minus(ctx, known(evaluate(ctx, x)), e.span)
        case ast.Unary(op="not", operand=x):
            return arithmetic.logical_not(ctx, known(evaluate(ctx, x)), e.span)
        case ast.Binary(op=op, left=a, right=b):
            return arithmetic.binary(ctx, op, evaluate(ctx, a), evaluate(ctx, b), e.span, a.span, b.span)
        case ast.If():
            return _if(ctx, e)
        case ast.Range(lo=a, hi=b):
            lo, hi = static_int(ctx, a), static_int(ctx, b)
            return range(lo, hi)
        case ast.Field(base=b, name=name):
            module = _imported(ctx, b)
            if module is not None:
                return _member(ctx, module, name, e.span)
            return field_of(ctx, known(evaluate(ctx, b)), name, e.span)
        case ast.Index():
            return _index(ctx, e)
        case ast.Pipe(value=v, fn=f):
            return _pipe(ctx, v, f, e.span)
        case ast.Call(fn=f, args=args):
            from hepq.lang.elaborate.calls import apply

            return apply(ctx, known(evaluate(ctx, f)), args, e.span, f.span)
    raise AssertionError(e)


def known(value: Value) -> Value:
    if value is UNKNOWN:
        raise Reported
    return value


def lookup(ctx: Context, e: ast.Name, *, dim: bool = False) -> Value:
    """A name: a local, a dim, a declaration in scope, a constant, a built-in. ``dim``: a dim is wanted."""
    frame, name = ctx.frame, e.id
    if name in frame.locals:
        return known(frame.locals[name])
    base = name.rstrip("'")
    if base != name:
        return lookup_dim(ctx, e)
    found = declared(ctx, frame.module, name, e.span)
    if found is not None:
        return known(found)
    if name in CONSTANTS:
        return CONSTANTS[name]
    from hepq.lang.elaborate.builtins.table import BUILTINS

    if name in BUILTINS:
        return Builtin(name)
    if name in ctx.program.modules[frame.module].file.lost:
        raise Reported
    names = [*frame.locals, *ctx.program.modules[frame.module].scope, *BUILTINS, *CONSTANTS]
    ctx.spend(len(names) // NAMES_A_STEP, e.span)
    return unknown_name(ctx, name, names, e.span, dim=dim)


def lookup_dim(ctx: Context, e: ast.Name) -> Value:
    """A name where a dim is wanted; ``part'`` is a primed copy of ``part``."""
    ctx.spend(1, e.span)
    base = e.id.rstrip("'")
    primes = len(e.id) - len(base)
    value = lookup(ctx, ast.Name(base, span=e.span), dim=True)
    if not primes:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = anonymous(value)
    if not isinstance(value, Dim):
        copied = isinstance(value, Tensor) and value.type.dims
        help = f"to copy a value, name its dim: `prime({base}, {copied[0]})`" if copied else None
        return ctx.error("HQ0201", e.span, found=describe(value), help=help)
    return value.prime(primes)


def declared(ctx: Context, module: str, name: str, span: Span) -> Value | None:
    """What a module-level name means; dims of a signature mean what the call bound them to."""
    binding = ctx.program.modules[module].scope.get(name)
    if binding is None:
        return None
    decl, home = binding.decl, binding.module
    match decl:
        case ast.FnDecl():
            return Function(decl, home)
        case ast.CircuitDecl():
            return Circuit(decl, home)
        case ast.DimDecl():
            return _dim(ctx, decl, name, home)
        case ast.ConstDecl():
            from hepq.lang.elaborate.calls import constant

            return constant(ctx, decl, home)
    kind = "module" if isinstance(decl, ast.Import) else type(decl).__name__.removesuffix("Decl").lower()
    return ctx.error("HQ0104", span, name=name, kind=kind)


def _imported(ctx: Context, e: ast.Expr) -> str | None:
    """The module that a name of ``import a.b`` stands for."""
    if not isinstance(e, ast.Name) or e.id in ctx.frame.locals:
        return None
    binding = ctx.program.modules[ctx.frame.module].scope.get(e.id)
    return binding.module if binding is not None and isinstance(binding.decl, ast.Import) else None


def _member(ctx: Context, module: str, name: str, span: Span) -> Value:
    """``hep.eta``: what a module calls a name."""
    found = declared(ctx, module, name, span)
    if found is None:
        if name in ctx.program.modules[module].file.lost:
            raise Reported
        close = near(name, ctx.program.modules[module].scope)
        return ctx.error("HQ0106", span, module=module, name=name, near=close)
    return known(found)


def _dim(ctx: Context, decl: ast.DimDecl, name: str, home: str) -> Dim | None:
    if decl.op is None:
        return ctx.frame.dims.get(name) or ctx.given_size(decl, name) or Dim(name)
    from hepq.lang.elaborate.calls import dim_size

    return dim_size(ctx, decl, name, home)


def static_int(ctx: Context, e: ast.Expr) -> int:
    value = known(evaluate(ctx, e))
    if isinstance(value, Dim) and value.size is not None:
        return value.size
    if isinstance(value, Dim) and value.ragged:
        ctx.error("HQ0211", e.span, dim=value)
    if isinstance(value, Dim):
        raise Reported
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    help = "its value differs between events: use it in arithmetic only" if isinstance(value, Tensor) else None
    return ctx.error("HQ0404", e.span, wanted="a whole number known at compile time", found=describe(value), help=help)


def _if(ctx: Context, e: ast.If) -> Value:
    cond = known(evaluate(ctx, e.cond))
    if isinstance(cond, bool):
        return evaluate(ctx, e.then if cond else e.orelse)
    then, orelse = known(evaluate(ctx, e.then)), known(evaluate(ctx, e.orelse))
    return arithmetic.where(
        ctx, ctx.tensor(cond, e.cond.span), then, orelse, e.span, e.cond.span, e.then.span, e.orelse.span
    )


def field_of(ctx: Context, value: Value, name: str, span: Span) -> Value:
    """``score.Hbb`` and ``p.px`` pick an entry of a dim; ``p.pt`` calls the function ``pt``."""
    if not isinstance(value, Tensor):
        ctx.error("HQ0310", span, name=name, found=describe(value), near=[])
    for dim in reversed(value.type.dims):
        ctx.spend(len(dim.entries) // NAMES_A_STEP, span)
        if name in dim.entries:
            rest = [d for d in value.type.dims if d.key != dim.key]
            return ctx.emit("pick", [value], value.type.with_dims(rest), span, dim=dim, index=dim.entries.index(name))
    is_p4 = LORENTZ in value.type.dims and value.type.unit == ENERGY
    method = declared(ctx, ctx.frame.module, name, span)
    if is_p4 and not isinstance(method, Function) and "std.hep" in ctx.program.modules:
        method = declared(ctx, "std.hep", name, span)
    if is_p4 and isinstance(method, Function):
        from hepq.lang.elaborate.calls import call_function

        return call_function(ctx, method, [(None, value, span)], span)
    names = [n for d in value.type.dims for n in d.entries]
    if is_p4 and "std.hep" in ctx.program.modules:
        names += [n for n, b in ctx.program.modules["std.hep"].scope.items() if isinstance(b.decl, ast.FnDecl)]
    ctx.spend(len(names) // NAMES_A_STEP, span)
    close = [_COMPONENTS[name]] if is_p4 and name in _COMPONENTS else near(name, names)
    return ctx.error("HQ0310", span, name=name, found=describe(value), near=close,
                     help=None if close else entries_of(value.type.dims))  # fmt: skip


def _index(ctx: Context, e: ast.Index) -> Value:
    base = known(evaluate(ctx, e.base))
    match base:
        case Function() | Circuit() | Builtin():
            from hepq.lang.elaborate.binding import with_statics

            return with_statics(ctx, base, e.args, e.span)
        case tuple() | range():
            return _item(ctx, base, e)
        case Tensor(type=Type(dims=dims)):
            return _element(ctx, base, dims, e)
        case Register():
            help = "qubits are given to gates and circuits, as they are"
            ctx.error("HQ0301", e.span, found=describe(base), help=help)
    return ctx.error("HQ0408", e.base.span, found=describe(base))


def _item(ctx: Context, items: tuple[Value, ...] | range, e: ast.Index) -> Value:
    """``xs[i]``; ``xs[1..3]`` and ``xs[[0, 2]]`` are lists of items."""
    numbers, several = _positions(ctx, e, length(items))
    if isinstance(items, range):
        return tuple(items.start + i for i in numbers) if several else items.start + numbers[0]
    return tuple(items[i] for i in numbers) if several else items[numbers[0]]


def _positions(ctx: Context, e: ast.Index, size: int) -> tuple[list[int], bool]:
    """The static indices of ``x[i]``, ``x[1..3]`` or ``x[[0, 2]]``, none negative, and whether they are a list."""
    wanted = known(evaluate(ctx, e.args[0].value)) if len(e.args) == 1 and e.args[0].name is None else None
    if isinstance(wanted, (tuple, range)):
        return positions(ctx, wanted, size, "whole numbers", e.args[0].span, e.span), True
    return positions(ctx, (_position(ctx, e),), size, "a whole number", e.args[0].span, e.span), False


def positions(ctx: Context, wanted: Value, size: int, kind: str, inner: Span, outer: Span) -> list[int]:
    """Static indices, counted from the end where negative, of a list of ``size``: none of them outside it."""
    ends = (wanted.start, wanted.stop - 1) if isinstance(wanted, range) and wanted.start < wanted.stop else ()
    for i in ends or wanted:
        if not isinstance(i, int) or isinstance(i, bool):
            ctx.error("HQ0404", inner, wanted=kind, found=describe(i))
        if not -size <= i < size:
            ctx.error("HQ0406", outer, index=i, length=size)
    return [i % size for i in ctx.listed(wanted, inner)]


def _position(ctx: Context, e: ast.Index) -> int:
    """The one static index of ``x[i]``."""
    if len(e.args) != 1 or e.args[0].name is not None:
        what = f"{e.base.span.text}[ ]"
        ctx.error("HQ0413", e.span, what=what, wanted="1 index", found=len(e.args), help="index one dim at a time")
    return static_int(ctx, e.args[0].value)


def _element(ctx: Context, x: Tensor, dims: tuple[Dim, ...], e: ast.Index) -> Value:
    """``x[i]`` with a static ``i``: an entry of the last dim; ``x[1..3]``: some entries."""
    last = dims[-1] if dims else None
    if last is None or last.ragged:
        i = _position(ctx, e)
        pick = f"pick an entry by mask and sum: `sum(if position({last}) == {i} then x else 0, over={last})`"
        return ctx.error("HQ0408", e.base.span, found=describe(x), help=pick if last else "it is a single number")
    if last.size is None:
        raise Reported
    numbers, several = _positions(ctx, e, last.size)
    one = x.type.with_dims(dims[:-1])
    picked = [ctx.emit("pick", [x], one, e.span, dim=last, index=i) for i in numbers]
    if not several:
        return picked[0]
    if not picked:
        ctx.error("HQ0206", e.args[0].span, size=0)
    dim = anonymous(len(picked))
    if one.dim(dim) is not None:
        ctx.error("HQ0204", e.span, dim=dim)
    return ctx.emit("stack", picked, one.with_dims((*dims[:-1], dim)), e.span, dim=dim)


def _pipe(ctx: Context, value: ast.Expr, fn: ast.Expr, span: Span) -> Value:
    """``x |> f(y)``: ``f(x, y)``; a circuit or an adjoint after a state is applied to it."""
    from hepq.lang.elaborate.calls import apply

    callee, args = (fn.fn, fn.args) if isinstance(fn, ast.Call) else (fn, ())
    called = known(evaluate(ctx, callee))
    if isinstance(called, (Circuit, State)) or called == Builtin("adjoint"):
        from hepq.lang.elaborate.circuits.composition import pipe

        return pipe(ctx, value, fn, called, span)
    return apply(ctx, called, (ast.Arg(None, value, span=value.span), *args), span, callee.span)
