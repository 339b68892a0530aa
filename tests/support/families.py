# SPDX-License-Identifier: Apache-2.0
"""Families of circuits for the compiler's tests, and a small reference simulator."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.matrices import matrix

State = NDArray[np.complex128]


def state_after(circuit: Circuit, slots: NDArray[np.float64], start: State | None = None) -> State:
    """The state after a circuit, from ``start`` or |0…0>; wire i is bit i of the index."""
    n = circuit.qubits
    state = np.eye(1, 1 << n, dtype=complex)[0] if start is None else start
    index = np.arange(1 << n)
    for op in circuit.ops:
        if isinstance(op, Diagonal):
            for wires, angle in op.terms:
                odd = np.bitwise_count(index & sum(1 << q for q in wires)) % 2
                state = state * np.exp(-0.5j * angle.value(slots) * np.where(odd, -1.0, 1.0))
            continue
        assert isinstance(op, Gate)
        gate = matrix(op.name, *(a.value(slots) for a in op.angles))
        axes = [n - 1 - q for q in reversed(op.qubits)]
        moved = np.moveaxis(state.reshape([2] * n), axes, range(len(axes)))
        done = (gate @ moved.reshape(len(gate), -1)).reshape(moved.shape)
        state = np.moveaxis(done, range(len(axes)), axes).reshape(-1)
    return state


def overlap(a: State, b: State) -> float:
    return float(abs(np.vdot(a, b)))


def random_state(rng: np.random.Generator, qubits: int) -> State:
    state = rng.normal(size=1 << qubits) + 1j * rng.normal(size=1 << qubits)
    return np.asarray(state / np.linalg.norm(state))


def pairs(n: int, pattern: str) -> list[tuple[int, int]]:
    if pattern == "full":
        return [(i, j) for i in range(n) for j in range(i + 1, n)]
    ring = [(n - 1, 0)] if pattern == "circular" and n > 2 else []
    return ring + [(i, i + 1) for i in range(n - 1)]


def feature_map(n: int, reps: int, pattern: str) -> Circuit:
    """Qiskit's ``zz_feature_map``, gate by gate, with a slot for every phase of a repetition."""
    ops: list[Op] = []
    for _ in range(reps):
        ops += [Gate("h", (q,)) for q in range(n)]
        ops += [Gate("p", (q,), (Angle.slot(q, 2.0),)) for q in range(n)]
        for slot, (a, b) in enumerate(pairs(n, pattern), n):
            ops += [Gate("cx", (a, b)), Gate("p", (b,), (Angle.slot(slot, 2.0),)), Gate("cx", (a, b))]
    return Circuit(n, n + len(pairs(n, pattern)), tuple(ops))


def kernel(n: int, reps: int, pattern: str) -> Circuit:
    """The fidelity kernel's circuit U†(y) U(x)."""
    mapped = feature_map(n, reps, pattern)
    return mapped.then(mapped.adjoint())


def qaoa(n: int, density: float, layers: int = 1, seed: int = 0) -> Circuit:
    """Random couplings and fields; slots are the angles gamma and beta of each layer."""
    rng = np.random.default_rng(seed)
    edges = [p for p in pairs(n, "full") if rng.random() < density]
    couplings, fields = rng.normal(size=len(edges)).tolist(), rng.normal(size=n).tolist()
    ops: list[Op] = [Gate("h", (q,)) for q in range(n)]
    for k in range(layers):
        ops += [Gate("rzz", e, (Angle.slot(2 * k, 2 * v),)) for e, v in zip(edges, couplings, strict=True)]
        ops += [Gate("rz", (q,), (Angle.slot(2 * k, 2 * fields[q]),)) for q in range(n)]
        ops += [Gate("rx", (q,), (Angle.slot(2 * k + 1, 2.0),)) for q in range(n)]
    return Circuit(n, 2 * layers, tuple(ops))


def vqc(n: int, reps: int = 2) -> Circuit:
    """A linear feature map, then RealAmplitudes with a ladder of cx."""
    mapped = feature_map(n, 1, "linear")
    ops, slot = list(mapped.ops), mapped.slots
    for rep in range(reps + 1):
        ops += [Gate("ry", (q,), (Angle.slot(slot + q),)) for q in range(n)]
        slot += n
        ops += [Gate("cx", (q, q + 1)) for q in range(n - 1)] if rep < reps else []
    return Circuit(n, slot, tuple(ops))


def random_gates(rng: np.random.Generator, qubits: int, slots: int, count: int, names: str = "") -> Circuit:
    """Gates by name, many of them Clifford or followed by their inverse."""
    known = [g for g in names.split() or sorted(set(ARITIES) - {"ms"}) if ARITIES[g][1] <= qubits]
    ops: list[Op] = []
    for _ in range(count):
        name = str(rng.choice(known))
        wires = tuple(int(q) for q in rng.permutation(qubits)[: ARITIES[name][1]])
        gate = Gate(name, wires, tuple(_angle(rng, slots) for _ in range(ARITIES[name][0])))
        ops += [gate, gate.inverse()] if rng.random() < 0.25 and name != "iswap" else [gate]
    return Circuit(qubits, slots, tuple(ops))


def _angle(rng: np.random.Generator, slots: int) -> Angle:
    if rng.random() < 0.4:
        return Angle(float(rng.integers(-4, 5)) * pi / 2)
    return Angle(float(rng.normal()), ((int(rng.integers(slots)), float(rng.normal())),))
