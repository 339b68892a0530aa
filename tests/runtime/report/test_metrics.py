# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.report import metrics

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


# --- weights, ties, and the definitions ----------------------------------------------------------------------------


def pairs(score: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> float:
    """The definition, over all pairs."""
    s, b, v, w = score[truth], score[~truth], weight[truth], weight[~truth]
    won = (s[:, None] > b) + 0.5 * (s[:, None] == b)
    return float((v[:, None] * w * won).sum() / (v.sum() * w.sum()))


@pytest.mark.case("auc_ignores_weight")
@pytest.mark.parametrize("low", [0.0, -0.4])
def test_auc_of_weighted_events_with_ties_is_the_sum_over_pairs(low: float) -> None:
    rng = np.random.default_rng(5)
    truth = rng.random(300) < 0.4
    score, weight = rng.integers(0, 9, 300) + truth, rng.uniform(low, 1, 300)
    assert metrics.auc(score, truth, weight) == pytest.approx(pairs(score, truth, weight), abs=1e-12)
    if low == 0:
        from sklearn.metrics import roc_auc_score

        assert metrics.auc(score, truth, weight) == pytest.approx(roc_auc_score(truth, score, sample_weight=weight))


def test_auc_of_both_signs_may_leave_its_range_and_is_not_clipped() -> None:
    # signal of weight 2 above the background, and of weight -1 below it: (2 * 1 - 1 * 0) / (1 * 1)
    assert metrics.auc([3.0, 1.0, 2.0], [1, 1, 0], [2.0, -1.0, 1.0]) == 2.0


def test_an_event_of_weight_n_counts_as_n_events() -> None:
    score, truth, weight = np.array([0.1, 0.4, 0.4, 0.8, 0.9]), np.array([0, 1, 0, 0, 1]), np.array([3, 1, 2, 1, 2])
    scores, labels = np.repeat(score, weight), np.repeat(truth, weight)
    assert metrics.auc(score, truth, weight) == pytest.approx(metrics.auc(scores, labels))
    for efficiency in (0.3, 0.7, 1.0):
        one, other = metrics.rejection(score, truth, efficiency, weight), metrics.rejection(scores, labels, efficiency)
        assert one.threshold == other.threshold
        assert one.value == pytest.approx(other.value)


def test_rejection_by_hand() -> None:
    # four signal events; half of them are above 0.6, where two of eight background events are, of weights 0.5 and 1.5
    score = [0.9, 0.6, 0.5, 0.4, 0.7, 0.6, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1]
    truth = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    weight = [1, 1, 1, 1, 0.5, 1.5, 1, 1, 1, 1, 1, 1]
    found = metrics.rejection(score, truth, 0.5, weight)
    assert (found.threshold, found.value) == (0.6, 4.0)
    # ε = 1/4: ((3/4)² (0.25 + 2.25) + (1/4)² 6) / 8², over ε⁴
    assert found.error == pytest.approx(np.sqrt((9 / 16 * 2.5 + 6 / 16) / 64) * 16)
    assert metrics.rejection(score, truth, 0.25, weight).value == float("inf")
    assert metrics.rejection(score, truth, 0.5).value == 4.0


def test_rejection_takes_the_tightest_cut_where_negative_weights_turn_the_curve_back() -> None:
    # signal seen from above: 1, 0.5, 1.5, 1 of 1: three quarters are first reached at the first event
    found = metrics.rejection([5, 4, 3, 2, 3.5, 1], [1, 1, 1, 1, 0, 0], 0.75, [1, -0.5, 1, -0.5, 1, 1])
    assert (found.threshold, found.value) == (5, float("inf"))


@pytest.mark.parametrize("weight", [[1, 1, -1, 0.5], [1, np.nan, 1, 1], [1, 1, 1]])
def test_weights_that_have_no_metric(weight: list[float]) -> None:
    with pytest.raises(DataError) as caught:
        metrics.auc([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], weight)
    assert caught.value.code == "HQ0829"


def test_accuracy_by_hand() -> None:
    outputs = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [np.nan, 0.5]]
    assert metrics.accuracy(outputs, [0, 1, 1, 0]) == pytest.approx(2 / 3)
    assert metrics.accuracy(outputs, [0, 1, 1, 0], [1, 2, 5, 7]) == 3 / 8


@pytest.mark.case("auc_two_ways")
def test_a_discriminant_is_the_probability_of_a_class() -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.7, 0.1, 0.2]])
    np.testing.assert_array_equal(metrics.discriminants(p), p)
    np.testing.assert_allclose(metrics.discriminants(np.log(p) + 3), p)
    np.testing.assert_allclose(metrics.discriminants([[1.0, 1.0], [-np.inf, 0.0]]), [[0.5, 0.5], [0.0, 1.0]])
    assert np.isnan(metrics.discriminants([[0.5, 0.5], [np.nan, 0.5]])[1]).any()


def test_regression_by_hand() -> None:
    found = metrics.regression([1.0, 2.0, 5.0, np.nan], [0.0, 2.0, 3.0, 1.0], [1.0, 2.0, 1.0, 9.0])
    # residuals 1, 0, 2 of weights 1, 2, 1: mean 3/4; variance (1/16 + 2 * 9/16 + 25/16) / 4
    assert found.bias == 0.75
    assert found.rms == pytest.approx(np.sqrt(44 / 64))
    assert found.half_width == 1.0
    # truth 0, 2, 2, 3 has the mean 7/4 and the spread 76/16
    assert found.r2 == pytest.approx(1 - 5 / (76 / 16))
    residual = np.random.default_rng(1).normal(0.5, 2, 40_000)
    wide = metrics.regression(residual, np.zeros(len(residual)))
    assert wide.bias == pytest.approx(residual.mean())
    assert wide.rms == pytest.approx(residual.std())
    assert wide.half_width == pytest.approx(np.diff(np.quantile(residual, [0.16, 0.84]))[0] / 2, rel=1e-3)
    assert np.isnan(wide.r2)


def test_coverage_and_quantiles_by_hand() -> None:
    assert metrics.regression([2.0, 2.0, 2.0, np.nan], [1.0, 2.0, 3.0, 0.0]).coverage == pytest.approx(2 / 3)
    assert metrics.regression([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], [1, 1, 2]).coverage == 0.5
    assert metrics.quantiles([3.0, 1.0, 2.0, 4.0], (0.25, 0.5, 0.75, 1.0)) == (1.0, 2.0, 3.0, 4.0)
    assert metrics.quantiles([3.0, 1.0, 2.0], (0.5,), [6, 1, 1]) == (3.0,)


def test_what_the_roc_picture_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of two signals and four backgrounds, by hand; one background of weight 3."""
    from matplotlib.figure import Figure

    seen: list[Figure] = []
    save = Figure.savefig

    def noted(self: Figure, *given: Any, **more: Any) -> None:
        seen.append(self)
        save(self, *given, **more)

    monkeypatch.setattr(Figure, "savefig", noted)
    score, truth = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.0]), np.array([1, 0, 1, 0, 0, 0])
    weight = np.array([1, 3, 1, 1, 1, 1.0])
    metrics.roc_picture({"even": (score, truth), "weighted": (score, truth, weight)}, tmp_path / "r.png", "jets")
    (axes,) = seen[0].axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == (
        "Signal efficiency", "Background rejection", "jets",
    )  # fmt: skip
    assert (axes.get_yscale(), axes.get_xlim()) == ("log", (0.0, 1.0))
    even, weighted = axes.lines
    np.testing.assert_allclose(
        np.asarray(even.get_xydata()), [[0.5, 4.0], [1.0, 4.0], [1.0, 2.0], [1.0, 4 / 3], [1.0, 1.0]]
    )
    np.testing.assert_allclose(
        np.asarray(weighted.get_xydata()), [[0.5, 2.0], [1.0, 2.0], [1.0, 1.5], [1.0, 1.2], [1.0, 1.0]]
    )
    assert [line.get_label() for line in axes.lines] == ["even, AUC 0.8750", "weighted, AUC 0.7500"]
    assert axes.get_legend() is not None
