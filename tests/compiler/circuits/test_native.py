# SPDX-License-Identifier: Apache-2.0
"""One-qubit gates of every gate set: no phase that nobody sees, no more turns than Euler's three angles need."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import numpy as np
import pytest

from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.native import best_couplings, natively
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.runtime.quantum.native import Native
from tests.support.devices import device, line

SETS = {
    "cz": ("rz", "sx", "x"), "ecr": ("rz", "sx", "x"), "cx": ("rz", "rx"), "rzz": ("rz", "r"), "rxx": ("p", "sx"),
    "iswap": ("rz", "rx"), "ms": ("gpi2", "gpi"),
}  # fmt: skip
PHASES = frozenset(("rz", "p"))


@pytest.mark.parametrize("gate", SETS)
def test_no_phase_before_measurement_or_on_fresh_qubits(gate: str) -> None:
    """Nor two in a row; and an open turn is two sx and a phase between them, one where the gate set has it."""
    rng = np.random.default_rng(0)
    chip = device(3, line(3), gate=gate, one_qubit=SETS[gate])
    names = ["h", "s", "t", "sx", "x", "rx", "ry", "rz", "cx", "rzz"]
    for _ in range(8):
        ops = []
        for _ in range(14):
            name = str(rng.choice(names))
            a = int(rng.integers(2))
            angles = (Angle.slot(0) + pi / 4,) if name in ("rx", "ry", "rz", "rzz") else ()
            ops.append(Gate(name, (a, a + 1) if name in ("cx", "rzz") else (a + int(rng.integers(2)),), angles))
        made = natively(ops, chip, best_couplings(chip))
        source = Circuit(3, 1, tuple(ops))
        native = Native(chip.name, chip.calibration, Circuit(3, 1, made), (0, 1, 2), (0, 1, 2))
        assert verify_native(native, source, chip).problem == ""
        for q in range(3):
            own = [op.name for op in made if isinstance(op, Gate) and q in op.qubits]
            assert not own or own[-1] not in PHASES
            assert not own or own[0] not in PHASES
            assert not any(one in PHASES and other in PHASES for one, other in pairwise(own))
