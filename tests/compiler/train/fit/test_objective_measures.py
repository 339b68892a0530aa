# SPDX-License-Identifier: Apache-2.0
"""What training says of a classifier: by hand, of weighted events."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.train.fit.objective import Objective, measures

SINGLE = Objective("score", "logit", 1)
#: ten of signal, 9.5 8.5 … 0.5, and twenty of background, 9.25 8.75 … at -0.25
SIGNAL, BACKGROUND = np.arange(10) + 0.5, np.arange(20) / 2 - 0.25
SCORES = np.concatenate([SIGNAL, BACKGROUND])
TRUTH = np.repeat([1, 0], [10, 20])


def test_measures_by_hand() -> None:
    found, why = measures(SINGLE, SCORES, TRUTH, TRUTH == 1, np.ones(30))
    assert why == ""
    # cuts at 7.5, 5.5 and 3.5 keep 3, 5 and 7 of the signal, and 4, 8 and 12 of the background
    wanted = {"accuracy": 11 / 30, "auc": 0.55, "rejection30": 20 / 4, "rejection50": 20 / 8, "rejection70": 20 / 12}
    assert list(found) == list(wanted)
    assert found == pytest.approx(wanted)


def test_weights_count() -> None:
    weight = np.where(TRUTH == 1, 0.5, np.where(SCORES > 8, 10.0, 1.0))
    found, _ = measures(SINGLE, SCORES, TRUTH, TRUTH == 1, weight)
    assert found["rejection30"] == pytest.approx((17 + 30) / (1 + 30))
    assert found["accuracy"] == pytest.approx((5 + 1) / (5 + 47))


def test_events_of_one_class_have_none_and_it_is_said() -> None:
    found, why = measures(SINGLE, SCORES[:10], TRUTH[:10], TRUTH[:10] == 1, np.ones(10))
    assert found == {}
    assert why
