# SPDX-License-Identifier: Apache-2.0
"""The gates: OpenQASM 3's stdgates and those that devices offer, with their matrices.

A matrix acts on the gate's qubits with the *first* qubit as the least significant bit of the index
(Qiskit's order). Angles are in radians.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.complex128]

#: name -> (angles, qubits)
GATES: dict[str, tuple[int, int]] = {
    **dict.fromkeys("id x y z h s sdg t tdg sx sxdg".split(), (0, 1)),
    **dict.fromkeys("p rx ry rz gpi gpi2".split(), (1, 1)), "r": (2, 1), "u": (3, 1),
    **dict.fromkeys("cx cy cz ch swap ecr iswap".split(), (0, 2)),
    **dict.fromkeys("cp crx cry crz rxx ryy rzz".split(), (1, 2)), "cu": (4, 2), "ms": (3, 2),
    **dict.fromkeys("ccx cswap".split(), (0, 3)),
}  # fmt: skip
#: gates that are diagonal in the computational basis
DIAGONAL = frozenset("id z s sdg t tdg p rz cz cp crz rzz".split())

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
    "sxdg": _SX.conj().T, "cx": _controlled(_X), "cy": _controlled(_Y), "cz": _controlled(_Z),
    "ch": _controlled(_H), "swap": _SWAP, "ecr": _ECR, "iswap": _ISWAP,
    "ccx": _controlled(_controlled(_X)), "cswap": _controlled(_SWAP),
}  # fmt: skip
_ANGLED: dict[str, Callable[..., Matrix]] = {
    "p": lambda a: np.diag([1, np.exp(1j * a)]), "rx": _rotation(_X), "ry": _rotation(_Y), "rz": _rotation(_Z),
    "r": _r, "u": _u, "gpi": lambda a: _r(np.pi, a) * 1j, "gpi2": lambda a: _r(np.pi / 2, a),
    "cp": lambda a: np.diag([1, 1, 1, np.exp(1j * a)]), "crx": lambda a: _controlled(_rotation(_X)(a)),
    "cry": lambda a: _controlled(_rotation(_Y)(a)), "crz": lambda a: _controlled(_rotation(_Z)(a)), "cu": _cu,
    "rxx": _rotation(np.kron(_X, _X)), "ryy": _rotation(np.kron(_Y, _Y)), "rzz": _rotation(np.kron(_Z, _Z)), "ms": _ms,
}  # fmt: skip


def matrix(name: str, *angles: float) -> Matrix:
    """The unitary of a gate, [2^qubits, 2^qubits]; Qiskit's, phase included."""
    return _ANGLED[name](*angles) if angles else _fixed(name)


@cache
def _fixed(name: str) -> Matrix:
    value = _FIXED[name].astype(complex)
    value.setflags(write=False)
    return value


#: gate -> what undoes it; with angles: all negated (``r``, ``u``, ``cu``, ``gpi2``, ``ms``: see circuit.py)
INVERSE = {"s": "sdg", "sdg": "s", "t": "tdg", "tdg": "t", "sx": "sxdg", "sxdg": "sx"}
