# SPDX-License-Identifier: Apache-2.0
"""The figures of a native circuit, by hand."""

from __future__ import annotations

from math import exp, log

import pytest

from hepq.compiler.circuits.score import score
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from hepq.runtime.quantum.native import Native

QUBITS = (
    Qubit(error=0.1, readout_error=0.01, t2=1e-6), Qubit(error=0.2, readout_error=0.02, t2=2e-6),
    Qubit(error=0.3, readout_error=0.04, t2=4e-6),
)  # fmt: skip
COUPLINGS = (
    Coupling(a=1, b=0, gate="cz", error=0.3, duration=5e-7), Coupling(a=1, b=2, gate="cz", error=0.05, duration=3e-7),
)  # fmt: skip
CHIP = Device(
    name="t", title="T", vendor="v", one_qubit=("rz", "sx"), qubits=QUBITS, couplings=COUPLINGS, sources={},
    durations={"gate": 1e-7, "readout": 1e-6},
)  # fmt: skip
SX = [Gate("sx", (q,)) for q in range(3)]


def native(*ops: Op, measured: tuple[int, ...] = (0, 2)) -> Native:
    return Native("t", "now", Circuit(3, 0, ops), measured, measured)


def test_counts_errors_and_times() -> None:
    """A coupling either way round; gates that take no time cost nothing."""
    found = score(native(SX[0], Gate("rz", (0,), (Angle(0.3),)), Gate("cz", (0, 1)), Gate("cz", (2, 1)), SX[2]), CHIP)
    assert (found.two_qubit, found.one_qubit, found.depth, found.missing) == (2, 2, 2, ())
    assert found.esp == pytest.approx(0.9 * 0.7 * 0.95 * 0.7 * 0.99 * 0.96)
    assert found.log_esp == pytest.approx(log(found.esp))
    assert found.duration == pytest.approx(1e-6)
    # from the first gate to the end: 1, 0.9 and 0.4 µs
    assert found.coherence == pytest.approx(exp(-1 / 1 - 0.9 / 2 - 0.4 / 4))


def test_gates_beside_one_another_are_one_deep_and_barriers_wait() -> None:
    beside = score(native(SX[0], SX[0], SX[2]), CHIP)
    assert (beside.two_qubit, beside.one_qubit, beside.depth) == (0, 3, 0)
    assert beside.duration == pytest.approx(2e-7)
    waits = score(native(SX[0], SX[0], Barrier((0, 2)), SX[2]), CHIP)
    assert waits.duration == pytest.approx(3e-7)
    deep = score(native(Gate("cz", (0, 1)), Barrier((0, 1, 2)), Gate("cz", (1, 2))), CHIP)
    assert deep.depth == 2


def test_what_is_not_stated_is_told_and_counts_nothing() -> None:
    bare = without_figures(CHIP)
    found = score(native(SX[0], Gate("cz", (0, 1))), bare)
    assert set(found.missing) == {"one-qubit errors", "two-qubit errors", "readout errors", "durations"}
    assert (found.log_esp, found.duration, found.coherence) == (0.0, None, None)


def without_figures(device: Device) -> Device:
    """Without any figure."""
    couplings = tuple(c.model_copy(update={"error": None, "duration": None}) for c in device.couplings)
    return device.model_copy(update={"qubits": (Qubit(),) * 3, "couplings": couplings, "durations": {}})
