# SPDX-License-Identifier: Apache-2.0
"""What cx, x, swap and phases make of basis states (Amy, Maslov & Mosca, arXiv:1303.2042)."""

from __future__ import annotations

from collections.abc import Iterable

from hepq.core.circuits import Angle, Gate, Unitary

LINEAR = frozenset(("cx", "swap", "x"))


class PhasePolynomial:
    """A linear map of basis states, with phases exp(-i/2 θ (-1)^parity) on parities of its inputs.

    Wire q holds the parity of the inputs ``rows[q]``, a bit mask, negated if ``flips[q]``; ``zero``: inputs that are 0.
    """

    def __init__(self, qubits: int, zero: int = 0) -> None:
        self.rows = [1 << q for q in range(qubits)]
        self.flips = [False] * qubits
        self.phases: dict[int, Angle] = {}
        self._zero = zero

    def parity(self, wires: Iterable[int]) -> tuple[int, bool]:
        """That of several wires, and whether it is negated."""
        parity, flip = 0, False
        for q in wires:
            parity, flip = parity ^ self.rows[q], flip != self.flips[q]
        return parity, flip

    def phase(self, parity: int, angle: Angle) -> None:
        self.phases[parity] = self.phases.get(parity, Angle()) + angle

    def add(self, op: Unitary) -> bool:
        """Apply a layer or a gate of ``LINEAR``; whether it moved parities: a control known to be 0 or 1 moves none."""
        rows, flips = self.rows, self.flips
        if not isinstance(op, Gate):
            for wires, angle in op.terms:
                parity, flip = self.parity(wires)
                self.phase(parity, -angle if flip else angle)
            return False
        match op.name, op.qubits:
            case "x", (q,):
                flips[q] = not flips[q]
                return False
            case "swap", (a, b):
                rows[a], rows[b], flips[a], flips[b] = rows[b], rows[a], flips[b], flips[a]
            case "cx", (a, b):
                flips[b] = flips[a] != flips[b]
                if not rows[a] & ~self._zero:
                    return False
                rows[b] ^= rows[a]
            case _:
                raise ValueError(f"{op.name} is not linear")
        return True
