# SPDX-License-Identifier: Apache-2.0
"""Mitigation: readout against the whole matrix, extrapolation against closed forms, shots and their spread counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pytest

from hepq.core.errors import DataError
from hepq.runtime.quantum.backends import mitigation
from hepq.runtime.quantum.backends.backend import Outcomes, Task
from hepq.runtime.quantum.backends.exact import Exact
from hepq.runtime.quantum.backends.mitigation import Mitigated, inverted
from hepq.runtime.quantum.backends.named import backend
from hepq.runtime.quantum.backends.noise import Noisy
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from hepq.runtime.quantum.jobs.budget import Estimate
from tests.support.qiskit_native import compiled, line, zz_kernel

BOTH = ("readout", "zne")


def chip(gate: float, readout: tuple[float, float], qubits: int = 3) -> Device:
    """A line with these errors alone."""
    qubit = Qubit(error=gate / 10, readout_errors=readout)
    couplings = tuple(Coupling(a=i, b=i + 1, gate="cz", error=gate) for i in range(qubits - 1))
    return line(qubits).model_copy(update={"qubits": (qubit,) * qubits, "couplings": couplings, "durations": {}})


def kernel(device: Device, rows: int = 12) -> tuple[Task, np.ndarray, np.ndarray]:
    """A kernel's circuit, slots of events, and exact values."""
    source = zz_kernel(3, reps=2)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, (rows, source.slots // 2))
    values = np.hstack([x, x + rng.normal(0, 0.15, x.shape)])
    task = Task(source, compiled(source, device, (0, 1, 2)))
    return task, values, Exact().run(task, values, 1).zero()


@dataclass
class Asked:
    """A backend that notes what it runs."""

    backend: Noisy
    asked: list[tuple[int, int, int | None]] = field(default_factory=list)

    name, exact = "asked", False

    def run(self, task: Task, values: np.ndarray, shots: int, seed: int | None = None) -> Outcomes:
        assert task.native is not None
        self.asked.append((len(task.native.circuit.ops), shots, seed))
        return self.backend.run(task, values, shots, seed)

    def estimate(self, task: Task, rows: int, shots: int) -> Estimate:
        return Estimate(rows, rows * shots, 1, 0.5 * rows)


def test_readout_is_the_inverse_of_the_whole_matrix() -> None:
    rng = np.random.default_rng(1)
    misread = rng.uniform(0.01, 0.1, (3, 2))
    there = rng.dirichlet(np.ones(8), 5)
    single = [np.array([[1 - zero, one], [zero, 1 - one]]) for zero, one in misread]
    seen = there @ reduce(np.kron, reversed(single)).T
    np.testing.assert_allclose(inverted(Outcomes.of(seen), misread).probabilities(), there, atol=1e-12)


def test_readout_among_the_strings_that_were_seen() -> None:
    """Strings 00 and 01 of two bits: what each becomes of these two, by hand."""
    misread = np.array([[0.1, 0.2], [0.05, 0.3]])
    found = inverted(Outcomes(2, (np.array([0, 1], np.uint64),), (np.array([0.8, 0.2]),)), misread)
    # bit 1 is read as 0 of 0 with 0.95, the same for both
    matrix = np.array([[0.9, 0.2], [0.1, 0.8]])
    np.testing.assert_allclose(found.fractions[0], np.linalg.solve(matrix, [0.8, 0.2]))
    assert found.fractions[0].sum() == pytest.approx(1)
    assert found.zero()[0] == pytest.approx((0.8 * 0.8 - 0.2 * 0.2) / 0.7)


def test_what_cannot_be_inverted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    alike = Outcomes.of(np.full((1, 4), 0.25))
    with pytest.raises(DataError, match="cannot be inverted"):
        inverted(alike, np.full((2, 2), 0.5))
    monkeypatch.setattr(mitigation, "SUPPORT", 3)
    with pytest.raises(DataError, match="4 different strings"):
        inverted(alike, np.full((2, 2), 0.1))


def test_misread_qubits_are_put_right() -> None:
    """Only readout errs, and differently for 0 and 1: what is left is the spread of shots."""
    device = chip(0.0, (0.02, 0.08))
    task, values, exact = kernel(device)
    noisy = Noisy(device)
    plain = noisy.run(task, values, 100_000, seed=1).zero()
    mended = Mitigated(noisy, device, ("readout",)).run(task, values, 100_000, seed=1).zero()
    assert np.abs(plain - exact).mean() > 0.03
    assert np.abs(mended - exact).max() < 0.012


def test_gate_errors_are_extrapolated() -> None:
    """Probabilities of the channel, no shots: the error of first order in the noise is gone."""
    device = chip(0.001, (0.0, 0.0))
    task, values, exact = kernel(device)
    noisy = Noisy(device, channel=True)
    plain, mended = (b.run(task, values, 4).zero() for b in (noisy, Mitigated(noisy, device, ("zne",))))
    assert np.abs(mended - exact).mean() < 0.2 * np.abs(plain - exact).mean()
    smaller = chip(0.0005, (0.0, 0.0))
    noisy = Noisy(smaller, channel=True)
    half = Mitigated(noisy, smaller, ("zne",)).run(kernel(smaller)[0], values, 4).zero()
    assert np.abs(mended - exact).mean() > 3 * np.abs(half - exact).mean()


def test_without_noise_the_spread_is_twice_that_of_plain_shots() -> None:
    device = chip(0.0, (0.0, 0.0))
    task, values, exact = kernel(device)
    many = np.repeat(values, 60, axis=0)
    noisy = Noisy(device)
    spread = []
    for runs in (noisy, Mitigated(noisy, device, BOTH)):
        found = runs.run(task, many, 1024, seed=3).zero().reshape(len(values), 60)
        np.testing.assert_allclose(found.mean(axis=1), exact, atol=0.03)
        spread.append(np.sqrt(found.var(axis=1).mean()))
    assert 1.8 < spread[1] / spread[0] < 2.2


def test_shots_are_those_asked_for_and_readout_is_calibrated_once() -> None:
    device = chip(0.01, (0.02, 0.04))
    task, values, _ = kernel(device, rows=2)
    asked = Asked(Noisy(device))
    runs = Mitigated(asked, device, BOTH, seed=5)
    assert task.native is not None
    gates = len(task.native.circuit.ops)
    first = runs.run(task, values, 1001, seed=1)
    kinds = [(ops, shots) for ops, shots, _ in asked.asked]
    assert [shots for _, shots in kinds] == [751, 1001, 1001, 250]
    assert kinds[0][0] == gates
    assert [ops for ops, _ in kinds[1:3]] == [0, 3]
    assert kinds[3][0] > 3 * gates
    runs.run(task, values, 1001, seed=2)
    assert [shots for _, shots, _ in asked.asked[4:]] == [751, 250]
    assert runs.calibration_shots([task.native] * 2, 1001) == 2002
    assert len({seed for _, _, seed in asked.asked}) == 6
    again = Mitigated(Noisy(device), device, BOTH, seed=5).run(task, values, 1001, seed=1)
    np.testing.assert_array_equal(again.zero(), first.zero())


def test_costs_are_those_of_all_circuits() -> None:
    device = chip(0.01, (0.02, 0.04))
    task, _, _ = kernel(device, rows=1)
    runs = Mitigated(Asked(Noisy(device)), device, BOTH)
    assert runs.estimate(task, 3, 1000) == Estimate(6, 3000, 2, 3.0)
    assert runs.calibration([task, task], 1000) == Estimate(2, 2000, 2, 1.0)
    assert Mitigated(runs.backend, device, ("zne",)).calibration([task], 1000) == Estimate()
    assert Mitigated(Noisy(device), device, BOTH).estimate(task, 3, 1000) == Estimate()


def test_names_tell_mitigations_apart() -> None:
    device = chip(0.01, (0.02, 0.04))
    made = [backend("noisy", device=device, mitigate=by, seed=s) for by, s in ((BOTH, 0), (("zne",), 0), (BOTH, 1))]
    assert len({one.name for one in [*made, backend("noisy", device=device)]}) == 4
    assert backend("noisy", device=device, mitigate=("zne", "readout")).name == made[0].name
    assert not made[0].exact


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("noisy", {"mitigate": ("readuot",)}, "readuot"),
        ("noisy", {"mitigate": ("zne",), "copies": 2}, "several sets of qubits"),
        ("exact", {"mitigate": ("zne",)}, "no errors"),
    ],
)
def test_what_is_not_mitigated(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(DataError) as error:
        backend(name, device=chip(0.01, (0.02, 0.04)), **options)  # type: ignore[arg-type]
    assert error.value.code == "HQ0889"
    assert words in str(error.value)


def test_too_few_shots_to_extrapolate() -> None:
    device = chip(0.01, (0.02, 0.04))
    task, values, _ = kernel(device, rows=1)
    with pytest.raises(DataError, match="too few for zne"):
        Mitigated(Noisy(device), device, ("zne",)).run(task, values, 3)
    with pytest.raises(DataError, match="mitigation of nothing"):
        Mitigated(Noisy(device), device, ())


def test_negative_fractions_are_kept() -> None:
    """A mean over them is right only if none is cut."""
    parts = [
        (1.5, Outcomes.of(np.array([[0.1, 0.9]]))),
        (-0.5, Outcomes(1, (np.array([0], np.uint64),), (np.ones(1),))),
    ]
    found = mitigation._added(parts)
    np.testing.assert_allclose(found.probabilities(), [[-0.35, 1.35]])
