# SPDX-License-Identifier: Apache-2.0
"""Evaluating expressions: static ones to values, the rest to operations in the back end."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ENERGY, LORENTZ, UNITS, Dim, Type, anonymous
from hepq.lang.elaborate import arithmetic, presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins import BUILTINS
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.circuits.circuits import pipe, prepare
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context, known
from hepq.lang.elaborate.names import declared, imported, is_free, lookup, member, positions, static_int
from hepq.lang.elaborate.phrasing import entries_of
from hepq.lang.elaborate.selection import along, item
from hepq.lang.elaborate.signature import evaluated, with_statics
from hepq.lang.elaborate.values import (
    FACTS,
    Builtin,
    Circuit,
    Function,
    GateName,
    Named,
    Native,
    Objects,
    Quantity,
    Register,
    SourceFacts,
    SourceNumber,
    Value,
    describe,
    length,
)
from hepq.lang.elaborate.work import MAX_POWER, NAMES_A_STEP
from hepq.lang.syntax import ast

#: other spellings of what a four-vector has
_COMPONENTS = {"e": "energy", "E": "energy", "en": "energy", "m": "mass", "M": "mass", "m2": "mass2", "p": "momentum"}


def apply(ctx: Context, fn: Value, args: Sequence[ast.Arg], span: Span, fspan: Span) -> Value:
    """``fn(args)``"""
    if isinstance(fn, Builtin):
        return BUILTINS[fn.name](ctx, fn, args, span)
    if isinstance(fn, GateName):
        ctx.error("HQ0504", span, gate=fn.name)
    if not isinstance(fn, (Function, Circuit, Native)):
        ctx.error("HQ0401", fspan, found=describe(fn))
    given = evaluated(ctx, args)
    if isinstance(fn, Native):
        return fn.call(ctx, given, span)
    if isinstance(fn, Circuit):
        return prepare(ctx, fn, given, span)
    return call_function(ctx, fn, given, span)


def _pipe(ctx: Context, value: ast.Expr, fn: ast.Expr, span: Span) -> Value:
    """``x |> f(y)``: ``f(x, y)``; a circuit or an adjoint after a state is applied to it."""
    callee, args = (fn.fn, fn.args) if isinstance(fn, ast.Call) else (fn, ())
    called = ctx.value(callee)
    if isinstance(called, (Circuit, State)) or called == Builtin("adjoint"):
        return pipe(ctx, value, fn, called, span)
    return apply(ctx, called, (ast.Arg(None, value, span=value.span), *args), span, callee.span)


def _if(ctx: Context, e: ast.If) -> Value:
    cond = ctx.value(e.cond)
    if isinstance(cond, bool):
        return ctx.evaluate(e.then if cond else e.orelse)
    then, orelse, condition = ctx.value(e.then), ctx.value(e.orelse), ctx.tensor(cond, e.cond.span)
    if condition.says and isinstance(then, Tensor | Objects):
        then = presence.guarded(ctx, ctx.tensor(then, e.then.span), e.then.span, condition.says)
    return arithmetic.where(ctx, condition, then, orelse, e.span, e.cond.span, e.then.span, e.orelse.span)


def _named(ctx: Context, args: Sequence[ast.Arg]) -> Named:
    """``(cls=a, mass=b)``"""
    found: dict[str, Value] = {}
    for arg in args:
        if arg.name is None:
            ctx.error("HQ0425", arg.span)
        if arg.name in found:
            ctx.error("HQ0424", arg.span, name=arg.name)
        found[arg.name] = ctx.evaluate(arg.value)
    return Named.of(found)


def field_of(ctx: Context, value: Value, name: str, span: Span) -> Value:
    """``score.Hbb`` and ``p.px`` pick an entry of a dim; ``p.pt`` calls the function ``pt``; ``result.mass`` is an item
    of named values.
    """
    if isinstance(value, Named):
        if name in value.names:
            return known(value[value.names.index(name)])
        close = near(name, value.names)
        help = None if close else f"there are {', '.join(f'`{n}`' for n in value.names)}"
        ctx.error("HQ0310", span, name=name, found=describe(value), near=close, help=help)
    if isinstance(value, Objects):
        return _value_of(ctx, value, name, span)
    if isinstance(value, SourceFacts):
        return _of_source(ctx, value, name, span)
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
        return call_function(ctx, method, [(None, value, span)], span)
    names = [n for d in value.type.dims for n in d.entries]
    if is_p4 and "std.hep" in ctx.program.modules:
        scope = ctx.program.modules["std.hep"].scope
        names += [n for n, b in scope.items() if isinstance(b.decl, ast.FnDecl) and len(b.decl.params) == 1]
    ctx.spend(len(names) // NAMES_A_STEP, span)
    close = [_COMPONENTS[name]] if is_p4 and name in _COMPONENTS else near(name, names)
    return ctx.error("HQ0310", span, name=name, found=describe(value), near=close,
                     help=None if close else entries_of(value.type.dims))  # fmt: skip


def _of_source(ctx: Context, source: SourceFacts, name: str, span: Span) -> Value:
    """``source.xsec`` …: known of simulated sources; ``source.mc``, ``source.data``: which it is."""
    if name in ("mc", "data"):
        return source.simulated is (name == "mc")
    if name not in FACTS:
        known = (*FACTS, "mc", "data")
        close = near(name, known)
        help = None if close else f"it has {', '.join(known)}"
        ctx.error("HQ0310", span, name=name, found=describe(source), near=close, help=help)
    if not source.simulated:
        ctx.error("HQ0914", span, name=f"source.{name}", why="data have none")
    powers = tuple(int(fact == name) for fact in FACTS)
    assert len(powers) == 3
    return SourceNumber(Quantity(1.0, UNITS["pb"][0]) if name == "xsec" else 1.0, powers)


def _value_of(ctx: Context, objects: Objects, name: str, span: Span) -> Value:
    """``Jet.pt``: a value of theirs, or a function of their four-vector; ``Jet.p4``: that."""
    found = objects.field(ctx, name, span)
    if found is not None:
        return found
    if name == "p4":
        return ctx.tensor(objects, span)
    method = declared(ctx, ctx.frame.module, name, span)
    if not isinstance(method, Function) and "std.hep" in ctx.program.modules:
        method = declared(ctx, "std.hep", name, span)
    if isinstance(method, Function):
        return call_function(ctx, method, [(None, ctx.tensor(objects, span), span)], span)
    close = near(name, objects.names())
    help = None if close else f"it has {', '.join(objects.names()) or 'no values of its own'}"
    return ctx.error("HQ0310", span, name=name, found=describe(objects), near=close, help=help)


def _of_objects(ctx: Context, base: Value, e: ast.Index) -> Value:
    """``Jet.pt[lead]``, ``Jet[lead]`` and ``jet[3]``; None: it is none of them."""
    if len(e.args) != 1 or e.args[0].name is not None:
        return None
    index = ctx.value(e.args[0].value)
    if isinstance(index, Objects):
        return along(ctx, base, index, e.span)
    if isinstance(base, Objects):
        return item(ctx, base, static_int(ctx, e.args[0].value), e.span)
    return None


def _index(ctx: Context, e: ast.Index) -> Value:
    base = ctx.value(e.base)
    if ctx.data is not None and isinstance(base, Objects | Tensor):
        found = _of_objects(ctx, base, e)
        if found is not None:
            return found
    match base:
        case Function() | Circuit() | Builtin():
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
    wanted = ctx.value(e.args[0].value) if len(e.args) == 1 and e.args[0].name is None else None
    if isinstance(wanted, (tuple, range)):
        return positions(ctx, wanted, size, "whole numbers", e.args[0].span, e.span), True
    return positions(ctx, (_position(ctx, e),), size, "a whole number", e.args[0].span, e.span), False


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
        if ctx.data is not None and isinstance(e.base, ast.Field):
            pick = f"take the entry first: `{e.base.base.span.text}[{i}].{e.base.name}`"
        return ctx.error("HQ0408", e.base.span, found=describe(x), help=pick if last else "it is a single number")
    numbers, several = _positions(ctx, e, ctx.size(last, e.base.span))
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


class Elaborator(Context):
    def evaluate(self, e: ast.Expr) -> Value:
        self.spend(1, e.span)
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
                    self.error("HQ0405", e.span, expression=e.span.text[:60])
                return scaled if unit.dimensionless else Quantity(scaled, unit**n)
            case ast.Name():
                return lookup(self, e)
            case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
                return tuple(self.evaluate(i) for i in items)
            case ast.NamedExpr(items=args):
                return _named(self, args)
            case ast.Unary(op="-", operand=x):
                return arithmetic.unary_minus(self, self.value(x), e.span)
            case ast.Unary(op="not", operand=x):
                return arithmetic.logical_not(self, self.value(x), e.span)
            case ast.Binary(op="/", left=a, right=ast.Name(id=u) as b) if u in UNITS and is_free(self, u):
                one = self.evaluate(ast.Quantity(1.0, u, span=b.span))
                return arithmetic.binary(self, "/", self.evaluate(a), one, e.span, a.span, b.span)
            case ast.Binary(op=op, left=a, right=b):
                return arithmetic.binary(self, op, self.evaluate(a), self.evaluate(b), e.span, a.span, b.span)
            case ast.If():
                return _if(self, e)
            case ast.Range(lo=a, hi=b):
                lo, hi = static_int(self, a), static_int(self, b)
                return range(lo, hi)
            case ast.Field(base=b, name=name):
                module = imported(self, b)
                if module is not None:
                    return member(self, module, name, e.span)
                return field_of(self, self.value(b), name, e.span)
            case ast.Index():
                return _index(self, e)
            case ast.Pipe(value=v, fn=f):
                return _pipe(self, v, f, e.span)
            case ast.Call(fn=f, args=args):
                return apply(self, self.value(f), args, e.span, f.span)
        raise AssertionError(e)
