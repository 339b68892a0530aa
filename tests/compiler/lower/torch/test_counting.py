# SPDX-License-Identifier: Apache-2.0
"""Operations that count, in torch, at and beyond the ends of what they know."""

from __future__ import annotations

import pytest
import torch

from hepq.compiler.ir.infer import make
from hepq.compiler.lower.torch.counting import FUNCTIONS
from hepq.core.types import Type


@pytest.mark.parametrize("values", [(1.5, 2.5, -3.0), (4, 5, 6)])
def test_a_table_has_nothing_beyond_its_ends(values: tuple[float, ...]) -> None:
    node = make("lookup", make("input", name="i", type=Type("int")), values=values)
    found = FUNCTIONS["lookup"](node, torch.tensor([-(2**40), -1, 0, 1, 2, 3, 2**40]))
    assert found.tolist() == [0, 0, *values, 0, 0]
