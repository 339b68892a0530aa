# SPDX-License-Identifier: Apache-2.0
"""Elementwise functions in float64, for vectors and for single numbers alike: an event's results are the same in both.

Polynomials of our own where four-vectors are made of (pt, eta, phi), the C library for the rest and for arguments that
polynomials do not reach. Errors are within 4 units in the last place, or 1e-26 close to zeros of sine and cosine; the
tests measure them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial
from operator import add, mul, sub, truediv

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import (
    Cell,
    Expr,
    bind,
    bits,
    both,
    cast,
    const,
    dtype_of,
    either,
    larger,
    level,
    per_lane,
    select,
    serial,
    smaller,
)

#: op -> its value of operands' values
FUNCTIONS: dict[str, Callable[..., Expr]] = {}

_PI_2 = (1.57079625129699707031e0, 7.54978941586159635335e-8, 5.3903028581581190529e-15)
#: up to here n * _PI_2[0] and n * _PI_2[1] are exact (24 bits each)
_REDUCED_TO = 1e6


def function(name: str) -> Callable[[Callable[..., Expr]], Callable[..., Expr]]:
    def register(rule: Callable[..., Expr]) -> Callable[..., Expr]:
        FUNCTIONS[name] = rule
        return rule

    return register


def _f(value: float) -> Expr:
    return const(value, "float64")


def _like(value: float | int, x: Expr) -> Expr:
    return level(const(value, dtype_of(x)), x)[0]


def horner(x: Expr, coefficients: Sequence[float]) -> Expr:
    """Highest power first."""
    y = _like(coefficients[0], x)
    for c in coefficients[1:]:
        y = y * x + _f(c)
    return bind(y)


def fabs(x: Expr) -> Expr:
    return bits(bits(x, "int64") & _like_int(0x7FFFFFFFFFFFFFFF, x), "float64")


def _like_int(value: int, x: Expr) -> Expr:
    return level(const(value, "int64"), x)[0]


def is_nan(x: Expr) -> Expr:
    """By the bits: see ``is_nan`` of the code of models."""
    return (bits(x, "int64") & _like_int(0x7FFFFFFFFFFFFFFF, x)) > _like_int(0x7FF0000000000000, x)


def with_sign(magnitude: Expr, sign: Expr) -> Expr:
    return bits(bits(magnitude, "int64") | (bits(sign, "int64") & _like_int(-(2**63), sign)), "float64")


def libm(name: str, *args: Expr) -> Expr:
    return per_lane(lambda *scalars: T.call_pure_extern("float64", name, *scalars), *map(bind, args))


def unless(good: Expr, value: Expr, otherwise: Callable[..., Expr], *args: Expr) -> Expr:
    """``value`` in lanes that are ``good``; elsewhere ``otherwise`` of the arguments there."""
    args = level(*map(bind, args), value)[:-1]
    cells = [Cell(a) for a in args]
    out, bad = Cell(value), Cell(select(level(good, value)[0], _like_int(0, value), _like_int(1, value)))
    with serial(out.lanes) as i:
        lane = i if out.lanes > 1 else 0
        with T.If(tirx.NE(bad.lane(lane), const(0, "int64"))), T.Then():
            T.buffer_store(out.buffer, otherwise(*(c.lane(lane) for c in cells)), [lane])
    return bind(out.get())


def _extern(name: str) -> Callable[..., Expr]:
    return lambda *args: T.call_pure_extern("float64", name, *args)


# --- sine and cosine

_SIN = (1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6, -1.98412698295895385996e-4,
        8.33333333332211858878e-3, -1.66666666666666307295e-1)  # fmt: skip
_COS = (-1.13585365213876817300e-11, 2.08757008419747316778e-9, -2.75573141792967388112e-7, 2.48015872888517045348e-5,
        -1.38888888888730564116e-3, 4.16666666666665929218e-2)  # fmt: skip


def _circular(x: Expr, quarter: int, name: str) -> Expr:
    """Cephes (Moshier, netlib.org/cephes), double precision; arguments are brought to -pi/4..pi/4 in three steps."""
    x = bind(x)
    n = bind(tirx.floor(x * _f(2 / 3.141592653589793) + _f(0.5)))
    r = x
    for part in _PI_2:
        r = r - n * _f(part)
    r = bind(r)
    z = bind(r * r)
    sine = horner(z, _SIN) * z * r + r
    cosine = horner(z, _COS) * z * z - z * _f(0.5) + _f(1.0)
    reach = fabs(x) < _like(_REDUCED_TO, x)
    turns = bind(cast(select(reach, n, _like(0.0, n)), "int64") + const(quarter, "int64"))
    odd = tirx.NE(*level(turns & _like_int(1, turns), const(0, "int64")))
    y = bind(select(odd, cosine, sine))
    flipped = bits(bits(y, "int64") ^ ((turns & _like_int(2, turns)) << _like_int(62, turns)), "float64")
    return unless(reach, flipped, _extern(name), x)


@function("sin")
def sin(x: Expr) -> Expr:
    return _circular(x, 0, "sin")


@function("cos")
def cos(x: Expr) -> Expr:
    return _circular(x, 1, "cos")


# --- exponential and hyperbolic

_LN2_HIGH, _LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
#: Taylor to the 13th power: 4e-18 at |x| = ln 2 / 2
_EXP = tuple(1 / factorial(n) for n in range(13, 1, -1))
_SINH = tuple(1 / factorial(n) for n in range(19, 1, -2))


def _exponential(x: Expr) -> Expr:
    """Of |x| < 700."""
    n = bind(tirx.floor(x * _f(1.4426950408889634) + _f(0.5)))
    r = bind((x - n * _f(_LN2_HIGH)) - n * _f(_LN2_LOW))
    y = horner(r, _EXP) * (r * r) + r + _f(1.0)
    power = bits((cast(n, "int64") + const(1023, "int64")) << _like_int(52, n), "float64")
    return bind(y * power)


def _within(x: Expr, limit: float) -> tuple[Expr, Expr]:
    """Is |x| within the limit; x where it is, 0 elsewhere."""
    good = bind(select(fabs(x) < _like(limit, x), _like_int(1, x), _like_int(0, x)))
    inside = tirx.NE(*level(good, const(0, "int64")))
    return inside, bind(select(inside, x, _like(0.0, x)))


@function("exp")
def exp(x: Expr) -> Expr:
    x = bind(x)
    good, safe = _within(x, 700.0)
    return unless(good, _exponential(safe), _extern("exp"), x)


@function("sinh")
def sinh(x: Expr) -> Expr:
    x = bind(x)
    good, safe = _within(x, 700.0)
    z = bind(safe * safe)
    near = bind(horner(z, _SINH) * z * safe + safe)
    e = _exponential(bind(fabs(safe)))
    far = with_sign(bind((e - _f(1.0) / e) * _f(0.5)), safe)
    return unless(good, bind(select(z < _like(1.0, z), near, far)), _extern("sinh"), x)


@function("cosh")
def cosh(x: Expr) -> Expr:
    x = bind(x)
    good, safe = _within(x, 700.0)
    e = _exponential(bind(fabs(safe)))
    return unless(good, bind((e + _f(1.0) / e) * _f(0.5)), _extern("cosh"), x)


@function("sigmoid")
def sigmoid(x: Expr) -> Expr:
    x = bind(x)
    e = exp(with_sign(fabs(x), _like(-1.0, x)))
    return bind(select(x >= _like(0.0, x), _f(1.0), e) / (_f(1.0) + e))


# --- others


@function("hypot")
def hypot(a: Expr, b: Expr) -> Expr:
    return hypot_of(square_sum(a, b), a, b)


def square_sum(a: Expr, b: Expr) -> Expr:
    a, b = map(bind, level(a, b))
    return bind(a * a + b * b)


def has_root(square: Expr) -> Expr:
    """Is ``hypot`` the root of this sum of squares?"""
    return both(square > _like(1e-280, square), square < _like(1e280, square))


def hypot_of(square: Expr, a: Expr, b: Expr) -> Expr:
    """``square``: the sum of theirs."""
    return unless(has_root(square), bind(tirx.sqrt(square)), _extern("hypot"), a, b)


@function("mod")
def mod(a: Expr, b: Expr) -> Expr:
    """Python's and NumPy's: the result has the sign of ``b``. With one rounding, as theirs."""
    a, b = map(bind, level(a, b))
    if dtype_of(a) == "int64":
        zero = tirx.EQ(*level(b, const(0, "int64")))
        return bind(select(zero, const(0, "int64"), tirx.floormod(a, select(zero, const(1, "int64"), b))))
    return bind(per_lane(_remainder, a, b))


def _remainder(a: Expr, b: Expr) -> Expr:
    rest = bind(T.call_pure_extern("float64", "fmod", a, b))
    signs = tirx.NE(cast(rest < _f(0.0), "int64"), cast(b < _f(0.0), "int64"))
    wrong = both(tirx.NE(rest, _f(0.0)), signs)
    return select(wrong, rest + b, rest)


@function("pow")
def power(a: Expr, b: Expr) -> Expr:
    """Small constant exponents are multiplications or a root."""
    if isinstance(b, tirx.FloatImm):
        p, a = float(b.value), bind(a)
        if p == 0.5:
            root = select(tirx.EQ(*level(a, _f(0.0))), _f(0.0), tirx.sqrt(a))
            return bind(select(tirx.EQ(*level(a, _f(float("-inf")))), _f(float("inf")), root))
        if p in (1.0, 2.0, 3.0, 4.0):
            square = bind(a * a)
            return {1.0: a, 2.0: square, 3.0: square * a, 4.0: square * square}[p]
    return libm("pow", a, b)


@function("sign")
def sign(x: Expr) -> Expr:
    x, dtype = bind(x), dtype_of(x)
    zero = const(0, dtype)
    y = cast(x > level(zero, x)[0], dtype) - cast(x < level(zero, x)[0], dtype)
    return bind(select(is_nan(x), x, y) if dtype == "float64" else y)


@function("neg")
def negative(x: Expr) -> Expr:
    return _like_int(0, x) - x if dtype_of(x) == "int64" else x * _f(-1.0)


@function("abs")
def absolute(x: Expr) -> Expr:
    if dtype_of(x) == "float64":
        return fabs(x)
    x = bind(x)
    return larger(x, _like_int(0, x) - x)


@function("max")
def maximum(a: Expr, b: Expr) -> Expr:
    """NaN where either is."""
    return _keeping_nan(larger, a, b)


@function("min")
def minimum(a: Expr, b: Expr) -> Expr:
    return _keeping_nan(smaller, a, b)


def _keeping_nan(rule: Callable[[Expr, Expr], Expr], a: Expr, b: Expr) -> Expr:
    """``rule`` keeps the NaN of ``a``."""
    a, b = level(a, b)
    if isinstance(a, (tirx.FloatImm, tirx.Broadcast)):
        a, b = b, a
    a, b = bind(a), bind(b)
    known = isinstance(b, tirx.FloatImm) or (isinstance(b, tirx.Broadcast) and isinstance(b.value, tirx.FloatImm))
    if dtype_of(a) != "float64" or known:
        return rule(a, b)
    return bind(select(is_nan(b), b, rule(a, b)))


@function("not")
def negation(x: Expr) -> Expr:
    """By arithmetic: TVM rewrites ``not (x < y)`` to ``x >= y``, which differs for NaN."""
    return tirx.EQ(*level(cast(x, "int64"), const(0, "int64")))


def to_whole(x: Expr) -> Expr:
    """Real to int64, towards 0; what no int64 holds is the nearest, NaN 0."""
    x, edge = bind(x), 2.0**63
    _, safe = _within(x, edge)
    most, least = _like_int(2**63 - 1, x), _like_int(-(2**63), x)
    made = select(x <= _like(-edge, x), least, cast(safe, "int64"))
    return bind(select(x >= _like(edge, x), most, made))


def sortable(x: Expr, descending: bool) -> Expr:
    """int64 that ascends as ``x`` does, or descends; equal for zeros of either sign; NaN is largest either way."""
    if dtype_of(x) == "bool":
        x = cast(x, "int64")
    if dtype_of(x) == "int64":
        return x ^ const(-1, "int64") if descending else x
    x = bind(x * _f(-1.0) if descending else x)
    raw = bind(select(tirx.EQ(x, _f(0.0)), const(0, "int64"), bits(x, "int64")))
    flip = (raw >> const(63, "int64")) & const(0x7FFFFFFFFFFFFFFF, "int64")
    return bind(select(is_nan(x), const(0x7FFFFFFFFFFFFFFF, "int64"), raw ^ flip))


def _compare(make: Callable[[Expr, Expr], Expr]) -> Callable[[Expr, Expr], Expr]:
    def rule(a: Expr, b: Expr) -> Expr:
        if dtype_of(a) == "bool":
            a, b = cast(a, "int64"), cast(b, "int64")
        return make(*level(a, b))

    return rule


def _differ(a: Expr, b: Expr) -> Expr:
    different = tirx.NE(a, b)
    return either(different, either(is_nan(a), is_nan(b))) if dtype_of(a) == "float64" else different


def _bound(name: str) -> Callable[[Expr], Expr]:
    return lambda x: bind(getattr(tirx, name)(x))


def _library(name: str) -> Callable[..., Expr]:
    return lambda *args: libm(name, *args)


FUNCTIONS.update(
    (name, _library(name)) for name in (
        "log", "log1p", "expm1", "tan", "asin", "acos", "atan", "tanh", "asinh", "atanh", "erf", "atan2",
    )
)  # fmt: skip
FUNCTIONS.update((name, _bound(name)) for name in ("sqrt", "floor", "ceil"))
FUNCTIONS.update({
    "add": add, "sub": sub, "mul": mul, "div": truediv, "and": both, "or": either,
    "eq": _compare(tirx.EQ), "ne": _compare(_differ), "lt": _compare(tirx.LT), "le": _compare(tirx.LE),
    "gt": _compare(tirx.GT), "ge": _compare(tirx.GE),
})  # fmt: skip
