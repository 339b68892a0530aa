# SPDX-License-Identifier: Apache-2.0
"""Dims made in the event, order, combinations and sums by an index, in every back end against the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.lists import with_lists
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import verify
from hepq.compiler.lower.cpu.prepare import LoweringError
from hepq.compiler.lower.onnx import OnnxError, lower
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.core.types import Dim, Type
from tests.support.cuda.cuda_call import Loaded as OnGpu
from tests.support.generate import ODD, random_events
from tests.support.ort_call import Loaded
from tests.support.tvm_call import Compiled

JET, LEPTON, XY, TWO = Dim("jet", bound=9), Dim("lepton", bound=5), Dim("xy", 2), Dim("2", 2)
GOOD, BEST, PAIR, BOTH = Dim("good", bound=7), Dim("best", bound=3), Dim("pair", bound=30), Dim("both", bound=12)
Events = Sequence[Mapping[str, Any]]


def source(name: str, *dims: Dim, elem: Any = "real") -> Node:
    return make("input", name=name, type=Type(elem, dims))


PT, X, L, AT = source("pt", JET), source("x", JET, XY), source("l", LEPTON, XY), source("at", LEPTON, elem="int")


def chosen() -> Module:
    """Each operation, and each upon dims that another has made."""
    good = make("filter", make("gt", PT, make("const", value=0.0)), dim=JET, dst=GOOD)
    pt, x = make("gather", PT, good), make("gather", X, good)
    best = make("argsort", pt, dim=GOOD, dst=BEST, descending=(True,))
    pairs = make("combinations", pt, dim=GOOD, dst=PAIR, slot=TWO)
    number = make("number", AT, pt, dim=GOOD)
    parts = [make("unite", PT, AT, dims=(JET, LEPTON), part=i, dst=BOTH) for i in range(2)]
    by_two = make("argsort", make("pick", X, dim=XY, index=0), PT, dim=JET, dst=JET, descending=(True, False))
    column = make("argsort", X, dim=JET, dst=Dim("3", 3), descending=(False,))
    made = {
        "good": pt,
        "best": make("gather", x, best),
        "first": make("gather", PT, make("gather", good, best)),
        "pairs": make("reduce_sum", make("gather", x, pairs), over=(TWO,)),
        "both": make("add", make("gather", X, parts[0]), make("gather", L, parts[1])),
        "ordered": make("gather", X, by_two),
        "column": make("gather", PT, column),
        "running": make("cumsum", x, over=GOOD),
        "across": make("cumsum", X, over=XY),
        "number": make("cast", number, type=Type("int", (LEPTON,))),
        "back": make("add", make("segment_sum", pt, good), PT),
        **{f"of {op}": make(f"segment_{op}", L, number) for op in ("sum", "max", "min")},
    }
    module = with_lists(Module("rows", (PT, X, L, AT), made))
    verify(module)
    return module


def events_of(module: Module, odd: bool) -> Events:
    return random_events(module, np.random.default_rng(0), 30, ODD if odd else ())


def same(found: Mapping[str, Sequence[Any]], wanted: Mapping[str, Sequence[Any]]) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        for i, (got, value) in enumerate(zip(found[name], values, strict=True)):
            np.testing.assert_allclose(np.asarray(got, float), value.astype(float), 1e-6, 1e-6, err_msg=f"{name}, {i}")


def by_torch(module: Module, events: Events) -> dict[str, list[Any]]:
    inputs, counts = pad_events(events, module, torch.float64)
    made = to_torch(module, {}).double()(inputs, counts)
    inside = {name: [slice(int(n)) for n in each] for name, each in counts.items()}
    return {
        name: [
            made[name][i][tuple(inside[d.name][i] if d.ragged else slice(None) for d in node.type.dims)].numpy()
            for i in range(len(events))
        ]
        for name, node in module.outputs.items()
    }


@pytest.mark.parametrize("odd", [False, True], ids=["tame", "NaN and infinity"])
def test_every_back_end_agrees(odd: bool) -> None:
    module = chosen()
    events = events_of(module, odd)
    wanted = run(module, events, {})
    same(run(run_pipeline(INFERENCE, module, {}, verify_each=True)[0], events, {}), wanted)
    same(by_torch(module, events), wanted)
    same(Compiled(module, {})(events), wanted)
    same(OnGpu(module, {})(events), wanted)
    loaded = Loaded(module, {})
    same(loaded(events, extra=4), wanted)
    for i, event in enumerate(events[:3]):
        same(loaded([event]), {name: values[i : i + 1] for name, values in wanted.items()})


def test_entries_of_fixed_dims_are_chosen_by_values_and_by_weights() -> None:
    """What weights choose is no weight: it has as many entries as are chosen."""
    five, kept, some = Dim("five", 5), Dim("kept", bound=5), Dim("some", bound=5)
    x, s, zero = source("x", five, XY), source("s", five), make("const", value=0.0)
    w = make("param", path="w", init=("normal", 0.0, 1.0), trainable=True, type=Type("real", (five,)))
    near = make("knn", x, over=five, coord=XY, nbr=TWO, short="zero")
    order = make("argsort", w, dim=five, dst=five, descending=(True,))
    by_weight, by_value = (make("filter", make("gt", v, zero), dim=five, dst=dst) for v, dst in ((w, kept), (s, some)))
    made = {
        "around": make("segment_sum", make("gather", x, near), near),
        "ordered": make("add", make("gather", s, order), make("gather", w, order)),
        "kept": make("gather", s, by_weight),
        "weights": make("gather", w, by_weight),
        "some": make("gather", x, by_value),
    }
    module, rng = with_lists(Module("fixed", (x, s), made)), np.random.default_rng(0)
    weights = {"w": rng.normal(size=5)}
    events = [{"x": rng.normal(size=(5, 2)), "s": rng.normal(size=5)} for _ in range(6)]
    wanted = run(module, events, weights)
    optimised, folded = run_pipeline(INFERENCE, module, weights, verify_each=True)
    same(run(optimised, events, folded), wanted)
    same(Compiled(optimised, folded)(events), wanted)
    same(OnGpu(optimised, folded)(events), wanted)
    same(Loaded(optimised, folded)(events), wanted)
    model = to_torch(module, weights).double()
    for _ in range(3):  # what torch does for the same sizes may be recorded
        found = model(*pad_events(events, module, torch.float64))
        same({name: value.detach().numpy() for name, value in found.items()}, wanted)


@pytest.mark.parametrize("descending", [False, True])
def test_long_sorts_keep_ties(descending: bool) -> None:
    many = Dim("hit", bound=3000)
    x, y = source("x", many), source("y", many)
    order = make("argsort", x, dim=many, dst=many, descending=(descending,))
    module = Module("m", (x, y), {"z": make("gather", y, order)})
    rng = np.random.default_rng(0)
    events = []
    for n in (0, 1, 2, 3, 100, 1023, 1024, 1025, 3000):
        key = rng.integers(-20, 20, n) / 4
        key[rng.random(n) < 0.1] = -0.0
        key[rng.random(n) < 0.1] = np.nan
        events.append({"x": key, "y": np.arange(float(n))})
    wanted = run(module, events, {})
    same(Compiled(module, {})(events), wanted)
    same(OnGpu(module, {})(events), wanted)
    same(by_torch(module, events), wanted)
    same(Loaded(module, {})(events[:6]), {name: values[:6] for name, values in wanted.items()})


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_combinations_up_to_the_bound(k: int) -> None:
    slot, few = Dim(str(k), k), Dim("set", bound=20)
    sets = make("combinations", PT, dim=JET, dst=few, slot=slot)
    module = with_lists(Module("m", (PT,), {"y": make("gather", PT, sets)}))
    events = [{"pt": np.arange(float(n)) + 1} for n in range(10)]
    wanted = run(module, events, {})
    for made in (by_torch(module, events), *(on(module, {})(events) for on in (Compiled, OnGpu, Loaded))):
        same(made, wanted)


def test_derivatives_reach_what_is_chosen_only() -> None:
    """Of dims that are made, at padding of any kind, and where nothing was chosen."""
    module = chosen()
    events = events_of(module, odd=False)
    inputs, counts = pad_events(events, module, torch.float64)
    for row, n in zip(inputs["pt"], counts["jet"].tolist(), strict=True):
        row[n:] = torch.nan
    inputs["pt"].requires_grad_()
    made = to_torch(module, {}).double()(inputs, counts)
    (made["good"].sum() + made["best"].sum() + made["of max"].sum()).backward()
    assert inputs["pt"].grad is not None
    for grad, event in zip(inputs["pt"].grad, events, strict=True):
        kept = np.flatnonzero(np.asarray(event["pt"]) > 0)[: GOOD.bound]
        wanted = np.zeros(len(grad))
        wanted[kept] = 1
        np.testing.assert_array_equal(grad, wanted)


def test_permuted_entries_give_the_same_lists() -> None:
    rng = np.random.default_rng(2)
    module = chosen()
    for n in (1, 4, 9):
        event = {
            "pt": rng.permutation(n) - 1.5, "x": rng.normal(size=(n, 2)), "l": np.zeros((2, 2)), "at": np.array([0, 1]),
        }  # fmt: skip
        order = rng.permutation(n)
        moved = {**event, "pt": event["pt"][order], "x": event["x"][order]}
        one, other = Compiled(module, {})([event, moved])["best"]
        np.testing.assert_array_equal(one, other)


def test_too_many_combinations_are_refused_with_their_memory() -> None:
    hit = Dim("hit", bound=1000)
    x = source("x", hit)
    sets = make("combinations", x, dim=hit, dst=Dim("set", bound=10**7), slot=TWO)
    module = Module("m", (x,), {"y": make("reduce_sum", make("gather", x, sets), over=(sets["dst"], TWO))})
    with pytest.raises(LoweringError, match=r"`set` of up to 10000000 entries, which takes .* MiB"):
        Compiled(module, {})


def test_an_output_over_a_made_dim_needs_room() -> None:
    rows = make("gather", PT, make("filter", make("gt", PT, make("const", value=0.0)), dim=JET, dst=GOOD))
    module = Module("m", (PT,), {"y": rows})
    with pytest.raises(LoweringError, match="output y is over dim good"):
        Compiled(module, {})
    with pytest.raises(OnnxError, match="`y`"):
        lower(module, {})
