# SPDX-License-Identifier: Apache-2.0
"""A simulated device where IBM's client expects the service: SamplerV2's local mode, circuits checked as for real."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from hepq.core.errors import DataError
from hepq.runtime.imports import optional
from hepq.runtime.quantum.backends.noise import SYMMETRIC, noise_model
from hepq.runtime.quantum.clients.base import Lost, package
from hepq.runtime.quantum.clients.ibm import IBM, named
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

if TYPE_CHECKING:
    from qiskit.transpiler import Target


@dataclass(frozen=True)
class Local:
    """Aer on IBM's own snapshot of the chip's gates and couplings where there is one, else on the device's.

    ``noise``: False runs without errors. Jobs end with the process.
    """

    device: Device
    noise: bool = True

    lasting = False

    @property
    def kind(self) -> str:
        return "fake" if self.noise else "fake-noiseless"

    def backend(self, chip: str) -> Any:
        snapshot = _snapshot(chip)
        return _chip_class()(chip, target(self.device) if snapshot is None else snapshot.target)

    def prepare(self, sampler: Any, native: Native, seed: int | None) -> None:
        """Set SamplerV2's options: the noise of the qubits in use (that of all takes seconds a circuit), the seed."""
        if self.noise:
            sampler.options.simulator.noise_model = noise_model(self.device, {q: q for q in native.used})
        if seed is not None:
            sampler.options.simulator.seed_simulator = seed + 1  # 0 would count as none

    def job(self, job: str) -> Any:
        raise Lost(f"job {job} ended with the process that sent it")

    def jobs(self, **_: Any) -> list[Any]:
        return []


def fake(chip: str, device: Device, noise: bool) -> IBM:
    return IBM(named(chip), Local(device, noise))


@cache
def _chip_class() -> type[Any]:
    """A backend that is no simulator to SamplerV2, which checks the circuits of real devices alone."""
    from qiskit.providers import BackendV2, Options

    class Chip(BackendV2):  # type: ignore[misc]
        max_circuits = None

        def __init__(self, name: str, target: Target) -> None:
            super().__init__(name=name)
            self._target = target

        @property
        def target(self) -> Target:
            return self._target

        @classmethod
        def _default_options(cls) -> Options:
            return Options()

        def run(self, circuits: Any, **options: Any) -> Any:
            return optional("qiskit_aer", "noise").AerSimulator().run(circuits, **options)

    return Chip


def _snapshot(chip: str) -> Any:
    """IBM's fake backend of a chip, e.g. of ``ibm_torino``; None if it has none."""
    provider = package("ibm", ".fake_provider")
    wanted = "fake" + chip.removeprefix("ibm_").replace("_", "")
    made = next((c for name, c in vars(provider).items() if name.lower() in (wanted, wanted + "v2")), None)
    return None if made is None else made()


def target(device: Device) -> Target:
    """A device as Qiskit's target. Raises DataError HQ0877 for gates that Qiskit does not know."""
    from qiskit.circuit import Measure
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import InstructionProperties, Target

    known, made = get_standard_gate_name_mapping(), Target(num_qubits=device.size)
    if unknown := {g for g in (*device.one_qubit, *device.two_qubit) if g not in known}:
        title = f"{device.name} cannot be simulated by IBM's client"
        raise DataError("HQ0877", title, f"Qiskit knows no gate {', '.join(sorted(unknown))}", "use backend noisy")
    for name in device.one_qubit:
        free = name in device.free
        took = 0.0 if free else device.durations.get("gate")
        made.add_instruction(known[name], {
            (q,): InstructionProperties(took, 0.0 if free else qubit.error)
            for q, qubit in enumerate(device.qubits) if qubit.usable
        })  # fmt: skip
    for name in device.two_qubit:
        figures: dict[tuple[int, int], InstructionProperties] = {}
        for c in device.usable:
            if c.gate == name:
                ways = [(c.a, c.b), (c.b, c.a)] if name in SYMMETRIC else [(c.a, c.b)]
                figures |= dict.fromkeys(ways, InstructionProperties(c.duration, c.error))
        made.add_instruction(known[name], figures)
    readout = device.durations.get("readout")
    made.add_instruction(Measure(), {
        (q,): InstructionProperties(readout, qubit.readout_error) for q, qubit in enumerate(device.qubits)
    })  # fmt: skip
    return made
