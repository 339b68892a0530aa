# SPDX-License-Identifier: Apache-2.0
"""Is a native circuit what it should be: native gates on usable couplings, and the distributions of its source?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import pi
from typing import Any

import numpy as np

from hepq.compiler.lower.circuit.qiskit_convert import to_qiskit
from hepq.runtime.quantum.circuit import Circuit, Gate, remapped
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from hepq.runtime.quantum.replay import difference

#: circuits that use at most so many qubits are simulated at random angles; larger ones at Clifford angles
MAX_EXACT = 18
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Verdict:
    """``how`` it was checked; ``problem``: what is wrong, empty if nothing is."""

    how: str
    problem: str = ""


def verify_native(native: Native, source: Circuit, device: Device, seed: int = 0) -> Verdict:
    """Compare ``native`` with ``source``, whose wires are all measured at the end.

    Up to ``MAX_EXACT`` used qubits: all probabilities at random angles. Above: means of Z strings at angles that make
    both circuits Clifford (Aaronson and Gottesman, arXiv:quant-ph/0406196), if there are any.
    """
    if problem := _unfit(native, device):
        return Verdict("gates", problem)
    rng = np.random.default_rng(seed)
    if len(native.used) <= MAX_EXACT:
        rows = 3 if len(native.used) <= 12 else 1
        largest = difference(native, source, rng.uniform(-pi, pi, (rows, source.slots)))
        return Verdict("simulated", "" if largest < TOLERANCE else f"probabilities differ by {largest:.1e}")
    return _clifford(native, source, rng)


def _unfit(native: Native, device: Device) -> str:
    links = {(c.a, c.b, c.gate) for c in device.usable}
    links |= {(c.b, c.a, c.gate) for c in device.usable if c.gate not in ("ecr", "cx")}
    for op in native.circuit.ops:
        if not isinstance(op, Gate):
            return "a diagonal layer is not a native gate"
        if len(op.qubits) == 1 and (op.name not in device.one_qubit or not device.qubits[op.qubits[0]].usable):
            return f"{op.name} on qubit {op.qubits[0]}"
        if len(op.qubits) > 1 and (len(op.qubits) > 2 or (*op.qubits, op.name) not in links):
            return f"{op.name} on qubits {op.qubits}"
    if not all(device.qubits[q].usable for q in native.measured):
        return "a dead qubit is read"
    return ""


def _clifford(native: Native, source: Circuit, rng: Any) -> Verdict:
    from qiskit.quantum_info import Clifford, Pauli, StabilizerState

    used = {q: i for i, q in enumerate(native.used)}
    small = Circuit(len(used), source.slots, tuple(remapped(op, qubits=used) for op in native.circuit.ops))
    n, points = source.qubits, 0
    strings = [*((q,) for q in range(n)), *combinations(range(n), 2)]
    strings += [tuple(np.flatnonzero(rng.random(n) < 0.5)) for _ in range(100)]
    for step in (pi / 2, pi):
        for _ in range(3):
            values = step * rng.integers(0, 4, source.slots)
            try:
                a, b = (StabilizerState(Clifford(_bound(c, values))) for c in (source, small))
            except Exception:  # not Clifford: Qiskit raises many kinds
                break
            points += 1
            for string in strings:
                there = [used[native.measured[q]] for q in string]
                means = [s.expectation_value(Pauli(_z(w, s.num_qubits))) for s, w in ((a, string), (b, there))]
                if means[0] != means[1]:
                    return Verdict("Clifford angles", f"the mean of Z on wires {string} differs")
    return Verdict(f"{points} Clifford angles") if points else Verdict("gates only: too large to simulate")


def _z(wires: Any, n: int) -> str:
    return "".join("Z" if q in set(wires) else "I" for q in reversed(range(n)))


def _bound(circuit: Circuit, values: Any) -> Any:
    made, names = to_qiskit(circuit)
    made.remove_final_measurements(inplace=True)
    return made.assign_parameters({p: names[p.name].value(values) for p in made.parameters})
