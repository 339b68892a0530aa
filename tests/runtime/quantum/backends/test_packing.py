# SPDX-License-Identifier: Apache-2.0
"""Packing: as many copies as published, apart from each other, and the same results as one copy alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.backends.noise import Noisy
from hepq.runtime.quantum.backends.packing import PackedBackend, Uses, embeddings, moved, pack, scores
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from tests.support.qiskit_native import compiled, line, torino, zz_kernel


def kernel_values(circuit: Circuit, rows: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 6, (rows, circuit.slots // 2))
    return np.hstack([x, x + rng.normal(0, 0.3, x.shape)])


def kernel_on(device: Device, wires: int, reps: int = 1) -> Native:
    native = structure_aware(zz_kernel(wires, reps), device, seed=0, effort=0)
    assert native is not None
    return native


@pytest.mark.parametrize(
    ("name", "wires", "copies"),
    [("ibm:torino", 4, 11), ("ibm:torino", 6, 7), ("ibm:boston", 4, 19), ("ibm:boston", 6, 11)],
)
def test_as_many_copies_fit_as_were_found_before(name: str, wires: int, copies: int) -> None:
    """Within 90 % of the best region's ESP, a qubit between copies."""
    device = named_device(name)
    packed = pack(kernel_on(device, wires, reps=2), device)
    assert packed.copies >= copies
    assert packed.esp == tuple(sorted(packed.esp, reverse=True))
    assert packed.esp[-1] >= 0.9 * packed.esp[0]


@pytest.mark.parametrize("buffer", [0, 1])
def test_copies_stay_apart_and_on_couplings_that_work(buffer: int) -> None:
    device = named_device("ibm:torino")
    packed = pack(kernel_on(device, 4), device, buffer=buffer)
    usable = {frozenset((c.a, c.b)) for c in device.usable}
    for native in packed.natives:
        assert {frozenset(op.qubits) for op in native.circuit.ops if len(op.qubits) == 2} <= usable
    coupled = {frozenset((c.a, c.b)) for c in device.couplings}
    for one, other in combinations(packed.places, 2):
        assert not set(one) & set(other)
        if buffer:
            assert not any(frozenset((a, b)) in coupled for a in one for b in other)
    assert pack(kernel_on(device, 4), device, buffer=buffer) == packed


def test_scores_are_what_the_gates_of_each_copy_say() -> None:
    device = torino()
    native = kernel_on(device, 3)
    packed = pack(native, device, copies=5)
    pairs = {frozenset((c.a, c.b)): c.error or 0.0 for c in device.usable}
    for copy, esp in zip(packed.natives, packed.esp, strict=True):
        kept = 1.0
        for op in copy.circuit.ops:
            if len(op.qubits) == 2:
                kept *= 1 - pairs[frozenset(op.qubits)]
            elif isinstance(op, Gate) and op.name not in device.free:
                kept *= 1 - (device.qubits[op.qubits[0]].error or 0.0)
        for qubit in copy.measured:
            kept *= 1 - (device.qubits[qubit].readout_error or 0.0)
        assert esp == pytest.approx(kept)


def test_gates_with_a_direction_keep_it() -> None:
    """Three qubits in a row joined by ecr 0→1, 1→2 among others: the copies' ecr are all the device's own."""
    device = named_device("ibm:sherbrooke")
    packed = pack(kernel_on(device, 3), device, copies=4)
    own = {(c.a, c.b) for c in device.usable}
    for native in packed.natives:
        assert {op.qubits for op in native.circuit.ops if len(op.qubits) == 2} <= own


def test_every_embedding_of_a_pair_is_found() -> None:
    device = line(4)
    circuit = Circuit(4, 0, (Gate("cz", (1, 2)),))
    native = Native(device.name, device.calibration, circuit, (1, 2), (1, 2))
    uses = Uses.of(native, device)
    found = {tuple(row) for row in embeddings(uses, device).tolist()}
    assert found == {(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)}
    logs = scores(uses, device, np.array([[0, 1]]))
    assert np.exp(logs[0]) == pytest.approx(0.99 * 0.98**2)


def test_a_copy_elsewhere_does_the_same() -> None:
    source, device = zz_kernel(2), line(6)
    native, values = compiled(source, device, [0, 1]), kernel_values(source, 3)
    there = moved(native, (4, 3))
    assert there.used == (3, 4)
    here, same = (Noisy(device, channel=True).run(Task(source, n), values, 1) for n in (native, there))
    np.testing.assert_allclose(here.probabilities(), same.probabilities(), atol=1e-9)  # all qubits are alike


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7])
def test_packed_and_exactly_simulated_it_is_the_unpacked_kernel(rows: int) -> None:
    source, device = zz_kernel(2), line(8)
    task, values = Task(source, compiled(source, device, [0, 1])), kernel_values(source, rows)
    packed = PackedBackend(Noisy(device, channel=True), device)
    alone = Noisy(device, channel=True).run(task, values, 1)
    np.testing.assert_allclose(packed.run(task, values, 1).probabilities(), alone.probabilities(), atol=1e-9)
    on_source = PackedBackend(Exact(), device).run(task, values, 1).probabilities()
    np.testing.assert_allclose(on_source, Exact().run(Task(source), values, 1).probabilities(), atol=1e-9)


def test_packed_shots_agree_with_each_copys_own_noise() -> None:
    """Eleven copies on Torino, 44 qubits under noise: each event as its own copy alone would give it."""
    source, device, shots = zz_kernel(4), named_device("ibm:torino"), 4000
    native = kernel_on(device, 4)
    values = kernel_values(source, 13)
    found = PackedBackend(Noisy(device), device, copies=11).run(Task(source, native), values, shots, 5)
    copies = pack(native, device, copies=11).natives
    for event in (0, 5, 10, 12):
        alone = Noisy(device, channel=True).run(Task(source, copies[event % 11]), values[event : event + 1], 1)
        expected = alone.probabilities()[0]
        assert np.abs(found.probabilities()[event] - expected).max() < 5 * np.sqrt(0.25 / shots)


def test_packed_jobs_cost_less() -> None:
    """Eleven events with every shot: an eleventh of the shots, a little longer each."""
    source, device = zz_kernel(4), named_device("ibm:torino")
    task = Task(source, kernel_on(device, 4))
    alone, packed = (backend("fake", device=device, copies=copies, tell=lambda text: None) for copies in (None, 11))
    assert isinstance(alone, Remote)
    assert isinstance(packed, PackedBackend)
    assert packed.estimate(task, 110, 1000).circuits == 10
    assert packed.estimate(task, 110, 1000).shots * 11 == alone.estimate(task, 110, 1000).shots
    assert packed.estimate(task, 110, 1000).seconds < 0.2 * alone.estimate(task, 110, 1000).seconds


def test_refusals() -> None:
    source, device = zz_kernel(2), line(6)
    native = compiled(source, device, [0, 1])
    with pytest.raises(DataError, match=r"HQ0884.*3 copies asked for, 2 fit on line:6\n  each with at least 90 %"):
        pack(native, device, copies=3)
    assert pack(native, device, copies=3, buffer=0).copies == 3
    dead = device.model_copy(update={"couplings": tuple(c.model_copy(update={"usable": False})
                                                        for c in device.couplings)})  # fmt: skip
    with pytest.raises(DataError, match="no region of line:6"):
        pack(native, dead)


def test_circuits_of_another_device_are_not_packed() -> None:
    """Neither of one of the same size nor of one of the same name."""
    native, device = compiled(zz_kernel(2), line(6), [0, 1]), line(6)
    for other in (device.model_copy(update={"name": "line:6b"}), line(7).model_copy(update={"name": device.name})):
        with pytest.raises(ValueError, match="cannot be packed"):
            pack(native, other)
