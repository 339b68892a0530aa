# SPDX-License-Identifier: Apache-2.0
"""Types of operations: the order of dims that is declared is kept where it may be."""

from __future__ import annotations

import pytest

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Node
from hepq.core.types import Dim, Type

A, B, C, TWO, FOUR = Dim("a", 2), Dim("b", 3), Dim("c", 4), Dim("two", 2), Dim("four", 4)


def source(*dims: Dim) -> Node:
    return make("input", name="x", type=Type("real", dims))


@pytest.mark.parametrize("dims", [(A, B, C), (C, A, B), (B, C, A)], ids=str)
def test_a_stack_is_in_the_declared_order(dims: tuple[Dim, ...]) -> None:
    declared = Type("real", (*dims, TWO))
    assert make("stack", source(A, B), source(C, A), dim=TWO, type=declared).type == declared


def test_a_concatenation_is_in_the_declared_order() -> None:
    declared = Type("real", (C, B, FOUR))
    made = make("concat", source(A, B, C), source(C, A, B), along=(A, A), dim=FOUR, type=declared)
    assert made.type == declared
