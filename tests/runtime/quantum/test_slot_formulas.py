# SPDX-License-Identifier: Apache-2.0
"""Formulas of circuits' slots, evaluated as Python, give what the reference interpreter gives."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.program import to_program
from hepq.runtime.quantum.slot_formulas import _applied, _Symbol, _symbol, slot_formulas
from tests.support.circuits import measured, module

TEXT = """
dim wire = 2
circuit Turned(x: real[wire], m: GeV) on q: qubit[wire] {{ rx({}, q[0])  ry(0.5 * x[1], q[1]) }}
model M(x: real[wire], m: GeV) -> real = expect(Z[0], Turned(x, m))
"""
KNOWN: dict[str, Any] = {**vars(math), "__builtins__": {"abs": abs, "min": min, "max": max}}


def formulas(expression: str) -> tuple[list[str], Module]:
    built = module(TEXT.format(expression))
    (lines,) = slot_formulas(to_program(built), {}, {"m": "GeV"}).values()
    return list(lines), Module("slots", built.inputs, {"slots": measured(built).operands[0]})


@pytest.mark.parametrize(
    "expression",
    [
        "x[0] + 2 * x[1] - 1", "x[0] / x[1]", "x[0]^2 * x[1]^3", "-x[0]", "abs(x[0])", "exp(x[0])", "log1p(abs(x[0]))",
        "log(abs(x[0]))", "expm1(x[0])", "sqrt(abs(x[0]))", "sin(x[0]) + cos(x[1])", "tan(x[0])", "asin(x[0] / 2)",
        "acos(x[0] / 2)", "atan(x[0])", "sinh(x[0]) - cosh(x[1])", "tanh(x[0])", "asinh(x[0])", "atanh(x[0] / 2)",
        "sigmoid(x[0])",
        "erf(x[0])", "floor(x[0]) - ceil(x[1])", "sign(x[0])", "min(x[0], x[1])", "max(x[0], x[1])",
        "atan2(x[0], x[1])", "hypot(x[0], x[1])", "if x[0] < x[1] then x[0] else 3 * x[1]",
        "if x[0] > 0 and not x[1] >= 0 then 1.0 else 2.0", "if x[0] == 0.5 or x[1] <= -1.5 then x[0] else 2.0",
        "if x[0] != 0.5 then x[0] else x[1]", "sum(x, over=wire)", "m / (2 GeV)", "pi * x[0]",
    ],
)  # fmt: skip
def test_formulas_give_the_slots(expression: str) -> None:
    lines, slots = formulas(expression)
    assert lines[:2] == ["x: [wire: 2] of the event", "m: of the event, in GeV"]
    for x in product([0.5, -1.5, 1.25], [0.5, -1.5, 1.25]):
        event = {"x": np.array(x), "m": np.array(3.0)}
        wanted = run_event(slots, event, {})["slots"]
        given = {"x": x, "m": 3.0}
        found = [eval(line.partition(" = ")[2], KNOWN, given) for line in lines[2:]]
        assert [line.partition(" = ")[0] for line in lines[2:]] == [f"s{k}" for k in range(len(wanted))]
        np.testing.assert_allclose(np.array(found, float), wanted, rtol=1e-12)


def test_what_is_one_or_nothing_is_not_written() -> None:
    lines, _ = formulas("1 * x[0] + 0")
    assert lines[2:] == ["s0 = x[0]", "s1 = x[1]"]


@pytest.mark.parametrize(
    ("op", "a", "b", "text"),
    [
        ("add", 0.0, None, "x"), ("add", None, 0.0, "x"), ("sub", None, 0.0, "x"), ("sub", 0.0, None, "(0.0 - x)"),
        ("mul", 1.0, None, "x"), ("mul", None, 1.0, "x"), ("div", None, 1.0, "x"), ("div", 1.0, None, "(1.0 / x)"),
        ("pow", None, 1.0, "x"), ("pow", 1.0, None, "(1.0 ** x)"), ("add", 1.0, None, "(1.0 + x)"),
        ("mul", 0.0, None, "(0.0 * x)"), ("mul", None, 0.0, "(x * 0.0)"), ("pow", None, 0.0, "(x ** 0.0)"),
        ("sub", None, 1.0, "(x - 1.0)"), ("min", None, 1.0, "min(x, 1.0)"), ("sub", 5.0, 3.0, "2.0"),
    ],
)  # fmt: skip
def test_what_does_nothing_is_left_out(op: str, a: float | None, b: float | None, text: str) -> None:
    x = _Symbol("x")
    assert _applied(op, *(x if n is None else _symbol(n) for n in (a, b))).text == text


def test_sums_are_written_in_order() -> None:
    lines, _ = formulas("sum(x, over=wire) + m / (2 GeV)")
    assert lines[2] == "s0 = (x[0] + x[1]) + (m / 2.0)"
