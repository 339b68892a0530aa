# SPDX-License-Identifier: Apache-2.0
"""Where passes must stop: what looks like the case they are for, and is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.formulas import FLOOR
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import Pass
from hepq.compiler.passes.cse import MergeEqual
from hepq.compiler.passes.fold_batch_norm import FoldBatchNorm
from hepq.compiler.passes.fold_constants import FoldConstants
from hepq.compiler.passes.linear_gather import LinearGather
from hepq.compiler.passes.log_softmax import LogSoftmax
from hepq.compiler.passes.reassociate_bias import SinkBias
from hepq.core.types import Dim, Type
from tests.compiler.passes.test_passes import (
    CHAN,
    NBR,
    OUT,
    PART,
    POS,
    XY,
    W,
    X,
    const,
    module,
    norm,
    ops,
    param,
    same_results,
)

PLACE = Dim("place", 3)
S = make("input", name="s", type=Type("real", (PLACE, CHAN)))
ALWAYS = LinearGather(margin=float("inf"))
FLAT = make("stack", make("pick", POS, dim=XY, index=1), const(0.0), dim=XY)


def graph(pos: Node = POS, short: str = "zero") -> Node:
    return make("knn", pos, over=PART, coord=XY, nbr=NBR, short=short)


def pushed(y: Node, options: LinearGather = ALWAYS) -> Module:
    """With linear maps pushed up; the same results on events of unlike particles."""
    return same_results(module(y=y), (options,))


def mapped(x: Node, weight: Node = W, over: Dim = CHAN) -> Node:
    return make("contract", x, weight, over=(over,))


# --- linear maps


def both(a: Node, b: Node, weight: str = "w") -> Node:
    """A linear map of two values side by side."""
    dim = Dim("both", 16)
    return mapped(make("concat", a, b, along=(CHAN, CHAN), dim=dim), param(weight, OUT, dim), dim)


@pytest.mark.parametrize("other", [graph(FLAT), graph(short="self")], ids=["place", "padding"])
def test_one_value_through_two_graphs_is_two_terms(other: Node) -> None:
    after = pushed(both(make("gather", X, graph()), make("gather", X, other)))
    assert ops(after)["gather"] == 2
    assert ops(after)["contract"] == 2


def test_one_value_through_one_graph_twice_is_one_term() -> None:
    near = make("gather", X, graph())
    after = pushed(both(near, make("neg", near)))
    assert ops(after)["gather"] == 1
    assert ops(after)["contract"] == 1


def test_two_hops_are_not_one() -> None:
    """The same graphs, one after the other and each alone; the order in which they are followed matters."""
    far = Dim("far", 3)
    there, back = graph(), make("knn", FLAT, over=PART, coord=XY, nbr=far, short="self")
    once, twice = make("gather", X, there), make("gather", make("gather", X, there), back)
    other = make("gather", make("gather", X, back), there)
    y = make(
        "add",
        mapped(twice),
        make("add", mapped(other), mapped(once)),
        type=twice.type.with_dims(mapped(twice).type.dims),
    )
    assert ops(pushed(y))["gather"] == 5


def test_copies_under_two_names_are_two_terms() -> None:
    """x_j and x_k beside x_i: each pushed through a rename of its own."""
    first, second = (make("rename", X, src=PART, dst=PART.prime(n)) for n in (1, 2))
    after = pushed(both(first, second))
    assert ops(after)["contract"] == 2
    assert {n["dst"].key for n in after.walk() if n.op == "rename" and n["src"].key == PART.key} == {
        PART.prime(1).key,
        PART.prime(2).key,
    }


@pytest.mark.parametrize("dims", [(NBR,), (OUT, NBR), (NBR, CHAN), (OUT, NBR, CHAN)], ids=str)
def test_weights_over_neighbours_stay_behind_the_graph(dims: tuple[Dim, ...]) -> None:
    """Weights of a sum over neighbours, or of each neighbour's own map, have nothing to do with particles alone."""
    near, weight = make("gather", X, graph()), param("w", *dims)
    for over in (NBR, CHAN):
        if over in dims:
            y = mapped(near, weight, over)
            assert pushed(y).outputs["y"] is y


def test_weights_over_a_renamed_dim_stay_behind_the_rename() -> None:
    """Each channel's copy has its own weights: w[c'] x[c'] is no map of x[c] from before the rename."""
    copies = make("rename", X, src=CHAN, dst=CHAN.prime())
    x = make("mul", copies, X)
    y = make("contract", x, param("w", CHAN, CHAN.prime()), over=(CHAN,))
    pushed(y)


def static_event() -> list[dict[str, Any]]:
    return [{"s": np.random.default_rng(1).normal(size=(3, 8))}]


def test_a_rename_is_passed_only_where_weights_have_neither_name() -> None:
    for weight in (param("w", OUT, CHAN), param("w", PLACE, CHAN), param("w", PLACE.prime(), CHAN)):
        renamed = make("rename", S, src=PLACE, dst=PLACE.prime())
        y = mapped(renamed, weight)
        after = same_results(Module("m", (S,), {"y": y}), (ALWAYS,), static_event())
        assert (after.outputs["y"] is y) == (weight.type.dims[0].name == PLACE.name)


def test_a_map_over_a_renamed_dim_is_one_over_the_dim_before() -> None:
    edge = Dim("edge", 8)
    y = mapped(make("rename", make("gather", X, graph()), src=CHAN, dst=edge), param("w", OUT, edge), edge)
    assert [n.operands[0].op for n in pushed(y).walk() if n.op == "gather"] == ["contract"]


def test_a_sum_of_unequal_dims_is_not_pushed_through() -> None:
    """x + m with m of each particle: over the channel, m has none."""
    each = make("reduce_sum", X, over=(CHAN,))
    y = mapped(make("add", make("gather", X, graph()), each))
    pushed(y)
    assert pushed(mapped(make("sub", each, X))).outputs["y"].op == "contract"


def test_a_difference_keeps_its_sign_on_both_sides() -> None:
    near = make("gather", X, graph())
    for x in (make("sub", near, X), make("sub", X, near), make("neg", make("sub", X, near))):
        assert ops(pushed(mapped(x)))["sub"] == 0


def test_a_scale_of_other_dims_is_not_taken_into_the_weights() -> None:
    near = make("gather", X, graph())
    for scale in (param("s", NBR), param("s", NBR, CHAN), make("reduce_sum", X, over=(CHAN,)), X):
        pushed(mapped(make("mul", near, scale)))
        pushed(mapped(make("mul", scale, near)))
    outer = make("mul", make("reduce_sum", X, over=(CHAN,)), param("s", CHAN))
    y = mapped(outer)
    assert pushed(y).outputs["y"] is y


def test_scalars_and_channels_scale_weights_from_either_side() -> None:
    near = make("gather", X, graph())
    for scale in (const(3.0), param("s", CHAN)):
        for x in (make("mul", near, scale), make("mul", scale, near)):
            assert [n.operands[0].op for n in pushed(mapped(x)).walk() if n.op == "gather"] == ["contract"]


def test_parts_of_a_concatenation_take_their_own_slices_of_weights() -> None:
    three, dim = make("slice", X, dim=CHAN, start=2, dst=Dim("3", 3)), Dim("eleven", 11)
    joined = make("concat", three, make("gather", X, graph()), along=(Dim("3", 3), CHAN), dim=dim)
    after = pushed(mapped(joined, param("w", OUT, dim), dim))
    assert sorted(
        (n["start"], n["dst"].size) for n in after.walk() if n.op == "slice" and n.operands[0].op == "param"
    ) == [
        (0, 3),
        (3, 8),
    ]


def test_a_concatenation_along_another_dim_is_left_alone() -> None:
    dim = Dim("two", 6)
    wide = make("concat", S, make("neg", S), along=(PLACE, PLACE), dim=dim)
    y = mapped(wide)
    after = same_results(Module("m", (S,), {"y": y}), (ALWAYS,), static_event())
    assert after.outputs["y"] is y


@pytest.mark.parametrize("over", [(), (CHAN, NBR)], ids=["none", "two"])
def test_only_sums_over_one_dim_are_linear_maps_here(over: tuple[Dim, ...]) -> None:
    y = make("contract", make("gather", X, graph()), param("w", NBR, CHAN), over=over)
    assert pushed(y).outputs["y"] is y


def test_products_of_values_and_of_weights_are_not_linear_maps() -> None:
    near = make("gather", X, graph())
    y = make("contract", near, X, over=(CHAN,))
    assert pushed(y).outputs["y"] is y
    y = make("contract", make("add", W, param("v", OUT, CHAN)), param("u", OUT, CHAN), over=(CHAN,))
    assert pushed(y).outputs["y"] is y


@pytest.mark.parametrize(("entries", "taken"), [(16, 16), (64, 64), (1000, 64)])
def test_the_limit_of_a_rewrite_is_less_work_than_before(entries: int, taken: int) -> None:
    """Sums of pairs with 8 channels to 7: a rewrite that costs exactly as much as allowed is not made."""
    out = Dim("seven", 7)
    pairs = make("add", X, make("rename", X, src=PART, dst=PART.prime()))
    y = mapped(pairs, param("w", out, CHAN))
    before = taken**2 * 8 * 7 + taken**2 * 8
    after = 2 * taken * 8 * 7 + taken**2 * 7
    for margin, kept in ((after / before, True), (after / before + 2**-12, False)):
        assert (pushed(y, LinearGather(entries, margin)).outputs["y"] is y) == kept


def test_a_gather_that_others_need_is_no_saving() -> None:
    """One neighbour of each particle: the map costs the same after as before, and the gather is kept for z."""
    idx = make("knn", POS, over=PART, coord=XY, nbr=Dim("nbr", 1), short="zero")
    near = make("gather", X, idx)
    y = mapped(near)
    after = same_results(module(y=y, z=near), (LinearGather(),))
    assert after.outputs["y"] is y
    assert ops(same_results(module(y=mapped(make("neg", near)), z=near), (LinearGather(),)))["gather"] == 1


# --- the other passes


def test_only_operands_of_symmetric_operations_may_be_swapped() -> None:
    a, b = make("sin", X), make("cos", X)
    for op in ("sub", "div", "atan2", "pow", "lt", "le"):
        first, second = (make(op, make("abs", p), make("abs", q)) for p, q in ((a, b), (b, a)))
        assert ops(same_results(module(y=first, z=second), (MergeEqual(),)))[op] == 2, op
    for op in ("add", "mul", "min", "max", "hypot", "eq", "ne"):
        first, second = make(op, a, b), make(op, b, a)
        assert ops(same_results(module(y=first, z=second), (MergeEqual(),)))[op] == 1, op


def test_nodes_that_differ_in_an_attribute_or_a_type_stay_apart() -> None:
    first, second = (make("pick", X, dim=CHAN, index=i) for i in (2, 3))
    assert ops(same_results(module(y=first, z=second), (MergeEqual(),)))["pick"] == 2
    sums = [make("add", X, param("b", OUT), type=Type("real", dims)) for dims in ((PART, CHAN, OUT), (PART, OUT, CHAN))]
    assert ops(same_results(module(y=sums[0], z=sums[1]), (MergeEqual(),)))["add"] == 2


FOLD = (FoldBatchNorm(),)


def test_a_norm_over_a_dim_that_weights_lack_stays_behind_the_map() -> None:
    """Weights over [out], summed over the channel: a statistic of each particle's place is not theirs."""
    y = norm(make("contract", S, param("w", CHAN, OUT), over=(CHAN,)), PLACE)
    after = same_results(Module("m", (S,), {"y": y}), FOLD, static_event())
    assert ops(after)["contract"] == 1
    assert next(n for n in after.walk() if n.op == "contract").operands[1].op == "param"


def test_a_norm_takes_no_bias_that_has_other_dims_than_the_sum() -> None:
    """(x + b) where x lacks the channel: the scale cannot go into x."""
    each = make("reduce_sum", X, over=(CHAN,))
    for y in (make("add", each, param("c", CHAN)), make("add", param("c", CHAN), each)):
        same_results(module(y=norm(y, CHAN)), FOLD)


@pytest.mark.parametrize("kind", ["add", "rename", "contract"])
def test_a_norm_leaves_alone_what_others_read(kind: str) -> None:
    y = mapped(X)
    if kind == "add":
        y = make("add", y, param("c", OUT))
    elif kind == "rename":
        y = make("rename", y, src=OUT, dst=Dim("other", 8))
    channel = y.type.dims[-1]
    after = same_results(module(y=norm(y, channel), z=y), FOLD)
    assert after.outputs["z"] is y


def test_a_rename_of_another_dim_keeps_the_channel_of_a_norm() -> None:
    y = make("rename", mapped(X), src=PART, dst=PART.prime())
    after = same_results(module(y=norm(y, OUT)), FOLD)
    assert after.outputs["y"].op == "rename"


def test_only_neutral_elements_are_dropped_and_only_on_their_side() -> None:
    for op, value, side, gone in [
        ("add", 0.0, 0, True), ("add", 0.0, 1, True), ("add", 1.0, 1, False),
        ("sub", 0.0, 1, True), ("sub", 0.0, 0, False), ("sub", 1.0, 1, False),
        ("mul", 1.0, 0, True), ("mul", 1.0, 1, True), ("mul", 0.0, 1, False),
        ("div", 1.0, 1, True), ("div", 1.0, 0, False), ("div", 2.0, 1, False),
        ("pow", 1.0, 1, True), ("pow", 1.0, 0, False), ("pow", 0.0, 1, False),
    ]:  # fmt: skip
        x = make("add", make("abs", X), const(0.5))
        operands = (const(value), x) if side == 0 else (x, const(value))
        y = make(op, *operands)
        after = same_results(module(y=y), (FoldConstants(),))
        assert (after.outputs["y"] == x) == gone, (op, value, side)


def test_casts_that_change_the_kind_of_number_are_kept() -> None:
    whole = make("cast", X, type=Type("int", X.type.dims))
    after = same_results(module(y=make("cast", whole, type=X.type)), (FoldConstants(),))
    assert ops(after)["cast"] == 2


def test_a_rename_meets_only_a_rename_of_the_same_dim() -> None:
    there = make("rename", X, src=PART, dst=PART.prime())
    other = make("rename", there, src=CHAN, dst=CHAN.prime())
    assert ops(same_results(module(y=other), (FoldConstants(),)))["rename"] == 2
    onward = make("rename", there, src=PART.prime(), dst=PART.prime(2))
    assert ops(same_results(module(y=onward), (FoldConstants(),)))["rename"] == 1
    assert same_results(module(y=make("rename", X, src=CHAN, dst=CHAN)), (FoldConstants(),)).outputs["y"] is X
    back = make("rename", there, src=PART.prime(), dst=PART)
    assert same_results(module(y=back), (FoldConstants(),)).outputs["y"] is X


def test_an_entry_is_that_of_its_own_place_and_stack() -> None:
    pair, stacked = Dim("pair", 2), make("stack", X, make("neg", X), dim=Dim("pair", 2))
    after = same_results(module(y=make("pick", stacked, dim=pair, index=1)), (FoldConstants(),))
    assert after.outputs["y"].op == "neg"
    y = make("pick", stacked, dim=CHAN, index=1)
    assert ops(same_results(module(y=y), (FoldConstants(),))) == {"neg": 1, "stack": 1, "pick": 1}


def test_new_weights_have_names_of_their_own() -> None:
    outputs = {
        "y": make("mul", X, make("exp", param("s", CHAN))),
        "z": make("mul", X, make("tanh", param("s", CHAN))),
        "u": make("mul", X, make("exp", make("exp", param("s@1", CHAN)))),
    }
    rng = np.random.default_rng(0)
    weights = {p: rng.normal(size=8) for p in ("s", "s@1")}
    after = same_results(module(**outputs), (FoldConstants(),), weights=weights)
    assert len({n["path"] for n in after.walk() if n.op == "param"}) == 3


@pytest.mark.parametrize(
    ("floor", "gone"), [(FLOOR, True), (2 * FLOOR, False), (FLOOR / 2, True), (0.0, False), (-FLOOR, False)]
)
def test_a_floor_of_a_logarithm_goes_only_if_it_is_tiny_and_positive(floor: float, gone: bool) -> None:
    e = make("exp", make("sub", X, make("reduce_max", X, over=(CHAN,))))
    p = make("div", e, make("reduce_sum", e, over=(CHAN,)))
    after = same_results(module(y=make("log", make("max", p, const(floor)))), (LogSoftmax(),))
    assert (ops(after)["div"] == 0) == gone


def test_the_logarithm_of_another_quotient_is_left_alone() -> None:
    e = make("exp", X)
    for below in (make("reduce_sum", make("add", e, const(1.0)), over=(CHAN,)), make("reduce_max", e, over=(CHAN,))):
        y = make("log", make("div", e, below))
        assert same_results(module(y=y), (LogSoftmax(),)).outputs["y"] is y


SINK: tuple[Pass, ...] = (SinkBias(),)


def test_a_bias_goes_only_where_all_its_dims_are() -> None:
    each, near = make("reduce_sum", X, over=(CHAN,)), make("gather", X, graph())
    x = make("add", each, near)
    for bias, first in ((param("b", CHAN), False), (param("b", NBR), False), (const(2.0), True)):
        after = same_results(module(y=make("add", x, bias)), SINK)
        sums = [n for n in after.walk() if n.op == "add"]
        assert (len(sums[0].type.dims) == 1) == first


def test_a_bias_stays_behind_a_sum_that_others_read() -> None:
    x = make("add", make("reduce_sum", X, over=(CHAN,)), make("gather", X, graph()))
    y = make("add", x, const(2.0))
    after = same_results(module(y=y, z=x), SINK)
    assert after.outputs["y"] is y


def test_no_dim_is_smaller_than_itself() -> None:
    """Both parts of the sum have all of its dims: there is nowhere better to add the bias."""
    y = make("add", make("add", make("sin", X), make("cos", X)), param("b", CHAN))
    assert same_results(module(y=y), SINK).outputs["y"] is y
