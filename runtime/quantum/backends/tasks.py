# SPDX-License-Identifier: Apache-2.0
"""What every backend that runs native circuits asks of a task before anything else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native


def native_of(task: Task, device: Device, backend: str) -> Native:
    """The task's native circuit. Raises DataError HQ0877 if it has none, or one for another device."""
    native, target = task.native, device.name
    if native is not None and (native.device, native.circuit.qubits) == (device.name, device.size):
        return native
    made = "compiled for exact simulation" if native is None else f"compiled for {native.device}"
    title = f"backend {backend} has no native circuit to run"
    raise DataError("HQ0877", title, f"it runs circuits of {target}, and these were {made}",
                    f"hepqc compile PROGRAM --target {target}")  # fmt: skip


def finite(values: NDArray[np.float64]) -> None:
    """Raises DataError HQ0881 for NaN or infinity among ``values`` [N, slots]."""
    bad = ~np.isfinite(values)
    if bad.any():
        row, slot = (int(i) for i in np.argwhere(bad)[0])
        title = f"angles of {int(bad.any(1).sum())} of {len(values)} circuits are not finite"
        raise DataError("HQ0881", title, f"the first: row {row}, slot {slot}", "look at that event's numbers")
