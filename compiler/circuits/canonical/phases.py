# SPDX-License-Identifier: Apache-2.0
"""One region of {cx, x, swap, diagonal} gates: a phase polynomial followed by a linear map of the basis states.

Every wire holds a parity of the region's inputs, perhaps negated; a diagonal gate is a phase on such a parity. So
all phases can move to the region's start or end, and equal parities merge, wherever they stood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import pi

from hepq.compiler.circuits.canonical.peephole import turns
from hepq.core.circuits import Angle, Diagonal, Gate, Op, Unitary

LINEAR = frozenset(("cx", "swap", "x"))


def phase_terms(op: Unitary) -> tuple[Diagonal, ...]:
    """A diagonal gate as phases on parities, one ``Diagonal`` each, up to a global phase."""
    if isinstance(op, Diagonal):
        return tuple(Diagonal((term,)) for term in op.terms)
    wires, pair = op.qubits, tuple(sorted(op.qubits))
    match op.name:
        case "p" | "rz" | "rzz":
            found = [(pair, op.angles[0])]
        case "cz" | "cp":
            half = (op.angles[0] if op.angles else Angle(pi)) * 0.5
            found = [(wires[:1], half), (wires[1:], half), (pair, -half)]
        case "crz":
            found = [(wires[1:], op.angles[0] * 0.5), (pair, op.angles[0] * -0.5)]
        case _:
            found = [(wires, Angle(op.spec.phase or 0.0))]
    return tuple(Diagonal((term,)) for term in found)


class Region:
    """``ops``: what the region becomes. ``zero``: wires in |0> before it; ``ending``: wires only measured after it."""

    def __init__(
        self, found: Sequence[Unitary], qubits: int, *, zero: Collection[int], ending: Collection[int]
    ) -> None:
        self._zero = sum(1 << q for q in zero)
        self._ending = sum(1 << q for q in ending)
        self._rows = [1 << q for q in range(qubits)]
        self._flips = [0] * qubits
        self._phases: dict[int, Angle] = {}
        self._kept: list[Gate] = []
        self._cost = 0
        for op in found:
            self._take(op)
        layer = self._as_layer()
        self.ops = self._in_place(found, qubits) if layer is None else layer

    def _take(self, op: Unitary) -> None:
        rows, flips = self._rows, self._flips
        if isinstance(op, Diagonal):
            for wires, angle in op.terms:
                self._cost += 2 * (len(wires) - 1)
                parity, flip = _parity(wires, rows, flips)
                self._phases[parity] = self._phases.get(parity, Angle()) + (-angle if flip else angle)
            return
        self._cost += op.name == "cx"
        if _step(op, rows, flips, self._zero) and op.name != "x":
            _append(self._kept, op)

    def _as_layer(self) -> list[Op] | None:
        """One Diagonal, then the linear map; None where that costs more two-qubit gates than the region has."""
        moves = swaps(self._rows)
        linear = self._kept if moves is None else moves
        mixed = sum(1 << q for q in {q for op in linear for q in op.qubits})
        droppable = self._ending if not mixed & ~self._ending else 0
        masks = {m: a for m, a in _reduced(self._phases, self._zero).items() if m & ~droppable}
        best = masks
        if moves is None and not self._zero and not droppable:
            after = _in_outputs(masks, self._rows)
            best = min(masks, after, key=_weight)
        if _weight(best) + sum(op.name == "cx" for op in linear) > self._cost:
            return None
        layer = Diagonal(tuple(sorted((_wires(m), a) for m, a in _tidied(best).items())))
        phases: list[Op] = [layer] if layer.terms else []
        body: list[Op] = [*phases, *linear] if best is masks else [*linear, *phases]
        return body + [Gate("x", (q,)) for q, flip in enumerate(self._flips) if flip]

    def _in_place(self, found: Iterable[Unitary], qubits: int) -> list[Op]:
        """The region's own gates, with all phases on one parity gathered where it first stands."""
        rows, flips, out = [1 << q for q in range(qubits)], [0] * qubits, list[Op]()
        used = sum(1 << q for q in {q for op in found for q in op.qubits})
        pending = {} if self._ending and not used & ~self._ending else dict(self._phases)
        for op in found:
            if isinstance(op, Gate):
                known = op.name == "cx" and flips[op.qubits[0]]  # a control that is |1>
                moved = _step(op, rows, flips, self._zero)
                out += [op] if moved else [Gate("x", op.qubits[1:])] if known else []
                continue
            for wires, _ in op.terms:
                parity, flip = _parity(wires, rows, flips)
                angle = pending.pop(parity, Angle())
                if angle.terms or turns(angle.constant):
                    out.append(Diagonal(((wires, -angle if flip else angle),)))
        return _merged(out)


def swaps(rows: Sequence[int]) -> list[Gate] | None:
    """Swaps that bring about the linear map, or None where it is not a permutation."""
    if any(row.bit_count() != 1 for row in rows):
        return None
    source, moves = [row.bit_length() - 1 for row in rows], list[Gate]()
    for q in range(len(source)):
        while source[q] != q:  # the content of q belongs elsewhere: swap it home
            other = source.index(q)
            moves.insert(0, Gate("swap", (q, other)))
            source[q], source[other] = source[other], source[q]
    return moves


def _step(op: Gate, rows: list[int], flips: list[int], zero: int) -> bool:
    """Apply ``op`` to the wires' parities; whether it moved any (a control known to be |0> or |1> moves none)."""
    match op.name, op.qubits:
        case "x", (q,):
            flips[q] ^= 1
        case "swap", (a, b):
            rows[a], rows[b], flips[a], flips[b] = rows[b], rows[a], flips[b], flips[a]
        case "cx", (a, b):
            flips[b] ^= flips[a]
            if not rows[a] & ~zero:
                return False
            rows[b] ^= rows[a]
    return True


def _parity(wires: Iterable[int], rows: Sequence[int], flips: Sequence[int]) -> tuple[int, int]:
    parity = flip = 0
    for q in wires:
        parity, flip = parity ^ rows[q], flip ^ flips[q]
    return parity, flip


def _append(kept: list[Gate], op: Gate) -> None:
    """Add ``op``, or cancel it against an equal one that nothing between blocks."""
    for at in range(len(kept) - 1, -1, -1):
        other = kept[at]
        if other == op or (op.name == "swap" == other.name and set(op.qubits) == set(other.qubits)):
            del kept[at]
            return
        disjoint = not set(other.qubits) & set(op.qubits)
        aligned = other.name == "cx" == op.name and other.qubits[0] != op.qubits[1] and other.qubits[1] != op.qubits[0]
        if not (disjoint or aligned):
            break
    kept.append(op)


def _reduced(phases: dict[int, Angle], zero: int) -> dict[int, Angle]:
    """Phases on parities without the wires that are |0>."""
    out: dict[int, Angle] = {}
    for mask, angle in phases.items():
        if mask & ~zero:
            out[mask & ~zero] = out.get(mask & ~zero, Angle()) + angle
    return {m: a for m, a in out.items() if a.terms or turns(a.constant)}


def _tidied(phases: dict[int, Angle]) -> dict[int, Angle]:
    """A half turn on a parity is a half turn on each of its wires."""
    out: dict[int, Angle] = {}
    for mask, angle in phases.items():
        half = angle.fixed and abs(turns(angle.constant)) == pi
        for part in [1 << q for q in _wires(mask)] if half else [mask]:
            out[part] = out.get(part, Angle()) + angle
    fixed = {m: Angle(turns(a.constant)) if a.fixed else a for m, a in out.items()}
    return {m: a for m, a in fixed.items() if a.terms or a.constant}


def _in_outputs(phases: dict[int, Angle], rows: Sequence[int]) -> dict[int, Angle]:
    """The same phases on parities of the outputs ``rows`` (invertible) instead of the inputs."""
    left, right = list(rows), [1 << q for q in range(len(rows))]
    for column in range(len(rows)):  # Gauss-Jordan over GF(2)
        pivot = next(r for r in range(column, len(rows)) if left[r] >> column & 1)
        left[column], left[pivot], right[column], right[pivot] = left[pivot], left[column], right[pivot], right[column]
        for r in range(len(rows)):
            if r != column and left[r] >> column & 1:
                left[r], right[r] = left[r] ^ left[column], right[r] ^ right[column]
    out: dict[int, Angle] = {}
    for mask, angle in phases.items():
        parity = 0
        for q in _wires(mask):
            parity ^= right[q]
        out[parity] = angle
    return out


def _weight(phases: dict[int, Angle]) -> int:
    return sum(2 * (m.bit_count() - 1) for m in phases)


def _wires(mask: int) -> tuple[int, ...]:
    return tuple(q for q in range(mask.bit_length()) if mask >> q & 1)


def _merged(ops: Iterable[Op]) -> list[Op]:
    """Neighbouring phases as one ``Diagonal``."""
    out: list[Op] = []
    for op in ops:
        if isinstance(op, Diagonal) and out and isinstance(out[-1], Diagonal):
            out[-1] = Diagonal(tuple(sorted(out[-1].terms + op.terms, key=lambda t: t[0])))
        else:
            out.append(op)
    return out
