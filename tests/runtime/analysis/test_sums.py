# SPDX-License-Identifier: Apache-2.0
"""Exact sums, against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepq.runtime.analysis.sums import LARGEST, LIMBS, LOWEST, BadWeight, Counts, Sums, Weighted, merged, rounded

#: all that can be a weight, tiny and huge ones as often as others
weights = st.one_of(
    st.floats(-10, 10),
    st.builds(math.ldexp, st.floats(-1, 1), st.integers(-250, 63)),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**-192, 2.0**-193, 5e-324, math.nextafter(LARGEST, 0), 0.1]),
)
entries = st.lists(st.tuples(st.integers(-1, 5), weights), max_size=40)


def truncated(x: Fraction) -> Fraction:
    return Fraction(math.trunc(x * 2**-LOWEST), 2**-LOWEST)


def limbs_of(numbers: list[int]) -> np.ndarray:
    """Canonical limbs, by Python's own whole numbers."""
    rows = [[(n >> 32 * i) & 0xFFFFFFFF if i < LIMBS - 1 else n >> 32 * i for i in range(LIMBS)] for n in numbers]
    return np.array(rows, np.int64).reshape(-1, LIMBS)


def made(found: list[tuple[int, float]]) -> Sums:
    cells, numbers = [c for c, _ in found], [w for _, w in found]
    return Sums({"h.w": Weighted.of(cells, numbers), "h": Counts.of(cells)})


@given(entries)
def test_sums_are_those_of_fractions(found: list[tuple[int, float]]) -> None:
    sums = made(found)
    part = sums["h.w"]
    assert isinstance(part, Weighted)
    cells = sorted({c for c, _ in found if c >= 0})
    assert part.cells.tolist() == sums["h"].cells.tolist() == cells
    for i, cell in enumerate(cells):
        inside = [w for c, w in found if c == cell]
        exact = sum((truncated(Fraction(w)) for w in inside), Fraction())
        squares = sum((truncated(Fraction(w * w)) for w in inside), Fraction())
        assert (part.limbs[i] == limbs_of([int(exact * 2**-LOWEST)])).all()
        assert (part.limbs2[i] == limbs_of([int(squares * 2**-LOWEST)])).all()
        assert (part.totals()[0][i], part.totals()[1][i]) == (float(exact), float(squares))
        assert part.entries[i] == len(inside) == sums["h"].entries[i]


@given(entries, st.randoms(use_true_random=False), st.integers(1, 6))
def test_order_and_chunks_change_no_bit(found: list[tuple[int, float]], random: object, chunks: int) -> None:
    whole = made(found).to_bytes()
    shuffled = random.sample(found, len(found))  # type: ignore[attr-defined]
    pieces = [made(shuffled[i::chunks]) for i in range(chunks)]
    assert merged(pieces).to_bytes() == whole
    one_by_one = Sums()
    for piece in reversed(pieces):
        one_by_one += piece
    assert one_by_one.to_bytes() == whole
    assert merged([merged(pieces[:2]), merged(pieces[2:])]).to_bytes() == whole
    read = Sums.from_bytes(whole)
    assert read.to_bytes() == whole
    assert (merged([read, read]).dense("h.w", 6)[0] == merged([*pieces, *pieces]).dense("h.w", 6)[0]).all()


#: of any length, and those near half a unit of a double
wholes = st.integers(-(2**382), 2**382) | st.builds(
    lambda mantissa, shift, more: (mantissa << shift) + more,
    st.integers(-(2**54), 2**54), st.integers(0, 320), st.integers(-1, 1),
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(wholes, min_size=1, max_size=8))
def test_totals_are_correctly_rounded(numbers: list[int]) -> None:
    exact = [float(Fraction(n, 2**-LOWEST)) for n in numbers]  # Fraction rounds to nearest, ties to even
    assert rounded(limbs_of(numbers)).tolist() == exact


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, LARGEST, -LARGEST])
def test_a_weight_that_cannot_be_added(weight: float) -> None:
    with pytest.raises(BadWeight) as caught:
        Weighted.of([0, -1, 1, 1], [1.0, weight, 2.0, weight])
    assert caught.value.index == 3


def test_one_weight_for_all() -> None:
    assert Weighted.of([2, 2, -1], 0.5).totals()[0].tolist() == [1.0]


def test_how_small_weights_may_be() -> None:
    for power, weight, square in ((-70, True, True), (-72, True, False), (-140, True, False), (-141, False, False)):
        w = math.ldexp(4 / 3, power)
        sums, squares = Weighted.of([0], [w]).totals()
        assert (sums[0] == w, squares[0] == w * w) == (weight, square)


def test_dense() -> None:
    sumw, sumw2, entries = made([(1, 2.0), (1, 3.0), (-1, 9.0)]).dense("h.w", 3)
    assert (sumw.tolist(), sumw2.tolist(), entries.tolist()) == ([0, 5, 0], [0, 13, 0], [0, 2, 0])
    assert not Sums().dense("h.w", 2)[0].any()


def test_sums_of_different_programs() -> None:
    with pytest.raises(ValueError, match="h has weights here"):
        Sums({"h": Counts.of([0])}) + Sums({"h": Weighted.of([0], 1)})


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:80] + bytes([b[80] ^ 1]) + b[81:], lambda b: b""])
def test_damaged_bytes(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="checksum"):
        Sums.from_bytes(damage(made([(1, 2.0)]).to_bytes()))
