# SPDX-License-Identifier: Apache-2.0
"""Every vendor's native gates: circuits of our own recipe and of Qiskit, equal to their source, angles affine."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.portfolio.recipes import Recipe
from hepq.core.circuits import Circuit, Gate
from hepq.runtime.quantum.device import Device
from tests.support.devices import device, distribution, everyone, line
from tests.support.families import kernel, qaoa, state_after, vqc

IONS = everyone(5)
CHIPS: dict[str, Device] = {
    "IBM Heron": device(6, line(6)),
    "IBM Eagle": device(6, [(b, a) if a % 2 else (a, b) for a, b in line(6)], gate="ecr"),
    "IQM": device(6, line(6), one_qubit=("r",)),
    "Quantinuum": device(5, IONS, gate="rzz", one_qubit=("r", "rz")),
    "IonQ Aria": device(5, IONS, gate="ms", one_qubit=("gpi", "gpi2")),
    "IonQ Aria, phases": device(5, IONS, gate="rxx", one_qubit=("gpi", "gpi2", "rz")),
    "IonQ Forte": device(5, IONS, gate="rzz", one_qubit=("gpi", "gpi2")),
    "Rigetti": device(6, line(6), gate="iswap", one_qubit=("rz", "rx")),
    "Origin": device(6, line(6), one_qubit=("u",)),
    "cx and u": device(6, line(6), gate="cx", one_qubit=("u",)),
    "Quafu": device(6, line(6), one_qubit=("rx", "ry", "rz")),
    "Tianyan": device(6, line(6), one_qubit=("rz", "sx", "sxdg", "x")),
}
SOURCES = {"kernel": kernel(4, 2, "full"), "QAOA": qaoa(4, 0.9), "VQC": vqc(4)}


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize(
    ("name", "form", "source"),
    [
        ("structure-aware", "canonical", "kernel"), ("structure-aware", "canonical", "VQC"),
        ("qiskit O3", "source", "kernel"), ("qiskit O3", "canonical", "QAOA"),
    ],
)  # fmt: skip
def test_native_circuits_of_every_vendor(chip: str, name: str, form: str, source: str) -> None:
    on, circuit = CHIPS[chip], SOURCES[source]
    made = Recipe(name, form, 0, 0)(circuit, on)
    assert made is not None
    assert verify_native(made, circuit, on).problem == ""
    assert {g.name for g in made.circuit.ops if isinstance(g, Gate) and len(g.qubits) == 1} <= set(on.one_qubit)
    values = np.random.default_rng(2).normal(size=circuit.slots)
    wanted = abs(state_after(circuit, values)) ** 2
    np.testing.assert_allclose(distribution(made, values), wanted, atol=1e-9)


def test_one_ms_for_each_pair_of_a_layer() -> None:
    made = Recipe("structure-aware", "canonical", 0, 0)(kernel(5, 1, "full"), CHIPS["IonQ Aria"])
    assert made is not None
    assert sum(len(op.qubits) == 2 for op in made.circuit.ops) == 10


def test_an_idle_wire_is_measured_too() -> None:
    circuit = Circuit(3, 0, (Gate("x", (1,)),))
    for chip in ("IQM", "Origin", "IonQ Aria"):
        made = Recipe("qiskit O3", "source", 0, 0)(circuit, CHIPS[chip])
        assert made is not None
        assert distribution(made, np.zeros(0)).argmax() == 2
