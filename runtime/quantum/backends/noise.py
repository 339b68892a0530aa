# SPDX-License-Identifier: Apache-2.0
"""Simulation of a device's noise with Aer: depolarisation, relaxation and readout errors from its calibration.

The model is that of Qiskit Aer's ``NoiseModel.from_backend`` (0.17, ``noise/device/models.py``), made from our own
device data: after each gate that takes time, a depolarising channel and then thermal relaxation (T1, T2 ≤ 2 T1, no
excitation) for the gate's duration, the former as strong as makes the average gate fidelity of both together
1 - error: p = d (F_relax - F) / (d F_relax - 1), d = 2^qubits. Readout flips 0 to 1 and 1 to 0
with the chances that the calibration states of each, both with their mean where it states that alone.
Idle qubits do not decay, and gates do not disturb their neighbours: what ESP assumes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, pi
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Barrier, Circuit, Gate
from hepq.core.errors import DataError
from hepq.runtime.imports import optional
from hepq.runtime.quantum.backends.backend import Outcomes, Task, finite, native_of
from hepq.runtime.quantum.backends.components import Part, parts
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.simulate.memory import AMPLITUDE, ask

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit_aer.noise import NoiseModel

Array = NDArray[np.float64]
#: strings, and how often each was seen
Counts = tuple[NDArray[np.int64], NDArray[np.int64]]
#: qubits entangled with each other: most for a density matrix, most for trajectories of states
DENSE, LARGEST = 10, 24
#: most classical bits whose every string gets a probability
STRINGS = 16
#: gates that do the same with their qubits exchanged
SYMMETRIC = frozenset("cz swap iswap cp rxx ryy rzz ms".split())
#: events simulated in one call
CHUNK = 64
#: our gate -> Aer's, and its angles: equal but for a phase
_AS: dict[str, tuple[str, Any]] = {"gpi": ("r", lambda a: [pi, a]), "gpi2": ("r", lambda a: [pi / 2, a])}


@dataclass(frozen=True)
class Noisy:
    """Aer under ``device``'s noise. ``channel``: probabilities of the noisy channel itself, without shots.

    Qubits that no gate joins are simulated apart. Density matrices for up to 10 joined qubits, else one trajectory
    of a state for each shot. Raises DataError HQ0871 without Aer, HQ0880 for too many joined qubits,
    HQ0850 or HQ0852 for what does not fit in memory.
    """

    device: Device
    channel: bool = False

    exact = False  # even without shots: the values are the noisy channel's, not the circuit's

    @property
    def name(self) -> str:
        return f"noisy{'-channel' if self.channel else ''}:{self.device.name}:{self.device.calibration}"

    def run(self, task: Task, values: Array, shots: int, seed: int | None = None) -> Outcomes:
        native = native_of(task, self.device, self.name)
        finite(values)
        found = parts(native)
        self._check(found, len(native.measured), len(values))
        rng = np.random.default_rng(seed)
        if self.channel:
            return Outcomes.of(_joint(len(native.measured), found, [self._probabilities(p, values) for p in found]))
        drawn = [self._drawn(part, values, shots, rng) for part in found]
        return _together(len(native.measured), found, drawn, shots, rng)

    def _check(self, found: Sequence[Part], bits: int, events: int) -> None:
        widest = max(p.circuit.qubits for p in found)
        if widest > (DENSE if self.channel else LARGEST):
            why = f"noise can be simulated for at most {LARGEST}, and without shots for at most {DENSE}"
            raise DataError("HQ0880", f"the circuit entangles {widest} qubits", why)
        if self.channel and bits > STRINGS:
            why = f"without shots each of 2^{bits} strings would get its probability; at most {STRINGS} bits may"
            raise DataError("HQ0880", f"the circuit measures {bits} qubits", why)
        if self.channel:
            ask(bits, events, size=8)
        ask(widest, size=AMPLITUDE << widest if widest <= DENSE else AMPLITUDE)  # a density matrix: a row for each

    def _probabilities(self, part: Part, values: Array) -> Array:
        """Of every string of the part's bits, [N, 2^bits], readout errors included."""
        optional("qiskit_aer", "noise")  # its import gives circuits their save_probabilities
        circuit = aer_circuit(part.circuit)
        circuit.save_probabilities(part.wires)
        simulation = Simulation("density_matrix", noise_model(self.device, part.numbered), 1, 0)
        rows = [data["probabilities"] for data in simulation.run(circuit, part.bind(values))]
        found = np.asarray(rows).reshape(len(values), *[2] * len(part.bits))
        for k, qubit in enumerate(part.measured):  # the last axis is the first bit
            zero, one = self.device.qubits[qubit].flips
            read = np.moveaxis(found, len(part.bits) - k, -1)
            found = np.moveaxis(read @ np.array([[1 - zero, zero], [one, 1 - one]]), -1, len(part.bits) - k)
        flat = found.reshape(len(values), -1).clip(0.0)
        out: Array = flat / flat.sum(1, keepdims=True)
        return out

    def _drawn(self, part: Part, values: Array, shots: int, rng: np.random.Generator) -> list[Counts]:
        """How often each string of the part's bits was seen, for each row."""
        if part.circuit.qubits <= DENSE:
            counts = rng.multinomial(shots, self._probabilities(part, values))
            return [(np.flatnonzero(row), row[np.flatnonzero(row)]) for row in counts]
        circuit = aer_circuit(part.circuit, len(part.bits))
        circuit.measure(part.wires, range(len(part.bits)))
        noise = noise_model(self.device, part.numbered)
        simulation = Simulation("statevector", noise, shots, int(rng.integers(1 << 31)))
        found = [data["counts"] for data in simulation.run(circuit, part.bind(values))]
        return [(np.array([int(s, 16) for s in c]), np.array(list(c.values()))) for c in found]


def noise_model(device: Device, wires: Mapping[int, int]) -> NoiseModel:
    """Errors of the device's gates and readout among some qubits; ``wires``: what number Aer knows each by."""
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    timed = list(dict.fromkeys(aer_name(g) for g in device.one_qubit if g not in device.free))  # gpi, gpi2: one
    for qubit, wire in wires.items():
        figures = device.qubits[qubit]
        if timed and (error := _error(device, (qubit,), figures.error, device.durations.get("gate"))):
            model.add_quantum_error(error, timed, [wire])
        if any(figures.flips):
            zero, one = figures.flips
            model.add_readout_error(ReadoutError([[1 - zero, zero], [one, 1 - one]]), [wire])
    for c in device.couplings:
        if c.a in wires and c.b in wires and (error := _error(device, (c.a, c.b), c.error, c.duration)):
            model.add_quantum_error(error, aer_name(c.gate), [wires[c.a], wires[c.b]])
            if c.gate in SYMMETRIC:
                swapped = _error(device, (c.b, c.a), c.error, c.duration)
                model.add_quantum_error(swapped, aer_name(c.gate), [wires[c.b], wires[c.a]])
    return model


def _error(device: Device, qubits: tuple[int, ...], error: float | None, duration: float | None) -> Any:
    """Depolarisation, then relaxation; None where there is neither."""
    from qiskit.quantum_info import average_gate_fidelity
    from qiskit_aer.noise import depolarizing_error, thermal_relaxation_error

    relaxation, fidelity = None, 1.0
    if duration and any(device.qubits[q].t1 or device.qubits[q].t2 for q in qubits):
        for q in qubits:
            t1 = device.qubits[q].t1 or inf
            single = thermal_relaxation_error(t1, min(device.qubits[q].t2 or inf, 2 * t1), duration)
            relaxation = single if relaxation is None else relaxation.expand(single)
        fidelity = float(average_gate_fidelity(relaxation))
    d = 2 ** len(qubits)
    wanted = min(error or 0.0, d / (d + 1))  # no channel has a lower fidelity than 1 / (d + 1)
    if wanted <= 1 - fidelity:
        return relaxation
    strength = d * (fidelity - (1 - wanted)) / (d * fidelity - 1)
    depolarisation = depolarizing_error(min(strength, d * d / (d * d - 1)), len(qubits))
    return depolarisation if relaxation is None else depolarisation.compose(relaxation)


def _joint(bits: int, found: Sequence[Part], probabilities: Sequence[Array]) -> Array:
    """Of every string, from those of each part: [N, 2^bits]."""
    strings, out = np.arange(1 << bits), np.ones((len(probabilities[0]), 1 << bits))
    for part, own in zip(found, probabilities, strict=True):
        index = sum(((strings >> bit) & 1) << k for k, bit in enumerate(part.bits))
        out *= own[:, index]
    return out


def _together(
    bits: int, found: Sequence[Part], drawn: Sequence[Sequence[Counts]], shots: int, rng: np.random.Generator
) -> Outcomes:
    """Shots of the whole circuit: those of its parts, in any order since they know nothing of each other."""
    strings, fractions = [], []
    for row in zip(*drawn, strict=True):
        whole = np.zeros(shots, np.uint64)
        for part, (own, counts) in zip(found, row, strict=True):
            placed = np.zeros(len(own), np.uint64)
            for k, bit in enumerate(part.bits):
                placed |= ((own.astype(np.uint64) >> np.uint64(k)) & np.uint64(1)) << np.uint64(bit)
            whole |= rng.permutation(np.repeat(placed, counts))
        seen, counts = np.unique(whole, return_counts=True)
        strings.append(seen)
        fractions.append(counts / shots)
    return Outcomes(bits, tuple(strings), tuple(fractions))


def aer_name(gate: str) -> str:
    """What Aer knows a gate by."""
    return _AS[gate][0] if gate in _AS else gate


def aer_circuit(circuit: Circuit, bits: int = 0) -> QuantumCircuit:
    """As Qiskit's, one parameter for each angle that is not fixed, named by its place among all angles."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping

    optional("qiskit_aer", "noise")  # gives circuits what `save_probabilities` and others are
    known = get_standard_gate_name_mapping()
    made, place = QuantumCircuit(circuit.qubits, bits), 0
    for op in circuit.ops:
        if isinstance(op, Barrier):
            continue
        if not isinstance(op, Gate):
            raise ValueError(f"{op} is no native gate")
        angles: list[Any] = []
        for angle in op.angles:
            angles.append(angle.constant if angle.fixed else Parameter(str(place)))
            place += 1
        name, convert = _AS.get(op.name, (op.name, lambda *a: list(a)))
        if name == "iswap":  # not an instruction of Aer
            made.append(UnitaryGate(matrix(name), label=name), op.qubits)
        else:
            made.append(type(known[name])(*convert(*angles)), op.qubits)
    return made


@dataclass(frozen=True)
class Simulation:
    """How Aer runs: ``method`` as in its documentation."""

    method: str
    noise: NoiseModel | None
    shots: int
    seed: int

    def run(self, circuit: QuantumCircuit, angles: NDArray[np.float64]) -> Iterator[dict[str, Any]]:
        """What Aer saved for each row of ``angles`` [N, angles]."""
        aer = optional("qiskit_aer", "noise")
        simulator = aer.AerSimulator(method=self.method, noise_model=self.noise, seed_simulator=self.seed)
        for lo in range(0, len(angles), CHUNK):
            rows = angles[lo : lo + CHUNK]
            if circuit.parameters:
                binds = [{p: rows[:, int(p.name)].tolist() for p in circuit.parameters}]
                job = simulator.run(circuit, parameter_binds=binds, shots=self.shots)
            else:
                job = simulator.run([circuit] * len(rows), shots=self.shots)
            result = job.result()
            if not result.success:
                raise RuntimeError(f"Aer: {result.status}")
            for i in range(len(rows)):
                yield result.data(i)
