# SPDX-License-Identifier: Apache-2.0
"""Runs of gates on two wires, open angles among them, written anew with as few two-qubit gates as can be.

A run is a product of rotations about Pauli strings, those by quarter turns being Clifford; these are gathered at its
end, which turns the strings of the others. What is left is a shortest path: two-qubit Cliffords up to gates on single
wires are 20 frames, a cx or cz goes from one to another, and a rotation is free in a frame that turns its string into
one on a single wire. Angles stay affine, unlike in a decomposition of the run's matrix (KAK).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import pi, remainder

from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate, Op, plain
from hepq.core.elementary import elementary

#: Pauli strings on two wires: 4 * second + first, of 0 1 2 3 = I X Y Z
Pauli = int
Signed = tuple[Pauli, int]
#: a string and the angle of its rotation exp(-i angle/2 string)
Rotation = tuple[Pauli, Angle]
#: where each of the 16 strings goes, with its sign
Frame = tuple[Signed, ...]
_AXES = (None, "rx", "ry", "rz")
_X, _Y, _Z = 1, 2, 3
_JOINT = tuple(p for p in range(16) if p % 4 and p // 4)
_CLOSE = 1e-12
#: a search that has seen so many states ends: runs that need more are seldom shortened
_STATES = 4000
_SWAP = tuple((4 * (p % 4) + p // 4, 1) for p in range(16))
IDENTITY: Frame = tuple((p, 1) for p in range(16))


@dataclass
class _Run:
    """Gates on ``wires`` (one or two; none: a barrier, or a gate on more) in time order; their axes on each wire."""

    wires: tuple[int, ...]
    ops: list[Op] = field(default_factory=list)
    axes: dict[int, frozenset[int]] = field(default_factory=dict)

    def add(self, ops: Iterable[Op]) -> None:
        for op in ops:
            self.ops.append(op)
            for q, found in _axes(op).items():
                self.axes[q] = self.axes.get(q, frozenset()) | found

    def commutes(self, other: _Run) -> bool:
        """Whether both turn about one and the same axis on each wire that they share."""
        shared = self.axes.keys() & other.axes.keys()
        return all(len(self.axes[q] | other.axes[q]) <= 1 for q in shared)


@dataclass(frozen=True)
class Rewritten:
    """``outputs[i]``: the wire that ends as the source's wire i."""

    circuit: Circuit
    outputs: tuple[int, ...]


def shortened(circuit: Circuit, *, exchange: bool, any_angle: bool) -> Rewritten:
    """The same circuit up to a global phase, with runs on two wires shortened where they can be.

    ``exchange``: wires may end exchanged. ``any_angle``: an rzz counts as one gate, not as two cx. Runs that cannot
    be shortened stay as they are.
    """
    wire = list(range(circuit.qubits))
    out: list[Op] = []
    for run in _runs(circuit.ops):
        ops: Sequence[Op] = run.ops
        if len(run.wires) == 2 and (made := _shorter(run, exchange, any_angle)) is not None:
            ops, swapped = made
        else:
            swapped = False
        out += [op.on(wire) for op in ops]
        if swapped:
            a, b = run.wires
            wire[a], wire[b] = wire[b], wire[a]
    return Rewritten(Circuit(circuit.qubits, circuit.slots, tuple(out)), tuple(wire))


def _runs(ops: Iterable[Op]) -> list[_Run]:
    """Greedy: a gate on two wires goes on with the last run on them if it commutes with what was done on either since
    then, or if the run does, which is then moved.
    """
    made: list[_Run] = []
    for op in (step for gate in plain(ops) for step in _without_toffoli(gate)):
        wires = tuple(sorted(op.qubits))
        alone = _Run(() if len(wires) > 2 or isinstance(op, Barrier) else wires)
        alone.add((op,))
        if len(alone.wires) == 1:
            last = next((run for run in reversed(made) if wires[0] in run.axes), None)
            if last is not None and last.wires:
                last.add((op,))
                continue
        elif alone.wires:
            at = next((i for i in reversed(range(len(made))) if made[i].wires == wires), None)
            since = [] if at is None else [run for run in made[at + 1 :] if run.axes.keys() & set(wires)]
            if at is not None and all(run.commutes(alone) for run in since):
                made[at].add((op,))
                continue
            if at is not None and all(run.commutes(made[at]) for run in since):
                made.append(made.pop(at))
                made[-1].add((op,))
                continue
            alone = _with_singles(made, alone)
        made.append(alone)
    return made


def _with_singles(made: list[_Run], alone: _Run) -> _Run:
    """A run that begins with what single wires of it end with; that is taken out of ``made``."""
    lasts = [next((run for run in reversed(made) if q in run.axes), alone) for q in alone.wires]
    singles = [run for run in lasts if len(run.wires) == 1]
    whole = _Run(alone.wires)
    whole.add(op for run in (*singles, alone) for op in run.ops)
    made[:] = [run for run in made if not any(run is single for single in singles)]
    return whole


def _axes(op: Op) -> dict[int, frozenset[int]]:
    """About which axes an op turns each of its wires; all three where it is not known."""
    wires = tuple(sorted(op.qubits))
    if len(wires) > 2 or isinstance(op, Barrier):
        return dict.fromkeys(wires, frozenset((_X, _Y, _Z)))
    strings = [string for string, _ in _rotations(op, wires)]
    return {q: frozenset(s // 4**i % 4 for s in strings if s // 4**i % 4) for i, q in enumerate(wires)}


def _without_toffoli(op: Gate | Barrier) -> tuple[Gate | Barrier, ...]:
    """Nielsen & Chuang, figure 4.9: six cx."""
    if not isinstance(op, Gate) or op.name != "ccx":
        return (op,)
    a, b, c = op.qubits
    steps = (("h", c), ("cx", b, c), ("tdg", c), ("cx", a, c), ("t", c), ("cx", b, c), ("tdg", c), ("cx", a, c),
             ("t", b), ("t", c), ("h", c), ("cx", a, b), ("t", a), ("tdg", b), ("cx", a, b))  # fmt: skip
    return tuple(Gate(str(name), tuple(map(int, wires))) for name, *wires in steps)


def _shorter(run: _Run, exchange: bool, any_angle: bool) -> tuple[list[Op], bool] | None:
    """The run with fewer two-qubit gates, and whether its wires end exchanged; None: there is none."""
    found = [r for op in run.ops for r in _rotations(op, run.wires)]
    price = 1 if any_angle else 2
    before = sum(1 if _quarters(angle) is not None else price for p, angle in found if p in _JOINT)
    if before < 2:
        return None
    turned, last = _gathered(found)
    goals = {_kind(last): False}
    if exchange:
        goals.setdefault(_kind(_then(last, _SWAP)), True)
    path = _path(turned, goals, before - 1, any_angle)
    if path is None:
        return None
    steps, swapped = path
    return _written(steps, turned, _then(last, _SWAP) if swapped else last, run.wires), swapped


def _rotations(op: Op, wires: tuple[int, ...]) -> Iterator[Rotation]:
    """``op`` as rotations in time order, up to a global phase."""
    scale = {q: 4**i for i, q in enumerate(wires)}
    for part in elementary((op,)):
        if isinstance(part, Diagonal):
            yield from ((sum(_Z * scale[q] for q in s), a) for s, a in part.terms if s)
            continue
        on = [scale[q] for q in part.qubits]
        quarter, back = Angle(pi / 2), Angle(-pi / 2)
        match part.name:
            case "h":
                yield from ((axis * on[0], quarter) for axis in (_Z, _X, _Z))
            case "x":
                yield _X * on[0], Angle(pi)
            case "rx" | "ry":
                yield {"rx": _X, "ry": _Y}[part.name] * on[0], part.angles[0]
            case "cx":
                yield from ((_Z * on[0], quarter), (_X * on[1], quarter), (_Z * on[0] + _X * on[1], back))
            case "swap":
                yield from ((axis * (on[0] + on[1]), quarter) for axis in (_X, _Y, _Z))
            case _:
                raise ValueError(f"no rotations for {part.name}")


def _quarters(angle: Angle) -> int | None:
    """How many quarter turns a fixed angle is; None for another."""
    if not angle.fixed or abs(remainder(angle.constant, pi / 2)) > _CLOSE:
        return None
    return round(angle.constant / (pi / 2)) % 4


def _gathered(found: Iterable[Rotation]) -> tuple[tuple[Rotation, ...], Frame]:
    """Rotations by other than quarter turns, then one Clifford: as strings that it has been moved past."""
    back = last = IDENTITY
    out: list[Rotation] = []
    for pauli, angle in found:
        turns = _quarters(angle)
        if turns is None:
            string, sign = back[pauli]
            _added(out, string, angle * sign)
            continue
        for _ in range(turns):
            last = _then(last, _turn(pauli, 1))
            back = _then(_turn(pauli, -1), back)
    return tuple(out), last


def _added(out: list[Rotation], pauli: Pauli, angle: Angle) -> None:
    """Append a rotation, or add it to an earlier one about the same string if all between commute."""
    for i in reversed(range(len(out))):
        if out[i][0] == pauli:
            out[i] = (pauli, out[i][1] + angle)
            return
        if not _commute(out[i][0], pauli):
            break
    out.append((pauli, angle))


def _path(
    rotations: tuple[Rotation, ...], goals: dict[tuple[int, ...], bool], most: int, any_angle: bool
) -> tuple[list[tuple[str, int]], bool] | None:
    """Steps of at most ``most`` two-qubit gates: ("turn", string), ("rotate", index of a rotation)."""
    strings = [p for p, _ in rotations]
    free: tuple[tuple[str, int], ...]
    done, free = _free(strings, IDENTITY, frozenset())
    level = [(IDENTITY, done, list(free))]
    seen = {(_kind(IDENTITY), done)}
    for cost in range(most + 1):
        for frame, done, steps in level:
            if len(done) == len(strings) and _kind(frame) in goals:
                return steps, goals[_kind(frame)]
        following = []
        for frame, done, steps in level if cost < most else ():
            options: list[tuple[Frame, frozenset[int], tuple[str, int]]] = [
                (_then(frame, _turn(p, 1)), done, ("turn", p)) for p in _JOINT
            ]
            if any_angle:
                options += [(frame, done | {k}, ("rotate", k)) for k in _ready(strings, done)]
            for moved, finished, step in options:
                finished, free = _free(strings, moved, finished)
                mark = (_kind(moved), finished)
                if mark not in seen:
                    seen.add(mark)
                    following.append((moved, finished, [*steps, step, *free]))
        if len(seen) > _STATES:
            return None
        level = following
    return None


def _ready(strings: Sequence[Pauli], done: frozenset[int]) -> list[int]:
    """Rotations that may be next: all before them that are left commute with them."""
    left = [k for k in range(len(strings)) if k not in done]
    return [k for k in left if all(_commute(strings[j], strings[k]) for j in left if j < k)]


def _free(
    strings: Sequence[Pauli], frame: Frame, done: frozenset[int]
) -> tuple[frozenset[int], tuple[tuple[str, int], ...]]:
    """All rotations that the frame turns into those of single wires, done."""
    steps: list[tuple[str, int]] = []
    while new := [k for k in _ready(strings, done) if frame[strings[k]][0] not in _JOINT]:
        steps += [("rotate", k) for k in new]
        done |= set(new)
    return done, tuple(steps)


def _written(
    steps: Iterable[tuple[str, int]], rotations: Sequence[Rotation], last: Frame, wires: tuple[int, ...]
) -> list[Op]:
    """The gates of a path that ends in the Clifford ``last``."""
    frame, out = IDENTITY, list[Op]()
    for kind, which in steps:
        if kind == "turn":
            out += _about(which, Angle(pi / 2), wires)
            frame = _then(frame, _turn(which, 1))
        else:
            string, sign = frame[rotations[which][0]]
            out += _about(string, rotations[which][1] * sign, wires)
    # what is left, last after the inverse of frame, is a Clifford on each wire
    inverse = {string: (p, sign) for p, (string, sign) in enumerate(frame)}
    for place, wire in enumerate(wires):
        images = []
        for axis in (_X, _Z):
            p, sign = inverse[axis * 4**place]
            string, other = last[p]
            images.append((string // 4**place % 4, sign * other))
        out += [Gate(name, (wire,), (Angle(angle),)) for name, angle in _single_cliffords()[tuple(images)]]
    return out


def _about(pauli: Pauli, angle: Angle, wires: tuple[int, ...]) -> list[Op]:
    """A rotation by gates: one on a single wire; a cz for a quarter turn, else an rzz, between changes of axes."""
    axes = (pauli % 4, pauli // 4)
    if 0 in axes:
        place = 0 if axes[0] else 1
        name = _AXES[axes[place]]
        assert name is not None
        return [Gate(name, (wires[place],), (angle,))]
    into, back = list[Op](), list[Op]()
    for axis, q in zip(axes, wires, strict=True):
        if axis == _X:
            into, back = [*into, Gate("h", (q,))], [*back, Gate("h", (q,))]
        elif axis == _Y:
            into, back = [*into, Gate("rx", (q,), (Angle(pi / 2),))], [*back, Gate("rx", (q,), (Angle(-pi / 2),))]
    if _quarters(angle) == 1:
        middle: list[Op] = [Gate("cz", wires), *(Gate("rz", (q,), (Angle(pi / 2),)) for q in wires)]
    else:
        middle = [Gate("rzz", wires, (angle,))]
    return [*into, *middle, *back]


def _then(first: Frame, second: Frame) -> Frame:
    """P to second(first(P))."""
    return tuple((second[p][0], sign * second[p][1]) for p, sign in first)


def _kind(frame: Frame) -> tuple[int, ...]:
    """On which wires each string comes to be: what gates on single wires do not change."""
    return tuple((1 if p % 4 else 0) + (2 if p // 4 else 0) for p, _ in frame)


@lru_cache
def _turn(pauli: Pauli, sign: int) -> Frame:
    """P to R P R† with R the rotation about ``pauli`` by a quarter turn times ``sign``: P, or -i sign pauli P."""
    return tuple((p, 1) if _commute(p, pauli) else (p ^ pauli, sign * _cyclic(pauli, p)) for p in range(16))


def _cyclic(a: Pauli, b: Pauli) -> int:
    """The sign s of a b = i s c, of strings that do not commute: X Y = i Z."""
    return next(1 if (y - x) % 3 == 1 else -1 for x, y in _wirewise(a, b) if x != y and 0 not in (x, y))


@lru_cache
def _commute(a: Pauli, b: Pauli) -> bool:
    return sum(x != y and 0 not in (x, y) for x, y in _wirewise(a, b)) % 2 == 0


def _wirewise(a: Pauli, b: Pauli) -> tuple[tuple[int, int], tuple[int, int]]:
    return (a % 4, b % 4), (a // 4, b // 4)


@lru_cache
def _single_cliffords() -> dict[tuple[Signed, ...], tuple[tuple[str, float], ...]]:
    """Where X and Z go -> the shortest turns about z and x that take them there."""
    out: dict[tuple[Signed, ...], tuple[tuple[str, float], ...]] = {}
    angles = (pi / 2, -pi / 2, pi)
    for length in range(4):
        for first in ("rz", "rx"):
            names = [("rz", "rx")[(k + (first == "rx")) % 2] for k in range(length)]
            for chosen in product(angles, repeat=length):
                frame = IDENTITY
                for name, angle in zip(names, chosen, strict=True):
                    step = _turn({"rz": _Z, "rx": _X}[name], -1 if angle < 0 else 1)
                    frame = _then(_then(frame, step), step) if angle == pi else _then(frame, step)
                out.setdefault((frame[_X], frame[_Z]), tuple(zip(names, chosen, strict=True)))
    return out
