# SPDX-License-Identifier: Apache-2.0
"""A circuit compiled for one device: native gates on its qubits, angles still affine in the source's slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit, Diagonal, Wires
from hepq.runtime.quantum.matrices import affine


@dataclass(frozen=True)
class Native:
    """``circuit.qubits`` is the device's size, its ops are native gates on couplings of the device (no ``Diagonal``).

    ``layout[i]``: the qubit that holds wire i at the start (all qubits start in |0>); ``measured[i]``: the one
    that holds wire i at the end and is read into classical bit i.
    """

    device: str
    calibration: str
    circuit: Circuit
    layout: tuple[int, ...]
    measured: tuple[int, ...]

    @property
    def used(self) -> tuple[int, ...]:
        """The device's qubits that take part, ascending."""
        gates = {q for op in self.circuit.ops for q in op.qubits}
        return tuple(sorted(gates | set(self.layout) | set(self.measured)))

    def on(self, wires: Wires) -> Native:
        """On other qubits of the device: ``wires[q]`` takes the place of q."""
        circuit = self.circuit.on(wires, self.circuit.qubits)
        layout, measured = (tuple(wires[q] for q in found) for found in (self.layout, self.measured))
        return replace(self, circuit=circuit, layout=layout, measured=measured)

    @property
    def compact(self) -> tuple[Circuit, dict[int, int]]:
        """The circuit on qubits that take part alone, and their numbers there."""
        numbers = {q: i for i, q in enumerate(self.used)}
        return self.circuit.on(numbers, len(numbers)), numbers

    @cached_property
    def _affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return affine(self.circuit.angles, self.circuit.slots)

    def bind(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every rotation's angle for N events at once: slots [N, slots] -> angles [N, rotations], in op order."""
        matrix, constants = self._affine
        return values @ matrix.T + constants

    def to_json(self) -> dict[str, Any]:
        return {
            "device": self.device, "calibration": self.calibration, "layout": list(self.layout),
            "measured": list(self.measured), "circuit": self.circuit.to_json(),
        }  # fmt: skip

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Native:
        """Raises ValueError for wires that the device lacks or that are given twice, and for a ``Diagonal``."""
        circuit = Circuit.from_json(data["circuit"])
        if any(isinstance(op, Diagonal) for op in circuit.ops):
            raise ValueError("a diagonal layer is not a native gate")
        layout, measured = (tuple(map(int, data[k])) for k in ("layout", "measured"))
        for wires in (layout, measured):
            if len(set(wires)) < len(wires) or not all(0 <= q < circuit.qubits for q in wires):
                raise ValueError("layout: wires must be distinct qubits of the device")
        if len(layout) != len(measured):
            raise ValueError(f"{len(layout)} wires, {len(measured)} of them measured")
        return Native(str(data["device"]), str(data["calibration"]), circuit, layout, measured)
