# SPDX-License-Identifier: Apache-2.0
"""The exact simulator as a backend: probabilities, no shots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepq.runtime.errors import DataError
from hepq.runtime.quantum.backend import Outcomes, Task

#: wires beyond which one state, 2^wires complex numbers, is refused
WIRES = 26
#: bytes that simulation may take beside its result, and that a result may take
MEMORY = 1 << 30
RESULT = 1 << 33
#: bytes at work for each amplitude of an event: its two parts, those after a layer, and a layer's phases
AMPLITUDE = 96


@dataclass(frozen=True)
class Exact:
    """Simulates in complex128, block by block of events. ``shots`` and ``seed`` change nothing."""

    device: str = "cpu"

    @property
    def name(self) -> str:
        return "exact"

    @property
    def exact(self) -> bool:
        return True

    def run(self, task: Task, values: NDArray[np.float64], shots: int, seed: int | None = None) -> Outcomes:
        """Probabilities of all bit strings for each row of ``values`` [N, slots].

        Raises DataError: HQ0850 too many wires, HQ0851 a NaN or infinite angle, HQ0852 a result beyond memory.
        """
        import torch

        from hepq.runtime.quantum.simulate import probabilities

        circuit, values = task.circuit, np.ascontiguousarray(values, np.float64)
        check(circuit.qubits, values)
        size = 1 << circuit.qubits
        found = np.empty((len(values), size))
        rows = max(1, MEMORY // (AMPLITUDE * size))
        with torch.no_grad():
            for i in range(0, len(values), rows):
                block = torch.from_numpy(values[i : i + rows]).to(self.device)
                found[i : i + rows] = probabilities(circuit, block).cpu().numpy()
        return Outcomes.of(found)


def check(wires: int, values: NDArray[np.float64]) -> None:
    """Raise DataError unless every angle is a number and all outcomes fit memory."""
    if wires > WIRES:
        raise DataError(
            "HQ0850", f"a circuit of {wires} wires is too large for exact simulation",
            f"its state has 2^{wires} amplitudes; at most 2^{WIRES} are simulated",
            "use fewer wires, or a device as backend",
        )  # fmt: skip
    if not np.isfinite(values).all():
        event, slot = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            "HQ0851", f"the angles of event {event} are not all numbers", f"slot {slot} is {values[event, slot]}",
            "see that the program's inputs are finite and that it takes no logarithm or root of what may be negative",
        )  # fmt: skip
    if (need := len(values) * 8 << wires) > RESULT:
        raise DataError(
            "HQ0852", f"probabilities of {len(values)} events do not fit in memory",
            f"{len(values)} times 2^{wires} numbers take {need / 2**30:.0f} GiB; at most {RESULT >> 30} GiB are made",
            "run fewer events at a time",
        )  # fmt: skip
