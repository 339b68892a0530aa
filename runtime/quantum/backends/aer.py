# SPDX-License-Identifier: Apache-2.0
"""Circuits of native gates on Qiskit Aer: built once, filled with the angles of many events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Barrier, Circuit, Gate
from hepq.runtime.imports import optional
from hepq.runtime.quantum.matrices import matrix

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit_aer.noise import NoiseModel

#: events simulated in one call
CHUNK = 64
#: our gate -> Aer's, and its angles: equal but for a phase
_AS: dict[str, tuple[str, Any]] = {"gpi": ("r", lambda a: [pi, a]), "gpi2": ("r", lambda a: [pi / 2, a])}


def aer_name(gate: str) -> str:
    """What Aer knows a gate by."""
    return _AS[gate][0] if gate in _AS else gate


def aer_circuit(circuit: Circuit, bits: int = 0) -> QuantumCircuit:
    """As Qiskit's, one parameter for each angle that is not fixed, named by its place among all angles."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

    optional("qiskit_aer", "noise")  # gives circuits what `save_probabilities` and others are
    known = get_standard_gate_name_mapping()
    made, place = QuantumCircuit(circuit.qubits, bits), 0
    for op in circuit.ops:
        if isinstance(op, Barrier):
            continue
        if not isinstance(op, Gate):
            raise ValueError(f"{op} is no native gate")
        angles: list[Any] = []
        for angle in op.angles:
            angles.append(angle.constant if angle.fixed else Parameter(str(place)))
            place += 1
        name, convert = _AS.get(op.name, (op.name, lambda *a: list(a)))
        if name == "iswap":  # not an instruction of Aer
            made.append(UnitaryGate(matrix(name), label=name), op.qubits)
        else:
            made.append(type(known[name])(*convert(*angles)), op.qubits)
    return made


@dataclass(frozen=True)
class Simulation:
    """How Aer runs: ``method`` as in its documentation."""

    method: str
    noise: NoiseModel | None
    shots: int
    seed: int

    def run(self, circuit: QuantumCircuit, angles: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
        """What Aer saved for each row of ``angles`` [N, angles]."""
        aer = optional("qiskit_aer", "noise")
        simulator = aer.AerSimulator(method=self.method, noise_model=self.noise, seed_simulator=self.seed)
        for lo in range(0, len(angles), CHUNK):
            rows = angles[lo : lo + CHUNK]
            if circuit.parameters:
                binds = [{p: rows[:, int(p.name)].tolist() for p in circuit.parameters}]
                job = simulator.run(circuit, parameter_binds=binds, shots=self.shots)
            else:
                job = simulator.run([circuit] * len(rows), shots=self.shots)
            result = job.result()
            if not result.success:
                raise RuntimeError(f"Aer: {result.status}")
            for i in range(len(rows)):
                yield result.data(i)
