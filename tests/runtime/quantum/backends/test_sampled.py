# SPDX-License-Identifier: Apache-2.0
"""Shots of the exact simulator: what cannot happen never does, what is likely happens as often as it should."""

from __future__ import annotations

import numpy as np

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.runtime.quantum.backends.backend import Task
from hepq.runtime.quantum.backends.exact import Exact, Sampled

CIRCUIT = Circuit(2, 1, (Gate("ry", (0,), (Angle.slot(0),)), Gate("x", (1,))))
VALUES = np.array([[0.0], [np.pi], [2 * np.pi / 3]])


def test_outcomes_are_as_frequent_as_they_are_likely() -> None:
    """|10⟩, |11⟩, and one in four and three in four of them; wire 0 is the last."""
    shots = 40_000
    found = Sampled(Exact()).run(Task(CIRCUIT), VALUES, shots, seed=1).probabilities()
    np.testing.assert_array_equal(found[:2], [[0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_array_equal(found[2, :2], [0, 0])
    np.testing.assert_allclose(found[2, 2], 0.25, atol=5 * np.sqrt(0.25 * 0.75 / shots))
    np.testing.assert_allclose(found.sum(1), 1)
    again = Sampled(Exact()).run(Task(CIRCUIT), VALUES, shots, seed=1).probabilities()
    other = Sampled(Exact()).run(Task(CIRCUIT), VALUES, shots, seed=2).probabilities()
    assert (found == again).all()
    assert (found[2] != other[2]).any()
    assert (found * shots == np.round(found * shots)).all()


def test_successes_of_chances() -> None:
    chances = np.array([-1e-17, 0.0, 0.25, 1.0, 1 + 1e-15])
    found = Sampled(Exact()).successes(chances, 40_000, seed=3)
    assert found[[0, 1, 3, 4]].tolist() == [0, 0, 1, 1]
    assert abs(found[2] - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 40_000)
