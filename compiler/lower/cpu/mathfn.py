# SPDX-License-Identifier: Apache-2.0
"""Elementwise functions in float32: vector polynomials of our own, the C library lane by lane for the rest.

Errors are about 2 units in the last place (1e-7 relative) where nothing else is said; the tests measure them.
Polynomials are those of Cephes (Moshier, netlib.org/cephes, single precision) where not fitted by us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add, mul, sub, truediv

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.lower.cpu.tir import (
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
    smaller,
)
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import OPS

#: op -> its value of operands' values
FUNCTIONS: Rules[Callable[..., Expr]] = Rules("cpu")

LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4


def _f(value: float) -> Expr:
    return const(value, "float32")


def horner(x: Expr, coefficients: Sequence[float]) -> Expr:
    """Highest power first."""
    y = level(_f(coefficients[0]), x)[0]
    for c in coefficients[1:]:
        y = y * x + _f(c)
    return bind(y)


def fabs(x: Expr) -> Expr:
    return bits(bits(x, "int32") & level(const(0x7FFFFFFF), x)[0], "float32")


def is_nan(x: Expr) -> Expr:
    """By the bits: TVM's comparisons of floats are all false for NaN, and it rewrites ``not (x < y)`` to ``x >= y``."""
    return (bits(x, "int32") & level(const(0x7FFFFFFF), x)[0]) > level(const(0x7F800000), x)[0]


def to_int(x: Expr, dtype: str) -> Expr:
    """Without the fraction: the nearest there is of what is too large, 0 of NaN."""
    x = bind(x)
    edge = 2.0 ** (int(dtype[3:]) - 1)
    inside = cast(select(fabs(x) < _f(edge), x, _f(0.0)), dtype)
    above = select(x >= _f(edge), const(int(edge) - 1, dtype), inside)
    return bind(select(x <= _f(-edge), const(-int(edge), dtype), above))


def with_sign(magnitude: Expr, sign: Expr) -> Expr:
    mask = level(const(-(2**31)), sign)[0]
    return bits(bits(magnitude, "int32") | (bits(sign, "int32") & mask), "float32")


def _power_of_two(n: Expr) -> Expr:
    """2**n for int32 n in -126..127."""
    return bits((n + 127) << 23, "float32")


def _reduced(x: Expr) -> tuple[Expr, Expr]:
    """x = n ln2 + r with |r| <= ln2 / 2."""
    n = bind(tirx.floor(x * _f(1.4426950408889634) + _f(0.5)))
    r = bind((x - n * _f(LN2_HIGH)) - n * _f(LN2_LOW))
    return n, r


_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)


@FUNCTIONS("exp")
def exp(x: Expr) -> Expr:
    x = bind(x)
    safe = bind(smaller(larger(x, _f(-104.0)), _f(89.0)))
    n, r = _reduced(safe)
    y = horner(r, _EXP) * (r * r) + r + _f(1.0)
    # two steps, so that the ends of the range neither overflow early nor lose subnormals
    n = bind(cast(n, "int32"))
    half = bind(n >> 1)
    return bind(y * _power_of_two(half) * _power_of_two(n - half))


@FUNCTIONS("expm1")
def expm1(x: Expr) -> Expr:
    x = bind(x)
    small = horner(x, _EXP) * (x * x) + x
    return bind(select(fabs(x) < _f(0.34), small, exp(x) - _f(1.0)))


_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip


def _log_near_one(m: Expr) -> tuple[Expr, Expr]:
    """log(1 + m) = m + second value, for 1 + m in sqrt(1/2) .. sqrt(2)."""
    square = bind(m * m)
    return m, bind(horner(m, _LOG) * m * square - square * _f(0.5))


@FUNCTIONS("log")
def log(x: Expr) -> Expr:
    x = bind(x)
    tiny = x < _f(1.17549435e-38)
    scaled = bind(select(tiny, x * _f(2.0**23), x))
    raw = bind(bits(scaled, "int32"))
    exponent = bind((raw >> 23) - 126 - select(tiny, const(23), const(0)))
    m = bind(bits((raw & level(const(0x007FFFFF), raw)[0]) | level(const(0x3F000000), raw)[0], "float32"))
    low = m < _f(0.70710678)
    e = bind(cast(exponent - select(low, const(1), const(0)), "float32"))
    head, tail = _log_near_one(bind(select(low, m + m, m) - _f(1.0)))
    y = (tail + e * _f(LN2_LOW)) + head + e * _f(LN2_HIGH)
    y = select(x < _f(0.0), _f(float("nan")), select(tirx.EQ(*level(x, _f(0.0))), _f(float("-inf")), y))
    # infinity and NaN are their own logarithm
    return bind(select(either(x > _f(3.4028234663852886e38), is_nan(x)), x, y))


@FUNCTIONS("log1p")
def log1p(x: Expr) -> Expr:
    x = bind(x)
    head, tail = _log_near_one(x)
    near = both(x > _f(-0.29), x < _f(0.41))
    return bind(select(near, head + tail, log(x + _f(1.0))))


_TANH = (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)


@FUNCTIONS("tanh")
def tanh(x: Expr) -> Expr:
    x = bind(x)
    a = bind(fabs(x))
    square = bind(x * x)
    small = horner(square, _TANH)
    large = _f(1.0) - _f(2.0) / (exp(a + a) + _f(1.0))
    return bind(select(a < _f(0.625), small * square * x + x, with_sign(large, x)))


@FUNCTIONS("sigmoid")
def sigmoid(x: Expr) -> Expr:
    return bind(_f(1.0) / (_f(1.0) + exp(-x)))


# erf(x) = x P(x^2) for |x| < 1, and a polynomial in x - 2.45 up to 3.9, where it is 1 to float32;
# least squares on Chebyshev nodes, 1e-9 and 3e-8 before rounding
_ERF_NEAR = (
    7.88249711e-5, -8.01885499e-4, 5.18931194e-3, -2.68543288e-2, 1.12835975e-1, -3.76126269e-1, 1.12837917,
)  # fmt: skip
_ERF_FAR = (
    -9.25750972e-6, 2.64028081e-5, 4.95769174e-5, -3.06093303e-4, 4.16873602e-4, 4.28606727e-4, -2.99315907e-3,
    6.9774003e-3, -1.02498448e-2, 1.02357134e-2, -6.83666314e-3, 2.78992923e-3, 9.99469445e-1,
)  # fmt: skip


@FUNCTIONS("erf")
def erf(x: Expr) -> Expr:
    x = bind(x)
    a = bind(fabs(x))
    near = horner(bind(x * x), _ERF_NEAR) * x
    far = horner(bind(smaller(a, _f(3.9)) - _f(2.45)), _ERF_FAR)
    # exactly 1 far out, where gelu multiplies 1 + erf(x) by x
    far = select(a < _f(3.9), far, select(is_nan(x), x, _f(1.0)))
    return bind(select(a < _f(1.0), near, with_sign(far, x)))


@FUNCTIONS("sign")
def sign(x: Expr) -> Expr:
    x = bind(x)
    zero = const(0, dtype_of(x))
    y = cast(x > zero, dtype_of(x)) - cast(x < zero, dtype_of(x))
    return bind(select(is_nan(x), x, y) if dtype_of(x) == "float32" else y)


@FUNCTIONS("mod")
def mod(a: Expr, b: Expr) -> Expr:
    """Python's and NumPy's: the result has the sign of ``b``."""
    a, b = map(bind, level(a, b))
    if (dtype := dtype_of(a)) != "float32":
        # what is left of division by -1 is 0, but processors stop where the quotient does not fit
        zero = either(tirx.EQ(*level(b, const(0, dtype))), tirx.EQ(*level(b, const(-1, dtype))))
        return bind(select(zero, const(0, dtype), tirx.floormod(a, select(zero, const(1, dtype), b))))
    rest = libm("fmodf", a, b)
    signs = tirx.NE(cast(rest < _f(0.0), "int32"), cast(b < _f(0.0), "int32"))
    wrong = both(tirx.NE(*level(rest, _f(0.0))), signs)
    return bind(select(wrong, rest + b, rest))


def libm(name: str, *args: Expr) -> Expr:
    return per_lane(lambda *scalars: T.call_pure_extern("float32", name, *scalars), *map(bind, args))


@FUNCTIONS("pow")
def power(a: Expr, b: Expr) -> Expr:
    """Small constant exponents are multiplications."""
    if isinstance(b, tirx.FloatImm):
        p = float(b.value)
        if p == 0.5:
            a = bind(a)
            return bind(select(a < _f(-3.4028234663852886e38), _f(float("inf")), tirx.sqrt(a)))
        if p in (1.0, 2.0, 3.0, 4.0):
            a = bind(a)
            square = bind(a * a)
            return {1.0: a, 2.0: square, 3.0: square * a, 4.0: square * square}[p]
    return libm("powf", a, b)


@FUNCTIONS("neg")
def _negative(x: Expr) -> Expr:
    return x * _f(-1.0) if dtype_of(x) == "float32" else level(const(0, dtype_of(x)), x)[0] - x


@FUNCTIONS("abs")
def _absolute(x: Expr) -> Expr:
    if dtype_of(x) == "float32":
        return fabs(x)
    x = bind(x)
    return larger(x, _negative(x))


def _compare(make: Callable[[Expr, Expr], Expr]) -> Callable[[Expr, Expr], Expr]:
    def rule(a: Expr, b: Expr) -> Expr:
        a, b = level(a, b)
        if dtype_of(a) == "bool":
            a, b = cast(a, "int32"), cast(b, "int32")
        return make(a, b)

    return rule


def _differ(a: Expr, b: Expr) -> Expr:
    different = tirx.NE(a, b)
    return either(different, either(is_nan(a), is_nan(b))) if dtype_of(a) == "float32" else different


@FUNCTIONS("max")
def maximum(a: Expr, b: Expr) -> Expr:
    """NaN where either is."""
    return _keeping_nan(larger, a, b)


@FUNCTIONS("min")
def minimum(a: Expr, b: Expr) -> Expr:
    return _keeping_nan(smaller, a, b)


def _keeping_nan(rule: Callable[[Expr, Expr], Expr], a: Expr, b: Expr) -> Expr:
    """``rule`` keeps the NaN of ``a``."""
    a, b = map(bind, level(a, b))
    return bind(select(is_nan(b), b, rule(a, b))) if dtype_of(a) == "float32" else rule(a, b)


def _bound(name: str) -> Callable[[Expr], Expr]:
    return lambda x: bind(getattr(tirx, name)(x))


def _library(name: str) -> Callable[..., Expr]:
    return lambda *args: libm(name, *args)


FUNCTIONS.update((op.name, _library(op.c)) for op in OPS.values() if op.c)
FUNCTIONS.update((name, _bound(name)) for name in ("sqrt", "floor", "ceil"))
FUNCTIONS.update({
    "add": add, "sub": sub, "mul": mul, "div": truediv, "and": both, "or": either, "not": tirx.Not,
    "eq": _compare(tirx.EQ), "ne": _compare(_differ), "lt": _compare(tirx.LT), "le": _compare(tirx.LE),
    "gt": _compare(tirx.GT), "ge": _compare(tirx.GE),
})  # fmt: skip
