# SPDX-License-Identifier: Apache-2.0
"""What running costs: durations against Qiskit's scheduler, seconds against IBM's rule, budgets."""

from __future__ import annotations

import pytest
from qiskit import transpile
from qiskit_ibm_runtime.fake_provider import FakeTorino

from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.compiler.targets.quantum import device as named_device
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.noise import aer_circuit
from hepq.runtime.quantum.clients.base import Costs
from hepq.runtime.quantum.clients.ibm import IBM
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.jobs.budget import Budget, Estimate, duration, estimate
from hepq.runtime.quantum.native import Native
from tests.support.qiskit_native import zz_kernel


def kernel_on(device: Device) -> Native:
    native = structure_aware(zz_kernel(4), device, seed=0, effort=0)
    assert native is not None
    return native


def test_durations_are_those_of_qiskits_schedule() -> None:
    device, fake = named_device("ibm:torino"), FakeTorino()
    native = kernel_on(device)
    circuit = aer_circuit(native.circuit)
    bound = circuit.assign_parameters(dict.fromkeys(circuit.parameters, 0.3))
    scheduled = transpile(bound, target=fake.target, optimization_level=0, scheduling_method="asap")
    assert duration(native, device) == pytest.approx(scheduled.estimate_duration(fake.target), rel=0.02)


def test_seconds_follow_ibms_rule_of_thumb() -> None:
    """ "2 + 0.00035 × executions" (IBM Quantum documentation, Workload usage)."""
    device = named_device("ibm:torino")
    found = estimate(kernel_on(device), device, 500, 4000, 1, IBM("ibm_torino").costs)
    assert found.seconds == pytest.approx(2 + 0.00035 * 500 * 4000, rel=0.3)


def test_active_reset_counts_where_it_is_longer() -> None:
    device = named_device("ibm:torino")
    native = kernel_on(device)
    slow = device.model_copy(update={"durations": {**device.durations, "reset": 1e-3}})
    rested, reset = (estimate(native, d, 10, 100, 1, Costs(rest=2e-4)).seconds for d in (device, slow))
    assert reset - rested == pytest.approx(1000 * (1e-3 - max(2e-4, device.durations.get("reset", 0))))


def test_the_table_says_what_is_allowed() -> None:
    with pytest.raises(DataError) as caught:
        Budget(shots=10_000, seconds=60).check(Estimate(12, 48_000, 1, 71.3), Estimate(1, 500, 1, 2.0))
    assert str(caught.value) == (
        "error[HQ0873]: the budget is exceeded: shots, seconds\n"
        "                   to send   sent before   allowed\n"
        "  circuits              12             1         -\n"
        "  shots             48,000           500    10,000\n"
        "  jobs                   1             1         -\n"
        "  seconds             71.3           2.0      60.0\n"
        "  help: fewer events or shots, packing, or a larger budget"
    )
    Budget(seconds=60).check(Estimate(seconds=58.0), Estimate(seconds=2.0))


def test_declared_budgets() -> None:
    assert Budget.of({"seconds": 60.0}) == Budget(seconds=60.0)
    with pytest.raises(DataError, match=r"'second' is not known\n  did you mean \"seconds\""):
        Budget.of({"second": 60.0})
