# SPDX-License-Identifier: Apache-2.0
"""Native circuits as Qiskit's: filled one by one or as one batch, with their layout, and accepted by SamplerV2."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.bind import _formula, bound, instruction, open_rotations, parameterized, pub
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.native import Native
from tests.support.qiskit_native import compiled, torino, zz_kernel

SOURCE = zz_kernel(3)


@pytest.fixture(scope="module")
def native() -> Native:
    return compiled(SOURCE, torino(), (5, 4, 6))


@pytest.mark.parametrize("name", ARITIES)
def test_instructions_are_our_gates(name: str) -> None:
    from qiskit.quantum_info import Operator

    angles = [0.3 + k for k in range(ARITIES[name][0])]
    theirs, ours = Operator(instruction(name, angles)).data, matrix(name, *angles)
    assert abs(np.vdot(theirs, ours)) == pytest.approx(len(ours))


def test_a_batch_is_one_circuit_and_a_matrix(native: Native) -> None:
    values = np.random.default_rng(0).normal(size=(4, SOURCE.slots))
    circuit, angles = pub(native, values)
    assert angles.shape == (4, circuit.num_parameters)
    assert [p.name for p in circuit.parameters] == [f"a{i:02}" for i in open_rotations(native)]
    for row, filled in zip(values, angles, strict=True):
        one = circuit.assign_parameters(filled)
        wanted = bound(native, row)
        for a, b in zip(one.data, wanted.data, strict=True):
            assert (a.operation.name, a.qubits, a.clbits) == (b.operation.name, b.qubits, b.clbits)
            np.testing.assert_allclose(np.array(a.operation.params, float), np.array(b.operation.params, float))


def test_parameters_are_in_order_beyond_ten() -> None:
    ops = tuple(Gate("rz", (0,), (Angle.slot(i),)) for i in range(120))
    native = Native("", "", Circuit(1, 120, ops), (0,), (0,))
    circuit, angles = pub(native, np.arange(120.0)[None])
    assert [item.operation.params[0] for item in circuit.assign_parameters(angles[0]).data[:-1]] == list(range(120))


def test_the_layout_says_where_wires_are(native: Native) -> None:
    made = parameterized(replace(native, layout=(4, 5, 6), measured=(6, 4, 5)))
    assert made.layout.initial_index_layout(filter_ancillas=True) == [4, 5, 6]
    assert made.layout.final_index_layout(filter_ancillas=True) == [6, 4, 5]


def test_a_sampler_runs_the_batch_on_the_device(native: Native) -> None:
    """SamplerV2 refuses what is not in the device's gates on its couplings, before it simulates."""
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime import SamplerV2
    from qiskit_ibm_runtime.exceptions import IBMInputValueError
    from qiskit_ibm_runtime.fake_provider import FakeTorino
    from qiskit_ibm_runtime.utils.validations import validate_isa_circuits

    x, backend = np.random.default_rng(0).normal(size=(2, SOURCE.slots // 2)), FakeTorino()
    work = pub(native, np.concatenate([x, x], axis=1))  # |<x|x>|² = 1
    wrong = pub(replace(native, circuit=Circuit(133, 0, (Gate("cz", (0, 9)),))), np.zeros((1, 0)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The SamplerV2 class is deprecated", DeprecationWarning)
        with pytest.raises(IBMInputValueError):
            SamplerV2(mode=backend).run([wrong], shots=1)
        validate_isa_circuits([work[0]], backend.target)
        # the same device without its noise, which takes half a minute to set up
        counts = SamplerV2(mode=AerSimulator(target=backend.target)).run([work], shots=200).result()[0].data.c
    assert [counts.get_counts(i) for i in range(2)] == [{"000": 200}] * 2


@pytest.mark.parametrize(
    ("angle", "text"),
    [
        (Angle(0.0, ((3, 2.0),)), "2.0 * s3"),
        (Angle(0.5, ((0, -1.0),)), "-1.0 * s0 + 0.5"),
        (Angle(-0.5, ((0, 1.0),)), "1.0 * s0 - 0.5"),
        (Angle(0.25, ((1, -0.1), (0, -2.0), (2, 3.0))), "-0.1 * s1 - 2.0 * s0 + 3.0 * s2 + 0.25"),
    ],
)
def test_formulas_of_angles(angle: Angle, text: str) -> None:
    assert _formula(angle) == text
