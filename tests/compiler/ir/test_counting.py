# SPDX-License-Identifier: Apache-2.0
"""Bins are boost-histogram's; noise is the same bits for ever, uniform, and independent of its neighbours."""

from __future__ import annotations

import math
from typing import Any

import boost_histogram as bh
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hepq.compiler.ir import counting
from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module
from hepq.core import noise as generator
from hepq.core.axes import BinAxis
from hepq.core.types import Dim, Type

PART = Dim("part", bound=50)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32).map(float)
whole = st.integers(-(2**63), 2**63 - 1)


@st.composite
def regular(draw: st.DrawFn) -> BinAxis:
    low, high = sorted(draw(st.tuples(finite, finite).filter(lambda e: e[0] != e[1])))
    return BinAxis.regular(draw(st.integers(1, 200)), low, high)


@st.composite
def variable(draw: st.DrawFn) -> BinAxis:
    edges = draw(st.lists(st.floats(allow_nan=False), min_size=2, max_size=9, unique=True))
    return BinAxis.variable(tuple(sorted(edges)))


def near(axis: BinAxis) -> st.SearchStrategy[float]:
    """Edges and inner edges, what is next to them, and anything."""
    edges = list(axis.edges)
    if axis.kind == "regular":
        low, high = edges
        edges += [low + (high - low) * i / axis.bins for i in range(axis.bins)]
    there = [
        f(e)
        for e in edges
        for f in (float, lambda e: math.nextafter(e, math.inf), lambda e: math.nextafter(e, -math.inf))
    ]
    return st.sampled_from([*there, math.nan, math.inf, -math.inf, 5e-324, -5e-324, 0.0, -0.0]) | st.floats()


def peer(axis: BinAxis, x: Any) -> Any:
    """boost-histogram's cells of a histogram filled with x, one by one: underflow first."""
    made: Any
    if axis.kind == "regular":
        made = bh.axis.Regular(axis.bins, *axis.edges)
    else:
        made = bh.axis.Variable(axis.edges) if axis.kind == "variable" else bh.axis.Integer(*map(int, axis.edges))
    cells = []
    for one in np.asarray(x):
        filled = bh.Histogram(made)
        filled.fill(np.array([one]))
        cells.append(int(np.flatnonzero(filled.view(flow=True))[0]) - 1)
    return cells


@given(st.data(), regular() | variable())
def test_bins_of_real_numbers_are_those_of_boost_histogram(data: st.DataObject, axis: BinAxis) -> None:
    x = np.array(data.draw(st.lists(near(axis), min_size=1, max_size=20)))
    assert counting.bins(axis, x).tolist() == peer(axis, x)


@given(st.integers(-50, 50), st.integers(1, 30), st.data())
def test_bins_of_integer_axes(first: int, bins: int, data: st.DataObject) -> None:
    axis = BinAxis.integer(first, first + bins)
    x = np.array(data.draw(st.lists(st.integers(-100, 100), min_size=1, max_size=20)))
    assert counting.bins(axis, x).tolist() == peer(axis, x)
    real = np.array(data.draw(st.lists(near(axis), min_size=1, max_size=20)))
    expected = [bins if not v < first + bins else max(math.floor(v) - first, -1) if v > -1e9 else -1 for v in real]
    assert counting.bins(axis, real).tolist() == expected


@given(st.lists(whole | st.floats(allow_nan=False), min_size=2, max_size=9), st.data())
def test_whole_numbers_are_compared_exactly(given_edges: list[float], data: st.DataObject) -> None:
    edges = tuple(sorted(set(given_edges)))
    if len(edges) < 2:
        return
    axis = BinAxis.variable(edges)
    beside = [int(e) + d for e in edges if math.isfinite(e) for d in (-1, 0, 1)]
    close = st.sampled_from([v for v in beside if -(2**63) <= v < 2**63] or [0])
    x = np.array(data.draw(st.lists(close | whole, min_size=1, max_size=20)), np.int64)
    assert counting.bins(axis, x).tolist() == [sum(e <= int(v) for e in edges) - 1 for v in x]


def test_golden_keys_beyond_floats() -> None:
    assert float(2**62 + 1) == 2**62
    axis = BinAxis.variable((2**62, 2**62 + 1, 2**62 + 2))
    assert counting.bins(axis, np.array([2**62 - 1, 2**62, 2**62 + 1, 2**62 + 2])).tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize(
    ("kind", "edges", "bins", "why"),
    [
        ("regular", (1.0, 1.0), 3, "ascend"), ("regular", (0.0, 1.0), 0, "no bins"),
        ("regular", (0.0, math.inf), 3, "far apart"), ("regular", (-1e308, 1e308), 3, "far apart"),
        ("variable", (1.0, math.nan), 1, "number"), ("variable", (2.0, 1.0), 1, "ascend"),
        ("variable", (1.0,), 0, "no bins"), ("integer", (0, 3), 2, "one bin for each"),
        ("integer", (0.0, 3.0), 3, "whole"), ("integer", (0, 2**60), 2**60, "2\\^53"),
    ],
)  # fmt: skip
def test_axes_that_are_none(kind: Any, edges: tuple[float, ...], bins: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        BinAxis(kind, edges, bins)


def test_tables_give_zero_outside() -> None:
    assert counting.looked_up((1.5, 2.5), np.array([-1, 0, 1, 2, 2**62])).tolist() == [0, 1.5, 2.5, 0, 0]
    assert make("lookup", make("const", value=1), values=(1, 2)).type.elem == "int"
    assert make("lookup", make("const", value=1), values=(1, 2.0)).type.elem == "real"
    with pytest.raises(RuleError, match="wrong kind"):
        make("lookup", make("const", value=1), values=())


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_cut_flows_tell_the_first_cut_and_whether_it_alone_failed(holds: list[bool]) -> None:
    state = np.array(0)
    for j, held in enumerate(holds):
        state = counting.cut(j, state, np.array(held))
    failed = [j for j, held in enumerate(holds) if not held]
    assert int(state) == (0 if not failed else 2 * failed[0] + (1 if len(failed) == 1 else 2))


def test_noise_is_the_same_bits_everywhere() -> None:
    numbers = [generator.noise("smear", *at) for at in ((0, 0), (1, 0), (0, 1), (-1, 5), (2**63 - 1, -1))]
    assert [n.hex() for n in numbers] == [
        "0x1.59999f4fbb7a5p-1",
        "0x1.dd607b3385be4p-3",
        "0x1.d55b47522acdap-2",
        "0x1.dbb02e53300d7p-1",
        "0x1.25421556f1014p-3",
    ]
    keys, entries = np.array([0, 1, 0, -1, 2**63 - 1]), np.array([0, 0, 1, 5, -1])
    assert counting.noise("smear", keys, entries).tolist() == numbers


def test_noise_is_splitmix64() -> None:
    """The published first outputs for seed 1234567 (Vigna's splitmix64.c)."""
    drawn = [generator.mix((1234567 + (i + 1) * generator.GAMMA) % 2**64) for i in range(5)]
    assert drawn == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_noise_is_uniform_and_never_at_an_end() -> None:
    keys = np.arange(200_000)
    for drawn in (counting.noise("a", keys, np.array(0)), counting.noise("a", np.array(7), keys)):
        assert stats.kstest(drawn, "uniform").pvalue > 0.01
        assert stats.chisquare(np.bincount((drawn * 1000).astype(int), minlength=1000)).pvalue > 0.01
        assert drawn.min() > 0
        assert drawn.max() < 1
    largest = generator.STEP * (2**52 - 1 + 0.5)
    assert largest == math.nextafter(1, 0)


@pytest.mark.parametrize("shift", [1, 2, 64, 4096])
def test_neighbours_are_independent(shift: int) -> None:
    keys = np.arange(100_000)
    base = counting.noise("a", keys, np.array(0))
    others = {
        "key": counting.noise("a", keys + shift, np.array(0)), "entry": counting.noise("a", keys, np.array(shift)),
        "name": counting.noise(f"a{shift}", keys, np.array(0)),
    }  # fmt: skip
    for other in others.values():
        cells = np.histogram2d(base, other, bins=16, range=((0, 1), (0, 1)))[0]
        assert stats.chisquare(cells.ravel()).pvalue > 1e-3
        flips = (base * 2**52).astype(np.int64) ^ (other * 2**52).astype(np.int64)
        assert abs(np.bitwise_count(flips).mean() - 26) < 0.1


def test_in_modules_operands_are_aligned() -> None:
    key, entry = make("input", name="key", type=Type("int")), make("iota", dim=PART)
    pt = make("input", name="pt", type=Type("real", (PART,)))
    drawn = make("noise", key, entry, name="n")
    state = make("cut", make("const", value=0), make("gt", pt, make("const", value=1.0)), number=1)
    found = make("bin", pt, axis=BinAxis.variable((0.0, 1.0, 2.0)))
    module = Module("m", (key, pt), {"drawn": drawn, "state": state, "table": make("lookup", found, values=(3, 4))})
    values = evaluate(module, module.outputs.values(), {"key": np.array(5), "pt": np.array([0.5, 1.5, 9.0])}, {})
    assert values[drawn].tolist() == [generator.noise("n", 5, i) for i in range(3)]
    assert values[state].tolist() == [3, 0, 0]
    assert values[module.outputs["table"]].tolist() == [3, 4, 0]
