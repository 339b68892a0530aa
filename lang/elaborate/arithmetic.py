# SPDX-License-Identifier: Apache-2.0
"""Typing and emission of elementwise operations: dims align by name, units must make sense."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NoReturn

from hepq.core.diagnostics.diagnostic import Label
from hepq.core.ops.table import BINARY, OPS
from hepq.core.source import Span
from hepq.core.types import LORENTZ, ONE, Dim, Elem, Type, Unit, merge_dims
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.event import Fact
from hepq.lang.elaborate.phrasing import extent, named, pure_help, same_unit_help
from hepq.lang.elaborate.values import (
    STATIC_NUMBER,
    UNKNOWN,
    Objects,
    Quantity,
    SourceNumber,
    Value,
    describe,
    is_number,
    length,
)
from hepq.lang.elaborate.work import MAX_ITEMS, MAX_POWER

_OPERATORS = {OPS[op].symbol: op for op in BINARY}


def align(ctx: Context, operands: Sequence[Tensor], spans: Sequence[Span]) -> tuple[Dim, ...]:
    """Union of the operands' dims. Two operands may not each bring a static dim the other lacks, unless the two are
    copies of one: that outer product is nearly always a mistake in a channel's size or name."""
    types = [o.type for o in operands]
    for i, a in enumerate(types):
        for j, b in enumerate(types[:i]):
            if a.dims == b.dims:
                continue
            theirs = {d.key: d for d in b.dims}
            for dim in a.dims:
                other = theirs.get(dim.key)
                if other is not None and not dim.fits(other):
                    ctx.error(
                        "HQ0203", spans[i], Label(spans[j], f"`{b}`"), dim=dim, left=extent(other), right=extent(dim)
                    )
            only_a, only_b = _apart(a, b), _apart(b, a)
            if only_a and only_b:
                ctx.error(
                    "HQ0202", spans[i], Label(spans[j], f"`{b}`"), left=b, right=a, dim=only_b[0], other=only_a[0]
                )
    return merge_dims([t.dims for t in types])


def _apart(a: Type, b: Type) -> list[Dim]:
    """Static dims of ``a`` of which ``b`` has no copy."""
    names = {d.name for d in b.dims}
    return [d for d in a.dims if d.name not in names and not d.ragged and not _free(d)]


def _free(dim: Dim) -> bool:
    """A dim of a signature that a call may bind to a ragged one."""
    return dim.open and not dim.anonymous


def unary_minus(ctx: Context, value: Value, span: Span) -> Value:
    match value:
        case bool() | str() | tuple():
            return ctx.error("HQ0301", span, found=describe(value))
        case int() | float():
            return -value
        case Quantity(value=v, unit=u):
            return Quantity(-v, u)
    x = ctx.tensor(value, span)
    return ctx.emit("neg", [x], _numeric(x.type), span)


def logical_not(ctx: Context, value: Value, span: Span) -> Value:
    if isinstance(value, bool):
        return not value
    x = _need_bool(ctx, ctx.tensor(value, span), span)
    return ctx.emit("not", [x], x.type, span)


def binary(ctx: Context, op: str, left: Value, right: Value, span: Span, lspan: Span, rspan: Span) -> Value:
    """``left op right`` for the operators of the language; static when both sides are."""
    if left is UNKNOWN or right is UNKNOWN:
        raise Reported
    if isinstance(left, SourceNumber) or isinstance(right, SourceNumber):
        return _of_source(ctx, op, left, right, span, lspan, rspan)
    if op == "^":
        return power(ctx, left, right, span, lspan, rspan)
    left, right = _size(ctx, left, lspan), _size(ctx, right, rspan)
    if isinstance(left, STATIC_NUMBER) and isinstance(right, STATIC_NUMBER):
        return _static(ctx, op, left, right, span)
    if op == "+" and isinstance(left, (tuple, range)) and isinstance(right, (tuple, range)):
        if length(left) + length(right) > MAX_ITEMS:
            ctx.error("HQ0412", span, limit=MAX_ITEMS)
        return (*ctx.listed(left, lspan), *ctx.listed(right, rspan))
    for value, where in ((left, lspan), (right, rspan)):
        if op in ("==", "!=") and isinstance(value, Objects):
            help = "compare their values, such as `a.charge == b.charge`; for membership, `part_of(jet, top)`"
            ctx.error("HQ0301", where, found=describe(value), help=help)
    if op in ("==", "!=") and not (isinstance(left, Tensor) or isinstance(right, Tensor)):
        return _same(ctx, left, right, span) is (op == "==")
    a, b = ctx.tensor(left, lspan), ctx.tensor(right, rspan)
    name = _OPERATORS[op]
    if name in ("and", "or"):
        a, b = _need_bool(ctx, a, lspan), _need_bool(ctx, b, rspan)
        if name == "and" and a.says:
            b = presence.guarded(ctx, b, rspan, a.says)
        made = ctx.emit(name, [a, b], Type("bool", align(ctx, [a, b], [lspan, rspan])), span)
        return replace(made, says=a.says | b.says) if name == "and" else made
    return replace(elementwise(ctx, name, a, b, span, lspan, rspan), says=_counted(op, left, right))


def _of_source(ctx: Context, op: str, left: Value, right: Value, span: Span, lspan: Span, rspan: Span) -> SourceNumber:
    """A product or quotient with numbers of the source, which are applied when results are merged."""
    if op not in ("*", "/"):
        ctx.error("HQ0913", span, found=f"`{span.text[:60]}`")
    a, b = _factors(ctx, left, lspan), _factors(ctx, right, rspan)
    static = _static(ctx, op, a.static, b.static, span)
    sign = 1 if op == "*" else -1
    x, y, z = (p + sign * q for p, q in zip(a.powers, b.powers, strict=True))
    rest = a.rest
    if b.rest is not None:
        first = ctx.tensor(1.0, span) if a.rest is None else a.rest
        rest = (
            b.rest
            if op == "*" and a.rest is None
            else ctx.tensor(binary(ctx, op, first, b.rest, span, lspan, rspan), span)
        )
    return SourceNumber(static, (x, y, z), rest)


def _factors(ctx: Context, value: Value, span: Span) -> SourceNumber:
    if isinstance(value, SourceNumber):
        return value
    if isinstance(value, Dim):
        value = ctx.size(value, span)
    if isinstance(value, STATIC_NUMBER) and not isinstance(value, bool):
        return SourceNumber(value)
    return SourceNumber(1.0, rest=ctx.tensor(value, span))


_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}


def _counted(op: str, left: Value, right: Value) -> frozenset[Fact]:
    """What ``count(jet) >= 4`` says where it is true."""
    if isinstance(right, Tensor) and right.counts is not None:
        left, right, op = right, left, _MIRRORED.get(op, "")
    if not isinstance(left, Tensor) or left.counts is None or not is_number(right) or op not in (">", ">=", "=="):
        return frozenset()
    if not math.isfinite(right):
        return frozenset()
    least = math.floor(right) + 1 if op == ">" else math.ceil(right)
    return frozenset({Fact(left.counts, left.counts, least)} if least >= 1 else ())


def _same(ctx: Context, left: Value, right: Value, span: Span) -> bool:
    """Whether two static values are equal; lists item by item."""
    waiting = [(left, right)]
    while waiting:
        ctx.spend(1, span)
        a, b = waiting.pop()
        if not (isinstance(a, (tuple, range)) and isinstance(b, (tuple, range))):
            if isinstance(a, bool) is not isinstance(b, bool) or a != b:
                return False
        elif length(a) != length(b):
            return False
        elif isinstance(a, range) and isinstance(b, range):
            if length(a) and a.start != b.start:
                return False
        else:
            waiting += zip(ctx.listed(a, span), ctx.listed(b, span), strict=True)
    return True


def elementwise(ctx: Context, op: str, a: Tensor, b: Tensor, span: Span, lspan: Span, rspan: Span) -> Tensor:
    """A binary IR op on tensors, with its unit and four-vector rules."""
    row = OPS[op]
    for x, s in ((a, lspan), (b, rspan)):
        if x.type.elem in ("index", "complex"):
            ctx.error("HQ0304", s, found=x.type)
    dims = align(ctx, [a, b], [lspan, rspan])
    p4_a, p4_b = LORENTZ in a.type.dims, LORENTZ in b.type.dims
    if p4_a or p4_b:
        fine = (op in ("add", "sub") and p4_a and p4_b) or (op == "mul" and p4_a != p4_b) or (op == "div" and not p4_b)
        if not fine:
            ctx.error("HQ0305", span, op=row.symbol or op, left=a.type, right=b.type)
    units = a.type.unit, b.type.unit
    if row.unit in ("kept", "none") and units[0] != units[1]:
        units_differ(ctx, row.symbol or op, units, span, [lspan, rspan])
    if row.unit == "product":
        unit = units[0] * units[1]
    elif row.unit == "quotient":
        unit = units[0] / units[1]
    else:
        unit = ONE if row.unit == "none" else units[0]
    elem: Elem = row.gives or ("int" if {a.type.elem, b.type.elem} <= {"int"} and "int" in row.takes else "real")
    return ctx.emit(op, [a, b], Type(elem, dims, unit), span)


def units_differ(ctx: Context, op: str, units: Sequence[Unit], span: Span, spans: Sequence[Span]) -> NoReturn:
    labels = [Label(s, named(u)) for s, u in zip(spans, units, strict=True)]
    ctx.error("HQ0302", span, *labels, op=op, left=named(units[0]), right=named(units[1]),
              help=same_unit_help([s.text for s in spans], units))  # fmt: skip


def power(ctx: Context, base: Value, exponent: Value, span: Span, bspan: Span, espan: Span) -> Value:
    base, exponent = _size(ctx, base, bspan), _size(ctx, exponent, espan)
    if isinstance(exponent, Tensor):
        x = ctx.tensor(base, bspan)
        for t, s in ((x, bspan), (exponent, espan)):
            if not t.type.unit.dimensionless:
                ctx.error("HQ0303", s, function="^", unit=t.type.unit, help=pure_help(s.text, t.type.unit))
        return ctx.emit("pow", [x, exponent], Type("real", align(ctx, [x, exponent], [bspan, espan])), span)
    if not is_number(exponent):
        return ctx.error("HQ0404", espan, wanted="a static number as exponent", found=describe(exponent))
    if isinstance(base, STATIC_NUMBER):
        return _static(ctx, "^", base, exponent, span)
    x = ctx.tensor(base, bspan)
    if abs(exponent) > MAX_POWER:
        ctx.error("HQ0405", span, expression=span.text[:60])
    if LORENTZ in x.type.dims:
        ctx.error("HQ0305", span, op="^", left=x.type, right=exponent)
    unit = x.type.unit ** Fraction(exponent).limit_denominator(1000)
    if x.type.elem == "int" and isinstance(exponent, int) and exponent >= 1:
        return _product(ctx, x, exponent, span)
    if exponent == 2:
        x = ctx.cast(x, "real", bspan)
        return ctx.emit("mul", [x, x], Type("real", x.type.dims, unit), span)
    if exponent == 0.5:
        return ctx.emit("sqrt", [x], Type("real", x.type.dims, unit), span)
    e = ctx.tensor(float(exponent), espan)
    return ctx.emit("pow", [x, e], Type("real", x.type.dims, unit), span)


def _product(ctx: Context, x: Tensor, count: int, span: Span) -> Tensor:
    """``count`` times a whole number, which is exact."""
    made = None
    while count:
        if count % 2:
            made = x if made is None else ctx.emit("mul", [made, x], x.type, span)
        count //= 2
        x = ctx.emit("mul", [x, x], x.type, span) if count else x
    assert made is not None
    return made


def where(ctx: Context, cond: Tensor, a: Value, b: Value, span: Span, cspan: Span, aspan: Span, bspan: Span) -> Tensor:
    cond = _need_bool(ctx, cond, cspan)
    x, y = presence.alternatives(ctx, ctx.tensor(a, aspan), ctx.tensor(b, bspan), aspan, bspan)
    nothing = any(isinstance(v, Quantity) and v.value == 0 for v in (a, b))
    if (LORENTZ in x.type.dims) != (LORENTZ in y.type.dims) and not nothing:
        ctx.error("HQ0305", span, op="if … else a number", left=x.type, right=y.type)
    if x.type.unit != y.type.unit:
        units_differ(ctx, "if", [x.type.unit, y.type.unit], span, [aspan, bspan])
    if x.type.elem == "bool" and y.type.elem == "bool":
        elem: Elem = "bool"
    else:
        elem = "int" if {x.type.elem, y.type.elem} == {"int"} else "real"
    dims = align(ctx, [cond, x, y], [cspan, aspan, bspan])
    made = ctx.emit("where", [cond, x, y], Type(elem, dims, x.type.unit), span)
    return presence.either(ctx, made, cond, x, y, span)


def _need_bool(ctx: Context, x: Tensor, span: Span) -> Tensor:
    if x.type.elem != "bool":
        ctx.error("HQ0306", span, found=x.type)
    return x


def _numeric(type: Type) -> Type:
    return Type("int" if type.elem == "int" else "real", type.dims, type.unit)


def _size(ctx: Context, value: Value, span: Span) -> Value:
    """A dim in arithmetic stands for its size."""
    return ctx.size(value, span) if isinstance(value, Dim) else value


def _static(ctx: Context, op: str, a: Value, b: Value, span: Span) -> Value:
    if isinstance(a, bool) and isinstance(b, bool):
        if op in ("and", "or"):
            return (a and b) if op == "and" else (a or b)
        if op not in ("==", "!="):
            ctx.error("HQ0301", span, found=describe(a))
    elif isinstance(a, bool) or isinstance(b, bool) or op in ("and", "or"):
        ctx.error("HQ0306" if op in ("and", "or") else "HQ0301", span, found=describe(a if isinstance(b, bool) else b))
    (x, u), (y, v) = _split(a), _split(b)
    if op in ("+", "-", "%", "==", "!=", "<", "<=", ">", ">=") and u != v:
        ctx.error("HQ0302", span, left=named(u), right=named(v), op=op)
    try:
        match op:
            case "+":
                return _join(x + y, u)
            case "-":
                return _join(x - y, u)
            case "*":
                return _join(x * y, u * v)
            case "/":
                whole = isinstance(x, int) and isinstance(y, int) and y != 0 and x % y == 0
                return _join(x // y if whole else x / y, u / v)
            case "%":
                return _join(x % y, u)
            case "^":
                if abs(y) > MAX_POWER:
                    raise OverflowError
                return _join(x**y, u ** Fraction(y).limit_denominator(1000))
            case "==":
                return x == y
            case "!=":
                return x != y
            case "<":
                return x < y
            case "<=":
                return x <= y
            case ">":
                return x > y
            case ">=":
                return x >= y
    except (ArithmeticError, ValueError):
        pass
    return ctx.error("HQ0405", span, expression=span.text[:60])  # fmt: skip


def _split(value: int | float | Quantity) -> tuple[int | float, Unit]:
    return (value.value, value.unit) if isinstance(value, Quantity) else (value, ONE)


def _join(value: int | float | complex, unit: Unit) -> Value:
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)) or abs(value) > 1e300:
        raise ArithmeticError
    if unit is not ONE and unit.degree > MAX_POWER:
        raise ArithmeticError
    return value if unit.dimensionless else Quantity(float(value), unit)
