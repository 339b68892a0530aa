# SPDX-License-Identifier: Apache-2.0
"""Is a native circuit what it should be: native gates on usable couplings, and the distributions of its source?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.dense import probabilities
from hepq.compiler.circuits.formats.qiskit import to_qiskit
from hepq.compiler.circuits.native import writes_phases
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op, numbered
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: circuits that use at most so many qubits are simulated at random angles; larger ones at Clifford angles
MAX_EXACT = 18
#: of those that no angles make Clifford, so many used qubits are simulated, in single precision: half a gigabyte
MAX_SINGLE = 24
#: of the total variation distance, in double and in single precision
TOLERANCE, SINGLE_TOLERANCE = 1e-7, 1e-4

#: light cones of at most so many wires are simulated; at most so many wires are read at once
WIDEST, READ = 18, 10
#: a circuit and its wires that are read, in order
Side = tuple[Circuit, list[int]]


@dataclass(frozen=True)
class Verdict:
    """``how`` it was checked; ``problem``: what is wrong, empty if nothing is."""

    how: str
    problem: str = ""


def verify_native(
    native: Native, source: Circuit, device: Device, seed: int = 0, tolerance: float = TOLERANCE
) -> Verdict:
    """Compare ``native`` with ``source``, whose wires are all measured at the end.

    Up to ``MAX_EXACT`` used qubits: all probabilities at random angles. Above: all fixed parities at angles that make
    both circuits Clifford (Aaronson and Gottesman, arXiv:quant-ph/0406196). If there are none: all probabilities at
    random angles again, in single precision, up to ``MAX_SINGLE`` used qubits; above, the distributions of those wires
    whose light cones are small. ``tolerance``: of the distance of distributions, half the sum of differences.

    Barriers of ``source`` stand in ``native``, too, and what is between two of them is equal by itself: with any turns
    of its wires put at each barrier (``_probed``), the distributions are the same. Only where ``device`` has no gates
    for phases, which it then keeps in the axes of later gates, just their presence is checked.
    """
    if problem := _unfit(native, device):
        return Verdict("gates", problem)
    rng = np.random.default_rng(seed)
    source = numbered(source)
    wires = [{b.number: len(b.qubits) for b in side.barriers} for side in (source, native.circuit)]
    if wires[0] != wires[1]:
        return Verdict("barriers", f"{len(native.circuit.barriers)} barriers of {len(source.barriers)}, or on others")
    if writes_phases(device):
        source, native = _probed(source), replace(native, circuit=_probed(native.circuit))
    small, used = native.compact
    sides = ((source, list(range(source.qubits))), (small, [used[q] for q in native.measured]))
    if len(used) <= MAX_EXACT:
        return _simulated(sides, rng.uniform(-pi, pi, (3 if len(used) <= 12 else 1, source.slots)), tolerance)
    if (verdict := _clifford(sides, rng)) is not None:
        return verdict
    values = rng.uniform(-pi, pi, (1, source.slots))
    if len(used) <= MAX_SINGLE:
        return _simulated(sides, values, max(tolerance, SINGLE_TOLERANCE), single=True)
    return _light_cones(sides, values[0])


def _simulated(sides: tuple[Side, Side], rows: NDArray[np.float64], tolerance: float, single: bool = False) -> Verdict:
    how = "simulated in single precision" if single else "simulated"
    largest = 0.0
    for values in rows:
        one, other = (probabilities(circuit, values, wires, single=single) for circuit, wires in sides)
        largest = max(largest, float(np.abs(one - other).sum(dtype=np.float64)) / 2)
    return Verdict(how, "" if largest < tolerance else f"probabilities differ by {largest:.1e} in all")


def _light_cones(sides: tuple[Side, Side], values: NDArray[np.float64]) -> Verdict:
    """For each wire whose light cone is small on both sides, a group: it and the wires that widen the cone least.

    What is measured on some wires depends on the gates in their light cone alone.
    """
    cones = [[frozenset(circuit.cone((wire,))[1]) for wire in wires] for circuit, wires in sides]
    wires = range(sides[0][0].qubits)
    groups = sorted({group for i in wires if (group := _group(cones, i))})
    if not groups:
        return Verdict("gates only: too large to simulate, and so is the light cone of each wire")
    how = f"{len(groups)} light cones, which read {len(set().union(*groups))} of {len(wires)} wires"
    pairs = [[_marginal(side, group, values) for side in sides] for group in groups]
    largest = max(float(np.abs(one - other).sum()) / 2 for one, other in pairs)
    return Verdict(how, "" if largest < TOLERANCE else f"probabilities of some wires differ by {largest:.1e} in all")


def _probed(circuit: Circuit) -> Circuit:
    """A u of three slots of its own on each wire of each barrier, the same for equal numbers of barriers."""
    slots = circuit.slots
    first: dict[int, int] = {}
    for barrier in sorted(circuit.barriers, key=lambda b: b.number):
        first[barrier.number] = slots
        slots += 3 * len(barrier.qubits)
    ops: list[Op] = []
    for op in circuit.ops:
        if not isinstance(op, Barrier):
            ops.append(op)
            continue
        for i, q in enumerate(op.qubits):
            start = first[op.number] + 3 * i
            ops.append(Gate("u", (q,), tuple(Angle.slot(start + k) for k in range(3))))
    return Circuit(circuit.qubits, slots, tuple(ops))


def _unfit(native: Native, device: Device) -> str:
    links = {(c.a, c.b, c.gate) for c in device.usable}
    links |= {(c.b, c.a, c.gate) for c in device.usable if c.gate not in ("ecr", "cx")}
    for op in native.circuit.ops:
        if isinstance(op, Barrier):
            continue
        if not isinstance(op, Gate):
            return "a diagonal layer is not a native gate"
        if len(op.qubits) == 1 and (op.name not in device.one_qubit or not device.qubits[op.qubits[0]].usable):
            return f"{op.name} on qubit {op.qubits[0]}"
        if len(op.qubits) > 1 and (len(op.qubits) > 2 or (*op.qubits, op.name) not in links):
            return f"{op.name} on qubits {op.qubits}"
    if not all(device.qubits[q].usable for q in native.measured):
        return "a dead qubit is read"
    return ""


def _clifford(sides: tuple[Side, Side], rng: Any) -> Verdict | None:
    """None if no angles tried make both circuits Clifford."""
    points = 0
    for step in (pi / 2, pi):
        for _ in range(3):
            values = step * rng.integers(0, 4, sides[0][0].slots)
            found = [_fixed_parities(circuit, values, wires) for circuit, wires in sides]
            if None in found:
                break
            points += 1
            if found[0] != found[1]:
                return Verdict("Clifford angles", "other parities of bits are fixed")
    return Verdict(f"{points} Clifford angles") if points else None


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


def _group(cones: list[list[frozenset[int]]], first: int) -> tuple[int, ...]:
    """Empty if the light cone of ``first`` alone is too wide."""
    group: list[int] = []
    seen: list[frozenset[int]] = [frozenset() for _ in cones]
    while len(group) < READ:
        wider = {
            i: [s | side[i] for s, side in zip(seen, cones, strict=True)]
            for i in (range(len(cones[0])) if group else [first])
            if i not in group
        }
        best = min(wider, key=lambda i: max(map(len, wider[i])), default=None)
        if best is None or max(map(len, wider[best])) > WIDEST:
            break
        group.append(best)
        seen = wider[best]
    return tuple(sorted(group))


def _marginal(side: Side, group: tuple[int, ...], values: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
    circuit, wires = side
    small, place = circuit.cone(wires[i] for i in group)
    return probabilities(small, values, [place[wires[i]] for i in group])
