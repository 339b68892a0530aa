# SPDX-License-Identifier: Apache-2.0
"""Rows of the table of operations that must agree with each other."""

from __future__ import annotations

import math

import pytest

from hepq.core.ops.table import OPS


def test_what_takes_real_numbers_alone_makes_whole_ones_real() -> None:
    assert [name for name, op in OPS.items() if op.takes == ("real",) and op.coerce != "real"] == []


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.commutative and op.static is not None])
def test_of_two_numbers_in_either_order(name: str) -> None:
    static = OPS[name].static
    assert static is not None
    assert static(3.0, -4.0) == static(-4.0, 3.0)


def test_of_numbers_that_are_known() -> None:
    hypot, atan2, sqrt = (OPS[name].static for name in ("hypot", "atan2", "sqrt"))
    assert hypot is not None
    assert atan2 is not None
    assert sqrt is not None
    assert hypot(3, 4) == 5
    assert atan2(-1, -1) == -3 * math.pi / 4
    assert sqrt(16) == 4
