# SPDX-License-Identifier: Apache-2.0
"""Native circuits checked against their sources: right ones pass, each kind of mistake is seen, small or large."""

from __future__ import annotations

from dataclasses import replace
from math import exp, pi

import pytest

from hepq.compiler.lower.circuit import check
from hepq.compiler.lower.circuit.check import verify_native
from hepq.compiler.lower.circuit.score import score
from hepq.compiler.lower.circuit.structure import structure_aware
from hepq.runtime.quantum.circuit import Angle, Circuit, Gate, Op
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from tests.compiler.circuit.devices import device, line, success
from tests.compiler.circuit.families import kernel

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
    assert verify_native(native, SOURCE, CHIP) == check.Verdict("simulated")


@pytest.mark.parametrize("kind", ["gate", "angle", "slot", "wires"])
@pytest.mark.parametrize("exact", [True, False])
def test_mistakes_are_seen(native: Native, kind: str, exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_EXACT", 18 if exact else 0)
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


def test_what_cannot_be_checked_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_EXACT", 0)
    source = Circuit(1, 0, (Gate("t", (0,)), Gate("sx", (0,)), Gate("t", (0,)), Gate("sx", (0,))))
    ops = (Gate("rz", (2,), (Angle(pi / 4),)), Gate("sx", (2,)), Gate("rz", (2,), (Angle(pi / 4),)), Gate("sx", (2,)))
    made = Native(CHIP.name, CHIP.calibration, Circuit(5, 0, ops), (2,), (2,))
    assert "too large" in verify_native(made, source, CHIP).how


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
    assert (short.two_qubit, short.one_qubit, short.depth, short.duration) == (1, 2, 1, pytest.approx(1.3e-7))
    assert short.coherence == pytest.approx(exp(-(1.3e-7 + 1e-7 + 1.3e-7) / 1e-4))
