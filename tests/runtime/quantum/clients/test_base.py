# SPDX-License-Identifier: Apache-2.0
"""What services answer: counts as fractions, and answers that make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.runtime.quantum.clients.base import Unreadable, outcomes, redacted


def test_counts_become_fractions() -> None:
    found = outcomes(2, [{3: 1, 0: 3}, {2: 5}])
    np.testing.assert_array_equal(found.probabilities(), [[0.75, 0, 0, 0.25], [0, 0, 1, 0]])
    assert [s.tolist() for s in found.strings] == [[0, 3], [2]]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "without shots"), ({0: 0}, "without shots"), ({0: 5, 1: -1}, "without shots"),
        ({4: 1}, "more than 2 bits"), ({-1: 1}, "more than 2 bits"), ({0: 1, 7: 1}, "more than 2 bits"),
    ],
)  # fmt: skip
def test_answers_that_make_no_sense(counts: dict[int, int], message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        outcomes(2, [{0: 1}, counts])


def test_secrets_are_not_shown() -> None:
    assert "token" not in redacted("error: token", ["token", None])
