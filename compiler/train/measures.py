# SPDX-License-Identifier: Apache-2.0
"""The numbers that physicists quote of a classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.train.objective import Objective
from hepq.runtime.errors import DataError
from hepq.runtime.metrics import auc, rejection

#: signal efficiencies, percent, at which background rejection is told
EFFICIENCIES = (30, 50, 70)


def measures(
    target: Objective, values: NDArray[np.float64], truth: NDArray[np.int64], is_signal: NDArray[np.bool_]
) -> dict[str, float]:
    """``accuracy``, ``auc``, ``rejection30`` (1/ε_b at ε_s = 0.3) and so on; nothing for events of one class."""
    scores = target.signal_scores(values)
    try:
        found = {"accuracy": target.accuracy(values, truth), "auc": auc(scores, is_signal)}
        return found | {f"rejection{e}": rejection(scores, is_signal, e / 100).value for e in EFFICIENCIES}
    except DataError:
        return {}
