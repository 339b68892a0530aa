# SPDX-License-Identifier: Apache-2.0
"""Elementwise functions, reductions, casts and initialisers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from hepq.core.ops.row import Op
from hepq.core.ops.table import OPS, REDUCE
from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate import arithmetic, presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin, in_tensor, read, unitless, unread
from hepq.lang.elaborate.builtins.rows import by_index, named
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.phrasing import pure_help, reduce_help
from hepq.lang.elaborate.values import Builtin, Init, Quantity, Value, describe, is_number, length
from hepq.lang.syntax import ast


def _names(of: Callable[[Op], bool]) -> str:
    """Operations that compute static arguments too."""
    return " ".join(name for name, op in OPS.items() if op.static is not None and of(op))


@builtin(_names(lambda op: op.group != "binary" and op.unit == "number"), "x")
def _function(ctx: Context, a: Arguments) -> Value:
    value = a.value("x")
    if isinstance(value, Quantity):
        help = pure_help(a.where("x").text, value.unit)
        ctx.error("HQ0303", a.where("x"), function=a.name, unit=value.unit, help=help)
    if is_number(value):
        try:
            return float(_static(a.name, value))
        except (ValueError, OverflowError):
            ctx.error("HQ0405", a.span, expression=a.span.text[:60])
    x = unitless(ctx, a.tensor("x"), a.where("x"), a.name)
    if LORENTZ in x.type.dims:
        ctx.error("HQ0305", a.where("x"), op=a.name, left=x.type, right="")
    return ctx.emit(a.name, [x], _real(x), a.span)


def _static(op: str, *values: Any) -> Any:
    evaluate = OPS[op].static
    assert evaluate is not None, op
    return evaluate(*values)


def _real(x: Tensor) -> Type:
    return Type("real", x.type.dims, x.type.unit)


@builtin(_names(lambda op: op.group != "binary" and op.unit != "number"), "x")
def _keep_unit(ctx: Context, a: Arguments) -> Value:
    """abs, sign, sqrt: defined for quantities."""
    value = a.value("x")
    if a.name == "sqrt":
        return arithmetic.power(ctx, value, 0.5, a.span, a.where("x"), a.span)
    if is_number(value):
        return _static(a.name, value)
    x = a.tensor("x")
    if LORENTZ in x.type.dims or x.type.elem not in ("real", "int"):
        ctx.error(
            "HQ0305" if LORENTZ in x.type.dims else "HQ0304",
            a.where("x"),
            op=a.name,
            left=x.type,
            right="",
            found=x.type,
        )
    t = x.type if a.name == "abs" else Type(x.type.elem, x.type.dims)
    return ctx.emit(a.name, [x], t, a.span)


@builtin(_names(lambda op: op.group == "binary"), "a b")
def _pairwise(ctx: Context, a: Arguments) -> Value:
    """``hypot(a, b)``, ``atan2(y, x)``"""
    return _elementwise(ctx, a.name, [(a.value(k), a.where(k)) for k in ("a", "b")], a.span)


def _elementwise(ctx: Context, op: str, items: Sequence[tuple[Value, Span]], span: Span) -> Value:
    if all(is_number(v) for v, _ in items):
        return _static(op, *(v for v, _ in items))
    out = ctx.tensor(*items[0])
    for value, where in items[1:]:
        out = arithmetic.elementwise(ctx, op, out, ctx.tensor(value, where), span, items[0][1], where)
    return out


#: reductions that mean nothing over no entry
_OF_NOTHING = ("min", "max", "mean")


@unread(" ".join(op.removeprefix("reduce_") for op in OPS if op in REDUCE))
def _reduce(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``sum(x, over=part)``, ``sum(x, by=index)``; ``min`` and ``max`` of several values are elementwise."""
    positional = [arg for arg in args if arg.name is None]
    if fn.name in ("min", "max") and len(positional) > 1 and not any(arg.name in ("over", "by") for arg in args):
        a = read(ctx, fn, args, span, [], variadic=True)
        return _elementwise(ctx, fn.name, a.rest, span)
    nothing = ["empty"] if fn.name in _OF_NOTHING else []
    by = [] if fn.name == "prod" else ["by"]
    a = read(ctx, fn, args, span, ["x", "over", *by, *nothing], dims=["over"])
    if "by" in a:
        return _by(ctx, a)
    x = a.tensor("x")
    if "over" not in a or a.value("over") == ():
        ctx.error("HQ0423", span, name=fn.name, found=x.type, help=reduce_help(fn.name, a.where("x").text, x.type))
    over = tuple(in_tensor(ctx, d, x, a.where("over")) for d in a.dims("over"))
    if LORENTZ in over or (LORENTZ in x.type.dims and fn.name not in ("sum", "mean")):
        ctx.error("HQ0305", span, op=fn.name, left=x.type, right="")
    if fn.name in ("any", "all") and x.type.elem != "bool":
        ctx.error("HQ0306", a.where("x"), found=x.type)
    if x.type.elem == "index":
        ctx.error("HQ0304", a.where("x"), found=x.type)
    if fn.name == "prod":
        x = unitless(ctx, x, a.where("x"), "prod")
    keys = {d.key for d in over}
    elem = x.type.elem
    if fn.name == "mean" or (elem == "bool" and fn.name not in ("any", "all")):
        elem = "real"
    t = Type(elem, tuple(d for d in x.type.dims if d.key not in keys), x.type.unit)
    reduced = ctx.emit(f"reduce_{fn.name}", [x], t, span, over=over)
    return _of_nothing(ctx, reduced, over, a) if fn.name in _OF_NOTHING else reduced


def _of_nothing(ctx: Context, reduced: Tensor, over: Sequence[Dim], a: Arguments) -> Tensor:
    """A reduction that means nothing over no entry: ``empty=`` instead, or absent in a dataset; 0 in a model."""
    ragged = [d for d in over if d.ragged]
    if "empty" in a and any(d.open for d in over):
        some = ctx.tensor(True, a.span)  # of a signature: what a call binds may be ragged
        return arithmetic.where(ctx, some, reduced, a.value("empty"), a.span, a.span, a.span, a.where("empty"))
    if "empty" in a:
        there = None
        for dim in ragged:
            more = presence.at_least(ctx, dim, 1, a.span)
            there = more if there is None else ctx.emit("and", [there, more], Type("bool"), a.span)
        if there is None:
            ctx.error("HQ0668", a.where("empty"), name=a.name, dims=", ".join(map(str, over)))
        spans = (a.span, a.span, a.span, a.where("empty"))
        return arithmetic.where(ctx, there, reduced, a.value("empty"), *spans)
    if ctx.data is not None:
        for dim in ragged:
            reduced = presence.needing(reduced, ctx.data.some(dim), presence.at_least(ctx, dim, 1, a.span))
    return reduced


def _by(ctx: Context, a: Arguments) -> Value:
    if "over" in a:
        ctx.error("HQ0404", a.where("over"), wanted=f"`over` or `by` for `{a.name}`", found="both",
                  help=f"`by` sums over the dims of the index: apply `{a.name}` twice")  # fmt: skip
    made = by_index(ctx, a)
    if a.name not in _OF_NOTHING or ("empty" not in a and ctx.data is None):
        return made
    some = named(ctx, a)
    if "empty" in a:
        return arithmetic.where(ctx, some, made, a.value("empty"), a.span, a.span, a.span, a.where("empty"))
    return presence.needing(made, presence.of_index(some, f"{a.name}(…)"), some)


@builtin("real int", "x")
def _cast(ctx: Context, a: Arguments) -> Value:
    """``real(flag)``, ``int(x)``"""
    value = a.value("x")
    if isinstance(value, (bool, int, float)):
        if not math.isfinite(value) and a.name == "int":
            ctx.error("HQ0405", a.span, expression=a.span.text[:60])
        return float(value) if a.name == "real" else int(value)
    x = a.tensor("x")
    if x.type.elem == "index":
        ctx.error("HQ0304", a.where("x"), found=x.type)
    if a.name == "int":
        unitless(ctx, x, a.where("x"), a.name)
    return ctx.emit("cast", [x], Type("real" if a.name == "real" else "int", x.type.dims, x.type.unit), a.span)


#: name -> (initialiser of the IR, its parameters with defaults)
INITIALISERS: dict[str, tuple[str, dict[str, float]]] = {
    "zeros": ("constant", {}), "ones": ("constant", {}), "constant": ("constant", {"value": 0.0}),
    "uniform": ("uniform", {"low": -1.0, "high": 1.0}), "normal": ("normal", {"mean": 0.0, "std": 1.0}),
    "xavier_uniform": ("xavier_uniform", {}), "kaiming_uniform": ("kaiming_uniform", {}),
}  # fmt: skip


def _initialiser(ctx: Context, a: Arguments) -> Value:
    kind, params = INITIALISERS[a.name]
    values = tuple(a.number(k, default) for k, default in params.items())
    return Init(kind, {"zeros": (0.0,), "ones": (1.0,)}.get(a.name, values))


for _name, (_, _params) in INITIALISERS.items():
    builtin(_name, " ".join(_params))(_initialiser)


@builtin("size", "dim", dims="dim")
def _size(ctx: Context, a: Arguments) -> Value:
    """``size(dim)``: a static dim's size, or a list's length."""
    value = a.value("dim")
    if isinstance(value, (tuple, range)):
        return length(value)
    if not isinstance(value, Dim):
        ctx.error("HQ0201", a.where("dim"), found=describe(value))
    return ctx.size(value, a.where("dim"))
