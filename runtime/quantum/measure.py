# SPDX-License-Identifier: Apache-2.0
"""Measurements as circuits to run: which circuits a fidelity or an expectation needs, and what their outcomes say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.runtime.quantum.backends.backend import Outcomes

#: a Pauli string, as (wire, "X" | "Y" | "Z") pairs
Pauli = tuple[tuple[int, str], ...]
#: (coefficient, Pauli string) terms, added
Observable = tuple[tuple[float, Pauli], ...]


def fidelity_circuit(left: Circuit, right: Circuit) -> Circuit:
    """U†(y) U(x): its chance of all zeros is |<right|left>|² (Havlíček et al., arXiv:1804.11326).

    ``left``'s slots come first.
    """
    return left.then(right.adjoint())


def marginal(chances: Any, wires: Sequence[int], qubits: int) -> Any:
    """Of probabilities [..., 2^qubits] of strings of bits those of the bits ``wires``, the first of which is bit 0:
    [..., 2^wires]. NumPy's or torch's."""
    if list(wires) == list(range(qubits)):
        return chances
    shape = *chances.shape[:-1], 1 << len(wires), 1 << qubits - len(wires)
    return chances[..., _by_bits(tuple(wires), qubits)].reshape(shape).sum(-1)


@lru_cache(maxsize=4)  # one for each step of a training
def _by_bits(wires: tuple[int, ...], qubits: int) -> NDArray[np.int64]:
    """All strings of bits [2^qubits], those together that are alike in ``wires``."""
    strings = np.arange(1 << qubits)
    number = sum((strings >> wire & 1) << bit for bit, wire in enumerate(wires))
    return np.argsort(number, kind="stable")


def bases(observables: Sequence[Observable]) -> tuple[dict[int, str], ...]:
    """Pauli bases to measure wires in: strings that agree on every wire share one (first fit)."""
    found: list[dict[int, str]] = []
    for observable in observables:
        for _, pauli in observable:
            wanted = dict(pauli)
            home = next((b for b in found if all(b.get(w, p) == p for w, p in wanted.items())), None)
            if home is None:
                found.append(home := {})
            home.update(wanted)
    return tuple(found)


def rotated(circuit: Circuit, basis: dict[int, str]) -> Circuit:
    """``circuit``, then each wire turned so that measuring it measures its Pauli of ``basis``."""
    turns: list[Gate] = []
    for wire, pauli in sorted(basis.items()):
        if pauli == "X":
            turns.append(Gate("h", (wire,)))
        elif pauli == "Y":
            turns.append(Gate("rx", (wire,), (Angle(pi / 2),)))
    return Circuit(circuit.qubits, circuit.slots, circuit.ops + tuple(turns))


def expectation_circuits(circuit: Circuit, observables: Sequence[Observable]) -> tuple[Circuit, ...]:
    """One circuit per basis of ``bases(observables)``."""
    return tuple(rotated(circuit, basis) for basis in bases(observables))


def expectations(observables: Sequence[Observable], outcomes: Sequence[Outcomes], runs: int) -> NDArray[np.float64]:
    """Means [runs, observables] from the outcomes of ``expectation_circuits``."""
    measured = bases(observables)
    means = np.zeros((runs, len(observables)))
    for i, observable in enumerate(observables):
        for coefficient, pauli in observable:
            which = next(k for k, b in enumerate(measured) if all(b.get(w) == p for w, p in pauli))
            means[:, i] += coefficient * outcomes[which].parity(tuple(w for w, _ in pauli))
    return means
