# SPDX-License-Identifier: Apache-2.0
"""What a setting of a training takes."""

from __future__ import annotations

from typing import Any

import pytest

from hepq.lang.train_settings import _is_factor


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (("a*", 0.1), True),
        (("a*", 0), True),
        (("a*", 3), True),
        (("a*", -0.1), False),
        (("a*", True), False),
        (("a*", "b"), False),
        ((1, 0.1), False),
        (("a*",), False),
        (("a*", 0.1, 0.1), False),
        ("ab", False),
    ],
)
def test_a_factor_is_a_name_and_a_number_from_0_on(value: Any, right: bool) -> None:
    assert _is_factor(value) == right
