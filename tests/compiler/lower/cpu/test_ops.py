# SPDX-License-Identifier: Apache-2.0
"""Every op in machine code against the interpreter, at both vector widths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import RULES, make
from hepq.compiler.ir.node import Module, Node
from hepq.core.ops import table as ir
from hepq.core.ops.table import COUNTING, QUANTUM
from hepq.core.types import Dim, Type
from tests.support.flat import flat_outputs
from tests.support.generate import modules, random_events, random_weights, seeded_module
from tests.support.graphs import grid_neighbours
from tests.support.tvm_call import Compiled, runnable

TARGETS = [t for t in ("cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:x86-64", "cpu:armv8-a") if runnable(t)]
#: float32 against float64, values of order one, up to 60 ops deep
TOLERANCE = 1e-4


def check(module: Module, target: str, seed: int, n: int = 6, tolerance: float = TOLERANCE) -> None:
    module = flat_outputs(module)
    rng = np.random.default_rng(seed)
    weights, events = random_weights(module, rng), random_events(module, rng, n)
    got = Compiled(module, weights, target)(events)
    expected = interpret.run(module, events, weights)
    for name, node in module.outputs.items():
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_allclose(
                a.astype(float), b.astype(float), tolerance, tolerance, err_msg=f"{name}: {node.op} {node.type}"
            )


SEEDS = range(2, 8)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_large_random_modules(seed: int, target: str) -> None:
    check(seeded_module(seed, 60), target, seed)


def test_the_random_modules_together_use_every_op() -> None:
    used = {n.op for seed in SEEDS for n in seeded_module(seed, 60).walk()}
    others = {n.op for module in (elementwise_module(), integer_module()) for n in module.walk()}
    assert set(RULES) - used - QUANTUM - COUNTING <= others


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(module=modules(steps=10))
def test_hypothesis_modules(module: Module) -> None:
    check(module, "cpu", 0)


PART, FIVE = Dim("part", bound=40), Dim("five", 5)


def _grid(name: str) -> Node:
    return make("input", name=name, type=Type("real", (PART, FIVE)))


#: unary op -> where it is compared
DOMAINS = {
    "exp": (-85.0, 85.0), "expm1": (-20.0, 60.0), "log": (1e-30, 1e30), "log1p": (-0.999, 1e6), "sqrt": (0.0, 1e6),
    "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "atanh": (-0.9999, 0.9999),
    "sinh": (-20.0, 20.0), "cosh": (-20.0, 20.0), "tan": (-1.5, 1.5),
    "erf": (-6.0, 6.0), "sigmoid": (-30.0, 30.0), "tanh": (-12.0, 12.0),
}  # fmt: skip
REAL_UNARY = sorted(ir.UNARY - {"not"})


def elementwise_module() -> Module:
    inputs = {op: _grid(op) for op in REAL_UNARY}
    outputs = {op: make(op, x) for op, x in inputs.items()}
    flag = make("gt", inputs["neg"], make("const", value=0.0))
    outputs["not"] = make("not", flag)
    for op in sorted(ir.BINARY - {"and", "or"}):
        outputs[op] = make(op, inputs["abs" if op == "pow" else "neg"], inputs["sin"])
    outputs["mod"] = make("mod", inputs["neg"], make("const", value=0.75))
    return Module("elementwise", tuple(inputs.values()), outputs)


def elementwise_events() -> list[dict[str, Any]]:
    """Inputs of ``elementwise_module``, each in its op's domain."""
    rng, events = np.random.default_rng(0), []
    for n in (0, 1, 39, 40):
        event = {}
        for op in REAL_UNARY:
            low, high = DOMAINS.get(op, (-5.0, 5.0))
            x = (
                np.exp(rng.uniform(np.log(low), np.log(high), (n, 5)))
                if op == "log"
                else rng.uniform(low, high, (n, 5))
            )
            event[op] = x.astype(np.float32).astype(float)
        events.append(event)
    # small arguments, where cancellation would show
    for op in ("expm1", "log1p", "tanh", "erf", "sinh", "asinh", "atanh", "sin"):
        events[2][op] = (events[2][op] * 1e-4).astype(np.float32).astype(float)
    return events


@pytest.mark.parametrize("target", TARGETS)
def test_elementwise_functions_to_two_parts_in_a_million(target: str) -> None:
    module, events = elementwise_module(), elementwise_events()
    got, expected = Compiled(module, {}, target)(events), interpret.run(module, events, {})
    for name in module.outputs:
        atol = 1e-5 if name == "mod" else 1e-7
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_allclose(a.astype(float), b.astype(float), 2e-6, atol, err_msg=name)


_ZERO = make("const", value=0.0)


def test_special_values() -> None:
    module = Module(
        "special", (x := _grid("x"),), {op: make(op, x) for op in ("exp", "log", "sigmoid", "sign", "tanh", "atanh")}
    )
    more = {"ne": make("ne", x, x), "relu": make("max", x, _ZERO), "swapped": make("max", _ZERO, x)}
    tail = make("add", make("erf", x), make("const", value=1.0))
    more |= {"erf": make("erf", x), "tail": make("mul", tail, x), "least": make("min", _ZERO, x)}
    module = replace(module, outputs={**module.outputs, **more})
    inf, nan = np.inf, np.nan
    rows = [[inf, -inf, nan, 0.0, 1e-40], [-1.0, 200.0, -200.0, 88.7, -87.5], [-1e9, -1e4, 1e4, 1e9, 7.0]]
    event = {"x": np.array(rows)}
    got, expected = Compiled(module, {})([event]), interpret.run(module, [event], {}, np.float32)
    for name in module.outputs:
        np.testing.assert_allclose(got[name][0], expected[name][0], 1e-5, 1e-37, err_msg=name)


def integer_module() -> Module:
    part = Dim("part", bound=20)
    a, b = (make("input", name=n, type=Type("int", (part,))) for n in "ab")
    flag = make("lt", a, b)
    ops = ("add", "sub", "mul", "min", "max", "mod", "eq", "le")
    outputs = {op: make(op, a, b) for op in ops} | {op: make(op, a) for op in ("neg", "abs", "sign")}
    outputs |= {
        f"{op}_all": make(op, a, over=(part,)) for op in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min")
    }
    outputs |= {op: make(op, flag, over=(part,)) for op in ("reduce_any", "reduce_all")}
    outputs["and"] = make("and", flag, make("not", make("or", flag, make("eq", a, b))))
    outputs["where"] = make("where", flag, a, make("iota", dim=part))
    outputs["chosen_flag"] = make("where", flag, flag, make("eq", a, b))
    outputs["count"] = make("count", dim=part)
    outputs["contract"] = make("contract", a, b, over=(part,))
    return Module("integers", (a, b), outputs)


@pytest.mark.parametrize("target", TARGETS)
def test_integers_and_flags_are_exact(target: str) -> None:
    module, rng = integer_module(), np.random.default_rng(1)
    events = [{k: rng.integers(-9, 10, n) for k in "ab"} for n in (0, 1, 7, 20)]
    got, expected = Compiled(module, {}, target)(events), interpret.run(module, events, {})
    for name in module.outputs:
        for x, y in zip(got[name], expected[name], strict=True):
            np.testing.assert_array_equal(x, y.astype(float), err_msg=name)


@pytest.mark.parametrize("short", ["zero", "self"])
def test_neighbours_break_ties_by_index_and_never_invent_one(short: str) -> None:
    part, xy, k = Dim("part", bound=40), Dim("xy", 2), Dim("nbr", 4)
    pos = make("input", name="pos", type=Type("real", (part, xy)))
    idx = make("knn", pos, over=part, coord=xy, nbr=k, short=short)
    near = make("gather", make("iota", dim=part), idx)
    module = Module("knn", (pos,), {"idx": make("cast", idx, type=Type("int", idx.type.dims)), "near": near})
    rng = np.random.default_rng(2)
    # few distinct places: nearly every choice is a tie
    events = [{"pos": rng.integers(0, 3, (n, 2)).astype(float)} for n in (0, 1, 2, 4, 5, 17, 40)]
    got, expected = Compiled(module, {})(events), interpret.run(module, events, {})
    for name in module.outputs:
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("target", TARGETS)
def test_a_product_with_two_dims_of_columns_where_rows_do_not_fill_a_tile(target: str) -> None:
    """The last row was overwritten by what lies beyond it."""
    one, head, sub = Dim("one", 1), Dim("head", 2), Dim("sub", 4)
    x = make("input", name="x", type=Type("real", (PART, FIVE, one)))
    w = make("param", path="w", init=("normal", 0.0, 1.0), trainable=True, type=Type("real", (one, head, sub)))
    check(Module("m", (x,), {"y": make("contract", x, w, over=(one,))}), target, seed=0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.case("verify_own_artifact")
def test_neighbours_on_a_grid_are_not_for_rounding_to_decide(target: str) -> None:
    module, events = grid_neighbours()
    exact, rounded = (interpret.run(module, events, {}, dtype)["near"] for dtype in (np.float64, np.float32))
    assert any((a != b).any() for a, b in zip(exact, rounded, strict=True))  # float32 would decide some otherwise
    for a, b in zip(Compiled(module, {}, target)(events)["near"], exact, strict=True):
        np.testing.assert_array_equal(a, b)
