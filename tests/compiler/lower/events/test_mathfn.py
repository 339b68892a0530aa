# SPDX-License-Identifier: Apache-2.0
"""Elementwise functions in float64, in vectors and one by one, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.core.ops import table as ir
from hepq.core.types import Dim, Type
from hepq.runtime.events.elementwise import NUMPY
from tests.support.events.programs import MANY, agree, run

PART = Dim("part", bound=MANY)
FUNCTIONS = sorted({*ir.UNARY, *ir.BINARY} - {"not", "and", "or"})
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 0.5, -0.5, 1e-300, -1e-300, 1e300, -1e300, 5e-324, 1e-9, 2.0]


def _inputs(*dims: Dim) -> list[Node]:
    return [make("input", name=n, type=Type("real", dims)) for n in "ab"]


def _apply(op: str, a: Node, b: Node) -> Node:
    return make(op, a) if op in ir.UNARY else make(op, a, b)


def _module(sideways: bool) -> Module:
    """``sideways``: of values that are looked up, one by one; else of a block of events at once."""
    a, b = _inputs(PART)
    x, y = a, b
    if sideways:
        everything = make("filter", make("ge", make("iota", dim=PART), make("const", value=0)), dim=PART,
                          dst=Dim("all", bound=MANY))  # fmt: skip
        x, y = make("gather", a, everything), make("gather", b, everything)
    return Module("m", (a, b), {op: _apply(op, x, y) for op in FUNCTIONS})


@pytest.fixture(scope="module", params=[False, True], ids=["in vectors", "one by one"])
def module(request: pytest.FixtureRequest) -> Module:
    return _module(request.param)


def test_special_values(module: Module) -> None:
    a, b = (v.ravel() for v in np.meshgrid(SPECIAL, SPECIAL))
    events = [{"a": a[i : i + 19], "b": b[i : i + 19]} for i in range(0, len(a), 19)]
    agree(module, events, run(module, events), 1e-12)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 8.0, 600.0, 1e5, 1e12])
def test_values_of_every_size(module: Module, scale: float) -> None:
    rng = np.random.default_rng(0)
    events = [{k: rng.normal(0, scale, 41) for k in "ab"} for _ in range(9)]
    agree(module, events, run(module, events), 1e-12)


def test_polynomials_to_four_units_in_the_last_place() -> None:
    a, b = _inputs(PART)
    ops = ("sin", "cos", "exp", "sinh", "cosh", "hypot", "sigmoid")
    module = Module("m", (a, b), {op: _apply(op, a, b) for op in ops})
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-6, 6, 20000), rng.normal(0, 1e-3, 1000), rng.uniform(-600, 600, 5000)])
    event = {"a": x, "b": rng.normal(0, 3, len(x))}
    got = run(module, [event]).outputs
    for op in ops:
        wanted = NUMPY[op](x, event["b"]) if op == "hypot" else NUMPY[op](x)
        error = np.abs(got[op] - wanted) / np.spacing(np.abs(wanted))
        assert error.max() <= 4, f"{op}: {error.max()} at {x[error.argmax()]}"


def test_sine_and_cosine_close_to_their_zeros() -> None:
    a, b = _inputs(PART)
    module = Module("m", (a, b), {op: make(op, a) for op in ("sin", "cos")})
    x = np.arange(-4000, 4001) * (np.pi / 2)
    got = run(module, [{"a": x, "b": x}]).outputs
    for op in module.outputs:
        np.testing.assert_allclose(got[op], NUMPY[op](x), 1e-12, 1e-26)


def test_comparisons_and_choices_are_those_of_ieee() -> None:
    a, b = _inputs(PART)
    truths = {op: make(op, a, b) for op in sorted(ir.COMPARE)}
    both = [make("and", t, make("not", truths["lt"])) for t in truths.values()]
    module = Module("m", (a, b), {
        **truths, **{f"not_{op}": make("not", t) for op, t in truths.items()},
        **{f"and{i}": n for i, n in enumerate(both)},
        "where": make("where", truths["lt"], a, b), "either": make("where", truths["eq"], truths["le"], truths["ne"]),
        "any": make("reduce_any", truths["ne"], over=(PART,)), "all": make("reduce_all", truths["le"], over=(PART,)),
        "max": make("reduce_max", a, over=(PART,)), "min": make("reduce_min", make("neg", b), over=(PART,)),
        "whole": make("cast", a, type=Type("int", (PART,))),
    })  # fmt: skip
    values = [v for v in SPECIAL if abs(v) < 1e18 or v != v]
    events = [{"a": np.array([x] * 3), "b": np.array([y, x, 0.25])} for x in SPECIAL for y in SPECIAL]
    events += [{"a": np.zeros(0), "b": np.zeros(0)}, {"a": np.array(values), "b": np.array(values[::-1])}]
    agree(module, events, run(module, events))


def test_whole_numbers() -> None:
    a, b = (make("input", name=n, type=Type("int", (PART,))) for n in "ab")
    ops = ("add", "sub", "mul", "min", "max", "mod", "neg", "abs", "sign", "eq", "ne", "lt", "le", "gt", "ge")
    module = Module("m", (a, b), {op: _apply(op, a, b) for op in ops})
    rng = np.random.default_rng(2)
    large = rng.integers(-(2**31), 2**31, 50)
    events = [{"a": rng.integers(-5, 6, 50), "b": rng.integers(-5, 6, 50)}, {"a": large, "b": rng.permutation(large)}]
    agree(module, events, run(module, events))
