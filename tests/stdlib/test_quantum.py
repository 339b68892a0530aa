# SPDX-License-Identifier: Apache-2.0
"""The circuits of std.quantum against Qiskit's library, and against the formulas of their papers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit.library import (
    QFTGate,
    efficient_su2,
    n_local,
    pauli_feature_map,
    real_amplitudes,
    z_feature_map,
    zz_feature_map,
)
from qiskit.quantum_info import Operator, SparsePauliOp
from scipy.linalg import expm

from hepq.compiler.ir.build import build
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.ir.node import Module
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.support.qiskit_states import in_qiskit

Array = NDArray[Any]
WIRES = 4
X = np.random.default_rng(0).normal(size=WIRES)
W = np.random.default_rng(1).normal(size=(4, WIRES))

HEADER = """
import std.quantum as quantum
from std.quantum import {names}

dim wire = 4
dim layer = 4
dim pair = 8
dim axis = 3
dim edge = 6
dim amplitude = 16

"""


def module_of(parameters: str, body: str) -> Module:
    names = (
        "ZMap, ZZMap, PauliMap, AngleMap, DenseAngleMap, IQPMap, AmplitudeMap, ReUploading, TwoLocal, "
        "RealAmplitudes, EfficientSU2, BrickWall, QFT, Ising, QAOA, reverse_ladder"
    )
    text = HEADER.format(names=names) + f"model M({parameters}) -> real[16] = probs({body})\n"
    sink = Sink()
    program = load(Path("m.hepq"), text, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    return build(program, sink, use_dataset=False).module


def unitary(parameters: str, body: str, **values: Array) -> Array:
    """What the compiled circuit does to any state, run gate by gate in Qiskit."""
    module = module_of(parameters, body)
    node = module.outputs["output"]
    while node.op != "probs":
        (node,) = node.operands
    angles = run_event(Module("angles", module.inputs, {"a": node.operands[0]}), values, {})["a"]
    found: Array = Operator(in_qiskit(node["circuit"], angles)).data
    return found


def same(found: Array, wanted: QuantumCircuit | Array) -> bool:
    """Equal up to a global phase."""
    matrix = Operator(wanted).data if isinstance(wanted, QuantumCircuit) else wanted
    return bool(abs(abs(np.vdot(found, matrix)) / len(matrix) - 1) < 1e-9)


def bound(circuit: QuantumCircuit, values: Array) -> QuantumCircuit:
    return circuit.assign_parameters(values.ravel())


MAPS = {
    "ZMap(x)": z_feature_map(WIRES, reps=2),
    "ZMap[reps=1](x)": z_feature_map(WIRES, reps=1),
    "ZZMap(x)": zz_feature_map(WIRES, reps=2, entanglement="full"),
    "ZZMap[reps=1, edges=ladder](x)": zz_feature_map(WIRES, reps=1, entanglement="linear"),
    "ZZMap[edges=ring](x)": zz_feature_map(WIRES, reps=2, entanglement="circular"),
    "PauliMap(x)": pauli_feature_map(WIRES, reps=2, paulis=["Z", "ZZ"]),
    'PauliMap[[["Z"], ["Y", "Y"]], edges=ladder](x)':
        pauli_feature_map(WIRES, reps=2, paulis=["Z", "YY"], entanglement="linear"),
    'PauliMap[[["X"], ["Z", "Y"]], reps=1, alpha=0.7](x)':
        pauli_feature_map(WIRES, reps=1, paulis=["X", "YZ"], alpha=0.7),
}  # fmt: skip


@pytest.mark.parametrize("body", MAPS)
def test_feature_maps_are_qiskits(body: str) -> None:
    assert same(unitary("x: real[wire]", body, x=X), bound(MAPS[body], X))


ANSATZE = {
    "RealAmplitudes(w)": real_amplitudes(WIRES, reps=3),
    "RealAmplitudes[pairs](w)": real_amplitudes(WIRES, reps=3, entanglement="full"),
    "RealAmplitudes[ladder](w)": real_amplitudes(WIRES, reps=3, entanglement="linear"),
    "EfficientSU2(w)": efficient_su2(WIRES, reps=1),
    "EfficientSU2[ladder](w)": efficient_su2(WIRES, reps=1, entanglement="linear"),
    "TwoLocal(w)": n_local(WIRES, "ry", "cz", entanglement="full", reps=3),
    "TwoLocal[[rx, rz], cx, ladder](w)": n_local(WIRES, ["rx", "rz"], "cx", entanglement="linear", reps=1),
}


@pytest.mark.parametrize("body", ANSATZE)
def test_ansatze_are_qiskits(body: str) -> None:
    assert same(unitary("w: real[layer, wire]", body, w=W), bound(ANSATZE[body], W))


def test_angle_maps_turn_each_wire() -> None:
    for body, gate in (("AngleMap(x)", "ry"), ("AngleMap[rx](x)", "rx")):
        wanted = QuantumCircuit(WIRES)
        for wire, angle in enumerate(X):
            getattr(wanted, gate)(angle, wire)
        assert same(unitary("x: real[wire]", body, x=X), wanted)


def state(parameters: str, body: str, **values: Array) -> Array:
    """What becomes of |0…0>."""
    found: Array = unitary(parameters, body, **values)[:, 0]
    return found


def test_dense_angle_map_has_the_papers_amplitudes() -> None:
    x = np.random.default_rng(2).uniform(size=8)
    wanted = np.ones(1)
    for a, b in x.reshape(4, 2):
        wanted = np.kron([np.cos(np.pi * a), np.exp(2j * np.pi * b) * np.sin(np.pi * a)], wanted)
    found = state("x: real[pair]", "DenseAngleMap(x)", x=x)
    assert abs(np.vdot(found, wanted)) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(3))
def test_amplitude_map_prepares_its_argument(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=16)
    x[rng.permutation(16)[: 4 * seed]] = 0
    found = state("x: real[amplitude]", "AmplitudeMap(x)", x=x)
    np.testing.assert_allclose(found * np.sign(np.vdot(found, x).real), x / np.linalg.norm(x), atol=1e-9)


def z(*wires: int) -> Array:
    """Diagonal of a product of Z."""
    basis = np.arange(1 << WIRES)
    found = np.ones(len(basis))
    for wire in wires:
        found = found * (1 - 2 * ((basis >> wire) & 1))
    return found


EDGES = list(combinations(range(WIRES), 2))
HADAMARD = np.array([[1, 1], [1, -1]]) / np.sqrt(2)


def test_iqp_map_is_hadamards_and_phases() -> None:
    phases = sum(X[i] * z(i) for i in range(WIRES)) + sum(X[i] * X[j] * z(i, j) for i, j in EDGES)
    hadamards = np.array([[1.0]])
    for _ in range(WIRES):
        hadamards = np.kron(HADAMARD, hadamards)
    layer = np.diag(np.exp(-0.5j * phases)) @ hadamards
    assert same(unitary("x: real[wire]", "IQPMap[reps=2](x)", x=X), layer @ layer)


def test_ising_is_the_exponential() -> None:
    coupling = np.random.default_rng(3).normal(size=len(EDGES))
    energy = sum(X[i] * z(i) for i in range(WIRES))
    energy = energy + sum(c * z(i, j) for c, (i, j) in zip(coupling, EDGES, strict=True))
    parameters = "t: real, x: real[wire], c: real[edge]"
    found = unitary(parameters, "Ising(t, x, c)", t=np.array(0.7), x=X, c=coupling)
    assert same(found, np.diag(np.exp(-0.7j * energy)))
    mixer = expm(-0.3j * SparsePauliOp.from_sparse_list([("X", [i], 1) for i in range(WIRES)], WIRES).to_matrix())
    wanted = mixer @ np.diag(np.exp(-0.2j * energy)) @ np.full(16, 0.25)
    parameters = "g: real[1], b: real[1], x: real[wire], c: real[edge]"
    found = state(parameters, "QAOA(g, b, x, c)", g=np.array([0.2]), b=np.array([0.3]), x=X, c=coupling)
    assert abs(np.vdot(found, wanted)) == pytest.approx(1)


def test_qft_is_the_fourier_transform() -> None:
    found = unitary("x: real[wire]", "AngleMap[rx](x) |> QFT[wire]()", x=np.zeros(WIRES))
    assert same(found, Operator(QFTGate(WIRES)).data)
    index = np.arange(16)
    assert same(found, np.exp(2j * np.pi * np.outer(index, index) / 16) / 4)


def test_brick_wall_bricks_take_turns() -> None:
    wanted = QuantumCircuit(WIRES)
    for layer, row in enumerate(W):
        if layer:
            for i in range((layer + 1) % 2, WIRES - 1, 2):
                wanted.cz(i, i + 1)
        for wire, angle in enumerate(row):
            wanted.ry(angle, wire)
    assert same(unitary("w: real[layer, wire]", "BrickWall(w)", w=W), wanted)


def test_reuploading_reads_x_in_every_layer() -> None:
    rng = np.random.default_rng(4)
    weight, shift = rng.normal(size=(2, 4, 3, WIRES))
    wanted = QuantumCircuit(WIRES)
    for layer in range(4):
        for i in range(WIRES):
            for axis, gate in enumerate(("rz", "ry", "rz")):
                getattr(wanted, gate)(weight[layer, axis, i] * X[i] + shift[layer, axis, i], i)
        for i in range(WIRES):
            wanted.cz(i, (i + 1) % WIRES)
    parameters = "x: real[wire], w: real[layer, axis, wire], s: real[layer, axis, wire]"
    assert same(unitary(parameters, "ReUploading(x, w, s)", x=X, w=weight, s=shift), wanted)
