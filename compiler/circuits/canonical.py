# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a circuit: phases gathered in diagonal layers, everything that undoes itself gone.

Gates fall into alternating levels: *phase* levels (cx, x, swap and diagonal gates: a phase polynomial and a linear
map of the basis states; Amy, Maslov & Mosca, arXiv:1303.2042) and levels of the rest. All stays symbolic in slots.

In a phase level every wire holds a parity of the level's inputs, perhaps negated; a diagonal gate is a phase on such a
parity. So all phases can move to its start or end, and equal parities merge, wherever they stood.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import pi, tau

from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op, Unitary, turns
from hepq.core.phase_polynomial import LINEAR, PhasePolynomial

_ROUNDS = 50


def canonical(circuit: Circuit, *, sampled: bool = False) -> Circuit:
    """The same unitary up to a global phase, as ``Diagonal`` layers and the gates and barriers between them.

    ``sampled``: the circuit starts in |0…0> and is measured at its end, so that phases that neither touch matter
    are dropped as well; then only the distribution of outcomes stays.
    """
    ops: tuple[Op, ...] = tuple(rewritten for op in circuit.ops for rewritten in _exposed(op))
    for _ in range(_ROUNDS):
        before = ops
        ops = _levelled(cancelled(ops), circuit.qubits, sampled)
        if ops == before:
            break
    return Circuit(circuit.qubits, circuit.slots, ops)


def _exposed(op: Op) -> Iterable[Op]:
    """Two-qubit rotations and controlled gates that are a phase in another basis, written so."""
    if not isinstance(op, Gate):
        return (op,)
    a, b = (*op.qubits, -1, -1)[:2]
    match op.name:
        case "rxx":
            turn = (Gate("h", (a,)), Gate("h", (b,)))
            return (*turn, Gate("rzz", op.qubits, op.angles), *turn)
        case "ryy":
            into, back = ([Gate("rx", (q,), (Angle(s * pi / 2),)) for q in op.qubits] for s in (1, -1))
            return (*into, Gate("rzz", op.qubits, op.angles), *back)
        case "cy":
            return (Gate("sdg", (b,)), Gate("cx", op.qubits), Gate("s", (b,)))
        case "crx":
            return (Gate("h", (b,)), Gate("crz", op.qubits, op.angles), Gate("h", (b,)))
    return (op,)


def _levelled(ops: Iterable[Op], qubits: int, sampled: bool) -> tuple[Op, ...]:
    """Each op as early as its wires allow, odd levels the phase levels; those become ``Diagonal`` + linear rest."""
    level = [0] * qubits
    levels: dict[int, list[Op]] = {}  # barriers stand at even ones
    for op in ops:
        if isinstance(op, Diagonal) and not op.terms:
            continue
        phase = not isinstance(op, Barrier) and (isinstance(op, Diagonal) or op.spec.diagonal or op.name in LINEAR)
        if isinstance(op, Gate) and op.name == "x" and level[op.qubits[0]] % 2 == 0:
            phase = False
        for part in (op,) if isinstance(op, Barrier) or not phase or _linear(op) else phase_terms(op):
            if not part.qubits:  # a global phase
                continue
            at = max(level[q] for q in part.qubits)
            at += (at % 2 == 0) == phase
            for q in part.qubits:
                level[q] = at
            levels.setdefault(at, []).append(part)
    out: list[Op] = []
    touched: set[int] = set()
    for at in sorted(levels):
        found = levels[at]
        if at % 2 == 0:
            touched.update(q for op in found for q in op.qubits)
            out += found
            continue
        free = {q for q in range(qubits) if q not in touched} if sampled else set()
        ends = {q for q in range(qubits) if level[q] <= at} if sampled else set()
        region = Region([op for op in found if not isinstance(op, Barrier)], qubits, zero=free, ending=ends)
        out += region.ops
        touched.update(q for op in region.ops if isinstance(op, Gate) for q in op.qubits)
    return tuple(out)


def _linear(op: Op) -> bool:
    return isinstance(op, Gate) and op.name in LINEAR


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
        self._zero, self._ending = _mask(zero), _mask(ending)
        self._made = PhasePolynomial(qubits, self._zero)
        self._kept: list[Gate] = []
        self._cost = sum(2 * (len(s) - 1) for op in found if isinstance(op, Diagonal) for s, _ in op.terms)
        for op in found:
            if self._made.add(op) and isinstance(op, Gate):
                _append(self._kept, op)
            self._cost += _is_cx(op)
        layer = self._as_layer()
        self.ops = self._in_place(found, qubits) if layer is None else layer

    def _as_layer(self) -> list[Op] | None:
        """One Diagonal, then the linear map; None where that costs more two-qubit gates than the region has."""
        rows = self._made.rows
        moves = swaps(rows)
        linear = self._kept if moves is None else moves
        droppable = 0 if _mask(q for op in linear for q in op.qubits) & ~self._ending else self._ending
        masks = {m: a for m, a in _reduced(self._made.phases, self._zero).items() if m & ~droppable}
        best = masks
        if moves is None and not self._zero and not droppable:
            best = min(masks, _in_outputs(masks, rows), key=_weight)
        if _weight(best) + sum(map(_is_cx, linear)) > self._cost:
            return None
        layer = Diagonal(tuple(sorted((_wires(m), a) for m, a in _tidied(best).items())))
        phases: list[Op] = [layer] if layer.terms else []
        body: list[Op] = [*phases, *linear] if best is masks else [*linear, *phases]
        return body + [Gate("x", (q,)) for q, flip in enumerate(self._made.flips) if flip]

    def _in_place(self, found: Iterable[Unitary], qubits: int) -> list[Op]:
        """The region's own gates, with all phases on one parity gathered where it first stands."""
        made, out = PhasePolynomial(qubits, self._zero), list[Op]()
        outside = _mask(q for op in found for q in op.qubits) & ~self._ending
        pending = {} if self._ending and not outside else dict(self._made.phases)
        for op in found:
            if isinstance(op, Gate):
                known = _is_cx(op) and made.flips[op.qubits[0]]  # a control that is |1>
                out += [op] if made.add(op) or op.name == "x" else [Gate("x", op.qubits[1:])] if known else []
                continue
            for wires, _ in op.terms:
                parity, flip = made.parity(wires)
                angle = pending.pop(parity, Angle())
                if not angle.idle:
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


def _collected(found: Iterable[tuple[int, Angle]]) -> dict[int, Angle]:
    """Phases on equal parities as one."""
    out: dict[int, Angle] = {}
    for mask, angle in found:
        out[mask] = out.get(mask, Angle()) + angle
    return out


def _reduced(phases: Mapping[int, Angle], zero: int) -> dict[int, Angle]:
    """Phases on parities without the wires that are |0>."""
    left = _collected((mask & ~zero, angle) for mask, angle in phases.items() if mask & ~zero)
    return {m: a for m, a in left.items() if not a.idle}


def _tidied(phases: Mapping[int, Angle]) -> dict[int, Angle]:
    """A half turn on a parity is a half turn on each of its wires."""
    parts = _collected(
        (part, angle)
        for mask, angle in phases.items()
        for part in ([1 << q for q in _wires(mask)] if angle.fixed and abs(turns(angle.constant)) == pi else [mask])
    )
    fixed = {m: Angle(turns(a.constant)) if a.fixed else a for m, a in parts.items()}
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


def _is_cx(op: Op) -> bool:
    return isinstance(op, Gate) and op.name == "cx"


def _mask(wires: Iterable[int]) -> int:
    return sum(1 << q for q in set(wires))


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


def cancelled(ops: Iterable[Op]) -> tuple[Op, ...]:
    """The ops without pairs that undo each other; equal rotations are added, squares of roots taken."""
    out: list[Op | None] = []
    last: dict[int, list[int]] = {}

    def neighbour(op: Gate) -> int | None:
        """The op right before on all of this gate's wires, and on no others."""
        tops = {last[q][-1] if last.get(q) else -1 for q in op.qubits}
        if len(tops) > 1 or -1 in tops:
            return None
        at = tops.pop()
        return at if isinstance(out[at], Gate) and _same_wires(op, out[at]) else None

    def push(op: Op) -> None:
        for q in op.qubits:
            last.setdefault(q, []).append(len(out))
        out.append(op)

    def add(op: Gate) -> None:
        if _nothing(op):
            return
        at = neighbour(op)
        before = out[at] if at is not None else None
        merged = _together(before, op) if isinstance(before, Gate) else None
        if at is None or merged is None:
            push(op)
            return
        out[at] = None
        for q in op.qubits:
            last[q].pop()
        for gate in merged:
            add(gate)

    for op in ops:
        if isinstance(op, Gate):
            add(op)
        else:
            push(op)
    return tuple(op for op in out if op is not None)


def _nothing(op: Gate) -> bool:
    if op.name == "id":
        return True
    if op.spec.period is None or not op.angles[0].fixed:
        return False
    return turns(op.angles[0].constant * (tau / op.spec.period)) == 0.0


def _together(before: Gate, op: Gate) -> tuple[Gate, ...] | None:
    """What two neighbours on the same wires come to, if less than two gates."""
    if before.name == op.name and op.spec.period is not None:
        return (Gate(op.name, op.qubits, (before.angles[0] + op.angles[0],)),)
    if before.name == op.name and op.spec.square is not None:
        return (Gate(op.spec.square, op.qubits),)
    if before.name != op.spec.inverse:
        return None
    gaps = [a - b for a, b in zip(before.angles, op.inverse().angles, strict=True)]
    return () if all(gap == Angle() for gap in gaps) else None


def _same_wires(a: Gate, b: Op | None) -> bool:
    if not isinstance(b, Gate):
        return False
    return a.qubits == b.qubits or (a.name == b.name and a.spec.symmetric and set(a.qubits) == set(b.qubits))
