# SPDX-License-Identifier: Apache-2.0
"""Where circuits run: one small protocol for the exact simulator, the noisy one and every vendor's device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit
from hepq.core.errors import DataError
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native


@dataclass(frozen=True)
class Task:
    """One circuit, measured at its end, to be filled and run many times. ``native``: what a device runs of it."""

    circuit: Circuit
    native: Native | None = None


@dataclass(frozen=True)
class Outcomes:
    """What N runs gave: for each, the bit strings seen (bit i: wire i) and the fraction of shots that gave each."""

    qubits: int
    strings: tuple[NDArray[np.uint64], ...]
    fractions: tuple[NDArray[np.float64], ...]

    def zero(self) -> NDArray[np.float64]:
        """The fraction of all zeros, [N]: a fidelity kernel's value."""
        return np.array([f[s == 0].sum() for s, f in zip(self.strings, self.fractions, strict=True)])

    def parity(self, wires: tuple[int, ...]) -> NDArray[np.float64]:
        """The mean of Π Z over ``wires``, [N]."""
        mask = np.uint64(sum(1 << w for w in wires))
        means = []
        for strings, fractions in zip(self.strings, self.fractions, strict=True):
            odd = np.bitwise_count(strings & mask) % 2
            means.append(float(fractions @ (1.0 - 2.0 * odd)))
        return np.array(means)

    def probabilities(self) -> NDArray[np.float64]:
        """Fractions of every bit string, [N, 2^qubits]."""
        out = np.zeros((len(self.strings), 1 << self.qubits))
        for row, strings, fractions in zip(out, self.strings, self.fractions, strict=True):
            np.add.at(row, strings.astype(np.int64), fractions)
        return out

    @staticmethod
    def of(probabilities: NDArray[np.float64]) -> Outcomes:
        """From fractions of every bit string, [N, 2^qubits]."""
        n, size = probabilities.shape
        strings = np.arange(size, dtype=np.uint64)
        return Outcomes(size.bit_length() - 1, (strings,) * n, tuple(probabilities))


class Backend(Protocol):
    """Runs circuits. ``exact``: gives probabilities, so that shots do not matter."""

    @property
    def name(self) -> str: ...

    @property
    def exact(self) -> bool: ...

    def run(self, task: Task, values: NDArray[np.float64], shots: int, seed: int | None = None) -> Outcomes:
        """``task.circuit`` filled with each row of ``values`` [N, slots]; N outcomes, in order."""


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
