# SPDX-License-Identifier: Apache-2.0
"""The simulator against Qiskit and against gate-by-gate NumPy; blocks, precision, ways to give values."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
import torch

from hepq.core.circuits import Angle, Circuit, Gate
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.simulate import state, tables
from tests.runtime.quantum.simulate import naive

PAULIS = {"X": np.array([[0, 1], [1, 0]]), "Y": np.array([[0, -1j], [1j, 0]]), "Z": np.diag([1, -1])}


def zz(n: int, reps: int = 2) -> Circuit:
    """The full ZZ feature map; slots: x_i, then (π - x_i)(π - x_j)."""
    pairs = [(i, j) for j in range(n) for i in range(j)]
    ops: list[Gate] = []
    for _ in range(reps):
        for q in range(n):
            ops += [Gate("h", (q,)), Gate("p", (q,), (Angle.slot(q, 2.0),))]
        for k, (i, j) in enumerate(pairs):
            ops += [Gate("cx", (i, j)), Gate("p", (j,), (Angle.slot(n + k, 2.0),)), Gate("cx", (i, j))]
    return Circuit(n, n + len(pairs), tuple(ops))


def zz_values(x: np.ndarray) -> torch.Tensor:
    pairs = [(i, j) for j in range(x.shape[1]) for i in range(j)]
    return torch.from_numpy(np.column_stack([x, *((pi - x[:, i]) * (pi - x[:, j]) for i, j in pairs)]))


def qiskit_states(circuit: Circuit, values: np.ndarray) -> np.ndarray:
    """By Qiskit's own gates of the same names: nothing of ours but the angles."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Statevector

    states = []
    for row in values:
        made = QuantumCircuit(circuit.qubits)
        for op in circuit.ops:
            assert isinstance(op, Gate)
            getattr(made, op.name)(*(a.value(row) for a in op.angles), *op.qubits)
        states.append(Statevector(made).data)
    return np.array(states)


@pytest.mark.parametrize("name", [g for g in ARITIES if g not in ("gpi", "gpi2", "ms")])
def test_every_gate_is_qiskits(name: str) -> None:
    """On a state with no symmetry, on wires out of order, phase included."""
    angles, qubits = ARITIES[name]
    start = tuple(Gate("u", (q,), (Angle(0.3 + q), Angle(0.5 * q + 0.1), Angle(0.7))) for q in range(4))
    gate = Gate(name, (2, 0, 3)[:qubits], tuple(Angle(0.2 + i, ((i, 1.5),)) for i in range(angles)))
    circuit = Circuit(4, angles, (*start, gate, Gate("cx", (3, 1))))
    values = np.random.default_rng(1).normal(size=(3, angles))
    found = state.states(circuit, torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(found, qiskit_states(circuit, values), atol=1e-14)


def test_the_zz_map_is_qiskits() -> None:
    from qiskit.circuit.library import zz_feature_map
    from qiskit.quantum_info import Statevector

    x = np.random.default_rng(2).uniform(0, 2 * pi, (4, 5))
    template = zz_feature_map(5, reps=2)
    expected = np.array([Statevector(template.assign_parameters(row)).data for row in x])
    np.testing.assert_allclose(state.states(zz(5), zz_values(x)).numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("seed", range(60))
def test_random_circuits_are_those_simulated_gate_by_gate(seed: int) -> None:
    """Values given whole, and with the last slots shared by all events, which are run in another way."""
    rng = np.random.default_rng(seed)
    circuit = naive.random_circuit(rng, wires=int(rng.integers(1, 7)), slots=4, gates=int(rng.integers(30)))
    values = rng.normal(size=(3, 4))
    values[:, 2:] = values[:1, 2:]
    whole = torch.from_numpy(values)
    expected = naive.states(circuit, values)
    for given in (whole, (whole[:, :2], whole[:1, 2:]), (whole[:, :1], whole[:, 1:2], whole[:1, 2:])):
        np.testing.assert_allclose(state.states(circuit, given).numpy(), expected, atol=1e-13)
        found = state.probabilities(circuit, given).numpy()
        np.testing.assert_allclose(found, np.abs(expected) ** 2, atol=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_a_circuit_and_its_adjoint_come_back_to_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = naive.random_circuit(rng, 5, 3, 20)
    ops = tuple(op for op in made.ops if not (isinstance(op, Gate) and op.name == "iswap"))
    circuit = Circuit(5, 3, ops)
    values = rng.normal(size=(2, 3))
    found = state.states(circuit.then(circuit.adjoint()), torch.from_numpy(np.hstack([values, values])))
    np.testing.assert_allclose(found.abs().numpy(), np.eye(32)[[0, 0]], atol=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_expectations_of_any_pauli_strings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wires = int(rng.integers(1, 6))
    circuit = naive.random_circuit(rng, wires, 3, 12)
    values = rng.normal(size=(3, 3))
    observables, expected, psi = [], [], naive.states(circuit, values)
    for _ in range(3):
        terms, operator = [], np.zeros((1 << wires, 1 << wires), complex)
        for _ in range(int(rng.integers(1, 4))):
            letters = rng.choice(list("IXYZ"), size=wires)
            coefficient = float(rng.normal())
            terms.append((coefficient, tuple((q, str(p)) for q, p in enumerate(letters) if p != "I")))
            string = np.eye(1)
            for letter in letters:
                string = np.kron(PAULIS.get(letter, np.eye(2)), string)
            operator += coefficient * string
        observables.append(tuple(terms))
        expected.append(np.einsum("ni,ij,nj->n", psi.conj(), operator, psi).real)
    found = state.expectations(circuit, torch.from_numpy(values), observables)
    np.testing.assert_allclose(found.numpy(), np.array(expected).T, atol=1e-13)


def test_gates_that_an_observable_cannot_see_are_not_simulated() -> None:
    """A ladder's first wire meets its neighbour alone: 40 wires, of which a state could not be stored."""
    n = 40
    turns = [Gate("ry", (q,), (Angle.slot(q),)) for q in range(n)]
    circuit = Circuit(n, n, (*turns, *(Gate("cx", (q, q + 1)) for q in range(n - 1))))
    values = torch.linspace(0.1, 2.0, n, dtype=torch.float64)[None]
    found = state.expectations(circuit, values, (((1.0, ((0, "Z"),)),), ((1.0, ((2, "Z"),)),)))
    cosines = values[0].cos()
    np.testing.assert_allclose(found[0].numpy(), [cosines[0], cosines[:3].prod()], atol=1e-14)


def test_blocks_of_events_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = naive.random_circuit(np.random.default_rng(7), 5, 4, 25)
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 4)))
    observables = (((1.0, ((0, "Z"), (3, "X"))),),)
    whole = state.states(circuit, values), state.expectations(circuit, values, observables)
    monkeypatch.setattr(state, "BLOCK", 7 << 5)
    blocks = state.states(circuit, values), state.expectations(circuit, values, observables)
    for a, b in zip(whole, blocks, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_factored_phase_tables_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of circuits so wide that a table of all basis states would be large."""
    circuit, values = zz(7), zz_values(np.random.default_rng(3).uniform(0, 2 * pi, (3, 7)))
    dense = state.states(circuit, values)
    monkeypatch.setattr(tables, "DENSE", 0)
    tables.tables.cache_clear()
    factored = state.states(circuit, values)
    tables.tables.cache_clear()
    torch.testing.assert_close(factored, dense, rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [4, 6, 8, 10])
def test_single_precision_errs_by_less_than_a_millionth(n: int) -> None:
    values = zz_values(np.random.default_rng(4).uniform(-50, 50, (60, n)))
    exact = state.fidelities(state.states(zz(n), values))
    states = state.states(zz(n), values, dtype=torch.complex64)
    for rounded in (state.fidelities(states), state.fidelities(states[:30], states[30:])):
        assert rounded.dtype == torch.float32
        assert (rounded - exact[: len(rounded), -rounded.shape[1] :]).abs().max() < 1e-6


def test_kernels_are_symmetric_positive_with_unit_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "PANEL", 16)  # several panels
    states = state.states(zz(5), zz_values(np.random.default_rng(5).uniform(0, 2 * pi, (40, 5))))
    kernel = state.fidelities(states)
    assert torch.equal(kernel, kernel.T)
    assert torch.equal(kernel.diagonal(), torch.ones(40, dtype=torch.float64))
    torch.testing.assert_close(state.overlaps(states, states), kernel.diagonal(), rtol=0, atol=1e-14)
    assert torch.linalg.eigvalsh(kernel).min() > -1e-13
    full = np.abs(states.numpy() @ states.numpy().conj().T) ** 2
    np.testing.assert_allclose(kernel.numpy(), full, atol=1e-14)
    np.testing.assert_allclose(state.fidelities(states[:7], states).numpy(), full[:7], atol=1e-14)
    batched = state.fidelities(states.reshape(2, 20, -1), states.reshape(2, 20, -1)[:, :3])
    np.testing.assert_allclose(batched.numpy(), [full[:20, :3], full[20:, 20:23]], atol=1e-14)
    pairs = state.overlaps(states[:5], states[5:10])
    np.testing.assert_allclose(pairs.numpy(), full[:5, 5:10].diagonal(), atol=1e-14)


def test_values_of_one_event_of_none_and_in_single_precision() -> None:
    circuit = Circuit(2, 1, (Gate("rx", (0,), (Angle.slot(0),)), Gate("cx", (0, 1))))
    values = torch.tensor([[0.5], [1.5]])
    found = state.states(circuit, values)
    assert found.dtype == torch.complex128
    np.testing.assert_allclose(found.numpy(), naive.states(circuit, values.double().numpy()), atol=1e-15)
    torch.testing.assert_close(state.states(circuit, values[:1]), found[:1])
    assert state.states(circuit, values[:0]).shape == (0, 4)
    constant = Circuit(2, 0, (Gate("h", (1,)),))
    np.testing.assert_allclose(state.probabilities(constant, torch.zeros(3, 0)), [[0.5, 0, 0.5, 0]] * 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(3, 2), "do not fill 3 slots"),
        ((torch.zeros(3, 2), torch.zeros(2)), "do not fill 3 slots"),
        ((torch.zeros(3, 2), torch.zeros(2, 1)), "values of [2, 3] events"),
    ],
)
def test_values_of_another_shape_are_refused(values: state.Values, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        state.states(zz(2), values)
    assert message in str(raised.value)
