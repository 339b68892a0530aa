# SPDX-License-Identifier: Apache-2.0
"""Circuits for tests: random ones with every gate, and the same in Qiskit."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op
from hepq.core.gates import ARITIES

#: gates that Qiskit has under the same name
SHARED = sorted(set(ARITIES) - {"gpi", "gpi2", "ms"})


def random_circuit(rng: np.random.Generator, qubits: int, slots: int, depth: int) -> Circuit:
    """``depth`` random gates and diagonal layers."""
    usable = [name for name in SHARED if ARITIES[name][1] <= qubits]
    ops: list[Op] = []
    for _ in range(depth):
        if rng.random() < 0.15:
            subsets = {tuple(sorted(rng.permutation(qubits)[: rng.integers(1, qubits + 1)].tolist())) for _ in range(3)}
            ops.append(Diagonal(tuple((s, random_angle(rng, slots)) for s in sorted(subsets))))
        else:
            name = str(rng.choice(usable))
            angles, wires = ARITIES[name]
            on = tuple(int(q) for q in rng.permutation(qubits)[:wires])
            ops.append(Gate(name, on, tuple(random_angle(rng, slots) for _ in range(angles))))
    return Circuit(qubits, slots, tuple(ops))


def random_angle(rng: np.random.Generator, slots: int) -> Angle:
    constant = float(rng.normal())
    if slots == 0 or rng.random() < 0.3:
        return Angle(constant)
    return Angle(constant) + Angle.slot(int(rng.integers(slots)), float(rng.choice([1.0, -1.0, 2.0, 0.5])))


def in_qiskit(circuit: Circuit, values: NDArray[Any]) -> QuantumCircuit:
    """The bound circuit, gate by gate, built without any code of ours."""
    out = QuantumCircuit(circuit.qubits)
    for op in circuit.ops:
        if isinstance(op, Diagonal):
            for wires, angle in op.terms:
                ladder = list(pairwise(wires))
                for a, b in ladder:
                    out.cx(a, b)
                out.rz(angle.value(values), wires[-1])
                for a, b in reversed(ladder):
                    out.cx(a, b)
        elif isinstance(op, Barrier):
            out.barrier(op.qubits)
        else:
            getattr(out, op.name)(*(a.value(values) for a in op.angles), *op.qubits)
    return out


def statevector(circuit: Circuit, values: NDArray[Any]) -> NDArray[np.complex128]:
    found: NDArray[np.complex128] = Statevector(in_qiskit(circuit, values)).data
    return found


def same_state(a: NDArray[Any], b: NDArray[Any], tolerance: float = 1e-9) -> bool:
    """Equal up to a global phase."""
    return bool(abs(abs(np.vdot(a, b)) - 1) < tolerance)
