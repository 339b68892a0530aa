# SPDX-License-Identifier: Apache-2.0
"""FLOPs of small programs, counted by hand."""

from __future__ import annotations

import pytest

from hepq.compiler.ir.flops import flops, total, with_made
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.core.types import Dim, Elem, Type

PART, FEAT, OUT, NBR, XY = Dim("part", bound=20), Dim("feat", 3), Dim("out", 4), Dim("nbr", 2), Dim("xy", 2)
SIZES = {"part": 10}


def source(name: str, *dims: Dim, elem: Elem = "real") -> Node:
    return make("input", name=name, type=Type(elem, dims))


def param(path: str, *dims: Dim) -> Node:
    return make("param", path=path, init=("normal", 0.0, 1.0), trainable=True, type=Type("real", dims))


X, W, POS = source("x", PART, FEAT), param("w", OUT, FEAT), source("pos", PART, XY)


def test_a_dense_layer_and_a_mean() -> None:
    """10 × 4 sums of 3 products; 40 biases; 40 comparisons with 0; 4 sums of 10, and 4 divisions."""
    dense = make("add", make("contract", X, W, over=(FEAT,)), param("b", OUT))
    relu = make("max", dense, make("const", value=0.0))
    module = Module("m", (X,), {"y": make("reduce_mean", relu, over=(PART,))})
    assert total(module, SIZES) == 2 * 10 * 4 * 3 + 40 + 40 + 40 + 4
    assert total(module, {"part": 0}) == 4


def test_neighbours_and_edges() -> None:
    """Of 10 × 10 pairs a difference, a square and a sum for 2 coordinates; 10 × 2 × 3 differences; copies are free."""
    near = make("knn", POS, over=PART, coord=XY, nbr=NBR, short="zero")
    module = Module("m", (X, POS), {"y": make("sub", make("gather", X, near), X)})
    assert total(module, SIZES) == 3 * 10 * 10 * 2 + 10 * 2 * 3


def test_pairs() -> None:
    pair = make("mul", X, make("rename", X, src=PART, dst=PART.prime()))
    assert total(Module("m", (X,), {"y": make("reduce_sum", pair, over=(PART.prime(),))}), SIZES) == 2 * 10 * 10 * 3


def test_batch_norm_takes_the_root_once_a_channel() -> None:
    node = make("batch_norm", X, *(param(p, FEAT) for p in "wbmv"), channel=FEAT, eps=1e-5, momentum=0.1)
    assert flops(node, SIZES) == 4 * 30 + 2 * 3


@pytest.mark.parametrize(
    ("op", "counted"), [("add", 30), ("exp", 30), ("sqrt", 30), ("pow", 30), ("lt", 30), ("min", 30), ("neg", 30)]
)
def test_elementwise_is_one_each(op: str, counted: int) -> None:
    assert flops(make(op, *[X, X][: 1 if op in ("exp", "sqrt", "neg") else 2]), SIZES) == counted


def test_choices_copies_and_whole_numbers_are_free() -> None:
    n = source("n", PART, elem="int")
    holds = make("gt", n, make("const", value=1, type=Type("int")))
    nodes = [
        make("add", n, n), holds, make("not", holds), make("where", holds, X, X), make("cast", n, type=Type("real")),
        make("reduce_sum", n, over=(PART,)), make("reduce_any", holds, over=(PART,)),
        make("pick", X, dim=FEAT, index=0),
    ]  # fmt: skip
    assert [flops(node, SIZES) for node in nodes] == [0] * len(nodes)


def test_sums_by_entry_and_up_to_each() -> None:
    index = make("number", make("iota", dim=PART), X, dim=PART)
    assert flops(make("segment_sum", X, index), SIZES) == 30
    assert flops(make("cumsum", X, over=PART), SIZES) == 30


@pytest.mark.parametrize(("bound", "most"), [(100, 45), (40, 40)])
def test_made_dims_have_what_there_can_be(bound: int, most: int) -> None:
    """Pairs of 10 are 45, unless the bound is less; what was said of a dim stands."""
    pairs, slot = Dim("pairs", bound=bound), Dim("slot", 2)
    chosen = make("combinations", X, dim=PART, dst=pairs, slot=slot)
    mass = make("reduce_sum", make("gather", X, chosen), over=(slot,))
    module = Module("m", (X,), {"y": make("reduce_max", mass, over=(pairs,))})
    assert with_made(module, SIZES) == {"part": 10, "pairs": most}
    assert total(module, SIZES) == most * 2 * 3 + most * 3
    assert total(module, {"part": 10, "pairs": 7}) == 7 * 2 * 3 + 7 * 3


def test_a_cut_and_a_union_have_no_more_than_what_they_are_of() -> None:
    other, kept, both = Dim("other", bound=5), Dim("kept", bound=20), Dim("both", bound=25)
    holds = make("gt", make("pick", X, dim=FEAT, index=0), make("const", value=0.0))
    chosen = make("filter", holds, dim=PART, dst=kept)
    united = make("unite", X, source("z", other), dims=(PART, other), part=0, dst=both)
    module = Module("m", (), {"a": make("gather", X, chosen), "b": make("gather", X, united)})
    assert with_made(module, {"part": 10, "other": 4}) == {"part": 10, "other": 4, "kept": 10, "both": 14}
