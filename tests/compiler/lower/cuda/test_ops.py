# SPDX-License-Identifier: Apache-2.0
"""Every op in CUDA C, run by the shim, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir import interpret
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cuda import LoweringError, lower
from hepq.core.types import Dim, Type
from tests.compiler.lower.cpu.test_ops import SEEDS, elementwise_events, elementwise_module, integer_module
from tests.support.cuda.cuda_call import Loaded
from tests.support.cuda.shim import SCHEDULES
from tests.support.flat import flat_outputs
from tests.support.generate import random_events, random_weights, seeded_module
from tests.support.graphs import grid_neighbours

#: float32 against float64, values of order one, up to 60 ops deep
TOLERANCE = 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_random_modules_whatever_the_order_of_threads(seed: int) -> None:
    module, rng = flat_outputs(seeded_module(seed, 60)), np.random.default_rng(seed)
    weights, events = random_weights(module, rng), random_events(module, rng, 6)
    loaded, expected = Loaded(module, weights), interpret.run(module, events, weights)
    first = loaded(events)
    for name, node in module.outputs.items():
        for a, b in zip(first[name], expected[name], strict=True):
            np.testing.assert_allclose(
                a.astype(float), b.astype(float), TOLERANCE, TOLERANCE, err_msg=f"{name}: {node.op} {node.type}"
            )
    for schedule in SCHEDULES[1:]:
        again = loaded(events, schedule)
        for name in module.outputs:
            for a, b in zip(again[name], first[name], strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{name}, schedule {schedule}")


def test_elementwise_functions_to_two_parts_in_a_million() -> None:
    module, events = elementwise_module(), elementwise_events()
    got, expected = Loaded(module, {})(events), interpret.run(module, events, {})
    for name in module.outputs:
        atol = 1e-5 if name == "mod" else 1e-7
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_allclose(a.astype(float), b.astype(float), 2e-6, atol, err_msg=name)


def test_integers_and_flags_are_exact() -> None:
    module, rng = integer_module(), np.random.default_rng(1)
    events = [{k: rng.integers(-9, 10, n) for k in "ab"} for n in (0, 1, 7, 20)]
    got, expected = Loaded(module, {})(events), interpret.run(module, events, {})
    for name in module.outputs:
        for x, y in zip(got[name], expected[name], strict=True):
            np.testing.assert_array_equal(x, y.astype(float), err_msg=name)


@pytest.mark.parametrize("number", [3_000_000_000, 2**53 + 1, 2**63 - 6, 6 - 2**63])
def test_constants_have_64_bits(number: int) -> None:
    n = make("input", name="n", type=Type("int"))
    rest = make("sub", make("const", value=number), n)
    module = Module("m", (n,), {"rest": make("cast", rest, type=Type("real"))})
    got = Loaded(module, {})([{"n": np.int64(d)} for d in (0, 3, -5)])["rest"]
    np.testing.assert_array_equal(np.ravel(got), np.array([number, number - 3, number + 5], np.float32))


@pytest.mark.parametrize("short", ["zero", "self"])
def test_neighbours_break_ties_by_index_and_never_invent_one(short: str) -> None:
    part, xy, k = Dim("part", bound=40), Dim("xy", 2), Dim("nbr", 4)
    pos = make("input", name="pos", type=Type("real", (part, xy)))
    moved = make("add", pos, make("const", value=0.0))  # as read, and computed: two formulas of the distance
    lists = [make("knn", p, over=part, coord=xy, nbr=k, short=short) for p in (pos, moved)]
    made = {str(i): make("cast", n, type=Type("int", n.type.dims)) for i, n in enumerate(lists)}
    module, rng = Module("knn", (pos,), made), np.random.default_rng(2)
    # few distinct places: nearly every choice is a tie
    events = [{"pos": rng.integers(0, 3, (n, 2)).astype(float)} for n in (0, 1, 2, 4, 5, 17, 40)]
    events[4]["pos"][2], events[5]["pos"][3], events[5]["pos"][9] = np.inf, np.nan, -np.inf
    got, expected = Loaded(module, {})(events), interpret.run(module, events, {})
    for name in module.outputs:
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_neighbours_on_a_grid_are_not_for_rounding_to_decide() -> None:
    module, events = grid_neighbours()
    exact = interpret.run(module, events, {})["near"]
    for a, b in zip(Loaded(module, {})(events)["near"], exact, strict=True):
        np.testing.assert_array_equal(a, b)


def test_kernels_that_differ_in_what_they_are_given_alone_are_one() -> None:
    part, feat = Dim("part", bound=5), Dim("feat", 3)
    x = make("input", name="x", type=Type("real", (part, feat)))
    y = x
    for layer in range(4):
        w = make(
            "param", path=f"w{layer}", init=("normal", 0, 1), trainable=True, type=Type("real", (feat, Dim("3", 3)))
        )
        y = make("rename", make("contract", y, w, over=(feat,)), src=Dim("3", 3), dst=feat)
    module, rng = Module("layers", (x,), {"y": y}), np.random.default_rng(0)
    weights = random_weights(module, rng)
    code = lower(module, weights)
    products = [launch.kernel for launch in code.table.launches[:-1]]
    assert len(products) == 4
    assert len(set(products)) == 1
    events = random_events(module, rng, 4)
    for a, b in zip(Loaded(module, weights, code=code)(events)["y"], interpret.run(module, events, weights)["y"],
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, 1e-5, 1e-5)


def test_what_the_calling_convention_lacks_is_refused() -> None:
    part, feat = Dim("part", bound=5), Dim("feat", 3)
    x = make("input", name="x", type=Type("real", (feat, part)))
    with pytest.raises(LoweringError, match="not its first"):
        lower(Module("m", (x,), {"y": x}), {})


def test_indices_that_events_bring() -> None:
    """They are handed over as floats."""
    part, hit, feat = Dim("part", bound=5), Dim("hit", bound=9), Dim("feat", 3)
    x = make("input", name="x", type=Type("real", (part, feat)))
    owner = make("input", name="owner", type=Type("index", (hit,), into=part))
    module = Module(
        "owned", (x, owner), {"y": make("gather", x, owner), "n": make("segment_sum", make("gather", x, owner), owner)}
    )
    rng = np.random.default_rng(0)
    events = [{"x": rng.normal(size=(n, 3)), "owner": rng.integers(-1, n, m)} for n, m in ((4, 9), (0, 3), (5, 0))]
    got, expected = Loaded(module, {})(events), interpret.run(module, events, {})
    for name in module.outputs:
        for a, b in zip(got[name], expected[name], strict=True):
            np.testing.assert_allclose(a, b, 1e-6, 1e-6)
