# SPDX-License-Identifier: Apache-2.0
"""Runs of one-qubit gates as alternating rz and sx, with few sx. Angles stay affine in the slots.

McKay et al., "Efficient Z gates for quantum computing", arXiv:1612.00858: u(θ, φ, λ) is rz, sx, rz, sx, rz.
"""

from __future__ import annotations

from math import atan2, pi

import numpy as np

from hepq.compiler.circuits.canonical.peephole import turns
from hepq.core.circuits import Angle, Gate
from hepq.runtime.quantum.matrices import Matrix, matrix

_CLOSE = 1e-9
_HALF = Angle(pi / 2)
_ZERO = Angle()
_SX = matrix("sx")


def rotations(gate: Gate) -> list[Angle] | None:
    """rz angles a₀ … aₖ of the gate as rz(a₀) sx rz(a₁) … sx rz(aₖ), in time order; None: not known symbolically."""
    if gate.spec.diagonal:
        return [gate.angles[0] if gate.angles else Angle(gate.spec.phase or 0.0)]
    match gate.name, gate.angles:
        case "h", _:
            return [_HALF, _HALF]
        case "sx", _:
            return [_ZERO, _ZERO]
        case "rx", (a,):
            return _euler(a, Angle(-pi / 2), _HALF)
        case "ry", (a,):
            return _euler(a, _ZERO, _ZERO)
        case "u", (theta, phi, lam):
            return _euler(theta, phi, lam)
        case "r", (theta, phi):
            return _euler(theta, phi + -pi / 2, -phi + pi / 2)
        case (("x" | "y" | "sxdg"), _):
            return _fixed(matrix(gate.name))
    return None


def _euler(theta: Angle, phi: Angle, lam: Angle) -> list[Angle]:
    return [lam, theta + pi, phi + pi]


def _fixed(unitary: Matrix) -> list[Angle]:
    """The shortest run of a fixed unitary: one, two or three rz angles."""
    theta = 2 * atan2(abs(unitary[1, 0]), abs(unitary[0, 0]))
    if theta < _CLOSE:
        return [Angle(float(np.angle(unitary[1, 1] / unitary[0, 0])))]
    if theta > pi - _CLOSE:
        return [Angle(float(np.angle(unitary[0, 1] / unitary[1, 0]))), _ZERO, _ZERO]
    phi = float(np.angle(unitary[1, 0] / unitary[0, 0]))
    lam = float(np.angle(-unitary[0, 1] / unitary[0, 0]))
    if abs(theta - pi / 2) < _CLOSE:  # u(π/2, φ, λ) = rz(λ - π/2) sx rz(φ + π/2)
        return [Angle(lam - pi / 2), Angle(phi + pi / 2)]
    return _euler(Angle(theta), Angle(phi), Angle(lam))


def joined(runs: list[list[Angle]]) -> list[Angle]:
    """Runs one after the other as one, shortened."""
    out = [_ZERO]
    for run in runs:
        out = [*out[:-1], out[-1] + run[0], *run[1:]]
    return _shortened(out)


def _shortened(run: list[Angle]) -> list[Angle]:
    """Stretches whose inner angles are all fixed become at most two sx."""
    at = 1
    while at < len(run) - 1:
        if not run[at].fixed:
            at += 1
            continue
        end = at
        while end + 1 < len(run) - 1 and run[end + 1].fixed:
            end += 1
        unitary = _SX
        for angle in run[at : end + 1]:
            unitary = _SX @ matrix("rz", angle.constant) @ unitary
        short = _fixed(unitary)
        if len(short) < end - at + 3:
            before, after = run[: at - 1], run[end + 2 :]
            if len(short) == 1:
                run = [*before, run[at - 1] + short[0] + run[end + 1], *after]
            else:
                run = [*before, run[at - 1] + short[0], *short[1:-1], short[-1] + run[end + 1], *after]
            at = 1
        else:
            at = end + 1
    return _quarters(run)


def _quarters(run: list[Angle]) -> list[Angle]:
    """An open turn next to a fixed quarter turn is one turn: sx rz(a) sx rz(b) sx is ry(a - π), rz(b - π), rx(π/2).

    For b - π = ±π/2, rx(π/2) after rz(b - π) is ry(∓π/2) before it. Runs read backwards are transposed: as true.
    """
    for at in range(1, len(run) - 2):
        for turned, fixed in ((at, at + 1), (at + 1, at)):
            if run[turned].fixed or not run[fixed].fixed:
                continue
            phase = turns(run[fixed].constant - pi)
            if abs(abs(phase) - pi / 2) > _CLOSE:
                continue
            turn, rest = run[turned] + -phase, Angle(phase + pi)
            left, right = run[at - 1], run[at + 2]
            ends = (left, right + rest) if fixed > turned else (left + rest, right)
            return _shortened([*run[: at - 1], ends[0], turn, ends[1], *run[at + 3 :]])
    return run


def is_x(angle: Angle) -> bool:
    """Whether sx, rz(angle), sx is an x."""
    return angle.fixed and turns(angle.constant) == 0.0
