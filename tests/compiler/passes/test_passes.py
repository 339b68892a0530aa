# SPDX-License-Identifier: Apache-2.0
"""Every pass keeps the reference's results, and does what it is for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import run, run_event
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.print import print_ir
from hepq.compiler.ir.verify import VerifyError
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.passes.base import Pass, run_pipeline
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.dce import DropUnused
from hepq.compiler.passes.fold_batch_norm import FoldBatchNorm
from hepq.compiler.passes.fold_constants import FoldConstants
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.passes.log_softmax import LogSoftmax
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.passes.reassociate_bias import SinkBias
from hepq.compiler.passes.remove_training import RemoveTraining
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.types import Dim, Type
from tests.support.generate import modules, random_events, random_weights
from tests.support.graphs import jets, particle_net

PIPELINES: dict[str, tuple[Pass, ...]] = {
    **{p.name: (p,) for p in INFERENCE},
    "linear-gather, whatever it costs": (LinearGather(margin=float("inf")), SinkBias()),
    "all": INFERENCE,
    "all twice": INFERENCE + INFERENCE,
}
PART, CHAN, XY = Dim("part", bound=64), Dim("chan", 8), Dim("xy", 2)
OUT, NBR = Dim("out", 8), Dim("nbr", 16)


def source(name: str, *dims: Dim) -> Node:
    return make("input", name=name, type=Type("real", dims))


def param(path: str, *dims: Dim) -> Node:
    return make("param", path=path, init=("normal", 0.0, 1.0), trainable=True, type=Type("real", dims))


def const(value: float) -> Node:
    return make("const", value=value)


X, POS, W = source("x", PART, CHAN), source("pos", PART, XY), param("w", OUT, CHAN)


def module(**outputs: Node) -> Module:
    return Module("m", (X, POS), outputs)


def ops(made: Module) -> Counter[str]:
    return Counter(n.op for n in made.walk() if n.op not in ("input", "param", "const"))


def same_results(before: Module, passes: tuple[Pass, ...], events: Any = None, weights: Any = None) -> Module:
    """The module after ``passes``, verified between them and compared with the reference to 1e-9."""
    rng = np.random.default_rng(0)
    weights = random_weights(before, rng) if weights is None else weights
    if events is None:
        sizes = (0, 1, 5)
        events = [{n["name"]: rng.normal(size=(k, n.type.dims[-1].size or 0)) for n in before.inputs} for k in sizes]
    after, new_weights = run_pipeline(passes, before, weights, verify_each=True)
    expected, got = run(before, events, weights), run(after, events, new_weights)
    for name in expected:
        for a, b in zip(expected[name], got[name], strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
    return after


@pytest.mark.parametrize("pipeline", PIPELINES)
@settings(max_examples=40, deadline=None)
@given(generated=modules(20), seed=st.integers(0, 2**31))
def test_results_are_kept_on_random_modules(pipeline: str, generated: Module, seed: int) -> None:
    rng = np.random.default_rng(seed)
    events, weights = random_events(generated, rng, 3), random_weights(generated, rng)
    same_results(generated, PIPELINES[pipeline], events, weights)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_results_are_kept_on_particle_net(pipeline: str) -> None:
    net, rng = particle_net(), np.random.default_rng(0)
    same_results(net, PIPELINES[pipeline], jets(rng, [0, 1, 2, 9, 16]), random_weights(net, rng))


# --- each pass does its work


def test_equal_nodes_merge_and_operands_of_sums_may_be_swapped() -> None:
    a, b = make("sin", X), make("sin", X)
    total = make("reduce_sum", param("v", CHAN, XY), over=(XY,))
    after = same_results(module(y=make("sub", make("add", a, total), make("add", total, b))), (MergeEqual(),))
    assert ops(after) == {"sin": 1, "reduce_sum": 1, "add": 1, "sub": 1}


def test_zeros_of_either_sign_stay_apart() -> None:
    y = make("sub", make("div", const(1.0), const(0.0)), make("div", const(1.0), const(-0.0)))
    after, _ = MergeEqual()(module(y=y), {})
    assert run(after, [{"x": np.zeros((0, 8)), "pos": np.zeros((0, 2))}], {})["y"][0] == np.inf


def test_dropouts_stay_apart_until_they_are_removed() -> None:
    y = make("sub", make("dropout", X, p=0.5), make("dropout", X, p=0.5))
    assert ops(MergeEqual()(module(y=y), {})[0])["dropout"] == 2
    assert ops(same_results(module(y=y), (RemoveTraining(),)))["dropout"] == 0


def test_what_does_nothing_is_dropped() -> None:
    y = make("mul", make("add", const(0.0), make("div", X, const(1.0))), const(1.0))
    y = make("cast", make("neg", make("neg", make("pow", y, const(1.0)))), type=y.type)
    there = make("rename", y, src=PART, dst=PART.prime())
    back = make("rename", make("rename", there, src=PART.prime(), dst=PART.prime(2)), src=PART.prime(2), dst=PART)
    turned = make("transpose", back, type=Type("real", (CHAN, PART)))
    again = make("transpose", turned, type=Type("real", (PART, CHAN)))
    assert not ops(same_results(module(y=again), (FoldConstants(),)))


def test_an_entry_of_a_stack_is_what_was_stacked() -> None:
    pair, scale = Dim("pair", 2), source("scale")
    stacked = make("stack", make("pick", X, dim=CHAN, index=0), scale, dim=pair)
    same, wider = (make("pick", stacked, dim=pair, index=i) for i in (0, 1))
    folded, _ = FoldConstants()(Module("m", (X, scale), {"same": same, "wider": wider}), {})
    assert folded.outputs["same"] is stacked.operands[0]
    assert folded.outputs["wider"].op == "pick"


def test_weights_alone_are_computed_once() -> None:
    scale = make("exp", make("mul", param("s", CHAN), const(2.0)))
    before = module(y=make("mul", X, scale), z=make("sqrt", const(2.0)))
    after = same_results(before, (FoldConstants(), DropUnused()))
    assert ops(after) == {"mul": 1}
    assert list(after.params) == ["s@1"]
    _, weights = run_pipeline((FoldConstants(), DropUnused()), before, {"s": np.ones(8, np.float32)})
    assert weights["s@1"].dtype == np.float32
    np.testing.assert_allclose(weights["s@1"], np.exp(2), rtol=1e-6)


def test_weights_that_are_not_given_are_not_folded() -> None:
    before = module(y=make("mul", X, make("exp", param("s", CHAN))))
    after, weights = FoldConstants()(before, {})
    assert ops(after)["exp"] == 1
    assert weights == {}


def test_unused_weights_are_dropped() -> None:
    _, weights = DropUnused()(module(y=make("contract", X, W, over=(CHAN,))), {"w": np.ones((8, 8)), "v": np.ones(3)})
    assert set(weights) == {"w"}


def stats(channel: Dim) -> list[Node]:
    return [param(name, channel) for name in ("bn.w", "bn.b", "bn.mean", "bn.var")]


def norm(x: Node, channel: Dim) -> Node:
    return make("batch_norm", x, *stats(channel), channel=channel, eps=1e-3, momentum=0.1)


FOLD_NORM = (FoldBatchNorm(), FoldConstants(), DropUnused())


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("flipped", [False, True])
def test_batch_norm_goes_into_the_linear_map_before_it(bias: bool, renamed: bool, flipped: bool) -> None:
    y = make("contract", *((W, X) if flipped else (X, W)), over=(CHAN,), type=Type("real", (PART, OUT)))
    y = make("add", y, param("b", OUT)) if bias else y
    channel = Dim("other", 8) if renamed else OUT
    y = make("rename", y, src=OUT, dst=channel) if renamed else y
    after = same_results(module(y=norm(y, channel)), FOLD_NORM)
    assert ops(after) == Counter(["contract", "add", *["rename"] * renamed])
    assert len(after.params) == 2


def test_batch_norm_without_a_linear_map_is_scale_and_shift() -> None:
    assert ops(same_results(module(y=norm(make("tanh", X), CHAN)), FOLD_NORM)) == {"tanh": 1, "mul": 1, "add": 1}


def test_batch_norm_leaves_a_map_alone_that_others_use() -> None:
    y = make("contract", X, W, over=(CHAN,))
    assert ops(same_results(module(y=norm(y, OUT), z=y), FOLD_NORM)) == {"contract": 1, "mul": 1, "add": 1}


def edges(short: str = "zero") -> tuple[Node, Node]:
    idx = make("knn", POS, over=PART, coord=XY, nbr=NBR, short=short)
    return idx, make("gather", X, idx)


@pytest.mark.parametrize("short", ["zero", "self"])
def test_an_edge_layer_is_computed_per_particle(short: str) -> None:
    _, near = edges(short)
    edge = make("concat", X, make("sub", near, X), along=(CHAN, CHAN), dim=Dim("edge", 16))
    before = module(y=make("contract", edge, param("w", OUT, Dim("edge", 16)), over=(Dim("edge", 16),)))
    after = same_results(before, (LinearGather(), FoldConstants(), DropUnused()))
    assert ops(after) == {"knn": 1, "contract": 2, "gather": 1, "add": 1}
    contractions = [n for n in after.walk() if n.op == "contract"]
    assert all(n.type.dim(NBR) is None for n in contractions)
    assert sum(n.type.dims[0].key == PART.key for n in contractions) == 2


def test_a_pair_layer_is_computed_per_particle() -> None:
    other = make("rename", X, src=PART, dst=PART.prime())
    pair = make("concat", X, other, along=(CHAN, CHAN), dim=Dim("pair", 16))
    before = module(y=make("contract", pair, param("w", OUT, Dim("pair", 16)), over=(Dim("pair", 16),)))
    after = same_results(before, (LinearGather(), FoldConstants()))
    assert ops(after) == {"contract": 2, "rename": 1, "add": 1}
    assert all(len(n.type.dims) == 2 for n in after.walk() if n.op == "contract")


def test_a_layer_as_wide_as_its_input_still_lines_up() -> None:
    """Anonymous channels: [part, 8] twice into 16, and 8 out again."""
    eight, sixteen = Dim("8", 8), Dim("16", 16)
    x = make("rename", X, src=CHAN, dst=eight)
    idx, _ = edges()
    edge = make("concat", x, make("gather", x, idx), along=(eight, eight), dim=sixteen)
    before = module(y=make("contract", edge, param("w", eight, sixteen), over=(sixteen,)))
    assert ops(same_results(before, (LinearGather(), FoldConstants())))["concat"] == 0


def test_channel_scales_are_taken_into_the_weights() -> None:
    _, near = edges()
    y = make("contract", make("mul", near, param("s", CHAN)), W, over=(CHAN,))
    after = same_results(module(y=y), (LinearGather(), FoldConstants()))
    assert ops(after) == {"knn": 1, "contract": 1, "gather": 1}


def test_a_rewrite_that_saves_no_work_is_not_made() -> None:
    """One neighbour each, and the gather is needed by another output anyway."""
    part = Dim("part", bound=2)
    x = source("x", part, CHAN)
    idx = make("knn", source("pos", part, XY), over=part, coord=XY, nbr=Dim("nbr", 1), short="zero")
    near = make("gather", x, idx)
    y = make("contract", near, W, over=(CHAN,))
    outputs = {"y": y, "near": near}
    before = Module("m", tuple(n for n in Module("m", (), outputs).walk() if n.op == "input"), outputs)
    after, _ = LinearGather()(before, {})
    assert after.outputs["y"] is y


def test_a_broadcast_under_a_gather_is_not_pushed_through() -> None:
    idx, _ = edges()
    shifted = make("gather", make("add", X, param("b", CHAN)), idx)
    y = make("contract", shifted, W, over=(CHAN,))
    after = same_results(module(y=y), (LinearGather(margin=float("inf")),))
    assert [n.operands[0].op for n in after.walk() if n.op == "gather"] == ["contract"]


def test_biases_meet_and_are_added_where_entries_are_fewest() -> None:
    _, near = edges()
    y = make("add", make("add", X, near), param("b", CHAN))
    y = make("add", make("tanh", y), make("add", param("c", CHAN), param("d", CHAN)))
    y = make("add", make("add", y, param("e", CHAN)), param("f", CHAN))
    after = same_results(module(y=y), (SinkBias(), FoldConstants()))
    added = [n for n in after.walk() if n.op == "add"]
    assert [len(n.type.dims) for n in added] == [2, 3, 3]


# --- the pipeline


def test_each_pass_is_reported_and_verified() -> None:
    seen: list[str] = []
    run_pipeline(INFERENCE, module(y=X), {}, on_pass=lambda one, made, seconds: seen.append(one.name))
    assert seen == [p.name for p in INFERENCE]
    broken = module(y=Node("exp", (X,), {}, Type("int", X.type.dims)))
    with pytest.raises(VerifyError):
        run_pipeline((), broken, {}, verify_each=True)


def test_inference_leaves_neither_training_ops_nor_edge_sized_concats() -> None:
    net = particle_net(bound=128, features=7, widths=(64, 128), k=16)
    after, weights = run_pipeline(INFERENCE, net, initial_weights(net), verify_each=True)
    assert not {"batch_norm", "dropout", "concat", "sub"} & set(ops(after))
    assert set(weights) == set(after.params)


def test_the_text_of_a_module() -> None:
    text = print_ir(module(y=make("contract", X, W, over=(CHAN,)), z=make("slice", X, dim=CHAN, start=2, dst=XY)))
    assert (
        text
        == """\
module m
  dim part <= 64
  %x = input : real[part, chan]
  %pos = input : real[part, xy]
  %0 = param w ~ normal(0.0, 1.0) : real[out, chan]
  %1 = contract %x, %0 over [chan=8] : real[part, out]
  %2 = slice %x dim chan=8 start 2 dst xy=2 : real[part, xy]
  output y = %1
  output z = %2
"""
    )


def test_the_logarithm_of_a_softmax_needs_no_quotient() -> None:
    """Equal where the reference does not round to 0; with a derivative also where it does."""
    cls = Dim("cls", 3)
    x = make("input", name="x", type=Type("real", (cls,)))
    e = make("exp", make("sub", x, make("reduce_max", x, over=(cls,))))
    p = make("div", e, make("reduce_sum", e, over=(cls,)))
    floored = make("log", make("max", p, make("const", value=1e-30)))
    module = Module("m", (x,), {"y": floored, "z": make("log", p)})
    changed, _ = LogSoftmax()(module, {})
    assert not {"div", "max"} & set(ops(changed))
    values = np.array([0.3, -1.2, 2.0])
    before, after = (run_event(m, {"x": values}, {}) for m in (module, changed))
    for name in before:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-12)
    far = torch.tensor([[0.0, 500.0, 0.0]], requires_grad=True)
    for m, moved in ((module, False), (changed, True)):
        (slope,) = torch.autograd.grad(to_torch(m, {})({"x": far})["y"][0, 0], far)
        assert bool(slope.abs().sum() > 0.5) == moved
    high = make("log", make("max", p, make("const", value=0.1)))
    assert "max" in ops(LogSoftmax()(Module("m", (x,), {"y": high}), {})[0])


@pytest.mark.parametrize(("hits", "pushed"), [(39, True), (40, False)])
def test_a_ragged_dim_is_taken_to_have_forty_entries(hits: int, pushed: bool) -> None:
    """Of hits that particles point at: mapped before they are looked up where they are fewer."""
    hit = Dim("hit", hits)
    x = source("x", hit, CHAN)
    idx = make("input", name="i", type=Type("index", (Dim("part", bound=100),), into=hit))
    y = make("contract", make("gather", x, idx), W, over=(CHAN,))
    after, _ = LinearGather()(Module("m", (x, idx), {"y": y}), {})
    (lookup,) = [n for n in after.walk() if n.op == "gather"]
    assert (lookup.operands[0] is not x) == pushed
