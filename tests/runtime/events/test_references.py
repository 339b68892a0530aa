# SPDX-License-Identifier: Apache-2.0
"""Whole numbers of branches: which of them int64 does not hold, and where they are."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.events.references import whole


def test_a_number_that_int64_does_not_hold_is_said_with_its_place() -> None:
    values = np.array([1, 2**63 - 1, 2**63, 2], np.uint64)
    with pytest.raises(DataError, match="too large") as error:
        whole(values, "id", np.array([1, 3]), "a.root", 10)
    assert error.value.why == f"event 11, entry 1 holds {2**63}; whole numbers have 64 bits, with a sign"
    np.testing.assert_array_equal(whole(values[:2], "id", None, "a.root", 0), [1, 2**63 - 1])


@pytest.mark.parametrize("odd", [0.5, np.inf, -np.inf])
def test_a_fraction_is_no_whole_number(odd: float) -> None:
    with pytest.raises(DataError, match="does not hold whole numbers") as error:
        whole(np.array([3.0, odd]), "id", None, "a.root", 0)
    assert error.value.why == f"in event 1, it is {odd}"
    np.testing.assert_array_equal(whole(np.array([3.0, -4.0]), "id", None, "a.root", 0), [3, -4])
