# SPDX-License-Identifier: Apache-2.0
"""Native circuits checked against their sources: right ones pass, each kind of mistake is seen, small or large."""

from __future__ import annotations

from dataclasses import replace
from math import exp, pi

import numpy as np
import pytest

from hepq.compiler.circuits import check as equivalence
from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.dense import WIDE, blocks, probabilities
from hepq.compiler.circuits.portfolio.recipes import laid_out
from hepq.compiler.circuits.score import score
from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from tests.support.devices import device, everyone, line, success
from tests.support.families import kernel, random_gates, state_after

CHIP = device(5, line(5))
SOURCE = kernel(4, 1, "full")


@pytest.fixture(scope="module")
def native() -> Native:
    made = structure_aware(SOURCE, CHIP, effort=0)
    assert made is not None
    return made


def changed(native: Native, ops: tuple[Op, ...]) -> Native:
    return replace(native, circuit=Circuit(native.circuit.qubits, native.circuit.slots, ops))


def mistakes(native: Native) -> dict[str, Native]:
    """One gate left out, one angle wrong, one slot wrong, wires exchanged."""
    ops = native.circuit.ops
    pair = next(i for i, op in enumerate(ops) if len(op.qubits) == 2)
    turn = next(i for i, op in enumerate(ops) if isinstance(op, Gate) and op.angles and not op.angles[0].fixed)
    gate = ops[turn]
    assert isinstance(gate, Gate)

    def turned(angle: Angle) -> Native:
        return changed(native, (*ops[:turn], Gate(gate.name, gate.qubits, (angle,)), *ops[turn + 1 :]))

    (slot, coefficient), *_ = gate.angles[0].terms
    other = Angle(gate.angles[0].constant, (((slot + 1) % SOURCE.slots, coefficient),))
    return {
        "gate": changed(native, ops[:pair] + ops[pair + 1 :]),
        "angle": turned(gate.angles[0] + pi / 2),
        "slot": turned(other),
        "wires": replace(native, measured=(*native.measured[1:], native.measured[0])),
    }


def test_a_right_circuit_passes(native: Native) -> None:
    assert verify_native(native, SOURCE, CHIP) == equivalence.Verdict("simulated")


def test_what_the_device_does_not_have_is_named(native: Native) -> None:
    ops, dead = native.circuit.ops, native.measured[0]
    used = [q for q in native.used if q != dead]
    unfit = {
        "a diagonal layer is not a native gate": changed(native, (Diagonal((((0,), Angle(0.1)),)), *ops)),
        f"h on qubit {used[0]}": changed(native, (Gate("h", (used[0],)), *ops)),
        "on qubits (0, 2)": changed(native, (Gate(CHIP.usable[0].gate, (0, 2)), *ops)),
        "ccx on qubits (0, 1, 2)": changed(native, (Gate("ccx", (0, 1, 2)), *ops)),
    }
    for problem, made in unfit.items():
        found = verify_native(made, SOURCE, CHIP)
        assert found.how == "gates"
        assert problem in found.problem


def test_a_dead_qubit_is_not_used() -> None:
    source = Circuit(2, 0, (Gate("x", (0,)),))
    dead = CHIP.qubits[0].model_copy(update={"usable": False})
    chip = CHIP.model_copy(update={"qubits": (dead, *CHIP.qubits[1:])})
    turned = Native("", "", Circuit(5, 0, (Gate("sx", (0,)), Gate("sx", (0,)))), (0, 1), (0, 1))
    assert verify_native(turned, source, chip).problem == "sx on qubit 0"
    idle = Native("", "", Circuit(5, 0, ()), (0, 1), (0, 1))
    assert verify_native(idle, Circuit(2, 0, ()), chip).problem == "a dead qubit is read"
    assert verify_native(idle, Circuit(2, 0, ()), CHIP).problem == ""


@pytest.mark.parametrize("kind", ["gate", "angle", "slot", "wires"])
@pytest.mark.parametrize("exact", [True, False])
def test_mistakes_are_seen(native: Native, kind: str, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "MAX_EXACT", 18 if exact else 0)
    assert verify_native(native, SOURCE, CHIP).problem == ""
    assert verify_native(mistakes(native)[kind], SOURCE, CHIP).problem


def test_large_circuits_are_checked_at_clifford_angles() -> None:
    chip, source = device(30, line(30)), kernel(19, 2, "linear")
    made = structure_aware(source, chip, effort=0)
    assert made is not None
    verdict = verify_native(made, source, chip)
    assert (verdict.problem, verdict.how) == ("", "6 Clifford angles")
    swapped = replace(made, measured=(*made.measured[:-2], made.measured[-1], made.measured[-2]))
    assert verify_native(swapped, source, chip).problem


def never_clifford(n: int, chip: Device) -> tuple[Circuit, Native]:
    """Turns, and couplings of neighbours by an angle that no slot makes Clifford."""
    turns = [Gate("ry", (q,), (Angle.slot(q),)) for q in range(n)]
    pairs = [Gate("rzz", (q, q + 1), (Angle(0.4 + 0.1 * q),)) for k in (0, 1) for q in range(k, n - 1, 2)]
    back = [Gate("ry", (q,), (Angle.slot(n + q),)) for q in range(n)]
    source = Circuit(n, 2 * n, (*turns, *pairs, *back))
    return source, laid_out(source, range(n), chip, source, seed=0)


@pytest.mark.parametrize(("largest", "how"), [(24, "in single precision"), (0, "light cones, which read 4 of 4")])
def test_mistakes_are_seen_at_other_angles(largest: int, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "MAX_EXACT", 0)
    monkeypatch.setattr(equivalence, "MAX_SINGLE", largest)
    source, made = never_clifford(4, CHIP)
    right = verify_native(made, source, CHIP)
    assert how in right.how
    assert right.problem == ""
    for wrong in mistakes(made).values():
        found = verify_native(wrong, source, CHIP)
        assert how in found.how
        assert "differ by" in found.problem


def test_twenty_wires_are_simulated_and_thirty_seen_in_light_cones() -> None:
    chip = device(30, line(30))
    for n, how in ((20, "simulated in single precision"), (30, "light cones, which read 30 of 30 wires")):
        source, made = never_clifford(n, chip)
        right = verify_native(made, source, chip)
        assert how in right.how
        assert right.problem == ""
        ops = made.circuit.ops
        turn = max(i for i, op in enumerate(ops) if isinstance(op, Gate) and op.angles and not op.angles[0].fixed)
        gate = ops[turn]
        assert isinstance(gate, Gate)
        nudged = Gate(gate.name, gate.qubits, (gate.angles[0] + 0.01,))
        wrong = changed(made, (*ops[:turn], nudged, *ops[turn + 1 :]))
        assert "differ by" in verify_native(wrong, source, chip).problem


def test_what_cannot_be_checked_is_said() -> None:
    """30 wires, each turned by a constant and joined to all others."""
    n, chip = 30, device(30, everyone(30))
    ops: list[Op] = [Gate("rz", (q,), (Angle(0.3),)) for q in range(n)]
    for q in range(n):
        ops += [Gate("sx", (q,)), *(Gate("cz", (q, (q + k) % n)) for k in (1, 2))]
    ends = tuple(range(n))
    same = Circuit(n, 0, (*ops, *ops, *ops))
    flipped = tuple(Gate(op.name, tuple(sorted(op.qubits)), op.angles) for op in same.ops if isinstance(op, Gate))
    made = Native(chip.name, chip.calibration, Circuit(n, 0, flipped), ends, ends)
    assert verify_native(made, same, chip).how == (
        "gates only: too large to simulate, and so is the light cone of each wire"
    )


@pytest.mark.parametrize("single", [False, True])
def test_the_checks_simulator_gives_what_the_gates_matrices_give(single: bool) -> None:
    rng = np.random.default_rng(5)
    layer = Diagonal((((), Angle(0.3)), ((0, 2, 5), Angle.slot(0)), ((1,), Angle(0.7)), ((3, 4), Angle.slot(1))))
    for wires in ([0, 1, 2, 3, 4, 5, 6], [6, 2, 0]):
        found = random_gates(rng, 7, 3, 60)
        circuit = Circuit(7, 3, (*found.ops[:30], layer, *found.ops[30:]))
        slots = rng.normal(size=3)
        chances = np.abs(state_after(circuit, slots)) ** 2
        read = sum(((np.arange(1 << 7) >> w) & 1) << i for i, w in enumerate(wires))
        wanted = np.bincount(read, chances, 1 << len(wires))
        np.testing.assert_allclose(
            probabilities(circuit, slots, wires, single=single), wanted, atol=1e-6 if single else 1e-12
        )
        assert len(blocks(circuit)) < 45
        assert max(len(b.wires) for b in blocks(circuit)) <= WIDE


@pytest.mark.parametrize(
    ("ops", "why"),
    [
        ((Gate("h", (0,)),), "h on qubit 0"),
        ((Gate("cz", (0, 2)),), "cz on qubits (0, 2)"),
        ((Gate("cx", (0, 1)),), "cx on qubits (0, 1)"),
        ((Gate("sx", (4,)),), "sx on qubit 4"),
        ((Gate("ccx", (0, 1, 2)),), "ccx on qubits (0, 1, 2)"),
    ],
)
def test_gates_that_the_device_lacks(ops: tuple[Op, ...], why: str) -> None:
    chip = CHIP.model_copy(update={"qubits": (*CHIP.qubits[:4], CHIP.qubits[4].model_copy(update={"usable": False}))})
    made = Native(chip.name, chip.calibration, Circuit(5, 0, ops), (0,), (0,))
    assert verify_native(made, Circuit(1, 0), chip).problem == why


def test_an_ecr_has_one_direction() -> None:
    chip = device(2, [(1, 0)], gate="ecr")
    ends = {"layout": (0, 1), "measured": (0, 1)}
    right = Native(chip.name, "", Circuit(2, 0, (Gate("ecr", (1, 0)),)), **ends)
    wrong = Native(chip.name, "", Circuit(2, 0, (Gate("ecr", (0, 1)),)), **ends)
    assert verify_native(right, Circuit(2, 0, (Gate("ecr", (1, 0)),)), chip).problem == ""
    assert "ecr on qubits (0, 1)" in verify_native(wrong, Circuit(2, 0, (Gate("ecr", (0, 1)),)), chip).problem


def test_scores_by_hand(native: Native) -> None:
    found = score(native, CHIP)
    assert found.esp == pytest.approx(success(native, CHIP))
    assert (found.duration, found.coherence, found.missing) == (None, None, ("durations",))
    timed = Device.model_validate(
        CHIP.model_dump()
        | {"durations": {"gate": 3e-8}}
        | {"couplings": [c.model_dump() | {"duration": 1e-7} for c in CHIP.couplings]}
        | {"qubits": [q.model_dump() | {"t2": 1e-4} for q in CHIP.qubits]}
    )
    ops = (Gate("sx", (0,)), Gate("rz", (0,), (Angle(1.0),)), Gate("cz", (0, 1)), Gate("sx", (2,)))
    short = score(Native("", "", Circuit(5, 0, ops), (0, 1, 2), (0, 1, 2)), timed)
    assert (short.two_qubit, short.one_qubit, short.depth) == (1, 2, 1)
    assert short.duration == pytest.approx(1.3e-7)
    assert short.coherence == pytest.approx(exp(-(1.3e-7 + 1e-7 + 1.3e-7) / 1e-4))
