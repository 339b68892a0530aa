# SPDX-License-Identifier: Apache-2.0
"""Operations that choose, order and join the entries of dims, in the reference, against plain loops."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import VerifyError, verify
from hepq.core.types import Dim, Type

JET, LEPTON, XY = Dim("jet", bound=9), Dim("lepton", bound=5), Dim("xy", 2)
GOOD = Dim("good", bound=9)
NAN = math.nan


def source(name: str, *dims: Dim, elem: Any = "real", into: Dim | None = None) -> Node:
    return make("input", name=name, type=Type(elem, dims, into=into))


def value_of(output: Node, **inputs: Any) -> Any:
    leaves = tuple(n for n in Module("m", (), {"y": output}).walk() if n.op == "input")
    module = Module("m", leaves, {"y": output})
    verify(module)
    return run_event(module, {k: np.asarray(v) for k, v in inputs.items()}, {})["y"]


def test_filter_keeps_entries_in_order_and_no_more_than_the_bound() -> None:
    mask = source("mask", JET, elem="bool")
    assert list(value_of(make("filter", mask, dim=JET, dst=GOOD), mask=[1, 0, 1, 1])) == [0, 2, 3]
    two = Dim("good", bound=2)
    assert list(value_of(make("filter", mask, dim=JET, dst=two), mask=[0, 1, 1, 1])) == [1, 2]
    assert value_of(make("filter", mask, dim=JET, dst=GOOD), mask=np.zeros(0, bool)).shape == (0,)


def test_values_follow_their_entries_to_a_chosen_dim() -> None:
    pt = source("pt", JET)
    rows = make("filter", make("gt", pt, make("const", value=2.0)), dim=JET, dst=GOOD)
    assert list(value_of(make("gather", pt, rows), pt=[1.0, 3.0, 2.0, 5.0])) == [3.0, 5.0]
    assert value_of(make("reduce_sum", make("gather", pt, rows), over=(GOOD,)), pt=[1.0]) == 0.0


@pytest.mark.parametrize(("down", "order"), [(False, [5, 2, 0, 3, 4, 1]), (True, [4, 0, 3, 2, 5, 1])])
def test_argsort_keeps_ties_in_order_and_puts_nan_last(down: bool, order: list[int]) -> None:
    key = source("key", JET)
    node = make("argsort", key, dim=JET, dst=JET, descending=(down,))
    assert list(value_of(node, key=[1.0, NAN, -0.0, 1.0, math.inf, -math.inf])) == order


def test_zeros_of_either_sign_are_ties() -> None:
    node = make("argsort", source("key", JET), dim=JET, dst=JET, descending=(True,))
    assert list(value_of(node, key=[-0.0, 0.0, -0.0])) == [0, 1, 2]


def test_argsort_by_several_keys() -> None:
    a, b = source("a", JET, elem="int"), source("b", JET)
    node = make("argsort", a, b, dim=JET, dst=JET, descending=(True, False))
    assert list(value_of(node, a=[1, 2, 2, 1], b=[3.0, 9.0, 4.0, 3.0])) == [2, 1, 0, 3]


def test_argsort_of_columns_into_a_static_dim() -> None:
    x = source("x", JET, XY)
    node = make("argsort", x, dim=JET, dst=Dim("3", 3), descending=(True,))
    out = value_of(node, x=[[1.0, 5.0], [2.0, 4.0]])
    np.testing.assert_array_equal(out, [[1, 0], [0, 1], [-1, -1]])


def test_the_best_few() -> None:
    best = Dim("best", bound=2)
    node = make("argsort", source("x", JET), dim=JET, dst=best, descending=(True,))
    assert list(value_of(node, x=[1.0, 3.0, 2.0])) == [1, 2]
    assert value_of(node, x=np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("n", range(6))
def test_combinations_are_those_of_itertools(n: int, k: int) -> None:
    node = make("combinations", source("x", JET), dim=JET, dst=Dim("c", bound=84), slot=Dim(str(k), k))
    out = value_of(node, x=np.zeros(n))
    assert out.shape == (math.comb(n, k), k)
    assert list(map(tuple, out)) == list(combinations(range(n), k))


def test_a_union_has_the_entries_of_each_dim_in_turn() -> None:
    both = Dim("both", bound=14)
    parts = [
        make("unite", source("x", JET), source("y", LEPTON), dims=(JET, LEPTON), part=i, dst=both) for i in range(2)
    ]
    assert list(value_of(parts[0], x=np.zeros(2), y=np.zeros(3))) == [0, 1, -1, -1, -1]
    assert list(value_of(parts[1], x=np.zeros(2), y=np.zeros(3))) == [-1, -1, 0, 1, 2]


def test_numbers_become_indices_where_there_is_such_an_entry() -> None:
    node = make("number", source("i", LEPTON, elem="int"), source("x", JET), dim=JET)
    assert list(value_of(node, i=[0, 2, 3, -1, -7], x=np.zeros(3))) == [0, 2, -1, -1, -1]


def test_an_index_of_nothing_stays_one_through_gather() -> None:
    first, second = source("i", LEPTON, elem="index", into=JET), source("j", XY, elem="index", into=LEPTON)
    assert list(value_of(make("gather", first, second), i=[3, -1], j=[-1, 0])) == [-1, 3]
    assert list(value_of(make("gather", first, second), i=[3, -1], j=[1, 0])) == [-1, 3]


def test_cumsum() -> None:
    node = make("cumsum", source("x", JET, XY), over=JET)
    np.testing.assert_array_equal(value_of(node, x=[[1, 2], [3, 4], [5, 6]]), [[1, 2], [4, 6], [9, 12]])


@pytest.mark.parametrize(("op", "out"), [("sum", [4.0, 0.0, 2.0]), ("max", [3.0, 0.0, 2.0]), ("min", [1.0, 0.0, 2.0])])
def test_segments(op: str, out: list[float]) -> None:
    idx = source("i", LEPTON, elem="index", into=JET)
    node = make(f"segment_{op}", source("x", LEPTON), idx)
    jets = make("add", node, source("z", JET))
    assert list(value_of(jets, x=[1.0, 2.0, 3.0, 9.0], i=[0, 2, 0, -1], z=np.zeros(3))) == out


def test_segments_of_negative_and_of_no_number() -> None:
    idx, zero = source("i", LEPTON, elem="index", into=JET), source("z", JET)
    largest = make("add", make("segment_max", source("x", LEPTON), idx), zero)
    assert list(value_of(largest, x=[-1.0, -2.0], i=[0, 0], z=[0.0])) == [-1.0]
    np.testing.assert_array_equal(value_of(largest, x=[NAN, 2.0], i=[0, 0], z=[0.0]), [NAN])
    np.testing.assert_array_equal(value_of(largest, x=[2.0, NAN], i=[0, 0], z=[0.0]), [NAN])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: make("filter", source("m", JET, XY, elem="bool"), dim=JET, dst=GOOD),
        lambda: make("filter", source("m", JET, elem="bool"), dim=JET, dst=Dim("good", bound=10)),
        lambda: make("filter", source("m", JET, elem="bool"), dim=JET, dst=JET),
        lambda: make("argsort", source("k", JET), dim=JET, dst=JET, descending=()),
        lambda: make("argsort", source("k", LEPTON), dim=JET, dst=JET, descending=(True,)),
        lambda: make("combinations", source("x", JET), dim=JET, dst=XY, slot=XY),
        lambda: make("unite", source("x", JET), source("x", JET), dims=(JET, JET), part=2, dst=GOOD),
        lambda: make("number", source("x", LEPTON), source("y", JET), dim=JET),
        lambda: make("cumsum", source("x", JET), over=XY),
        lambda: make("segment_sum", source("x", JET), source("i", LEPTON, elem="index", into=JET)),
    ],
)
def test_what_makes_no_sense(wrong: Any) -> None:
    with pytest.raises(RuleError):
        wrong()


def test_a_dim_that_the_event_makes_is_neither_an_inputs_nor_counted_without_its_rows() -> None:
    pt = source("pt", JET)
    mask = make("gt", pt, make("const", value=0.0))
    other = source("l", LEPTON)
    with pytest.raises(VerifyError, match="which inputs have"):
        verify(Module("m", (pt, other), {"y": make("filter", mask, dim=JET, dst=LEPTON)}))
    rows = make("gather", pt, make("filter", mask, dim=JET, dst=GOOD))
    with pytest.raises(VerifyError, match="is made in the event"):
        verify(Module("m", (pt,), {"y": rows, "n": make("count", dim=GOOD)}))
