# SPDX-License-Identifier: Apache-2.0
"""How well a tagger separates: AUC, background rejection, the ROC picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepq.runtime.errors import DataError
from hepq.runtime.files import replacing


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/ε_b at signal efficiency ``efficiency``, with its binomial standard error.

    With no background event left, ``value`` is infinite and ``error`` NaN: more events are needed.
    """

    efficiency: float
    threshold: float
    value: float
    error: float


def binary_score(signal: ArrayLike, background: ArrayLike) -> NDArray[np.float64]:
    """The two-class discriminant s / (s + b) of two class probabilities [events]; 0 where both are 0."""
    s, b = np.asarray(signal, dtype=np.float64), np.asarray(background, dtype=np.float64)
    total = s + b
    return np.divide(s, total, out=np.zeros_like(total), where=total != 0)


def auc(score: ArrayLike, is_signal: ArrayLike) -> float:
    """Area under the ROC curve; events whose score is NaN are left out. Raises DataError HQ0829."""
    from sklearn.metrics import roc_auc_score

    values, truth = _usable(score, is_signal)
    return float(roc_auc_score(truth, _finite(values)))


def rejection(score: ArrayLike, is_signal: ArrayLike, efficiency: float) -> Rejection:
    """Rejection at the cut that keeps at least the fraction ``efficiency`` of the signal. Raises DataError HQ0829,
    and ValueError for an efficiency outside 0 to 1.

    ε_b = k/n has variance ε_b (1 - ε_b) / n, so σ(1/ε_b) = sqrt((1 - ε_b) / (n ε_b)) / ε_b.
    """
    if not 0 <= efficiency <= 1:
        raise ValueError(f"an efficiency is from 0 to 1, not {efficiency}")
    values, truth = _usable(score, is_signal)
    signal = np.sort(values[truth])[::-1]
    # 0.07 * 100 is a little more than 7
    threshold = float(signal[max(0, int(np.ceil(efficiency * len(signal) - 1e-9)) - 1)])
    background = values[~truth]
    passed = int((background >= threshold).sum())
    if passed == 0:
        return Rejection(efficiency, threshold, float("inf"), float("nan"))
    rate = passed / len(background)
    return Rejection(efficiency, threshold, 1 / rate, float(np.sqrt((1 - rate) / (len(background) * rate)) / rate))


def roc_picture(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], path: str | Path, title: str = "") -> Path:
    """Draw 1/ε_b against ε_s for each ``name: (score, is_signal)`` and save it as PNG, atomically."""
    import matplotlib
    import mplhep
    from matplotlib.figure import Figure
    from sklearn.metrics import roc_curve

    with matplotlib.rc_context(mplhep.style.CMS):
        figure = Figure(figsize=(9, 8), layout="constrained")
        axes = figure.subplots()
        for name, (score, is_signal) in curves.items():
            values, truth = _usable(score, is_signal)
            false_rate, true_rate, _ = roc_curve(truth, _finite(values))
            seen = false_rate > 0
            label = f"{name}, AUC {auc(values, truth):.4f}"
            axes.plot(true_rate[seen], 1 / false_rate[seen], label=label)
        axes.set(xlabel="Signal efficiency", ylabel="Background rejection", yscale="log", xlim=(0, 1), title=title)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
        with replacing(Path(path)) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    return Path(path)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinities, as log(s / b) has them, as the largest numbers: scikit-learn wants finite scores."""
    return np.nan_to_num(values)


def _usable(score: ArrayLike, is_signal: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, truth = np.asarray(score, dtype=np.float64), np.asarray(is_signal).astype(bool)
    if values.shape != truth.shape or values.ndim != 1:
        raise DataError("HQ0829", "scores and labels differ in length", f"{values.shape} and {truth.shape}")
    values, truth = values[~np.isnan(values)], truth[~np.isnan(values)]
    if truth.all() or not truth.any():
        kind = "signal" if len(truth) and truth.all() else "background"
        raise DataError("HQ0829", "both signal and background are needed", f"there is only {kind}")
    return values, truth
