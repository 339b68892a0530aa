# SPDX-License-Identifier: Apache-2.0
"""Every gate from a few elementary ones, phase included: parity phases, H, RX, RY, X, CX, SWAP.

A parity phase exp(-i/2 θ Π_{q in S} Z_q) is a ``Diagonal`` of one term; S may be empty: a global phase.
Identities: Nielsen & Chuang, sections 4.2 and 4.3; Y = S X S†, H = RY(π/4) Z RY(-π/4), ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import pi

from hepq.core.circuits import Angle, Barrier, Diagonal, Gate, Op, Unitary
from hepq.core.gates import GATES

#: what ``elementary`` gives, besides ``Diagonal``
KEPT = frozenset("h rx ry x cx swap".split())


def elementary(ops: Iterable[Op]) -> Iterator[Unitary]:
    """``ops`` as ``Diagonal`` and gates of ``KEPT`` alone, equal to them phase included; barriers do nothing."""
    for op in ops:
        if isinstance(op, Barrier):
            continue
        if isinstance(op, Diagonal) or op.name in KEPT:
            yield op
        elif (spec := GATES.get(op.name)) and spec.phase:
            yield _ones(op.qubits, Angle(spec.phase))
        else:
            yield from elementary(_rewritten(op))


def _phase(angle: Angle) -> Diagonal:
    """A global phase exp(i angle)."""
    return Diagonal((((), angle * -2.0),))


def _parity(angle: Angle, *qubits: int) -> Diagonal:
    return Diagonal(((tuple(sorted(qubits)), angle),))


def _ones(qubits: tuple[int, ...], angle: Angle) -> Diagonal:
    """exp(i angle) on the states where all ``qubits`` are 1: Π (1 - Z_q)/2, multiplied out."""
    subsets = (s for k in range(len(qubits) + 1) for s in combinations(sorted(qubits), k))
    scale = 2.0 ** (1 - len(qubits))
    return Diagonal(tuple((s, angle * (scale if len(s) % 2 else -scale)) for s in subsets))


def _rewritten(gate: Gate) -> tuple[Unitary, ...]:
    """``gate`` as other gates, each nearer to the elementary ones."""

    def g(name: str, *qubits: int, angle: Angle | None = None) -> Gate:
        return Gate(name, qubits, () if angle is None else (angle,))

    q = gate.qubits
    match gate.name, gate.angles:
        case "id", _:
            return ()
        case "y", _:
            return g("z", *q), g("x", *q), _phase(Angle(pi / 2))
        case ("sx" | "sxdg") as name, _:
            sign = 1 if name == "sx" else -1
            return g("rx", *q, angle=Angle(sign * pi / 2)), _phase(Angle(sign * pi / 4))
        case "p" | "cp", (a,):
            return (_ones(q, a),)
        case "rz" | "rzz", (a,):
            return (_parity(a, *q),)
        case "gpi", (phi,):
            return _parity(phi * -2.0, *q), g("x", *q)
        case "gpi2", (phi,):
            return (Gate("r", q, (Angle(pi / 2), phi)),)
        case "r", (theta, phi):
            return _parity(-phi, *q), g("rx", *q, angle=theta), _parity(phi, *q)
        case "u", (theta, phi, lam):
            return _ones(q, lam), g("ry", *q, angle=theta), _ones(q, phi)
        case "rxx", (a,):
            h = tuple(g("h", w) for w in q)
            return *h, _parity(a, *q), *h
        case "ms", (first, second, a):
            axes = tuple((w, phi) for w, phi in zip(q, (first, second), strict=True))
            into, back = ([_parity(phi * sign, w) for w, phi in axes] for sign in (-1.0, 1.0))
            return *into, Gate("rxx", q, (a,)), *back
        case "ryy", (a,):
            return *(g("sdg", w) for w in q), Gate("rxx", q, (a,)), *(g("s", w) for w in q)
        case "iswap", _:
            return g("s", q[0]), g("s", q[1]), g("cz", *q), g("swap", *q)
        case "ecr", _:
            return g("s", q[0]), g("sx", q[1]), g("cx", *q), g("x", q[0]), _phase(Angle(-pi / 4))
        case "crz", (a,):
            return _parity(a * 0.5, q[1]), _parity(a * -0.5, *q)
        case "crx", (a,):
            return g("h", q[1]), Gate("crz", q, (a,)), g("h", q[1])
        case "cry", (a,):
            return g("sdg", q[1]), Gate("crx", q, (a,)), g("s", q[1])
        case "cy", _:
            return g("sdg", q[1]), g("cx", *q), g("s", q[1])
        case "ch", _:
            return g("ry", q[1], angle=Angle(-pi / 4)), g("cz", *q), g("ry", q[1], angle=Angle(pi / 4))
        case "cu", (theta, phi, lam, gamma):
            return _ones(q[:1], gamma), _ones(q, lam), Gate("cry", q, (theta,)), _ones(q, phi)
        case "ccx", _:
            return g("h", q[2]), _ones(q, Angle(pi)), g("h", q[2])
        case "cswap", _:
            return g("cx", q[2], q[1]), g("ccx", *q), g("cx", q[2], q[1])
    raise ValueError(f"no gate {gate.name} with {len(gate.angles)} angles")
