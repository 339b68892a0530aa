# SPDX-License-Identifier: Apache-2.0
"""The exact simulator as a backend: without noise; without shots, or with shots drawn from its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Outcomes, Task
from hepq.runtime.quantum.measure import Observable

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Exact:
    """``precision``: of amplitudes. Single is twice as fast; fidelities then err by less than 1e-6.

    ``device``: torch's name of where to compute. What is too large raises DataError HQ0850 (a state) or HQ0852
    (those of all events), and a NaN or infinite angle HQ0851.
    """

    precision: Literal["double", "single"] = "double"
    device: str = "cpu"

    @property
    def name(self) -> str:
        return "exact" if self.precision == "double" else "exact:single"

    @property
    def exact(self) -> bool:
        return True

    def run(self, task: Task, values: Array, shots: int, seed: int | None = None) -> Outcomes:
        """Probabilities of all bit strings for each row of ``values`` [N, slots]; shots and seed change nothing."""
        return Outcomes.of(self.probabilities(task.circuit, values))

    def probabilities(self, circuit: Circuit, values: Array) -> Array:
        """[N, 2^wires]"""
        from hepq.runtime.quantum.simulate.state import probabilities

        return _numpy(probabilities(circuit, self._tensor(values), dtype=self._dtype))

    def states(self, circuit: Circuit, values: Array) -> torch.Tensor:
        """Amplitudes [N, 2^wires], on ``device``."""
        from hepq.runtime.quantum.simulate.state import states

        return states(circuit, self._tensor(values), dtype=self._dtype)

    def means(self, circuit: Circuit, values: Array, observables: Sequence[Observable]) -> Array:
        """[N, observables]; only what the observables see of the circuit is simulated and must not be too large."""
        from hepq.runtime.quantum.simulate.state import expectations

        return _numpy(expectations(circuit, self._tensor(values), observables, dtype=self._dtype))

    @property
    def _dtype(self) -> Any:
        import torch

        return torch.complex128 if self.precision == "double" else torch.complex64

    def _tensor(self, values: Array) -> torch.Tensor:
        import torch

        if not np.isfinite(values).all():
            event, slot = np.argwhere(~np.isfinite(values))[0]
            raise DataError(
                "HQ0851", f"the angles of event {event} are not all numbers", f"slot {slot} is {values[event, slot]}",
                "see that inputs are finite and that no logarithm or root is taken of what may be negative",
            )  # fmt: skip
        return torch.from_numpy(np.ascontiguousarray(values, np.float64)).to(self.device)


def _numpy(found: torch.Tensor) -> Array:
    made: Array = found.cpu().numpy().astype(np.float64, copy=False)
    return made


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
