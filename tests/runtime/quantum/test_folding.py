# SPDX-License-Identifier: Apache-2.0
"""Folded circuits do the same with three times the gates; flipped qubits are in |1⟩. On every kind of device."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Angle, Barrier, Circuit, Gate
from hepq.core.errors import DataError
from hepq.core.gates import GATES
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.folding import flips, folded
from hepq.runtime.quantum.native import Native
from tests.support import devices
from tests.support.families import state_after

#: a gate set each: sx and cz, ecr, sxdg and iswap; r and cz; rx ry rz; gpi and ms; one without free gates
NAMES = ("ibm:torino", "ibm:sherbrooke", "rigetti:ankaa3", "iqm:garnet", "origin:wukong", "quafu:baihua", "ionq:forte",
         "ionq:aria", "quantinuum:h2", "tianyan:zuchongzhi3")  # fmt: skip


def every_gate(device: Device, seed: int) -> Native:
    """Each native gate of two qubits that are joined, twice in random order, at angles affine in two slots."""
    rng, pair = np.random.default_rng(seed), device.usable[0]
    places = [(name, (q,)) for name in device.one_qubit for q in (pair.a, pair.b)] + [(pair.gate, (pair.a, pair.b))] * 3
    ops = []
    for i in rng.permutation(2 * len(places)) % len(places):
        name, where = places[i]
        angles = [Angle(rng.uniform(-3, 3), ((0, rng.normal()), (1, 1.0))) for _ in range(GATES[name].angles)]
        ops.append(Gate(name, where, tuple(angles)))
    return Native(device.name, "none", Circuit(device.size, 2, tuple(ops)), (pair.a, pair.b), (pair.b, pair.a))


def unitary(native: Native, slots: np.ndarray) -> np.ndarray:
    """Columns of what the circuit does with basis states of its two qubits."""
    circuit, numbers = native.compact
    ops = [op for op in circuit.ops if not isinstance(op, Barrier)]
    columns = []
    for state in range(1 << len(numbers)):
        first = [Gate("x", (q,)) for q in range(len(numbers)) if state >> q & 1]
        columns.append(state_after(Circuit(len(numbers), circuit.slots, (*first, *ops)), slots))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1, 3, 5])
def test_a_folded_circuit_does_the_same(name: str, scale: int) -> None:
    device, slots = named_device(name), np.array([0.7, -1.9])
    native = every_gate(device, seed=scale)
    found = folded(native, device, scale)
    kept = [op for op in found.circuit.ops if not isinstance(op, Barrier)]
    assert devices.native_ok(Native(name, "none", Circuit(device.size, 2, tuple(kept)), (), ()), device)
    once, again = unitary(native, slots), unitary(found, slots)
    overlap = np.trace(once.conj().T @ again) / len(once)
    assert abs(overlap) == pytest.approx(1, abs=1e-9)
    assert len(found.circuit.barriers) == scale - 1
    timed = [sum(isinstance(op, Gate) and op.name not in device.free for op in n.circuit.ops) for n in (native, found)]
    assert timed[1] == scale * timed[0]
    assert (found.layout, found.measured) == (native.layout, native.measured)


def test_only_odd_scales() -> None:
    device = named_device("ibm:torino")
    for scale in (0, 2, -3):
        with pytest.raises(ValueError, match="odd"):
            folded(every_gate(device, 0), device, scale)


def test_barriers_of_the_program_stay_apart() -> None:
    device = named_device("ibm:torino")
    native = every_gate(device, 0)
    ops = (*native.circuit.ops[:4], Barrier(native.used, 7), *native.circuit.ops[4:])
    native = Native(native.device, "none", Circuit(device.size, 2, ops), native.layout, native.measured)
    numbers = [b.number for b in folded(native, device, 3).circuit.barriers]
    assert numbers == [7, 8, 7, 9, 7]


def test_a_gate_that_nothing_undoes_is_told() -> None:
    device = devices.device(2, devices.line(2), gate="iswap", one_qubit=("rx", "ry"))
    native = Native("test", "none", Circuit(2, 0, (Gate("iswap", (0, 1)),)), (0, 1), (0, 1))
    with pytest.raises(DataError, match="inverse of iswap") as error:
        folded(native, device, 3)
    assert error.value.code == "HQ0889"


@pytest.mark.parametrize("name", NAMES)
def test_flipped_qubits(name: str) -> None:
    device = named_device(name)
    native = every_gate(device, 1)
    none, all_of_them = flips(native, device)
    assert none.circuit.ops == ()
    assert devices.native_ok(all_of_them, device)
    for found, string in ((none, 0), (all_of_them, 3)):
        assert devices.distribution(found, np.zeros(0))[string] == pytest.approx(1, abs=1e-12)


def test_no_flip_without_a_gate_for_it() -> None:
    device = devices.device(2, devices.line(2), one_qubit=("rz",))
    native = Native("test", "none", Circuit(2, 0), (0, 1), (0, 1))
    with pytest.raises(DataError, match="flip"):
        flips(native, device)
