# SPDX-License-Identifier: Apache-2.0
"""The exact backend: Qiskit's probabilities, whatever the blocks; what it refuses."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Backend, Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.simulate import memory, state

BELL = Circuit(2, 1, (Gate("ry", (0,), (Angle.slot(0),)), Gate("cx", (0, 1))))


def zz(n: int) -> Circuit:
    """Havlíček's map of two layers, without the repetition of slots."""
    pairs = [(i, j) for j in range(n) for i in range(j)]
    terms = tuple((s, Angle.slot(k)) for k, s in enumerate([*((i,) for i in range(n)), *pairs]))
    layer: tuple[Op, ...] = (*(Gate("h", (q,)) for q in range(n)), Diagonal(terms))
    return Circuit(n, len(terms), layer + layer)


def test_wire_i_is_bit_i() -> None:
    circuit = Circuit(3, 0, (Gate("x", (0,)), Gate("x", (2,))))
    outcomes = Exact().run(Task(circuit), np.zeros((2, 0)), shots=10)
    np.testing.assert_array_equal(outcomes.probabilities(), np.eye(8)[[0b101, 0b101]])
    np.testing.assert_array_equal(outcomes.parity((0, 1)), [-1, -1])


def test_probabilities_of_a_bell_pair() -> None:
    exactly: Backend = Exact()
    outcomes = exactly.run(Task(BELL), np.array([[pi / 2], [pi], [0.3]]), shots=0)
    half = float(np.sin(0.15) ** 2)
    expected = np.array([[0.5, 0, 0, 0.5], [0, 0, 0, 1], [1 - half, 0, 0, half]])
    np.testing.assert_allclose(outcomes.probabilities(), expected, atol=1e-15)
    assert (exactly.name, exactly.exact) == ("exact", True)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = zz(5)
    values = np.random.default_rng(0).normal(size=(23, circuit.slots))
    whole = Exact().run(Task(circuit), values, 0).probabilities()
    monkeypatch.setattr(state, "BLOCK", 3 << 5)
    blocks = Exact().run(Task(circuit), values, 0).probabilities()
    np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-15)
    np.testing.assert_allclose(whole.sum(1), 1, atol=1e-14)


def test_single_precision_by_name() -> None:
    single = backend("exact:single")
    values = np.random.default_rng(0).normal(size=(5, 15))
    double, rounded = (b.run(Task(zz(5)), values, 0).probabilities() for b in (Exact(), single))
    assert single.name == "exact:single"
    assert 0 < abs(rounded - double).max() < 1e-6
    with pytest.raises(DataError, match="HQ0870"):
        backend("exact:half")


def test_means_need_what_observables_see_alone() -> None:
    """Of 40 wires, two."""
    wide = Circuit(40, 1, (Gate("ry", (0,), (Angle.slot(0),)), *(Gate("cx", (q, q + 1)) for q in range(39))))
    found = Exact().means(wide, np.array([[0.3], [2.0]]), [((1.0, ((0, "Z"),)),)])
    np.testing.assert_allclose(found[:, 0], np.cos([0.3, 2.0]), atol=1e-15)
    with pytest.raises(DataError, match="HQ0850"):
        Exact().means(wide, np.zeros((1, 1)), [((1.0, ((39, "Z"),)),)])


@pytest.mark.parametrize(
    ("circuit", "values", "code"),
    [
        (Circuit(memory.WIRES + 1, 0), np.zeros((1, 0)), "HQ0850"),
        (BELL, np.array([[0.1], [np.nan]]), "HQ0851"),
        (BELL, np.array([[np.inf]]), "HQ0851"),
        (Circuit(20, 0), np.zeros((2000, 0)), "HQ0852"),
    ],
)
def test_what_it_refuses(circuit: Circuit, values: np.ndarray, code: str) -> None:
    with pytest.raises(DataError) as raised:
        Exact().run(Task(circuit), values, 0)
    assert raised.value.code == code
    assert raised.value.help
