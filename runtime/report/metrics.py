# SPDX-License-Identifier: Apache-2.0
"""How well a tagger separates and a regression hits: of weighted events, of weights of both signs.

Definitions, all in float64. An event's weight w may be negative (as generators at next-to-leading order give them); the
sums of the weights of signal and of background must be positive.

- The discriminant of class c is its probability p_c, of c against all other classes together: what the model gives, if
  no number is negative and an event's sum to 1, else their softmax. ``discriminants``
- ε(t), the efficiency of a cut, is the sum of w over events of score >= t, divided by the sum of w over all.
- AUC is the sum over pairs (signal i, background j) of w_i w_j ([s_i > s_j] + ½ [s_i = s_j]), divided by that of
  w_i w_j: the area under the curve of ε_s against ε_b with equal scores joined by a straight line. Negative weights can
  make that curve turn back, and the area leave 0 to 1: it is not clipped, so that its mean over samples is that of the
  events that the weights stand for.
- The rejection at a signal efficiency is 1/ε_b of the tightest cut whose ε_s reaches it; events of one score are kept
  or cut together.
- Events whose score is NaN are in no sum. Who calls says how many there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.core.errors import DataError
from hepq.runtime.files import replacing

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/ε_b at signal efficiency ``efficiency``, with its standard error.

    With no background left, ``value`` is infinite and ``error`` NaN: more events are needed.
    """

    efficiency: float
    threshold: float
    value: float
    error: float


@dataclass(frozen=True)
class Regression:
    """Of residuals r = prediction - truth, in the truth's unit, weighted.

    ``bias``: their mean. ``rms``: sqrt of the mean of (r - bias)². ``half_width``: half of the distance between the
    16 % and the 84 % quantile of r, which tails do not move. ``r2``: 1 - Σ w r² / Σ w (truth - its mean)²; NaN for a
    truth that is the same everywhere. ``coverage``: the part of the weight whose truth is at or below the prediction,
    q of a prediction that is the q quantile.
    """

    bias: float
    rms: float
    half_width: float
    r2: float
    coverage: float


def discriminants(outputs: ArrayLike) -> Reals:
    """[events, classes], of outputs of that shape: each class's probability, one class against all others."""
    values = np.asarray(outputs, dtype=np.float64)
    usable = values[np.isfinite(values).all(axis=1)]
    if bool((usable >= 0).all()) and bool((np.abs(usable.sum(axis=1) - 1) < 1e-3).all()):
        return values
    with np.errstate(invalid="ignore"):
        powers = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
        found: Reals = powers / powers.sum(axis=1, keepdims=True)
    return found


def binary_score(signal: ArrayLike, background: ArrayLike) -> Reals:
    """The two-class discriminant s / (s + b) of two class probabilities [events]; 0 where both are 0."""
    s, b = np.asarray(signal, dtype=np.float64), np.asarray(background, dtype=np.float64)
    total = s + b
    return np.divide(s, total, out=np.zeros_like(total), where=total != 0)


def accuracy(outputs: ArrayLike, truth: ArrayLike, weight: ArrayLike | None = None) -> float:
    """The weighted fraction of events [events] whose largest output [events, classes] is their class's.

    Events of NaN outputs are in neither sum. Raises DataError HQ0829 for weights that do not sum to more than 0.
    """
    values, classes = np.asarray(outputs, dtype=np.float64), np.asarray(truth)
    known = ~np.isnan(values).any(axis=1)
    weights = _weights(weight, len(classes))[known]
    right = values[known].argmax(axis=1) == classes[known]
    return float(weights[right].sum() / _positive(weights, "events"))


def auc(score: ArrayLike, is_signal: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve, as this module defines it. Raises DataError HQ0829."""
    curve = _Curve.of(score, is_signal, weight)
    above = np.cumsum(curve.signal) - curve.signal
    return float((curve.background * (above + curve.signal / 2)).sum() / (curve.signal.sum() * curve.background.sum()))


def rejection(score: ArrayLike, is_signal: ArrayLike, efficiency: float, weight: ArrayLike | None = None) -> Rejection:
    """Rejection at the tightest cut that keeps at least the fraction ``efficiency`` of the signal.

    Raises DataError HQ0829, and ValueError for an efficiency outside 0 to 1. Of k events that pass and the rest that
    fail, ε_b has the variance ((1 - ε_b)² Σ_pass w² + ε_b² Σ_fail w²) / (Σ w)², which is ε_b (1 - ε_b) / n of n events
    of weight 1; and σ(1/ε_b) = σ(ε_b) / ε_b².
    """
    if not 0 <= efficiency <= 1:
        raise ValueError(f"an efficiency is from 0 to 1, not {efficiency}")
    curve = _Curve.of(score, is_signal, weight)
    kept = np.cumsum(curve.signal) / curve.signal.sum()
    has_signal = curve.events > 0
    # 0.07 * 100 is a little more than 7
    reached = np.flatnonzero(has_signal & (kept >= efficiency - 1e-9))
    cut = int(reached[0])
    rate = float(np.cumsum(curve.background)[cut] / curve.background.sum())
    threshold = float(curve.scores[cut])
    if rate <= 0:
        return Rejection(efficiency, threshold, float("inf"), float("nan"))
    passed, failed = curve.squares[: cut + 1].sum(), curve.squares[cut + 1 :].sum()
    variance = ((1 - rate) ** 2 * passed + rate**2 * failed) / curve.background.sum() ** 2
    return Rejection(efficiency, threshold, 1 / rate, float(np.sqrt(variance) / rate**2))


def regression(prediction: ArrayLike, truth: ArrayLike, weight: ArrayLike | None = None) -> Regression:
    """How far predictions [events] are from the truth. Events where either is NaN are in no sum.

    Raises DataError HQ0829 for shapes, and for weights that do not sum to more than 0.
    """
    guess, true = np.asarray(prediction, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if guess.shape != true.shape or guess.ndim != 1:
        raise DataError("HQ0829", "predictions and truth differ in length", f"{guess.shape} and {true.shape}")
    known = np.isfinite(guess) & np.isfinite(true)
    residual, true, weights = guess[known] - true[known], true[known], _weights(weight, len(true))[known]
    total = _positive(weights, "events")
    bias, centre = float((weights * residual).sum() / total), float((weights * true).sum() / total)
    variance = max(0.0, float((weights * (residual - bias) ** 2).sum() / total))
    spread = float((weights * (true - centre) ** 2).sum())
    low, high = quantiles(residual, (0.16, 0.84), weights)
    r2 = 1 - float((weights * residual**2).sum()) / spread if spread > 0 else float("nan")
    covered = float(weights[residual >= 0].sum() / total)
    return Regression(bias, float(np.sqrt(variance)), (high - low) / 2, r2, covered)


def quantiles(values: ArrayLike, fractions: Sequence[float], weight: ArrayLike | None = None) -> tuple[float, ...]:
    """Of weighted values [events]: for each fraction the least value at or below which that much of the weight is."""
    found = np.asarray(values, dtype=np.float64)
    order = np.argsort(found, kind="stable")
    weights = _weights(weight, len(found))
    total = _positive(weights, "events")
    below = np.maximum.accumulate(np.cumsum(weights[order])) / total
    places = np.searchsorted(below, np.asarray(fractions) - 1e-12)
    return tuple(float(found[order[min(int(p), len(order) - 1)]]) for p in places)


def roc_picture(curves: Mapping[str, tuple[ArrayLike, ...]], path: str | Path, title: str = "") -> Path:
    """Draw 1/ε_b against ε_s for each ``name: (score, is_signal)``, which a weight may follow; PNG, atomically."""
    import matplotlib
    import mplhep
    from matplotlib.figure import Figure

    with matplotlib.rc_context(mplhep.style.CMS):
        figure = Figure(figsize=(9, 8), layout="constrained")
        axes = figure.subplots()
        for name, given in curves.items():
            curve = _Curve.of(given[0], given[1], given[2] if len(given) > 2 else None)
            kept = np.cumsum(curve.signal) / curve.signal.sum()
            passed = np.cumsum(curve.background) / curve.background.sum()
            seen = passed > 0
            axes.plot(kept[seen], 1 / passed[seen], label=f"{name}, AUC {auc(*given):.4f}")
        axes.set(xlabel="Signal efficiency", ylabel="Background rejection", yscale="log", xlim=(0, 1), title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        with replacing(Path(path)) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    return Path(path)


@dataclass(frozen=True)
class _Curve:
    """By distinct score, the largest first: sums of weights of signal and background, of the squares of background's,
    and how many signal events there are."""

    scores: Reals
    signal: Reals
    background: Reals
    squares: Reals
    events: NDArray[np.int64]

    @staticmethod
    def of(score: ArrayLike, is_signal: ArrayLike, weight: ArrayLike | None) -> _Curve:
        values, truth = np.asarray(score, dtype=np.float64), np.asarray(is_signal).astype(bool)
        if values.shape != truth.shape or values.ndim != 1:
            raise DataError("HQ0829", "scores and labels differ in length", f"{values.shape} and {truth.shape}")
        weights = _weights(weight, len(truth))
        known = ~np.isnan(values)
        values, truth, weights = values[known], truth[known], weights[known]
        if truth.all() or not truth.any():
            kind = "signal" if len(truth) and truth.all() else "background"
            raise DataError("HQ0829", "both signal and background are needed", f"there is only {kind}")
        for mask, kind in ((truth, "signal"), (~truth, "background")):
            _positive(weights[mask], kind)
        scores, which = np.unique(-values, return_inverse=True)

        def summed(what: Reals) -> Reals:
            found: Reals = np.bincount(which, what, minlength=len(scores)).astype(np.float64)
            return found

        return _Curve(
            -scores, summed(weights * truth), summed(weights * ~truth), summed(weights**2 * ~truth),
            np.bincount(which[truth], minlength=len(scores)),
        )  # fmt: skip


def _weights(weight: ArrayLike | None, events: int) -> Reals:
    if weight is None:
        return np.ones(events)
    found = np.asarray(weight, dtype=np.float64)
    if found.shape != (events,):
        raise DataError("HQ0829", "scores and weights differ in length", f"({events},) and {found.shape}")
    if not np.isfinite(found).all():
        bad = int(np.flatnonzero(~np.isfinite(found))[0])
        raise DataError("HQ0829", "a weight is NaN or infinite", f"first of event {bad}")
    return found


def _positive(weights: Reals, kind: str) -> float:
    """The sum of weights. Raises DataError HQ0829 unless it is more than 0."""
    total = float(weights.sum())
    if total <= 0:
        why = f"those of {len(weights):,} {kind} events sum to {total:g}; an efficiency needs more than 0"
        raise DataError("HQ0829", f"the weights of {kind} do not sum to more than 0", why, "use more events")
    return total
