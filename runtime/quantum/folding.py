# SPDX-License-Identifier: Apache-2.0
"""Native circuits made of others without compiling again: folded for more noise, or flipping qubits alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from math import pi

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op
from hepq.core.errors import DataError
from hepq.core.gates import GATES
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.native import Native

_CLOSE = 1e-9
#: angles that are tried to flip a qubit
_ANGLES = (0.0, pi / 2, pi)


def folded(native: Native, device: Device, scale: int) -> Native:
    """U (U† U)^k on the same qubits, ``scale`` = 2 k + 1 times the gates: global unitary folding (arXiv:2005.10921).

    After routing, so that couplings and places stay; barriers stand between, so that nothing is cancelled.
    Raises DataError HQ0889 for a gate that the device cannot undo, ValueError for an even ``scale``.
    """
    if scale < 1 or scale % 2 == 0:
        raise ValueError(f"a circuit is folded an odd number of times, not {scale}")
    known = frozenset((*device.one_qubit, *device.two_qubit))
    undone: list[Op] = []
    for op in reversed(native.circuit.ops) if scale > 1 else ():
        undone += [op] if isinstance(op, Barrier) else _undone(op, known, device.name)
    first = max((b.number for b in native.circuit.barriers), default=0) + 1
    ops = [*native.circuit.ops]
    for k in range((scale - 1) // 2):
        for i, part in enumerate((undone, native.circuit.ops)):
            ops += [Barrier(native.used, first + 2 * k + i), *part]
    return replace(native, circuit=Circuit(native.circuit.qubits, native.circuit.slots, tuple(ops)))


def _undone(op: Op, known: Collection[str], device: str) -> list[Op]:
    """Native gates that undo ``op``, but for a global phase."""
    if not isinstance(op, Gate):
        raise ValueError("a diagonal layer is not a native gate")
    if op.spec.inverse in known:
        return [op.inverse()]
    turn = Gate("rz", op.qubits[:1], (Angle(pi),))  # turns the axis of sx about, and exchanges the signs of iswap
    if "rz" in known and not op.angles and _turned_back(op.name):
        return [turn, op, turn]
    title = f"zne needs the inverse of {op.name}, which {device} does not have"
    raise DataError("HQ0889", title, "a folded circuit runs backwards, too", "leave zne out")


@cache
def _turned_back(gate: str) -> bool:
    """Whether half a turn of the first qubit before and after a gate without angles makes its inverse."""
    u, z = matrix(gate), np.diag([1.0, -1.0])
    half = np.kron(np.eye(len(u) // 2), z)
    phase = np.trace(half @ u @ half @ u) / len(u)
    return bool(abs(abs(phase) - 1) < _CLOSE)


def flips(native: Native, device: Device) -> tuple[Native, Native]:
    """Circuits that leave every measured qubit in |0⟩, and that bring every one to |1⟩, without couplings.

    Raises DataError HQ0889 where no two native gates flip a qubit.
    """
    zero = Circuit(native.circuit.qubits, 0)
    gates = _flip(device.one_qubit, device.name)
    one = Circuit(zero.qubits, 0, tuple(Gate(g.name, (q,), g.angles) for q in native.measured for g in gates))
    none, all_of_them = (replace(native, circuit=c, layout=native.measured) for c in (zero, one))
    return none, all_of_them


@cache
def _flip(names: tuple[str, ...], device: str) -> tuple[Gate, ...]:
    """The fewest gates of these on qubit 0 that bring |0⟩ to |1⟩."""
    gates = [
        Gate(name, (0,), tuple(map(Angle, angles)))
        for name in names for angles in product(_ANGLES, repeat=GATES[name].angles)
    ]  # fmt: skip
    for count in (1, 2):
        for chosen in product(gates, repeat=count):
            if abs(_acted(chosen)[1]) > 1 - _CLOSE:
                return chosen
    raise DataError("HQ0889", f"no two gates of {device} flip a qubit", "so its readout is not calibrated",
                    "leave readout out")  # fmt: skip


def _acted(gates: Sequence[Gate]) -> NDArray[np.complex128]:
    state = np.array([1, 0], complex)
    for gate in gates:
        state = matrix(gate.name, *(a.constant for a in gate.angles)) @ state
    return state
