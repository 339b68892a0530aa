# SPDX-License-Identifier: Apache-2.0
"""Which circuits events ask for, and the numbers in their slots: found by running a model on a backend that notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.quantum.backends.backend import Outcomes, Task


@dataclass
class Noting:
    """A backend that runs nothing: it keeps what it was asked, and every outcome is all zeros."""

    name: str = "noting"
    exact: bool = False
    asked: list[tuple[Task, NDArray[np.float64]]] = field(default_factory=list)

    def run(self, task: Task, values: NDArray[np.float64], shots: int, seed: int | None = None) -> Outcomes:
        self.asked.append((task, np.array(values, np.float64)))
        nothing, all_of_them = np.zeros(1, np.uint64), np.ones(1)
        return Outcomes(task.circuit.qubits, (nothing,) * len(values), (all_of_them,) * len(values))

    def rows(self) -> Iterator[tuple[Task, NDArray[np.float64]]]:
        """One circuit and its slots' numbers [slots] at a time, in the order asked; the same never twice."""
        seen = set()
        for task, values in self.asked:
            for row in values:
                key = (task.circuit.digest, row.tobytes())
                if key not in seen:
                    seen.add(key)
                    yield task, row
