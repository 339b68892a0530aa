# SPDX-License-Identifier: Apache-2.0
"""What rounding of real numbers has no part in."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.ir import whole
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.core.types import Dim, Type

CHARGE = make("input", name="charge", type=Type("real", (Dim("part", bound=9),)))
PT = make("input", name="pt", type=Type("real", (Dim("part", bound=9),)))
NUMBER = make("input", name="number", type=Type("int"))
ONE = make("const", value=1.0)


def whole_of(x: Node) -> Node:
    return make("cast", x, type=Type("int", x.type.dims))


def settled(node: Node, charge: list[float]) -> bool:
    module = Module("M", (CHARGE, PT, NUMBER), {"y": node})
    inputs = {"charge": np.array(charge), "pt": np.array(charge), "number": np.array(2**60)}
    return node in whole.settled(module, inputs, {}, {"charge", "number"})


def test_what_is_made_of_a_cast_is_not_exact() -> None:
    some = make("cast", make("gt", PT, ONE), type=Type("int", PT.type.dims))
    assert whole.exact(make("add", NUMBER, some))
    assert not whole.exact(make("add", NUMBER, whole_of(PT)))
    assert not whole.exact(PT)


def test_what_is_settled() -> None:
    total = make("reduce_sum", CHARGE, over=CHARGE.type.dims)
    for node in (whole_of(CHARGE), make("eq", CHARGE, ONE), make("sign", make("sub", CHARGE, ONE)), whole_of(total)):
        assert settled(node, [1.0, -1.0, 3.0])
        assert not settled(node, [1.0, -1.0, 2.0**24]), "float32 does not hold all of these"
    for node in (whole_of(PT), make("eq", PT, CHARGE), make("floor", make("div", CHARGE, make("const", value=3.0)))):
        assert not settled(node, [1.0, -1.0, 3.0])


@pytest.mark.parametrize(("charge", "held"), [([2.0**23, 1.0 - 2.0**23], True), ([2.0**23, -(2.0**23)], False)])
def test_sums_are_settled_where_their_parts_are_held(charge: list[float], held: bool) -> None:
    assert settled(whole_of(make("reduce_sum", CHARGE, over=CHARGE.type.dims)), charge) is held
