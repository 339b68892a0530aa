# SPDX-License-Identifier: Apache-2.0
"""Which two-qubit gate the transpiler writes for a device."""

from __future__ import annotations

import pytest

from hepq.compiler.circuits.formats.qiskit import inner_gate
from tests.support.devices import IBM, device, line


@pytest.mark.parametrize(
    ("gate", "one_qubit", "written"),
    [
        ("cz", IBM, "cz"),
        ("cx", IBM, "cx"),
        ("ecr", IBM, "ecr"),
        ("rzz", IBM, None),
        ("cz", ("r",), None),
        ("cz", ("rz", "sx"), None),
        ("cz", (*IBM, "rx"), "cz"),
    ],
)
def test_the_devices_own_if_qiskit_has_its_other_gates(
    gate: str, one_qubit: tuple[str, ...], written: str | None
) -> None:
    assert inner_gate(device(3, line(3), gate=gate, one_qubit=one_qubit)) == written


def test_none_where_a_device_has_two_kinds() -> None:
    mixed = device(3, line(3))
    (first, second) = mixed.couplings
    both = mixed.model_copy(update={"couplings": (first, second.model_copy(update={"gate": "cx"}))})
    assert inner_gate(both) is None
