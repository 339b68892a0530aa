# SPDX-License-Identifier: Apache-2.0
"""Is a native circuit what it should be: native gates on usable couplings, and the distributions of its source?"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    Up to ``MAX_EXACT`` used qubits: all probabilities at random angles. Above: all fixed parities at angles that make
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
    used = {q: i for i, q in enumerate(native.used)}
    small = Circuit(len(used), source.slots, tuple(remapped(op, qubits=used) for op in native.circuit.ops))
    sides = ((source, list(range(source.qubits))), (small, [used[q] for q in native.measured]))
    points = 0
    for step in (pi / 2, pi):
        for _ in range(3):
            values = step * rng.integers(0, 4, source.slots)
            found = [_fixed_parities(circuit, values, wires) for circuit, wires in sides]
            if None in found:
                break
            points += 1
            if found[0] != found[1]:
                return Verdict("Clifford angles", "other parities of bits are fixed")
    return Verdict(f"{points} Clifford angles") if points else Verdict("gates only: too large to simulate")


def _fixed_parities(
    circuit: Circuit, values: NDArray[np.float64], wires: list[int]
) -> dict[tuple[int, ...], int] | None:
    """The parities of bits of ``wires`` that the final state fixes, and their values; None if it is no stabiliser's.

    They say all of the distribution: it is even over the strings that obey them. In reduced form, so that equal
    distributions give equal parities.
    """
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import Clifford, Pauli, StabilizerState

    made, names = to_qiskit(circuit)
    made.remove_final_measurements(inplace=True)
    try:
        filled = made.assign_parameters({p: names[p.name].value(values) for p in made.parameters})
        state = StabilizerState(Clifford(filled))
    except QiskitError:
        return None
    n = circuit.qubits
    others = [q for q in range(n) if q not in set(wires)]
    tableau = np.concatenate(
        [state.clifford.stab_x, state.clifford.stab_z[:, others], state.clifford.stab_z[:, wires]], axis=1
    )
    reduced = _reduced(tableau)
    free = reduced[~reduced[:, : -len(wires)].any(axis=1), -len(wires) :]
    out: dict[tuple[int, ...], int] = {}
    for row in free[free.any(axis=1)]:
        string = tuple(np.flatnonzero(row).tolist())
        zs = {wires[i] for i in string}
        pauli = Pauli("".join("Z" if q in zs else "I" for q in reversed(range(n))))
        out[string] = round(float(np.real(state.expectation_value(pauli))))
    return out


def _reduced(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Reduced row echelon form over GF(2)."""
    rows, done = rows.copy(), 0
    for column in range(rows.shape[1]):
        found = np.flatnonzero(rows[done:, column])
        if not len(found):
            continue
        rows[[done, done + found[0]]] = rows[[done + found[0], done]]
        others = rows[:, column].copy()
        others[done] = False
        rows[others] ^= rows[done]
        done += 1
    return rows
