# SPDX-License-Identifier: Apache-2.0
"""One-qubit gates, cx and rzz as a device's native gates, with few one-qubit gates and angles affine in the slots.

Runs of one-qubit gates are alternating rz and sx, with few sx (McKay et al., "Efficient Z gates for quantum computing",
arXiv:1612.00858: u(θ, φ, λ) is rz, sx, rz, sx, rz).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import atan2, pi

import numpy as np

from hepq.core.circuits import Angle, Barrier, Gate, Op, plain, turns
from hepq.core.gates import GATES
from hepq.runtime.quantum.device import Coupling, Device
from hepq.runtime.quantum.matrices import Matrix, matrix
from hepq.runtime.quantum.native import Native

#: by pairs a < b
Couplings = Mapping[tuple[int, int], Coupling]
#: native two-qubit gates that a cx can be written with
SUPPORTED = frozenset(("cz", "cx", "ecr", "rzz", "rxx", "ms", "iswap"))
#: those that give an rzz of any angle: by one gate, or an iswap by two
_ANY_ANGLE = frozenset(("rzz", "rxx", "ms", "iswap"))
#: those that phases pass, unchanged or as a turn of the gate's own axes
_PASSED = frozenset(name for name in SUPPORTED if GATES[name].diagonal) | {"ms"}
_H = [Angle(pi / 2), Angle(pi / 2)]
_ZERO = Angle()
_PHASES = frozenset(("rz", "p"))
#: native turns about x that, with phases, give any gate
_TURNS = frozenset(("sx", "rx", "gpi2"))


def best_couplings(device: Device) -> Couplings:
    """The supported gate of least error on each usable pair (a < b)."""
    out: dict[tuple[int, int], Coupling] = {}
    for c in device.usable:
        pair = (min(c.a, c.b), max(c.a, c.b))
        if c.gate in SUPPORTED and (pair not in out or (c.error or 0.0) < (out[pair].error or 0.0)):
            out[pair] = c
    return out


def turns_any_angle(device: Device) -> bool:
    """Whether an rzz of any angle is one gate on every coupling."""
    kinds = {c.gate for c in best_couplings(device).values()}
    return bool(kinds) and kinds <= {"rzz", "rxx", "ms"}


def writable(device: Device) -> bool:
    """Whether the device's one-qubit gates are among those written here."""
    return writes_phases(device) or (
        not {"r", "gpi2"}.isdisjoint(device.one_qubit) and {c.gate for c in best_couplings(device).values()} <= _PASSED
    )


def natively(gates: Iterable[Gate | Barrier], device: Device, couplings: Couplings) -> tuple[Gate | Barrier, ...]:
    """The same circuit from |0…0> up to phases before measurement; every qubit is measured after it.

    Gates: those with known ``rotations``, and cx or rzz on ``couplings``. At a barrier all turns before it are
    written; phases, too, where the device has gates for them (``writes_phases``).
    """
    writer = _Writer(device)
    for gate in gates:
        if isinstance(gate, Barrier):
            writer.barrier(gate)
            continue
        if len(gate.qubits) == 1:
            run = rotations(gate)
            if run is None:
                raise ValueError(f"no rotations for {gate.name}")
            writer.turn(gate.qubits[0], run)
            continue
        a, b = gate.qubits
        link = couplings[min(a, b), max(a, b)]
        if gate.name == "rzz" and link.gate in _ANY_ANGLE:
            writer.rzz(link, gate.angles[0])
        elif gate.name == "rzz":
            writer.cx(a, b, link)
            writer.turn(b, list(gate.angles))
            writer.cx(a, b, link)
        else:
            writer.cx(a, b, link)
    return writer.finished()


def timed_turns(ops: Iterable[Op], device: Device) -> Counter[int]:
    """How many gates on one qubit that are not free each qubit gets."""
    return Counter(
        op.qubits[0] for op in ops if isinstance(op, Gate) and len(op.qubits) == 1 and op.name not in device.free
    )


def writes_phases(device: Device) -> bool:
    """Whether a phase is a gate of the device; elsewhere the axes of later gates are turned instead."""
    has = set(device.one_qubit)
    return "u" in has or bool(has & _TURNS and has & _PHASES)


class _Writer:
    """Writes gates; what each qubit turns by is kept until it meets a gate that it does not commute with."""

    def __init__(self, device: Device) -> None:
        self._names = set(device.one_qubit)
        self._framed = not (self._names & _TURNS and self._names & _PHASES)
        self._out: list[Gate | Barrier] = []
        self._turns: dict[int, list[list[Angle]]] = {}
        self._fresh: set[int] = set(range(device.size))

    def turn(self, qubit: int, run: list[Angle]) -> None:
        self._turns.setdefault(qubit, []).append(run)

    def rzz(self, link: Coupling, angle: Angle) -> None:
        ends = (link.a, link.b)
        match link.gate:
            case "rxx":  # between Hadamards
                self._turn_both(ends, _H)
                self._emit(link, angle)
                self._turn_both(ends, _H)
            case "ms":  # rz(φ) before it is rz(φ) after it, with its axis turned by -φ
                self._turn_both(ends, _H)
                for q in ends:
                    self._flush(q, phases=False)
                axes = [-joined(self._turns.get(q, []))[0] for q in ends]
                self._out.append(Gate("ms", ends, (*axes, angle)))
                self._turn_both(ends, _H)
            case "iswap":  # rx(-π/2) on b · (z ⊗ z) · iswap · rx(angle) on a · iswap · rx(π/2) on b
                self.turn(link.b, _about(Angle(pi / 2)))
                self._emit(link)
                self.turn(link.a, _about(angle))
                self._emit(link)
                self._turn_both(ends, [Angle(pi)])
                self.turn(link.b, _about(Angle(-pi / 2)))
            case _:
                self._emit(link, angle)

    def cx(self, a: int, b: int, link: Coupling) -> None:
        if link.gate == "cz" or link.gate in _ANY_ANGLE:
            self.turn(b, _H)
            if link.gate == "cz":
                self._emit(link)
            else:
                self.rzz(link, Angle(pi / 2))
                self._turn_both((a, b), [Angle(-pi / 2)])
            self.turn(b, _H)
            return
        backwards = (a, b) != (link.a, link.b)
        for q in (a, b) if backwards else ():
            self.turn(q, _H)
        self._emit(link)
        if link.gate == "ecr":  # cx = (x rz(π/2)) ⊗ (rz(π) sx rz(π)) · ecr, up to a phase
            self.turn(link.a, [Angle(pi / 2), _ZERO, _ZERO])
            self.turn(link.b, [Angle(pi), Angle(pi)])
        for q in (a, b) if backwards else ():
            self.turn(q, _H)

    def barrier(self, found: Barrier) -> None:
        for q in found.qubits:
            self._flush(q, phases=True)
        self._out.append(found)

    def finished(self) -> tuple[Gate | Barrier, ...]:
        for q in sorted(self._turns):
            self._flush(q, phases=False)
        return tuple(self._out)

    def _turn_both(self, ends: Iterable[int], run: list[Angle]) -> None:
        for q in ends:
            self.turn(q, run)

    def _emit(self, link: Coupling, *angles: Angle) -> None:
        for q in (link.a, link.b):
            self._flush(q, phases=not GATES[link.gate].diagonal)
        self._out.append(Gate(link.gate, (link.a, link.b), angles))

    def _flush(self, q: int, *, phases: bool) -> None:
        """Write the pending turn of a qubit; its last phase only if ``phases``, otherwise it stays pending."""
        run = joined(self._turns.pop(q, []))
        fresh = q in self._fresh
        self._fresh.discard(q)
        if self._framed and "u" in self._names:
            rest = self._write_u(q, run, phases)
        else:
            rest = self._in_frame(q, run) if self._framed else self._write(q, run, fresh, phases)
        if not rest.idle:
            self._turns[q] = [[rest]]

    def _write(self, q: int, run: list[Angle], fresh: bool, phases: bool) -> Angle:
        rz = "rz" if "rz" in self._names else "p"
        turned = _about_x(run, pairs=bool(self._names & {"rx", "x", "gpi"}), any_angle="rx" in self._names)
        for at, (phase, theta) in enumerate(turned):
            if not phase.idle and not (at == 0 and fresh) and (phases or theta is not None):
                self._out.append(Gate(rz, (q,), (phase if phase.terms else Angle(turns(phase.constant)),)))
            if theta is not None:
                self._out.append(_x_turn(q, theta, self._names))
        return _ZERO if phases else turned[-1][0]

    def _write_u(self, q: int, run: list[Angle], phases: bool) -> Angle:
        """A u for every two sx; u(θ, φ, λ) is rz(λ), sx, rz(θ + π), sx, rz(φ + π)."""
        phase, at = run[0], 1
        while at < len(run):
            if at + 1 < len(run):
                theta, after, at = run[at] + -pi, run[at + 1], at + 2
                lam, phi = phase, -pi
            else:  # rz(λ - π/2), sx, rz(φ + π/2)
                theta, after, at = Angle(pi / 2), run[at], at + 1
                lam, phi = phase + pi / 2, -pi / 2
            last = phases and at == len(run)
            self._out.append(Gate("u", (q,), (theta, after + phi if last else Angle(phi), lam)))
            phase = _ZERO if last else after
        if phases and not phase.idle:
            self._out.append(Gate("u", (q,), (_ZERO, _ZERO, phase)))
        return _ZERO if phases else phase

    def _in_frame(self, q: int, run: list[Angle]) -> Angle:
        """Without a native rz: turns about axes in the xy plane, all phases kept to the end of the run."""
        frame = _ZERO
        for phase, theta in _about_x(run, pairs="r" in self._names, any_angle="r" in self._names):
            frame = frame + phase
            if theta is not None:
                axis = -frame
                self._out.append(Gate("r", (q,), (theta, axis)) if "r" in self._names else Gate("gpi2", (q,), (axis,)))
        return frame


def _about_x(run: list[Angle], *, pairs: bool, any_angle: bool) -> list[tuple[Angle, Angle | None]]:
    """A run as phases, each with the turn about x after it (None after the last).

    sx rz(θ + π) sx is rz(π/2)… rx(θ) …: ``pairs`` takes two sx together where that is an x, ``any_angle`` always.
    """
    out: list[tuple[Angle, Angle | None]] = []
    phase, at = run[0], 1
    while at < len(run):
        whole = at + 1 < len(run) and (any_angle or (pairs and is_x(run[at])))
        if whole and is_x(run[at]):
            out.append((phase, Angle(pi)))
            phase, at = run[at + 1], at + 2
        elif whole:
            out.append((phase + -pi / 2, run[at] + -pi))
            phase, at = run[at + 1] + -pi / 2, at + 2
        else:
            out.append((phase, Angle(pi / 2)))
            phase, at = run[at], at + 1
    return [*out, (phase, None)]


def _about(theta: Angle) -> list[Angle]:
    """rx(theta) as a run."""
    found = rotations(Gate("rx", (0,), (theta,)))
    assert found is not None
    return found


def _x_turn(q: int, theta: Angle, names: set[str]) -> Gate:
    if theta == Angle(pi / 2) and "sx" in names:
        return Gate("sx", (q,))
    if theta == Angle(pi) and "x" in names:
        return Gate("x", (q,))
    if "rx" in names:
        return Gate("rx", (q,), (theta,))
    return Gate("gpi" if theta == Angle(pi) else "gpi2", (q,), (_ZERO,))


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
    return angle.idle


def polished(native: Native, device: Device) -> Native:
    """The same distribution by the same two-qubit gates, with one-qubit gates as ``natively`` writes them."""
    couplings = best_couplings(device)
    ops = natively(plain(with_cx(native, couplings).circuit.ops), device, couplings)
    return replace(native, circuit=replace(native.circuit, ops=ops))


def with_cx(native: Native, couplings: Couplings | None = None) -> Native:
    """With cx for every cz, in the direction of its coupling, and ecr."""
    ops = tuple(step for op in plain(native.circuit.ops) for step in _with_cx(op, couplings or {}))
    return replace(native, circuit=replace(native.circuit, ops=ops))


def _with_cx(op: Gate | Barrier, couplings: Couplings) -> Iterator[Gate | Barrier]:
    if isinstance(op, Barrier) or op.name not in ("cz", "ecr"):
        yield op
        return
    a, b = op.qubits
    if op.name == "cz":
        if (link := couplings.get((min(a, b), max(a, b)))) is not None:
            a, b = link.a, link.b
        yield from (Gate("h", (b,)), Gate("cx", (a, b)), Gate("h", (b,)))
        return
    yield Gate("cx", (a, b))
    yield from (Gate("x", (a,)), Gate("rz", (a,), (Angle(-pi / 2),)))
    yield from (Gate("rz", (b,), (Angle(pi),)), Gate("sxdg", (b,)), Gate("rz", (b,), (Angle(pi),)))
