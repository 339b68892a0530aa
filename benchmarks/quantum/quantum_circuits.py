# SPDX-License-Identifier: Apache-2.0
"""The circuits that benchmarks compile, gate by gate as Qiskit's library writes them, and numbers to fill them with."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Angle, Circuit, Gate, Op


def pairs(n: int, pattern: str) -> list[tuple[int, int]]:
    """``full`` or ``linear``."""
    if pattern == "full":
        return [(i, j) for i in range(n) for j in range(i + 1, n)]
    return [(i, i + 1) for i in range(n - 1)]


def feature_map(n: int, reps: int, pattern: str) -> Circuit:
    """Qiskit's ``zz_feature_map`` (Havlíček et al., arXiv:1804.11326): slots x_i, then (π - x_i)(π - x_j)."""
    ops: list[Op] = []
    for _ in range(reps):
        ops += [Gate("h", (q,)) for q in range(n)]
        ops += [Gate("p", (q,), (Angle.slot(q, 2.0),)) for q in range(n)]
        for slot, (a, b) in enumerate(pairs(n, pattern), n):
            ops += [Gate("cx", (a, b)), Gate("p", (b,), (Angle.slot(slot, 2.0),)), Gate("cx", (a, b))]
    return Circuit(n, n + len(pairs(n, pattern)), tuple(ops))


def angles(x: NDArray[np.float64], pattern: str) -> NDArray[np.float64]:
    """The feature map's slots for events x [N, n]."""
    products = [(pi - x[:, i]) * (pi - x[:, j]) for i, j in pairs(x.shape[1], pattern)]
    return np.concatenate([x, np.stack(products, axis=1)], axis=1)


def kernel(n: int, reps: int, pattern: str) -> Circuit:
    """The fidelity kernel's circuit U†(y) U(x)."""
    mapped = feature_map(n, reps, pattern)
    return mapped.then(mapped.adjoint())


def qaoa(n: int, density: float, seed: int) -> Circuit:
    """One layer for random Ising couplings and fields; slots are the angles γ and β."""
    rng = np.random.default_rng(seed)
    couplings = {p: rng.normal() for p in pairs(n, "full") if rng.random() < density}
    fields = rng.normal(size=n)
    ops: list[Op] = [Gate("h", (q,)) for q in range(n)]
    ops += [Gate("rzz", p, (Angle.slot(0, 2 * float(v)),)) for p, v in couplings.items()]
    ops += [Gate("rz", (q,), (Angle.slot(0, 2 * float(fields[q])),)) for q in range(n)]
    ops += [Gate("rx", (q,), (Angle.slot(1, 2.0),)) for q in range(n)]
    return Circuit(n, 2, tuple(ops))


def vqc(n: int, reps: int = 2) -> Circuit:
    """A linear feature map, then Qiskit's ``real_amplitudes`` with a ladder of cx."""
    mapped = feature_map(n, 1, "linear")
    ops, slot = list(mapped.ops), mapped.slots
    for rep in range(reps + 1):
        ops += [Gate("ry", (q,), (Angle.slot(slot + q),)) for q in range(n)]
        slot += n
        ops += [Gate("cx", (q, q + 1)) for q in range(n - 1)] if rep < reps else []
    return Circuit(n, slot, tuple(ops))


def qft(n: int) -> Circuit:
    """An angle encoding, then the Fourier transform with its final swaps, as ``synth_qft_full`` writes it."""
    ops: list[Op] = [Gate("ry", (q,), (Angle.slot(q),)) for q in range(n)]
    for j in reversed(range(n)):
        ops.append(Gate("h", (j,)))
        ops += [Gate("cp", (j, k), (Angle(pi / 2 ** (j - k)),)) for k in reversed(range(j))]
    ops += [Gate("swap", (q, n - q - 1)) for q in range(n // 2)]
    return Circuit(n, n, tuple(ops))


def filled(circuit: Circuit, values: NDArray[np.float64]) -> Circuit:
    """The circuit with numbers in place of slots, as users of other compilers have it."""
    return circuit.filled(values)
