# SPDX-License-Identifier: Apache-2.0
"""The gates as data: OpenQASM 3's stdgates and those that devices offer. Angles are in radians.

Their matrices are in ``runtime/quantum/matrices.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, tau
from typing import Any


def _negated(*angles: Any) -> tuple[Any, ...]:
    return tuple(-a for a in angles)


@dataclass(frozen=True)
class GateSpec:
    """``angles`` and ``qubits``: how many it takes, controls first; ``inverse``: the gate that undoes it, if any does.

    ``undone``: the angles of the inverse.
    ``diagonal``: in the computational basis. ``symmetric``: no order of its qubits matters.
    ``phase``: of |1…1>, where nothing else gets one. ``square``: what two of them are.
    ``period``: equal ones add up their angles, and this much does nothing but a global phase.
    ``controlled``: the gate with one more control, the first qubit.
    ``written``: whether programs have it; ``aliases``: its other names in ``stdgates.inc``.
    """

    name: str
    angles: int
    qubits: int
    inverse: str | None
    undone: Callable[..., tuple[Any, ...]] = _negated
    diagonal: bool = False
    symmetric: bool = False
    phase: float | None = None
    square: str | None = None
    period: float | None = None
    controlled: str | None = None
    written: bool = True
    aliases: tuple[str, ...] = ()

    @property
    def arity(self) -> tuple[int, int]:
        """(angles, qubits)"""
        return self.angles, self.qubits


_ROWS = (
    GateSpec("id", 0, 1, "id", diagonal=True, phase=0.0),
    GateSpec("x", 0, 1, "x", controlled="cx"),
    GateSpec("y", 0, 1, "y", controlled="cy"),
    GateSpec("z", 0, 1, "z", diagonal=True, phase=pi, controlled="cz"),
    GateSpec("h", 0, 1, "h", controlled="ch"),
    GateSpec("s", 0, 1, "sdg", diagonal=True, phase=pi / 2, square="z"),
    GateSpec("sdg", 0, 1, "s", diagonal=True, phase=-pi / 2, square="z"),
    GateSpec("t", 0, 1, "tdg", diagonal=True, phase=pi / 4, square="s"),
    GateSpec("tdg", 0, 1, "t", diagonal=True, phase=-pi / 4, square="sdg"),
    GateSpec("sx", 0, 1, "sxdg", square="x"),
    GateSpec("sxdg", 0, 1, "sx", square="x", written=False),
    GateSpec("p", 1, 1, "p", diagonal=True, period=tau, controlled="cp", aliases=("phase", "u1")),
    GateSpec("rx", 1, 1, "rx", period=tau, controlled="crx"),
    GateSpec("ry", 1, 1, "ry", period=tau, controlled="cry"),
    GateSpec("rz", 1, 1, "rz", diagonal=True, period=tau, controlled="crz"),
    GateSpec("gpi", 1, 1, "gpi", lambda phi: (phi,), written=False),
    GateSpec("gpi2", 1, 1, "gpi2", lambda phi: (phi + pi,), written=False),
    GateSpec("r", 2, 1, "r", lambda theta, phi: (-theta, phi), written=False),
    GateSpec("u", 3, 1, "u", lambda theta, phi, lam: (-theta, -lam, -phi), aliases=("u3",)),
    GateSpec("cx", 0, 2, "cx", controlled="ccx", aliases=("CX",)),
    GateSpec("cy", 0, 2, "cy"),
    GateSpec("cz", 0, 2, "cz", diagonal=True, symmetric=True, phase=pi),
    GateSpec("ch", 0, 2, "ch"),
    GateSpec("swap", 0, 2, "swap", symmetric=True, controlled="cswap"),
    GateSpec("ecr", 0, 2, "ecr", written=False),
    GateSpec("iswap", 0, 2, None, symmetric=True, written=False),
    GateSpec("cp", 1, 2, "cp", diagonal=True, symmetric=True, period=tau, aliases=("cphase",)),
    GateSpec("crx", 1, 2, "crx", period=2 * tau),
    GateSpec("cry", 1, 2, "cry", period=2 * tau),
    GateSpec("crz", 1, 2, "crz", diagonal=True, period=2 * tau),
    GateSpec("rxx", 1, 2, "rxx", symmetric=True, period=tau),
    GateSpec("ryy", 1, 2, "ryy", symmetric=True, period=tau),
    GateSpec("rzz", 1, 2, "rzz", diagonal=True, symmetric=True, period=tau),
    GateSpec("cu", 4, 2, "cu", lambda theta, phi, lam, gamma: (-theta, -lam, -phi, -gamma)),
    GateSpec("ms", 3, 2, "ms", lambda first, second, theta: (first, second, -theta), written=False),
    GateSpec("ccx", 0, 3, "ccx"),
    GateSpec("cswap", 0, 3, "cswap"),
)
GATES = {gate.name: gate for gate in _ROWS}
#: name -> (angles, qubits)
ARITIES = {gate.name: gate.arity for gate in _ROWS}
