# SPDX-License-Identifier: Apache-2.0
"""Circuits in alternate layers: real turns of single wires, then phases and a permutation of basis states.

Any gate is made of phases exp(-i/2 θ Π Z), of CX, X and SWAP, and of RY and H, which are real (``elementary``).
Phases, CX, X and SWAP permute basis states and multiply them by phases, so any number of them is one sum of
phases followed by one index permutation, which is affine over GF(2): a CX-phase-CX sandwich leaves no
permutation at all. What differs from event to event is left in phases alone: RY(θ) = S H RZ(θ) H S†.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op, Unitary
from hepq.core.elementary import elementary
from hepq.core.phase_polynomial import PhasePolynomial

#: wire q's new bit: parity of the old index & mask, flipped or not
Bit = tuple[int, bool]


@dataclass(frozen=True)
class Turn:
    """RY(angle) · Z^mirror on each wire: real and orthogonal. H is RY(π/2) · Z."""

    wires: tuple[tuple[int, Angle, bool], ...] = ()


@dataclass(frozen=True)
class Phases:
    """Basis state z gets the phase Σ -½ θ_mask (-1)^parity(z & mask); then its bits become ``bits``."""

    terms: tuple[tuple[int, Angle], ...]
    bits: tuple[Bit, ...]

    @property
    def permutes(self) -> bool:
        return any(bit != (1 << q, False) for q, bit in enumerate(self.bits))


@dataclass(frozen=True)
class Plan:
    """Basis state ``start``, then each turn followed by its phases. Turns take angles of shared slots alone."""

    qubits: int
    start: int
    layers: tuple[tuple[Turn, Phases], ...]


def fused(circuit: Circuit, shared: frozenset[int] = frozenset()) -> Plan:
    """The layers of ``circuit`` run on |0…0>. ``shared``: slots with one value for all events."""
    n = circuit.qubits
    turns: list[dict[int, tuple[Angle, bool]]] = [{}]
    phases = [PhasePolynomial(n)]
    level = [0] * n  #: how many turns each wire has been through
    open_ = [True] * n  #: whether a further turn of the wire may join its newest
    for op in elementary(_turned(circuit.ops, shared)):
        if isinstance(op, Gate) and op.name in ("ry", "h"):
            (q,) = op.qubits
            level[q] += not open_[q] or level[q] == 0
            open_[q] = True
            if level[q] == len(turns):
                turns.append({})
                phases.append(PhasePolynomial(n))
            here = turns[level[q]]
            angle, mirror = (op.angles[0], False) if op.name == "ry" else (Angle(pi / 2), True)
            before, mirrored = here.get(q, (Angle(), False))
            here[q] = (angle + (-before if mirror else before), mirror != mirrored)
            continue
        at = max((level[q] for q in op.qubits), default=len(turns) - 1)
        phases[at].add(op)
        for q in op.qubits:
            level[q], open_[q] = at, False
    start = sum(flip << q for q, flip in enumerate(phases[0].flips))
    if len(turns) == 1:
        turns.append({})
        phases.append(PhasePolynomial(n))
    for angle in phases[0].phases.values():  # all on |0…0>: a global phase
        phases[1].phase(0, angle)
    layers = zip(turns[1:], phases[1:], strict=True)
    return Plan(n, start, tuple((Turn(tuple((q, *t[q]) for q in sorted(t))), _phases(p)) for t, p in layers))


def _phases(found: PhasePolynomial) -> Phases:
    terms = sorted((m, a) for m, a in found.phases.items() if a.terms or a.constant)
    return Phases(tuple(terms), tuple(zip(found.rows, found.flips, strict=True)))


def _turned(ops: tuple[Op, ...], shared: frozenset[int]) -> Iterator[Unitary]:
    """``ops`` without RX, without RY that turn by angles of their own in each event; phases one by one."""
    for op in elementary(ops):
        if isinstance(op, Diagonal):
            yield from (Diagonal((term,)) for term in op.terms)
            continue
        if op.name not in ("rx", "ry"):
            yield op
            continue
        h, (angle,) = Gate("h", op.qubits), op.angles
        own = any(s not in shared for s, _ in angle.terms)
        turn: tuple[Unitary, ...] = (
            (h, Gate("rz", op.qubits, (angle,)), h) if own else (Gate("ry", op.qubits, (angle,)),)
        )
        quarter = -1 if op.name == "rx" else 1
        # RX = RZ(-π/2) RY RZ(π/2); RY = RZ(π/2) RX RZ(-π/2)
        around = [Diagonal(((op.qubits, Angle(s * pi / 2)),)) for s in (-quarter, quarter)]
        yield from turn if own == (op.name == "rx") else (around[0], *turn, around[1])
