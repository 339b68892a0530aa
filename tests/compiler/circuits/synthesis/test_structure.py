# SPDX-License-Identifier: Apache-2.0
"""The structure-aware recipe: same outcomes as the source, native gates only, few two-qubit gates."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.core.circuits import Angle, Circuit, Diagonal, Gate
from hepq.runtime.quantum.device import Device
from tests.support.devices import device, distribution, everyone, grid, line, native_ok, two_qubit
from tests.support.families import kernel, pairs, qaoa, random_gates, state_after, vqc

CIRCUITS = {
    "full r1": kernel(5, 1, "full"),
    "full r2": kernel(5, 2, "full"),
    "linear r2": kernel(6, 2, "linear"),
    "circular r2": kernel(5, 2, "circular"),
    "dense QAOA": qaoa(6, 0.8, layers=2, seed=1),
    "sparse QAOA": qaoa(6, 0.4, layers=3, seed=2),
    "ladders": vqc(5),
}
DEVICES = {
    "cz line": device(7, line(7)),
    "ecr line": device(7, [(a, b) if a % 2 else (b, a) for a, b in line(7)], gate="ecr"),
    "cx grid": device(12, grid(3, 4), gate="cx"),
    "rzz, all": device(7, everyone(7), gate="rzz", one_qubit=("r", "rz")),
    "cz, r only": device(9, grid(3, 3), one_qubit=("r",)),
    "cz, any angle": device(9, grid(3, 3), one_qubit=("rx", "ry", "rz")),
    "cz, all": device(7, everyone(7)),
    "rxx, all": device(7, everyone(7), gate="rxx", one_qubit=("gpi", "gpi2", "rz")),
    "rzz, gpi2 only": device(7, everyone(7), gate="rzz", one_qubit=("gpi", "gpi2")),
    "rxx line": device(7, line(7), gate="rxx"),
    "iswap grid": device(9, grid(3, 3), gate="iswap", one_qubit=("rz", "sx", "sxdg", "x")),
}


@pytest.mark.parametrize("chip", DEVICES)
@pytest.mark.parametrize("name", CIRCUITS)
def test_native_circuits_give_the_sources_outcomes(name: str, chip: str) -> None:
    circuit, on = CIRCUITS[name], DEVICES[chip]
    native = structure_aware(circuit, on, effort=0)
    assert native is not None
    assert native_ok(native, on)
    slots = np.random.default_rng(3).normal(size=circuit.slots)
    wanted = abs(state_after(circuit, slots)) ** 2
    np.testing.assert_allclose(distribution(native, slots), wanted, atol=1e-9)


def layered_at_random(rng: np.random.Generator, n: int) -> Circuit:
    """Layers of random pairs between gates on single wires, some wires left out."""
    ops: list[Gate | Diagonal] = []
    for _ in range(int(rng.integers(1, 4))):
        names = "h sx rx ry u x t" if rng.random() < 0.5 else "h"
        ops += [g for g in random_gates(rng, 1, 3, n, names).ops if isinstance(g, Gate)]
        ops = [Gate(g.name, (int(rng.integers(n)),), g.angles) if isinstance(g, Gate) else g for g in ops]
        chosen = [p for p in pairs(n, "full") if rng.random() < 0.5]
        ops.append(Diagonal(tuple((p, Angle.slot(int(rng.integers(3)), float(rng.normal()))) for p in chosen)))
    ops += [Gate("h", (q,)) for q in range(n)]
    return Circuit(n, 3, tuple(ops))


def test_random_layers() -> None:
    rng, found = np.random.default_rng(5), 0
    on = device(12, grid(3, 4))
    for _ in range(25):
        circuit = layered_at_random(rng, int(rng.integers(2, 7)))
        native = structure_aware(circuit, on, effort=0)
        if native is None:  # nothing but phases that no one sees
            continue
        found += 1
        slots = rng.normal(size=3)
        np.testing.assert_allclose(distribution(native, slots), abs(state_after(circuit, slots)) ** 2, atol=1e-9)
    assert found > 15


@pytest.mark.parametrize(("n", "reps", "most"), [(4, 2, 24), (5, 2, 40), (6, 1, 16), (6, 2, 62)])
def test_full_kernels_on_a_line(n: int, reps: int, most: int) -> None:
    """On a line of 6, reps 2: 112 gates with swaps that take a phase along, 134 by GreedyPauliSimp, 220 by Qiskit."""
    native = structure_aware(kernel(n, reps, "full"), device(n, line(n)), effort=0)
    assert native is not None
    assert two_qubit(native) <= most


def test_linear_kernel_needs_no_routing() -> None:
    native = structure_aware(kernel(6, 2, "linear"), device(6, line(6)), effort=0)
    assert native is not None
    assert two_qubit(native) <= 5 + 10 + 10


def test_one_gate_for_a_pair_where_all_are_coupled_by_rzz() -> None:
    native = structure_aware(kernel(6, 2, "full"), DEVICES["rzz, all"])
    assert native is not None
    assert two_qubit(native) == 3 * 15


def test_equal_arguments_give_equal_results() -> None:
    on = device(12, grid(3, 4))
    first, second = (structure_aware(kernel(5, 2, "full"), on, seed=4, effort=0) for _ in range(2))
    assert first == second


def test_dead_couplings_and_qubits_are_not_used() -> None:
    good = device(9, grid(3, 3))
    dead = good.model_dump()
    dead["qubits"][4]["usable"] = False
    dead["couplings"][0]["usable"] = False
    on = Device.model_validate(dead)
    native = structure_aware(kernel(5, 1, "full"), on, effort=0)
    assert native is not None
    assert 4 not in native.used
    assert native_ok(native, on)


@pytest.mark.parametrize(
    "circuit",
    [
        Circuit(3, 0, tuple(Gate("h", (q,)) for q in range(3))),
        Circuit(3, 1, (*(Gate("h", (q,)) for q in range(3)), Diagonal((((0, 1, 2), Angle.slot(0)),)), Gate("h", (0,)))),
        Circuit(3, 0, (Gate("h", (0,)), Gate("ccx", (0, 1, 2)))),
    ],
)
def test_circuits_without_layers_of_pairs_are_for_others(circuit: Circuit) -> None:
    assert structure_aware(circuit, DEVICES["cz line"]) is None


def test_devices_that_are_too_small_or_disconnected() -> None:
    assert structure_aware(kernel(5, 1, "full"), device(4, line(4))) is None
    assert structure_aware(kernel(5, 1, "full"), device(6, [(0, 1), (1, 2), (3, 4), (4, 5)])) is None
    assert structure_aware(kernel(3, 1, "full"), device(4, line(4), gate="ch")) is None
