# SPDX-License-Identifier: Apache-2.0
"""Functions of the library are found by their formulas, and nothing that is almost one."""

from __future__ import annotations

from math import sqrt

import pytest

from hepq.compiler.ir.formulas import ATTENTION, GELU, IDENTITIES, LAYER_NORM, LINEAR, RELU, SOFTMAX
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.match import Pattern
from hepq.compiler.ir.node import Node
from hepq.core.types import Dim
from tests.compiler.passes.test_passes import CHAN, OUT, PART, X, const, param, source

KEYS = PART.prime()


def softmax(over: Dim) -> Node:
    e = make("exp", make("sub", X, make("reduce_max", X, over=(CHAN,))))
    return make("div", e, make("reduce_sum", e, over=(over,)))


def layer_norm(square: str = "mul") -> Node:
    d = make("sub", X, make("reduce_mean", X, over=(CHAN,)))
    variance = make("reduce_mean", make(square, d, d), over=(CHAN,))
    unit = make("div", d, make("sqrt", make("add", const(1e-5), variance)))
    return make("add", param("b", CHAN), make("mul", param("w", CHAN), unit))


def gelu(root: float) -> Node:
    inner = make("add", make("erf", make("div", X, const(root))), const(1.0))
    return make("mul", inner, make("mul", const(0.5), X))


@pytest.mark.parametrize(
    ("formula", "node", "found"),
    [
        (RELU, make("max", X, const(0.0)), True),
        (RELU, make("max", const(0.0), X), True),
        (RELU, make("max", X, const(1.0)), False),
        (RELU, make("min", X, const(0.0)), False),
        (GELU, gelu(sqrt(2)), True),
        (GELU, gelu(1.4142), False),
        (SOFTMAX, softmax(CHAN), True),
        (SOFTMAX, softmax(PART), False),
        (LAYER_NORM, layer_norm(), True),
        (LAYER_NORM, layer_norm("max"), False),
        (LINEAR, make("add", param("b", OUT), make("contract", param("w", OUT, CHAN), X, over=(CHAN,))), True),
        (LINEAR, make("add", param("b", OUT), make("contract", make("tanh", X), X, over=(CHAN,))), False),
        (IDENTITIES, make("neg", make("neg", X)), True),
        (IDENTITIES, make("neg", X), False),
    ],
)
def test_functions_of_the_library(formula: Pattern, node: Node, found: bool) -> None:
    captured = formula.match(node)
    assert (captured is not None) == found
    assert captured is None or captured["x"] is X


@pytest.mark.parametrize("scale", ["mul", "div", None])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("over", "found"), [(KEYS, True), (PART, False)])
def test_attention(scale: str | None, bias: bool, over: Dim, found: bool) -> None:
    """Softmax over the keys, of which values are summed, and not over the queries."""
    q, k, v = source("q", PART, CHAN), source("k", KEYS, CHAN), source("v", KEYS, CHAN)
    logits = make("contract", q, k, over=(CHAN,))
    logits = make(scale, logits, const(3.0)) if scale else logits
    logits = make("add", logits, source("b", PART, KEYS)) if bias else logits
    e = make("exp", make("sub", logits, make("reduce_max", logits, over=(over,))))
    weights = make("div", e, make("reduce_sum", e, over=(over,)))
    captured = ATTENTION.match(make("contract", weights, v, over=(KEYS,)))
    assert (captured is not None) == found
    if captured:
        assert (captured["q"], captured["k"], captured["v"]) == (q, k, v)
        assert ("bias" in captured, captured.get("factor" if scale == "mul" else "divisor")) == (
            bias,
            3.0 if scale else None,
        )
