# SPDX-License-Identifier: Apache-2.0
"""Barriers: no recipe rewrites across one, what they let through is right, and every format has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hepq.compiler.circuits.canonical import canonical
from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.formats.draw import text
from hepq.compiler.circuits.formats.export import FORMATS, export
from hepq.compiler.circuits.formats.flat import difference, flat
from hepq.compiler.circuits.portfolio.recipes import LeftOut, Recipe, tries
from hepq.compiler.circuits.portfolio.search import compile_circuit
from hepq.compiler.circuits.score import score
from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.compiler.ir.state_vector import state
from hepq.core.circuits import Angle, Barrier, Circuit, Gate, Op, check
from hepq.runtime.quantum.backends.components import parts
from hepq.runtime.quantum.backends.noise import aer_circuit
from hepq.runtime.quantum.bind import bound
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from hepq.runtime.quantum.simulate import state as simulate
from tests.support.circuits import measured, module
from tests.support.devices import device, everyone, line
from tests.support.families import feature_map, random_gates
from tests.support.qiskit_states import in_qiskit

CHIP = device(5, line(5))
IONS = device(4, everyone(4), gate="ms", one_qubit=("gpi", "gpi2"))


def folded(once: Circuit, times: int, *, barriers: bool = True) -> Circuit:
    """U, then U† and U as often as ``times`` says, with barriers between."""
    wall = (Barrier(tuple(range(once.qubits))),) * barriers
    ops = once.ops
    for _ in range(times):
        ops = (*ops, *wall, *once.adjoint().ops, *wall, *once.ops)
    return Circuit(once.qubits, once.slots, ops)


def random_with_barriers(rng: np.random.Generator, qubits: int, depth: int) -> Circuit:
    """Random gates with barriers of some wires, named in any order, here and there."""
    ops: list[Op] = []
    for op in random_gates(rng, qubits, 3, depth, "h cx rz p x cz rzz s swap rx ryy").ops:
        ops.append(op)
        if rng.random() < 0.3:
            wires = rng.permutation(qubits)[: rng.integers(1, qubits + 1)]
            ops.append(Barrier(tuple(int(q) for q in wires), sum(isinstance(o, Barrier) for o in ops)))
    return Circuit(qubits, 3, tuple(ops))


def two_qubit(native: Native) -> int:
    return sum(isinstance(op, Gate) and len(op.qubits) == 2 for op in native.circuit.ops)


ONCE = feature_map(3, 1, "full")


@pytest.mark.case("fold")
@pytest.mark.parametrize("chip", [CHIP, IONS], ids=["line", "ions"])
def test_a_folded_circuit_keeps_its_gates(chip: Device, tmp_path: Path) -> None:
    def count(circuit: Circuit) -> int:
        made = compile_circuit(circuit, chip, effort="quick", processes=1, cache=tmp_path).native
        assert verify_native(made, circuit, chip, seed=3).problem == ""
        return two_qubit(made)

    one = count(ONCE)
    assert count(folded(ONCE, 1)) >= 3 * one
    assert count(folded(ONCE, 1, barriers=False)) <= one


PROGRAM = """
from std.quantum import ZZMap

dim wire = 3

circuit Fold(x: real[wire]) on q: qubit[wire] {
  ZZMap(x, q)
  barrier()
  adjoint(ZZMap(x), q)
  barrier()
  ZZMap(x, q)
}

model Folded(x: real[wire]) -> real[wire] = expect(Z, Fold(x))

model Once(x: real[wire]) -> real[wire] = expect(Z, ZZMap(x))
"""


@pytest.mark.case("fold")
def test_a_program_folds_its_noise() -> None:
    once, three = (measured(module(PROGRAM, model=name))["circuit"] for name in ("Once", "Folded"))
    assert len(three.ops) == 3 * len(once.ops) + 2
    recipe = Recipe("qiskit O3", "canonical", 0, 0)
    one, folded_three = recipe(once, CHIP), recipe(three, CHIP)
    assert one is not None
    assert folded_three is not None
    assert two_qubit(folded_three) >= 3 * two_qubit(one) - 2


@pytest.mark.parametrize(
    "name",
    ["qiskit O3 (source)", "qiskit O3", "qiskit O3 (short)", "qiskit O3 (source, short)", "tket, commuted", "tket"],
)
def test_each_recipe_keeps_random_barriers(name: str) -> None:
    rng = np.random.default_rng(5)
    (recipe,) = {str(r): r for r in tries(ONCE, CHIP, "quick", 0) if str(r) == name}.values()
    for _ in range(3):
        source = random_with_barriers(rng, 3, 14)
        made = recipe(source, CHIP)
        assert made is not None
        assert verify_native(made, source, CHIP).problem == ""
        assert {b.number for b in made.circuit.barriers} == {b.number for b in source.barriers}


def test_recipes_that_cannot_keep_them_do_not_apply() -> None:
    assert structure_aware(folded(ONCE, 1), CHIP, effort=0) is None
    with pytest.raises(LeftOut, match="across barriers"):
        Recipe("greedy Pauli", "source", 0, 0)(folded(ONCE, 1), CHIP)


def test_the_canonical_form_keeps_them() -> None:
    pair = (Gate("cz", (0, 1)), Barrier((1,)), Gate("cz", (0, 1)))
    assert sum(isinstance(op, Barrier) for op in canonical(Circuit(2, 0, pair)).ops) == 1
    assert len(canonical(Circuit(2, 0, pair)).ops) == 3  # two layers of phases
    assert canonical(Circuit(3, 0, (pair[0], Barrier((2,)), pair[2]))).ops == (Barrier((2,)),)
    rng = np.random.default_rng(1)
    for _ in range(20):
        source = random_with_barriers(rng, 3, 20)
        for sampled in (False, True):
            made = canonical(source, sampled=sampled)
            check(made)
            assert len(made.barriers) == len(source.barriers)
            found, wanted = (abs(state(c, np.array([0.3, -1.0, 2.0]))) ** 2 for c in (made, source))
            np.testing.assert_allclose(found, wanted, atol=1e-9)


def native_of(ops: tuple[Op, ...]) -> Native:
    return Native("test", "now", Circuit(5, 1, ops), (0, 1), (0, 1))


def test_the_check_sees_what_crossed_a_barrier() -> None:
    sx, cz, wall = Gate("sx", (0,)), Gate("cz", (0, 1)), Barrier((0, 1))
    source = Circuit(2, 1, (sx, sx, cz, wall, cz, sx))
    assert verify_native(native_of(source.ops), source, CHIP).problem == ""
    for ops in [(sx, sx, wall, sx), (sx, sx, wall, cz, cz, sx), (sx, sx, cz, cz, wall, sx), (sx, wall, sx, sx)]:
        assert "probabilities differ" in verify_native(native_of(ops), source, CHIP).problem
    assert "barriers" in verify_native(native_of((sx, sx, sx)), source, CHIP).problem
    # gates on other wires pass
    aside = Circuit(2, 1, (sx, Barrier((1,)), sx))
    assert verify_native(native_of((Barrier((1,)), sx, sx)), aside, CHIP).problem == ""
    # two barriers that nothing orders
    both = Circuit(2, 1, (sx, Barrier((0,), 0), Gate("sx", (1,)), Barrier((1,), 1), sx))
    turned = native_of((Gate("sx", (1,)), Barrier((1,), 1), sx, Barrier((0,), 0), sx))
    assert verify_native(turned, both, CHIP).problem == ""


def test_large_circuits_are_probed_at_clifford_angles() -> None:
    size = 20
    chip = device(size, line(size))
    layer = tuple(Gate("cz", pair) for pair in line(size))
    turns = tuple(Gate("sx", (q,)) for q in range(size))
    source = Circuit(size, 0, (*turns, *layer, Barrier(tuple(range(size))), *layer, *turns))
    kept = Native("test", "now", source, tuple(range(size)), tuple(range(size)))
    assert verify_native(kept, source, chip).problem == ""
    gone = replace(kept, circuit=Circuit(size, 0, (*turns, Barrier(tuple(range(size))), *turns)))
    assert verify_native(gone, source, chip).problem != ""


@pytest.mark.parametrize("fmt", FORMATS)
def test_formats_have_barriers(fmt: str) -> None:
    ops = (Gate("rz", (3,), (Angle(0.3),)), Barrier((3, 1)), Gate("cz", (1, 3)), Barrier((1,)), Gate("x", (1,)))
    made = Native("test", "now", Circuit(5, 0, ops), (1, 3), (3, 1))
    values = np.zeros(0)
    written = FORMATS[fmt].read(export(made, CHIP, fmt, values), 5)
    wanted = flat(made, values)
    assert difference(written, wanted) < 1e-9
    without = replace(wanted, gates=tuple(g for g in wanted.gates if isinstance(g, Gate)))
    assert difference(written, without) == np.inf
    moved = replace(wanted, gates=(wanted.gates[1], wanted.gates[0], *wanted.gates[2:]))
    assert difference(written, moved) == np.inf


def test_barriers_do_nothing_to_states() -> None:
    rng = np.random.default_rng(2)
    source = random_with_barriers(rng, 3, 25)
    bare = Circuit(3, 3, tuple(op for op in source.ops if isinstance(op, Gate)))
    values = rng.normal(size=(2, 3))
    z = (((1.0, ((2, "Z"),)),),)
    for found in (simulate.states, lambda c, v: simulate.expectations(c, v, z)):
        np.testing.assert_array_equal(found(source, torch.tensor(values)), found(bare, torch.tensor(values)))
    np.testing.assert_array_equal(state(source, values[0]), state(bare, values[0]))
    assert in_qiskit(source, values[0]).count_ops()["barrier"] == len(source.barriers)


def test_native_circuits_with_barriers() -> None:
    ops = (Gate("sx", (0,)), Barrier((0, 1)), Gate("sx", (1,)), Gate("cz", (0, 1)))
    made = native_of(ops)
    assert Native.from_json(made.to_json()) == made
    assert made.circuit.adjoint().ops[2] == Barrier((0, 1))
    assert bound(made, np.zeros(1)).count_ops()["barrier"] == 1
    (part,) = parts(made)
    assert aer_circuit(part.circuit).size() == 3
    waiting = native_of((Gate("cz", (0, 1)), Barrier((1, 2)), Gate("cz", (2, 3))))
    free = native_of((Gate("cz", (0, 1)), Gate("cz", (2, 3))))
    assert (score(waiting, CHIP).depth, score(free, CHIP).depth) == (2, 1)
    assert score(waiting, CHIP).log_esp == score(free, CHIP).log_esp
    assert "░" in text(made.circuit)
    with pytest.raises(ValueError, match="distinct"):
        check(Circuit(2, 0, (Barrier((0, 0)),)))
    with pytest.raises(ValueError, match="below"):
        Circuit.from_json({"qubits": 1, "slots": 0, "ops": [["barrier", [1], 0]]})


def test_a_barrier_at_the_end_keeps_what_a_measurement_does_not_see(tmp_path: Path) -> None:
    ops = (Gate("h", (0,)), Gate("h", (1,)), Gate("rzz", (0, 1), (Angle.slot(0),)))
    held = Circuit(2, 1, (*ops, Barrier((0, 1))))
    for source, wanted in ((held, 2), (Circuit(2, 1, ops), 0)):
        made = compile_circuit(source, CHIP, effort="quick", processes=1, cache=tmp_path)
        assert two_qubit(made.native) == wanted
