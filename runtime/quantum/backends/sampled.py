# SPDX-License-Identifier: Apache-2.0
"""The exact simulator with shots: outcomes drawn from its probabilities, without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.quantum.backends.backend import Outcomes, Task
from hepq.runtime.quantum.backends.exact import Exact

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sampled:
    """``simulator``'s probabilities, each measured with shots: equal seeds give equal outcomes."""

    simulator: Exact

    exact = False

    @property
    def name(self) -> str:
        return f"sampled:{self.simulator.name}"

    def run(self, task: Task, values: Array, shots: int, seed: int | None = None) -> Outcomes:
        """``shots`` of each row. Raises what ``Exact`` raises."""
        chances = self.simulator.probabilities(task.circuit, values).clip(0.0)
        counts = np.random.default_rng(seed).multinomial(shots, chances / chances.sum(1, keepdims=True))
        return Outcomes.of(counts / shots)

    def successes(self, chances: Array, shots: int, seed: int | None) -> Array:
        """The fraction of ``shots`` in which what has these chances happened: of fidelities, all of them at once."""
        made: Array = np.random.default_rng(seed).binomial(shots, chances.clip(0.0, 1.0)) / shots
        return made
