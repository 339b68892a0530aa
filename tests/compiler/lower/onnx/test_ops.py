# SPDX-License-Identifier: Apache-2.0
"""Every operation in onnxruntime against the reference, at every multiplicity, whatever the padding holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.compiled.agreement import OWN_LOSS, difference, is_stable
from benchmarks.shared.stdlib_programs import module_of
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.onnx import OnnxError, lower
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.core.ops import table
from hepq.core.types import Dim, Type
from hepq.runtime.events.elementwise import NUMPY
from tests.support.generate import random_events, random_weights, seeded_module
from tests.support.graphs import grid_neighbours
from tests.support.ort_call import Loaded

PART = Dim("part", bound=40)


@pytest.mark.parametrize("seed", range(40))
def test_random_modules(seed: int) -> None:
    module, rng = seeded_module(1000 + seed, 20), np.random.default_rng(seed)
    weights = random_weights(module, rng)
    events = [e for e in random_events(module, rng, 6) if is_stable(module, e, weights)]
    reference = run(module, events, weights)
    allowed = max(1e-5, OWN_LOSS * difference(run(module, events, weights, np.float32), reference))
    direct = Loaded(module, weights)
    assert difference(direct(events), reference) <= allowed
    # twice the padding, of other junk; and each event alone, one of them with nothing at all
    assert difference(direct(events, extra=9, junk=3.5), reference) <= allowed
    for i, event in enumerate(events):
        assert difference(direct([event]), {k: v[i : i + 1] for k, v in reference.items()}) <= allowed
    assert difference(Loaded(*run_pipeline(INFERENCE, module, weights))(events), reference) <= allowed


def elementwise(*ops: str) -> Module:
    bound = Dim("part", bound=100_000)
    a, b = (make("input", name=n, type=Type("real", (bound,))) for n in "ab")
    return Module("m", (a, b), {op: make(op, *((a, b) if op in table.BINARY else (a,))) for op in ops})


def numbers(rng: np.random.Generator) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of all sizes and signs, and many near 0 and of order one."""
    size = 10 ** rng.uniform(-30, 30, 4000) * rng.choice([-1, 1], 4000)
    small = 10 ** rng.uniform(-8, 2, 4000) * rng.choice([-1, 1], 4000)
    a = np.concatenate([size, small, rng.uniform(-1, 1, 2000), rng.uniform(-90, 90, 2000)])
    b = np.concatenate(
        [rng.permutation(size), rng.uniform(-3, 3, 4000), rng.uniform(-1, 1, 2000), rng.normal(size=2000)]
    )
    return a.astype(np.float32), b.astype(np.float32)


FUNCTIONS = sorted((table.UNARY - {"not"}) | {"mod", "pow", "atan2", "hypot", "div", "min", "max"})


def test_functions_are_accurate_everywhere() -> None:
    a, b = numbers(np.random.default_rng(0))
    got = Loaded(elementwise(*FUNCTIONS), {})([{"a": a, "b": b}])
    for op in FUNCTIONS:
        x, y = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(all="ignore"):
            exact = NUMPY[op](x) if op in table.UNARY else NUMPY[op](x, y)
            kept = np.isfinite(exact.astype(np.float32)) & (np.abs(exact) > 1e-37)
        np.testing.assert_allclose(got[op][0][kept], exact[kept], rtol=5e-7, err_msg=op)


def test_functions_at_the_edges() -> None:
    edges = np.array([0.0, 1, -1, np.inf, -np.inf, np.nan, 2.5, -2.5], np.float32)
    a, b = (v.ravel() for v in np.meshgrid(edges, edges))
    got = Loaded(elementwise(*FUNCTIONS), {})([{"a": a, "b": b}])
    for op in FUNCTIONS:
        with np.errstate(all="ignore"):
            wanted = NUMPY[op](a) if op in table.UNARY else NUMPY[op](a, b)
        kept = np.isnan(a) <= (op != "hypot")  # C's hypot of NaN and infinity is infinite, ours NaN
        kept &= np.isnan(b) <= (op != "hypot")
        np.testing.assert_allclose(got[op][0][kept], wanted[kept], rtol=1e-6, err_msg=op)


def test_integers_and_flags_are_exact() -> None:
    a, b = (make("input", name=n, type=Type("int", (PART,))) for n in "ab")
    flag = make("lt", a, b)
    outputs = {op: make(op, a, b) for op in ("add", "sub", "mul", "min", "max", "mod", "eq", "ne", "le", "gt", "ge")}
    outputs |= {op: make(op, a) for op in ("neg", "abs", "sign")}
    outputs |= {
        f"{op}_all": make(op, a, over=(PART,)) for op in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min")
    }
    outputs |= {op: make(op, flag, over=(PART,)) for op in ("reduce_any", "reduce_all")}
    outputs["and"] = make("and", flag, make("not", make("or", flag, make("ne", flag, make("eq", a, b)))))
    outputs["where"] = make("where", flag, flag, make("eq", a, b))
    outputs["trunc"] = make("cast", make("mul", make("cast", a), make("const", value=0.3)), type=Type("int", (PART,)))
    outputs["contract"] = make("contract", a, b, over=(PART,))
    module, rng = Module("integers", (a, b), outputs), np.random.default_rng(1)
    events = [{k: rng.integers(-9, 10, n) for k in "ab"} for n in (0, 1, 7, 20)]  # 0 divides too
    got = Loaded(module, {})(events, junk=0)
    with np.errstate(all="ignore"):
        expected = run(module, events, {})
    for name in outputs:
        for x, y in zip(got[name], expected[name], strict=True):
            np.testing.assert_array_equal(x, y.astype(float), err_msg=name)


def neighbours(short: str, k: int = 4) -> Module:
    xy, nbr = Dim("xy", 2), Dim("nbr", k)
    pos = make("input", name="pos", type=Type("real", (PART, xy)))
    idx = make("knn", pos, over=PART, coord=xy, nbr=nbr, short=short)
    return Module("knn", (pos,), {"idx": idx, "near": make("gather", make("iota", dim=PART), idx)})


@pytest.mark.parametrize("short", ["zero", "self"])
def test_neighbours_break_ties_by_index_and_never_invent_one(short: str) -> None:
    module, rng = neighbours(short), np.random.default_rng(2)
    # few distinct places: nearly every choice is a tie
    events = [{"pos": rng.integers(0, 3, (n, 2)).astype(float)} for n in (0, 1, 2, 4, 5, 17, 40)]
    expected = run(module, events, {})
    for extra in (0, 3):
        got = Loaded(Module("near", module.inputs, {"near": module.outputs["near"]}), {})(events, extra)
        for a, b in zip(got["near"], expected["near"], strict=True):
            np.testing.assert_array_equal(a, b)


def test_infinitely_far_is_nearer_than_padding_and_oneself() -> None:
    module = neighbours("zero", k=2)
    events = [{"pos": np.array([[0, 0], [3e30, 0], [-3e30, 1]])}]
    near = Loaded(Module("near", module.inputs, {"near": module.outputs["near"]}), {})(events, extra=4)["near"][0]
    assert [sorted(row) for row in near] == [[1, 2], [0, 2], [0, 1]]


def test_what_is_infinite_at_padding_reaches_no_result() -> None:
    """Inputs are 0 there: 1 / x and log(x) are infinite, and so what is computed from them is NaN."""
    xy, win, nbr = Dim("xy", 2), Dim("win", 3), Dim("nbr", 2)
    x = make("input", name="x", type=Type("real", (PART, xy)))
    one = make("const", value=1.0)
    far, near = make("div", one, x), make("log", x)
    outputs = {f"{op}_{name}": make(op, value, over=(PART,)) for name, value in (("far", far), ("near", near))
               for op in ("reduce_sum", "reduce_prod", "reduce_mean", "reduce_max", "reduce_min")}  # fmt: skip
    outputs |= {"left": make("contract", far, x, over=(PART,)), "right": make("contract", x, near, over=(PART,))}
    outputs["both"] = make("contract", far, near, over=(PART, xy))
    outputs["pairs"] = make("contract", far, make("rename", near, src=PART, dst=PART.prime()), over=(xy,))
    outputs["window"] = make("window", far, dim=PART, win=win, stride=1, pad=1, dst=PART)
    outputs["gather"] = make("gather", far, make("knn", far, over=PART, coord=xy, nbr=nbr, short="self"))
    module, rng = Module("m", (x,), outputs), np.random.default_rng(4)
    events = [{"x": rng.uniform(0.5, 2, (n, 2))} for n in (0, 1, 2, 5, 40)]
    for extra in (0, 2):
        assert difference(Loaded(module, {})(events, extra), run(module, events, {})) < 1e-5


def test_an_event_does_not_see_its_neighbours_in_the_batch() -> None:
    module = seeded_module(12, 20)
    rng = np.random.default_rng(3)
    weights = random_weights(module, rng)
    events = random_events(module, rng, 70)
    loaded = Loaded(module, weights)
    together = loaded(events)
    for i in (0, 1, 35, 69):
        alone = loaded([events[i]], extra=1)
        for name, values in together.items():
            np.testing.assert_allclose(alone[name][0], values[i], rtol=1e-6, atol=1e-6)


def test_circuits_are_refused() -> None:
    with pytest.raises(OnnxError, match="a circuit"):
        lower(module_of("quantum", "fidelity_kernel"), {})


def test_names_that_collide_are_refused_or_avoided() -> None:
    x: Node = make("input", name="n_part", type=Type("real", (PART,)))
    assert lower(Module("m", (x,), {"y": make("neg", x)}), {}).counts == {"part": "n_part_"}
    many = Dim("batch", bound=9)
    both = Loaded(Module("m", (x := make("input", name="x", type=Type("real", (many,))),), {"y": make("neg", x)}), {})
    assert both.session.get_inputs()[0].shape == ["batch", "batch_"]
    np.testing.assert_array_equal(both([{"x": [1.0, 2, 3]}])["y"][0], [-1, -2, -3])
    x = make("input", name="n_part", type=Type("real", (PART,)))
    with pytest.raises(OnnxError, match="`n_part`"):
        lower(Module("m", (x,), {"n_part": make("neg", x)}), {})


def test_neighbours_on_a_grid_are_not_for_rounding_to_decide() -> None:
    module, events = grid_neighbours()
    for a, b in zip(Loaded(module, {})(events)["near"], run(module, events, {})["near"], strict=True):
        np.testing.assert_array_equal(a, b)
