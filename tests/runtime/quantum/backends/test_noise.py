# SPDX-License-Identifier: Apache-2.0
"""Noise: Aer's own model of the same calibration, closed forms, and shots against the channel they are drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from qiskit.quantum_info import SuperOp
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeTorino

from hepq.compiler.targets.quantum import device as named_device
from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends import noise
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.components import parts
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.backends.noise import Noisy, aer_circuit, noise_model
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from hepq.runtime.quantum.native import Native
from hepq.runtime.quantum.simulate import memory
from tests.support.qiskit_native import compiled, line, torino, zz_kernel


def angles(circuit: Circuit, rows: int, seed: int = 0) -> np.ndarray:
    """Pairs of events that are close, so that kernels are large."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 6, (rows, circuit.slots // 2))
    return np.hstack([x, x + rng.normal(0, 0.1, x.shape)])


def chip(*qubits: Qubit, **changes: object) -> Device:
    return line(len(qubits)).model_copy(update={"qubits": qubits, **changes})


def native(device: Device, *ops: Gate, measured: tuple[int, ...]) -> Native:
    circuit = Circuit(device.size, 0, ops)
    return Native(device.name, device.calibration, circuit, measured, measured)


def channel(device: Device, found: Native) -> np.ndarray:
    task = Task(Circuit(len(found.measured), 0), found)
    rows: np.ndarray = Noisy(device, channel=True).run(task, np.zeros((1, 0)), 1).probabilities()
    return np.asarray(rows[0])


@pytest.fixture(scope="module")
def aers() -> NoiseModel:
    """What Aer makes of the first qubits of IBM's snapshot (of all 133 it takes seconds)."""
    whole, part = FakeTorino().target, Target(num_qubits=20, qubit_properties=FakeTorino().target.qubit_properties[:20])
    for name in ("sx", "x", "rz", "cz", "measure"):
        part.add_instruction(whole.operation_from_name(name), {q: p for q, p in whole[name].items() if max(q) < 20})
    return NoiseModel.from_backend(AerSimulator(target=part))


def among(model: NoiseModel, qubits: Iterable[int]) -> NoiseModel:
    """Its errors of those qubits alone: Aer takes seconds to read those of a whole chip."""
    wanted, made = set(qubits), NoiseModel()
    for gate, errors in model._local_quantum_errors.items():
        for where, error in errors.items():
            if wanted.issuperset(where):
                made.add_quantum_error(error, gate, where)
    for where, error in model._local_readout_errors.items():
        if wanted.issuperset(where):
            made.add_readout_error(error, where)
    return made


def test_errors_are_those_that_aer_makes_of_the_backend(aers: NoiseModel) -> None:
    wires = {q: q for q in (0, 1, 2, 3, 15, 19)}
    ours, pairs = noise_model(torino(), wires), [(0, 1), (1, 0), (2, 3), (0, 15), (15, 19)]
    for gate, where in [*(("sx", (q,)) for q in wires), *(("x", (q,)) for q in wires), *(("cz", p) for p in pairs)]:
        mine, theirs = (SuperOp(m._local_quantum_errors[gate][where]) for m in (ours, aers))
        np.testing.assert_allclose(mine.data, theirs.data, atol=1e-9, err_msg=f"{gate} {where}")
    for q in wires:
        mine, theirs = (m._local_readout_errors[(q,)].probabilities for m in (ours, aers))
        assert np.trace(mine) == pytest.approx(np.trace(theirs), abs=0.01)


def test_a_kernel_is_that_of_aers_model(aers: NoiseModel) -> None:
    circuit = zz_kernel(3)
    found, values = compiled(circuit, torino(), [0, 1, 2]), angles(circuit, 1)
    made = aer_circuit(found.circuit, 3)
    made.measure(found.measured, range(3))
    bound = made.assign_parameters({p: float(found.bind(values)[0, int(p.name)]) for p in made.parameters})
    simulator = AerSimulator(method="density_matrix", noise_model=among(aers, range(3)), seed_simulator=1)
    counts = simulator.run(bound, shots=100_000).result().get_counts()
    theirs = np.array([counts.get(f"{i:03b}", 0) for i in range(8)]) / 100_000
    ours = Noisy(torino(), channel=True).run(Task(circuit, found), values, 1).probabilities()[0]
    np.testing.assert_allclose(ours, theirs, atol=5 * np.sqrt(0.25 / 100_000))


def test_without_errors_it_is_the_circuit() -> None:
    circuit = zz_kernel(4, reps=2)
    device = torino().model_copy(update={
        "qubits": tuple(Qubit() for _ in torino().qubits),
        "couplings": tuple(c.model_copy(update={"error": None, "duration": None}) for c in torino().couplings),
    })  # fmt: skip
    found, values = compiled(circuit, device, [0, 1, 2, 3]), angles(circuit, 66)
    assert found.layout != found.measured  # swaps were routed: bits must follow the wires
    ours = Noisy(device, channel=True).run(Task(circuit, found), values, 1).probabilities()
    np.testing.assert_allclose(ours, Exact().run(Task(circuit), values, 1).probabilities(), atol=1e-9)


def test_depolarisation_relaxation_and_readout_in_closed_form() -> None:
    x = Gate("x", (0,))
    depolarised = chip(Qubit(error=0.03), Qubit())
    assert channel(depolarised, native(depolarised, x, measured=(0,)))[0] == pytest.approx(0.03)
    read = chip(Qubit(readout_error=0.1), Qubit())
    assert channel(read, native(read, x, measured=(0,)))[0] == pytest.approx(0.1)
    slow = chip(Qubit(t1=1e-4, t2=1e-4), Qubit(), durations={"gate": 5e-5})
    assert channel(slow, native(slow, x, measured=(0,)))[1] == pytest.approx(np.exp(-0.5))
    frame = native(depolarised, Gate("rz", (0,), (Angle(1.0),)), measured=(0,))
    assert channel(depolarised, frame)[0] == pytest.approx(1.0)  # a frame change costs nothing


def test_a_gate_fails_as_often_as_its_error_says_when_relaxation_explains_part_of_it() -> None:
    device = chip(Qubit(error=0.05, t1=1e-4, t2=5e-5), Qubit(), durations={"gate": 2e-6})
    channel_of_x = SuperOp(noise_model(device, {0: 0})._local_quantum_errors["x"][(0,)])
    from qiskit.quantum_info import average_gate_fidelity

    assert average_gate_fidelity(channel_of_x) == pytest.approx(0.95)


@pytest.mark.parametrize(("dense", "shots"), [(10, 20_000), (2, 1000)], ids=["density matrix", "trajectories"])
def test_shots_are_drawn_from_the_channel(dense: int, shots: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "DENSE", dense)
    circuit, device = zz_kernel(3), line(4, error=0.03)
    found, values = compiled(circuit, device, [0, 1, 2]), angles(circuit, 2)
    task = Task(circuit, found)
    drawn = Noisy(device).run(task, values, shots, 7).probabilities()
    monkeypatch.setattr(noise, "DENSE", 10)
    exact = Noisy(device, channel=True).run(task, values, shots).probabilities()
    np.testing.assert_allclose(drawn, exact, atol=5 * np.sqrt(0.25 / shots))
    assert np.abs(drawn - exact).max() > 1e-6


def test_a_seed_gives_the_same_shots() -> None:
    circuit, device = zz_kernel(2), line(3)
    task, values = Task(circuit, compiled(circuit, device, [0, 1])), angles(circuit, 2)
    first, again, other = (Noisy(device).run(task, values, 500, s).probabilities() for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_parts_that_no_gate_joins_are_simulated_apart() -> None:
    """Two pairs on a line: as a whole (a barrier of zero rotations joins them) and in parts."""
    device = line(5)
    ops = [Gate("sx", (q,)) for q in (0, 1, 3, 4)] + [Gate("cz", (0, 1)), Gate("cz", (3, 4))]
    ops += [Gate("sx", (q,)) for q in (0, 1, 3, 4)]
    apart = native(device, *ops, measured=(3, 0, 4, 1))
    assert [p.bits for p in parts(apart)] == [(0, 2), (1, 3)]
    ideal = Coupling(a=1, b=3, gate="cz", error=0.0)
    joining = device.model_copy(update={"couplings": (*device.couplings, ideal)})
    joined = native(joining, Gate("cz", (1, 3)), Gate("cz", (1, 3)), *ops, measured=(3, 0, 4, 1))
    assert len(parts(joined)) == 1
    np.testing.assert_allclose(channel(device, apart), channel(joining, joined), atol=1e-9)
    shots = Noisy(device).run(Task(Circuit(4, 0), apart), np.zeros((1, 0)), 20_000, 3).probabilities()[0]
    np.testing.assert_allclose(shots, channel(device, apart), atol=5 * np.sqrt(0.25 / 20_000))


def test_other_vendors_gates() -> None:
    """IonQ's gpi2 twice is a flip; iswap of |01> is |10>."""
    device = line(2).model_copy(update={"one_qubit": ("gpi", "gpi2", "x"), "free": ()})
    clean = device.model_copy(update={"qubits": (Qubit(), Qubit())})
    half = Gate("gpi2", (0,), (Angle(0.3),))
    assert channel(clean, native(clean, half, half, measured=(0, 1)))[1] == pytest.approx(1.0)
    assert channel(clean, native(clean, Gate("gpi", (1,), (Angle(2.0),)), measured=(0, 1)))[2] == pytest.approx(1.0)
    moved = native(clean, Gate("x", (0,)), Gate("iswap", (0, 1)), measured=(0, 1))
    assert channel(clean, moved)[2] == pytest.approx(1.0)
    noisy = device.model_copy(update={"qubits": (Qubit(error=0.03), Qubit())})  # Aer knows gpi and gpi2 as one gate
    assert channel(noisy, native(noisy, Gate("gpi", (0,), (Angle(0.3),)), measured=(0,)))[0] == pytest.approx(0.03)


def test_refusals() -> None:
    circuit, device = zz_kernel(2), line(3)
    task, values = Task(circuit, compiled(circuit, device, [0, 1])), angles(circuit, 2)
    with pytest.raises(DataError, match="HQ0877"):
        Noisy(line(4)).run(task, values, 10)
    with pytest.raises(DataError, match=r"HQ0877.*\n.*exact simulation"):
        Noisy(device).run(Task(circuit), values, 10)
    values[1, 3] = np.nan
    with pytest.raises(DataError, match=r"angles of 1 of 2 circuits are not finite\n  the first: row 1, slot 3"):
        Noisy(device).run(task, values, 10)
    long = line(11)
    chain = native(long, *(Gate("cz", (i, i + 1)) for i in range(10)), measured=(0,))
    with pytest.raises(DataError, match="entangles 11 qubits"):
        Noisy(long, channel=True).run(Task(Circuit(1, 0), chain), np.zeros((1, 0)), 1)


def test_by_name() -> None:
    made = backend("noisy", device=line(3), channel=True)
    assert made == replace(Noisy(line(3)), channel=True)
    assert not made.exact
    with pytest.raises(DataError, match=r"no backend 'noisi'\n  did you mean \"noisy\""):
        backend("noisi", device=line(3))
    with pytest.raises(DataError, match="HQ0877"):
        backend("noisy")


@pytest.mark.case("readout_asym")
def test_readout_errs_each_way_as_often_as_the_calibration_says() -> None:
    """In the channel and in shots; of a calibration that states the mean alone, both err by the mean."""
    device = chip(Qubit(readout_errors=(0.1, 0.3)), Qubit(readout_error=0.2))
    assert device.qubits[0].readout_error == pytest.approx(0.2)
    np.testing.assert_allclose(channel(device, native(device, measured=(0, 1))), [0.72, 0.08, 0.18, 0.02])
    flipped = native(device, Gate("x", (0,)), Gate("x", (1,)), measured=(0, 1))
    np.testing.assert_allclose(channel(device, flipped), [0.06, 0.14, 0.24, 0.56])
    model = noise_model(device, {0: 0, 1: 1})
    np.testing.assert_allclose(model._local_readout_errors[(0,)].probabilities, [[0.9, 0.1], [0.3, 0.7]])
    np.testing.assert_allclose(model._local_readout_errors[(1,)].probabilities, [[0.8, 0.2], [0.2, 0.8]])


def test_ibms_devices_have_both_readout_errors_and_older_calibrations_their_hash() -> None:
    fez = named_device("ibm:fez")
    errors = fez.qubits[4].readout_errors
    assert errors is not None
    assert errors[0] == 0.0
    assert errors[1] == pytest.approx(0.0029297)
    assert all(q.readout_errors is not None for q in fez.qubits)
    assert "readout_errors" not in Qubit(readout_error=0.1).model_dump_json()


def test_the_readout_error_is_the_mean_of_both_unless_it_is_stated() -> None:
    assert Qubit(readout_errors=(0.1, 0.3)).readout_error == pytest.approx(0.2)
    assert Qubit(readout_errors=(0.1, 0.3), readout_error=0.15).readout_error == 0.15
    assert Qubit(readout_errors=(0.1, 0.3)).flips == (0.1, 0.3)
    assert Qubit(readout_error=0.2).flips == (0.2, 0.2)
    assert Qubit().readout_error is None
    assert Qubit().flips == (0.0, 0.0)


@pytest.mark.parametrize(("rows", "code"), [(1, "HQ0850"), (1000, "HQ0852")])
def test_memory_is_asked_for_before_noise_is_simulated(rows: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One trajectory's state of 22 joined qubits; probabilities of many rows of strings."""
    monkeypatch.setattr(memory, "available", lambda: 1 << 20)
    monkeypatch.setattr(memory, "SMALL", 1 << 20)
    wires = 22 if rows == 1 else 10
    found = native(line(wires), *(Gate("cz", (q, q + 1)) for q in range(wires - 1)), measured=tuple(range(wires)))
    with pytest.raises(DataError, match=code):
        Noisy(line(wires), channel=rows > 1).run(Task(Circuit(wires, 0), found), np.zeros((rows, 0)), 10)
