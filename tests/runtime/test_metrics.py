# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hepq.runtime import metrics
from hepq.runtime.errors import DataError

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random(4000) < 0.5
SCORE = RANDOM.normal(size=4000) + TRUTH


def test_auc_by_its_definition() -> None:
    s, b = SCORE[TRUTH][:300], SCORE[~TRUTH][:300]
    pairs = (s[:, None] > b).mean() + 0.5 * (s[:, None] == b).mean()
    assert metrics.auc(np.r_[s, b], np.r_[np.ones(300), np.zeros(300)]) == pytest.approx(pairs)


def test_binary_score() -> None:
    np.testing.assert_allclose(metrics.binary_score([0.2, 0.0, 0.5], [0.6, 0.0, 0.0]), [0.25, 0.0, 1.0])


def test_rejection_and_its_error() -> None:
    score = np.r_[np.linspace(0.5, 1.0, 100), np.linspace(0, 0.8, 1000)]
    truth = np.r_[np.ones(100), np.zeros(1000)]
    found = metrics.rejection(score, truth, 0.5)
    passed = int((score[100:] >= found.threshold).sum())
    assert (score[:100] >= found.threshold).sum() == 50
    assert found.value == pytest.approx(1000 / passed)
    toys = RANDOM.binomial(1000, passed / 1000, 20000) / 1000
    assert found.error == pytest.approx(np.std(1 / toys), rel=0.1)


def test_rejection_without_background_left() -> None:
    found = metrics.rejection([1.0, 0.9, 0.1], [1, 1, 0], 0.5)
    assert found.value == float("inf")
    assert np.isnan(found.error)


def test_scores_of_nan_are_left_out() -> None:
    assert metrics.auc([0.9, np.nan, 0.1, np.nan], [1, 0, 0, 1]) == 1.0


@pytest.mark.parametrize("truth", [[1, 1], [0, 0], [1]])
def test_both_classes_are_needed(truth: list[int]) -> None:
    with pytest.raises(DataError) as caught:
        metrics.auc([0.1, 0.2], truth)
    assert caught.value.code == "HQ0829"


def test_roc_picture(tmp_path: Path) -> None:
    path = metrics.roc_picture({"one": (SCORE, TRUTH), "two": (-SCORE, TRUTH)}, tmp_path / "roc.png", "test")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [p.name for p in tmp_path.iterdir()] == ["roc.png"]


def test_infinite_scores_are_the_largest() -> None:
    assert metrics.auc([np.inf, 0.0, 1.0, -np.inf], [1, 0, 1, 0]) == 1
    assert metrics.auc([np.inf, 0.0, -np.inf, 1.0], [0, 1, 1, 0]) == 0


def test_the_cut_keeps_the_asked_fraction_exactly() -> None:
    score = np.arange(200.0)
    assert metrics.rejection(score, score >= 100, 0.07).threshold == 193
    with pytest.raises(ValueError, match="from 0 to 1"):
        metrics.rejection(score, score >= 100, 1.5)
