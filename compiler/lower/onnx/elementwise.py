# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations in ONNX's, with NumPy's results: accurate in single precision, also near 0 and far from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np

from hepq.compiler.lower.onnx.graph import Graph
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import OPS

Rule = Callable[..., str]


@dataclass(frozen=True)
class Arithmetic:
    """``m("Add", x, 1)``: a node; numbers become scalars of ``dtype``."""

    graph: Graph
    dtype: Any = np.float32

    def __call__(self, kind: str, *args: str | float, **attributes: Any) -> str:
        return self.graph.op(kind, *(self.named(a) for a in args), **attributes)

    def named(self, value: str | float) -> str:
        return value if isinstance(value, str) else self.graph.constant(value, self.dtype)


def _named(kind: str) -> Rule:
    return lambda m, *args: m(kind, *args)


#: IR name -> (arithmetic, operands) -> result
RULES: Rules[Rule] = Rules("onnx")
RULES.update((op.name, _named(op.onnx)) for op in OPS.values() if op.onnx)


@RULES("ne")
def _differ(m: Arithmetic, a: str, b: str) -> str:
    return m("Not", m("Equal", a, b))


@RULES("max")
def _larger(m: Arithmetic, a: str, b: str) -> str:
    """NaN where either is."""
    return _extreme(m, "Max", "Greater", a, b)


@RULES("min")
def _smaller(m: Arithmetic, a: str, b: str) -> str:
    return _extreme(m, "Min", "Less", a, b)


def _extreme(m: Arithmetic, kind: str, beyond: str, a: str, b: str) -> str:
    """ONNX does not say what its own make of NaN, and runtimes differ."""
    if np.issubdtype(m.dtype, np.integer):
        return m(kind, a, b)
    if a in m.graph.initializers:
        a, b = b, a
    if b in m.graph.initializers:  # no NaN
        return m("Where", m(beyond, b, a), b, a)
    return m("Where", m("Or", m(beyond, a, b), m("Not", m("Equal", a, a))), a, b)


@RULES("sigmoid")
def _sigmoid(m: Arithmetic, x: str) -> str:
    """Not ONNX's own, which onnxruntime cuts at 1.5e-8: a ratio of small probabilities would be lost."""
    return m("Div", 1, m("Add", 1, m("Exp", m("Neg", x))))


@RULES("log1p")
def _log1p(m: Arithmetic, x: str) -> str:
    """x log(u) / (u - 1) with u = 1 + x rounded: the errors of both factors cancel (Kahan)."""
    u = m("Add", 1, x)
    over = m("Sub", u, 1)
    exact = m("Or", m("Equal", over, 0), m("Equal", u, np.inf))
    ratio = m("Div", x, m("Where", exact, 1, over))
    scaled = m("Mul", m("Log", u), ratio)
    return m("Where", exact, m("Where", m("Equal", u, np.inf), u, x), scaled)


@RULES("expm1")
def _expm1(m: Arithmetic, x: str) -> str:
    """(u - 1) x / log(u) with u = exp(x) rounded (Kahan); u - 1 itself far from 0."""
    u = m("Exp", x)
    less = m("Sub", u, 1)
    near = m("And", m("Less", m("Abs", x), 1), m("Not", m("Equal", less, 0)))
    scaled = m("Div", m("Mul", less, x), m("Where", near, m("Log", u), 1))
    return m("Where", near, scaled, m("Where", m("Equal", less, 0), x, less))


@RULES("sinh")
def _sinh(m: Arithmetic, x: str) -> str:
    """(e + e / (e + 1)) / 2 with e = expm1(|x|), which is exact near 0."""
    size = m("Abs", x)
    e = _expm1(m, _smaller(m, size, m.named(80)))
    near = m("Mul", 0.5, m("Add", e, m("Div", e, m("Add", e, 1))))
    half = m("Exp", m("Mul", 0.5, size))
    far = m("Mul", m("Mul", 0.5, half), half)
    return m("Mul", m("Sign", x), m("Where", m("Less", size, 40), near, far))


@RULES("cosh")
def _cosh(m: Arithmetic, x: str) -> str:
    half = m("Exp", m("Mul", 0.5, m("Abs", x)))
    small = m("Mul", 0.5, half)
    return m("Add", m("Mul", small, half), m("Div", 0.5, m("Mul", half, half)))


@RULES("asinh")
def _asinh(m: Arithmetic, x: str) -> str:
    """log1p(a + a² / (1 + sqrt(1 + a²))) with a = |x|; log(2 a) where a² is too large."""
    a = m("Abs", x)
    near = _smaller(m, a, m.named(1e9))
    square = m("Mul", near, near)
    bent = m("Div", square, m("Add", 1, m("Sqrt", m("Add", 1, square))))
    small = _log1p(m, m("Add", near, bent))
    large = m("Add", m("Log", _larger(m, a, m.named(1))), float(np.log(2)))
    return m("Mul", m("Sign", x), m("Where", m("Greater", a, 1e9), large, small))


@RULES("hypot")
def _hypot(m: Arithmetic, a: str, b: str) -> str:
    """Scaled by the larger, so that no square overflows."""
    a, b = m("Abs", a), m("Abs", b)
    large, small = _larger(m, a, b), _smaller(m, a, b)
    even = m("Or", m("Equal", large, 0), m("Equal", large, np.inf))
    ratio = m("Div", small, m("Where", even, 1, large))
    scaled = m("Mul", large, m("Sqrt", m("Add", 1, m("Mul", ratio, ratio))))
    endless = m("Or", m("Equal", a, np.inf), m("Equal", b, np.inf))  # though the other be NaN
    return m("Where", endless, np.inf, m("Where", even, large, scaled))


def _is_negative(m: Arithmetic, x: str) -> str:
    """-0 too."""
    return m("Less", m("Where", m("Equal", x, 0), m("Div", 1, x), x), 0)


@RULES("atan2")
def _atan2(m: Arithmetic, y: str, x: str) -> str:
    """atan(|y| / |x|), or its complement so that the ratio is at most 1, in the quadrant that the signs tell."""
    up, across = m("Abs", y), m("Abs", x)
    large, small = _larger(m, up, across), _smaller(m, up, across)
    level = m("Equal", up, across)
    ratio = m("Div", small, m("Where", m("Equal", large, 0), 1, large))
    ratio = m("Where", m("And", level, m("Greater", large, 0)), 1, ratio)
    angle = m("Atan", ratio)
    angle = m("Where", m("Greater", up, across), m("Sub", pi / 2, angle), angle)
    angle = m("Where", _is_negative(m, x), m("Sub", pi, angle), angle)
    return m("Where", _is_negative(m, y), m("Neg", angle), angle)


@RULES("mod")
def _mod(m: Arithmetic, a: str, b: str) -> str:
    """With the sign of the divisor, 0 included."""
    rest = m("Mod", a, b, fmod=1)
    wrong = m("Less", m("Mul", m("Sign", rest), m("Sign", b)), 0)
    return m("Where", wrong, m("Add", rest, b), rest)


def _int_mod(m: Arithmetic, a: str, b: str) -> str:
    """NumPy gives 0 where the divisor is 0, or where it is -1 and the quotient does not fit; processors stop there."""
    none = m("Or", m("Equal", b, 0), m("Equal", b, -1))
    return m("Where", none, 0, m("Mod", a, m("Where", none, 1, b)))


def to_int(graph: Graph, x: str) -> str:
    """int64 without the fraction: the nearest there is of what is too large, 0 of NaN."""
    m, edge, info = Arithmetic(graph), 2.0**63, np.iinfo(np.int64)
    inside = graph.cast(m("Where", m("Less", m("Abs", x), edge), x, 0), np.int64)
    least, most = (graph.constant(value, np.int64) for value in (info.min, info.max))
    below = m("Where", m("LessOrEqual", x, -edge), least, inside)
    return m("Where", m("GreaterOrEqual", x, edge), most, below)


def apply(graph: Graph, op: str, args: list[str], dtype: Any) -> str:
    """One operation over numbers of ``dtype`` or truth values."""
    m = Arithmetic(graph, dtype)
    if op == "mod" and np.issubdtype(dtype, np.integer):
        return _int_mod(m, *args)
    return RULES[op](m, *args)
