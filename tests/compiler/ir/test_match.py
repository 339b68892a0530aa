# SPDX-License-Identifier: Apache-2.0
"""Patterns: a formula is found however its sums and products are turned, and nothing else is."""

from __future__ import annotations

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.match import capture, number, op
from tests.compiler.passes.test_passes import CHAN, PART, X, const

x, y = capture("x"), capture("y")
TANH, SIN = make("tanh", X), make("sin", X)


def test_a_name_that_occurs_twice_is_the_same_node() -> None:
    assert (x * x).match(make("mul", X, X)) == {"x": X}
    assert (x * x).match(make("mul", X, TANH)) is None
    assert (x - x).match(make("sub", TANH, make("tanh", X))) is None


def test_operands_may_be_exchanged_where_that_changes_nothing() -> None:
    for kind, found in (("add", True), ("max", True), ("sub", False), ("div", False), ("lt", False)):
        form = op(kind, op("tanh", x), y)
        assert form.match(make(kind, TANH, SIN)) == {"x": X, "y": SIN}
        assert (form.match(make(kind, SIN, TANH)) is not None) == found, kind


def test_every_way_to_match_is_tried() -> None:
    """The first factor could be either; what is added decides."""
    form = (x * y + x).where(lambda found: found["y"] is SIN)
    for a, b in ((TANH, SIN), (SIN, TANH)):
        assert form.match(make("add", make("mul", a, b), TANH)) == {"x": TANH, "y": SIN}
    assert [found["x"] for found in (x + y).matches(make("add", TANH, SIN))] == [TANH, SIN]


def test_constants_and_attributes() -> None:
    half = make("mul", X, const(0.5))
    assert (x * 0.5).match(half) == {"x": X}
    assert (x * 2).match(half) is None
    assert (x * number("c")).match(half) == {"x": X, "c": 0.5}
    assert (x * number("c")).match(make("mul", X, TANH)) is None
    total = make("reduce_sum", X, over=(CHAN,))
    assert op("reduce_sum", over=(CHAN,)).match(total) == {}
    assert op("reduce_sum", over=(PART,)).match(total) is None
    assert op("reduce_sum", x, over=capture("over")).match(total) == {"x": X, "over": (CHAN,)}


def test_one_form_or_another() -> None:
    form = op("tanh", x) | op("sin", x).named("wave")
    assert [form.match(node) for node in (TANH, SIN, X)] == [{"x": X}, {"x": X, "wave": SIN}, None]
