# SPDX-License-Identifier: Apache-2.0
"""Circuits in arrays: the matrices of gates, and of angles as functions of the slots.

A matrix acts on the gate's qubits with the *first* qubit as the least significant bit of the index
(Qiskit's order). Angles are in radians.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle
from hepq.core.gates import GATES

Matrix = NDArray[np.complex128]

_I, _Z = np.diag([1, 1]).astype(complex), np.diag([1, -1]).astype(complex)
_X, _Y = np.array([[0, 1], [1, 0]], complex), np.array([[0, -1j], [1j, 0]])


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = np.cos(theta / 2), np.sin(theta / 2)
    return np.array([[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]])


def _rotation(generator: NDArray[Any]) -> Callable[[float], Matrix]:
    """exp(-i θ/2 G) for G with G² = 1."""
    one = np.eye(len(generator), dtype=complex)
    return lambda theta: np.cos(theta / 2) * one - 1j * np.sin(theta / 2) * generator


def _axis(phi: float) -> Matrix:
    return np.asarray(np.cos(phi) * _X + np.sin(phi) * _Y)


def _r(theta: float, phi: float) -> Matrix:
    """A rotation by θ about the axis at angle φ in the xy plane."""
    return _rotation(_axis(phi))(theta)


def _ms(first: float, second: float, theta: float) -> Matrix:
    """Mølmer and Sørensen's gate, about an axis in each qubit's xy plane (IonQ's ms: angles in turns there)."""
    return _rotation(np.kron(_axis(second), _axis(first)))(theta)


def _controlled(u: Matrix) -> Matrix:
    """First qubit the control: odd indices."""
    out = np.eye(2 * len(u), dtype=complex)
    out[1::2, 1::2] = u
    return out


def _cu(theta: float, phi: float, lam: float, gamma: float) -> Matrix:
    return _controlled(np.exp(1j * gamma) * _u(theta, phi, lam))


_H = (_X + _Z) / np.sqrt(2)
_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
_SWAP = np.eye(4, dtype=complex)[[0, 2, 1, 3]]
_ISWAP = np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]])
#: (IX - XY)/√2 with the first qubit least significant, as in Qiskit
_ECR = np.array([[0, 1, 0, 1j], [1, 0, -1j, 0], [0, 1j, 0, 1], [-1j, 0, 1, 0]]) / np.sqrt(2)
_FIXED: dict[str, NDArray[Any]] = {
    "id": _I, "x": _X, "y": _Y, "z": _Z, "h": _H, "s": np.diag([1, 1j]), "sdg": np.diag([1, -1j]),
    "t": np.diag([1, np.exp(0.25j * np.pi)]), "tdg": np.diag([1, np.exp(-0.25j * np.pi)]), "sx": _SX,
    "sxdg": _SX.conj().T, "swap": _SWAP, "ecr": _ECR, "iswap": _ISWAP,
}  # fmt: skip
_ANGLED: dict[str, Callable[..., Matrix]] = {
    "p": lambda a: np.diag([1, np.exp(1j * a)]), "rx": _rotation(_X), "ry": _rotation(_Y), "rz": _rotation(_Z),
    "r": _r, "u": _u, "gpi": lambda a: _r(np.pi, a) * 1j, "gpi2": lambda a: _r(np.pi / 2, a), "cu": _cu,
    "rxx": _rotation(np.kron(_X, _X)), "ryy": _rotation(np.kron(_Y, _Y)), "rzz": _rotation(np.kron(_Z, _Z)), "ms": _ms,
}  # fmt: skip
#: gates that are another with one more control
_CONTROLLED = {gate.controlled: gate.name for gate in GATES.values() if gate.controlled}


def matrix(name: str, *angles: float) -> Matrix:
    """The unitary of a gate, [2^qubits, 2^qubits]; Qiskit's, phase included."""
    if not angles:
        return _fixed(name)
    return _controlled(matrix(_CONTROLLED[name], *angles)) if name in _CONTROLLED else _ANGLED[name](*angles)


@cache
def _fixed(name: str) -> Matrix:
    value = _controlled(_fixed(_CONTROLLED[name])) if name in _CONTROLLED else _FIXED[name].astype(complex)
    value.setflags(write=False)
    return value


def affine(angles: Iterable[Angle], slots: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(matrix [angles, slots], constants [angles]): all angles of N events are ``values @ matrix.T + constants``."""
    found = list(angles)
    made, constants = np.zeros((len(found), slots)), np.array([a.constant for a in found])
    for row, angle in zip(made, found, strict=True):
        for slot, coefficient in angle.terms:
            row[slot] = coefficient
    return made, constants
