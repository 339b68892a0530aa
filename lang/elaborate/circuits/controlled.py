# SPDX-License-Identifier: Apache-2.0
"""One more control on a gate, exactly: what is a global phase of the gate is a phase of its control.

Where OpenQASM 3's stdgates have the controlled gate, it is that gate. Otherwise the gate is written as
V† W V, of which only W needs the control, until W has one (Barenco et al., arXiv:quant-ph/9503016).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from hepq.core.circuits import Angle, Barrier, Gate, Op, inverse


def controlled(ops: Iterable[Op], control: int) -> tuple[Op, ...]:
    """The gates, each controlled by one more wire."""
    return tuple(out for op in ops for out in _controlled(op, control))


def _controlled(op: Op, c: int) -> tuple[Op, ...]:
    if isinstance(op, Barrier):
        return (Barrier((c, *op.qubits)),)
    assert isinstance(op, Gate)
    name, wires, angles = op.name, op.qubits, op.angles
    if op.spec.controlled is not None:
        return (Gate(op.spec.controlled, (c, *wires), angles),)
    if op.spec.phase and len(wires) == 1:
        return (Gate("cp", (c, *wires), (Angle(op.spec.phase),)),)
    match name, wires, angles:
        case "id", _, _:
            return (op,)
        case (("sx" | "sxdg"), (a,), _):  # sx = exp(iπ/4) rx(π/2)
            sign = 1 if name == "sx" else -1
            return Gate("p", (c,), (Angle(sign * pi / 4),)), Gate("crx", (c, a), (Angle(sign * pi / 2),))
        case "u", (a,), (theta, phi, lam):
            return (Gate("cu", (c, a), (theta, phi, lam, Angle())),)
        case "cz", (a, b), _:
            return _around([Gate("h", (b,))], [Gate("ccx", (c, a, b))])
        case "cy", (a, b), _:
            return _around([Gate("sdg", (b,))], [Gate("ccx", (c, a, b))])
        case "ch", (a, b), _:
            return _around([Gate(g, (b,)) for g in ("s", "h", "t")], [Gate("ccx", (c, a, b))])
        case "cp", (a, b), (theta,):
            return _phase(theta, c, a, b)
        case (("crx" | "cry" | "crz"), (a, b), (theta,)):
            flip = Gate("cz" if name == "crx" else "cx", (a, b))
            plus, minus = (Gate(name, (c, b), (theta * k,)) for k in (0.5, -0.5))
            return plus, flip, minus, flip
        case (("rxx" | "ryy" | "rzz"), (a, b), (theta,)):
            return _pauli_rotation(name, theta, a, b, c)
        case "cu", (a, b), (theta, phi, lam, gamma):
            return _cu(theta, phi, lam, gamma, a, b, c)
        case "ccx", (a, b, t), _:
            return _around([Gate("h", (t,))], controlled(_phase(Angle(pi), a, b, t), c))
        case "cswap", (a, s, t), _:
            return _around([Gate("cx", (t, s))], controlled([Gate("ccx", (a, s, t))], c))
    raise AssertionError(op)


def _around(before: list[Gate], inside: Iterable[Op]) -> tuple[Op, ...]:
    return *before, *inside, *inverse(before)


def _phase(theta: Angle, c: int, a: int, b: int) -> tuple[Op, ...]:
    """exp(iθ) on |111>: θ/2 · b · (a − (a ⊕ c) + c)"""
    half = theta * 0.5
    flip = Gate("cx", (c, a))
    return (
        Gate("cp", (a, b), (half,)), flip, Gate("cp", (a, b), (-half,)), flip, Gate("cp", (c, b), (half,)),
    )  # fmt: skip


def _pauli_rotation(name: str, theta: Angle, a: int, b: int, c: int) -> tuple[Op, ...]:
    before = [Gate("cx", (a, b))]
    if name == "rxx":
        before = [Gate("h", (a,)), Gate("h", (b,)), *before]
    if name == "ryy":
        before = [Gate("rx", (a,), (Angle(pi / 2),)), Gate("rx", (b,), (Angle(pi / 2),)), *before]
    return _around(before, [Gate("crz", (c, b), (theta,))])


def _cu(theta: Angle, phi: Angle, lam: Angle, gamma: Angle, a: int, b: int, c: int) -> tuple[Op, ...]:
    """A X B X C with A B C = 1 and a phase: only the X and the phase need both controls."""
    flip = Gate("ccx", (c, a, b))
    return (
        Gate("cp", (c, a), (gamma + (lam + phi) * 0.5,)),
        Gate("p", (b,), ((lam - phi) * 0.5,)),
        flip,
        Gate("u", (b,), (theta * -0.5, Angle(), (phi + lam) * -0.5)),
        flip,
        Gate("u", (b,), (theta * 0.5, phi, Angle())),
    )
