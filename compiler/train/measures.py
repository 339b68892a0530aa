# SPDX-License-Identifier: Apache-2.0
"""The numbers that physicists quote of a classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.train.fit.objective import Objective
from hepq.core.errors import DataError
from hepq.runtime.report.metrics import auc, rejection

#: signal efficiencies, percent, at which background rejection is told
EFFICIENCIES = (30, 50, 70)


def measures(
    target: Objective, values: NDArray[np.float64], truth: NDArray[np.int64], is_signal: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> tuple[dict[str, float], str]:  # fmt: skip
    """``accuracy``, ``auc``, ``rejection30`` (1/ε_b at ε_s = 0.3) and so on, of weighted events, as
    ``runtime.metrics`` defines them; or nothing, and why: events of one class have none.
    """
    scores = target.signal_scores(values)
    try:
        found = {"accuracy": target.accuracy(values, truth, weight), "auc": auc(scores, is_signal, weight)}
        return found | {f"rejection{e}": rejection(scores, is_signal, e / 100, weight).value for e in EFFICIENCIES}, ""
    except DataError as error:
        return {}, ": ".join(filter(None, (error.title, error.why)))
