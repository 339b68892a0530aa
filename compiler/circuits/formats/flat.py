# SPDX-License-Identifier: Apache-2.0
"""What a text of a circuit says, whatever its format: gates on qubits in order, and which qubit is read into which bit.

Formats may order gates on different qubits as they like, and name the same gate differently; so circuits are compared
qubit by qubit, gate by gate, by their matrices up to a phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import remainder, tau
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.matrices import Matrix, matrix
from hepq.runtime.quantum.native import Native

#: stands in a strand for a barrier: no gate's matrix
_BARRIER: Matrix = np.zeros((1, 1), complex)


@dataclass(frozen=True)
class Flat:
    """Angles are numbers, or slot k alone where rotation k is open. ``measured[i]``: the qubit read into bit i."""

    size: int
    gates: tuple[Gate | Barrier, ...]
    measured: tuple[int, ...]

    @property
    def rotations(self) -> int:
        return sum(len(g.angles) for g in self.gates if isinstance(g, Gate))


@dataclass(frozen=True)
class Format:
    """``write``: of a native circuit, one event's slots or None, and where ``open`` what the slots are, as lines.

    ``open``: angles may be left open. ``spelled``: a gate as the format writes it, None if it cannot."""

    suffix: str
    write: Callable[..., str | bytes]
    read: Callable[[Any, int], Flat]
    open: bool
    spelled: Callable[[Gate], Gate | None] = lambda gate: gate


class Symbols:
    """Angles in another program's ``unit``, what depends on slots as its symbols: ``names`` says what they stand for.

    Angles that differ by constants alone share one, so that what comes out is affine in symbols, and they in slots.
    """

    def __init__(self, made: Callable[[str], Any], unit: float = 1.0) -> None:
        self.names: dict[str, Angle] = {}
        self._made, self._unit = made, unit
        self._known: dict[Any, Any] = {}

    def __call__(self, angle: Angle) -> Any:
        constant = angle.constant / self._unit
        if angle.fixed:
            return constant
        if angle.terms not in self._known:
            name = f"t{len(self._known)}"
            self._known[angle.terms] = self._made(name)
            self.names[name] = Angle(0.0, tuple((s, c / self._unit) for s, c in angle.terms))
        found = self._known[angle.terms]
        return found + constant if constant else found


def flat(native: Native, values: NDArray[np.float64] | None) -> Flat:
    """A native circuit filled with ``values`` [slots], or with rotations that depend on slots left open."""
    if values is not None:
        angles = [Angle(float(a)) for a in native.bind(values[None])[0]]
    else:
        angles = [a if a.fixed else Angle.slot(k) for k, a in enumerate(native.circuit.angles)]
    given = iter(angles)
    gates = [
        Gate(op.name, op.qubits, tuple(next(given) for _ in op.angles)) if isinstance(op, Gate) else op
        for op in native.circuit.ops
        if isinstance(op, Gate | Barrier)
    ]
    return Flat(native.circuit.qubits, tuple(gates), native.measured)


def open_angle(name: str) -> Angle:
    """The rotation of that name. Raises ValueError for another name."""
    return Angle.slot(int(name.removeprefix("a")))


def difference(a: Flat, b: Flat, seed: int = 0) -> float:
    """The largest entry by which two gates differ, up to phases; infinity where there are not the same gates."""
    if a.measured != b.measured:
        return np.inf
    slots = np.random.default_rng(seed).uniform(-np.pi, np.pi, max(a.rotations, b.rotations, 1))
    first, second = _strands(a, slots), _strands(b, slots)
    if {q: [w for w, _ in s] for q, s in first.items()} != {q: [w for w, _ in s] for q, s in second.items()}:
        return np.inf
    pairs = (pair for q, strand in first.items() for pair in zip(strand, second[q], strict=True))
    return max((_apart(x, y) for (_, x), (_, y) in pairs), default=0.0)


def _strands(found: Flat, slots: NDArray[np.float64]) -> dict[int, list[tuple[tuple[int, ...], Matrix]]]:
    out: dict[int, list[tuple[tuple[int, ...], Matrix]]] = {}
    for gate in found.gates:
        if isinstance(gate, Barrier):
            wires, unitary = tuple(sorted(gate.qubits)), _BARRIER
        else:
            wires, unitary = gate.qubits, matrix(gate.name, *(a.value(slots) for a in gate.angles))
        for q in gate.qubits:
            out.setdefault(q, []).append((wires, unitary))
    return out


def _apart(a: Matrix, b: Matrix) -> float:
    if a.shape != b.shape:
        return np.inf
    overlap = np.vdot(a, b)
    phase = overlap / abs(overlap) if abs(overlap) > 1e-9 else 1.0
    return float(np.abs(a * phase - b).max())


def number(angle: Angle) -> str:
    """Between -π and π, which differs at most by a phase; no exponents."""
    text = f"{remainder(angle.constant, tau):.15f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def angles(texts: list[str]) -> tuple[Angle, ...]:
    return tuple(Angle(float(t)) for t in texts)
