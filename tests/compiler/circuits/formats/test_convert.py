# SPDX-License-Identifier: Apache-2.0
"""Circuits in Qiskit's and pytket's terms and back: the same unitary, wire by wire, angles affine in the slots."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.circuits.formats.qiskit import affine_of, from_qiskit, target_of, to_qiskit
from hepq.compiler.circuits.formats.tket import from_tket, to_tket
from hepq.compiler.circuits.native import polished
from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Gate
from hepq.core.gates import ARITIES
from hepq.runtime.quantum.native import Native
from tests.support.devices import device, distribution, everyone, line
from tests.support.families import kernel, overlap, random_gates, random_state, state_after

RNG = np.random.default_rng(5)
QISKIT = sorted(set(ARITIES) - {"gpi", "gpi2", "ms"})
PYTKET = sorted(set(ARITIES) - {"gpi", "gpi2", "ms", "iswap", "cu"})
LAYER = Diagonal(
    (((), Angle.slot(0)), ((0,), Angle.slot(0)), ((0, 2), Angle.slot(1, 2.0)), ((0, 1, 2), Angle(0.5, ((2, -1.0),))))
)


def every_gate(names: list[str]) -> Circuit:
    """Each gate once, angles fixed or open, on wires in any order, a layer of phases between."""
    ops = []
    for name in names:
        angles, wires = ARITIES[name]
        qubits = tuple(int(q) for q in RNG.permutation(3)[:wires])
        ops.append(Gate(name, qubits, tuple(Angle(0.2 * k, ((k % 3, 1.5),)) for k in range(angles))))
    return Circuit(3, 3, (*ops[::2], LAYER, *ops[1::2]))


def test_to_qiskit_is_the_same_unitary() -> None:
    from qiskit.quantum_info import Statevector

    circuit, values = every_gate(QISKIT), RNG.normal(size=3)
    made, names = to_qiskit(circuit)
    made.remove_final_measurements(inplace=True)
    start = random_state(RNG, 3)
    bound = made.assign_parameters({p: names[p.name].value(values) for p in made.parameters})
    found = np.asarray(Statevector(start).evolve(bound).data)
    assert overlap(found, state_after(circuit, values, start)) == pytest.approx(1.0)


def test_pytket_and_back_is_the_same_unitary() -> None:
    circuit, values = every_gate(PYTKET), RNG.normal(size=3)
    made, names = to_tket(circuit)
    back, ends = from_tket(made, names, circuit)
    start = random_state(RNG, 3)
    assert ends == (0, 1, 2)
    assert overlap(state_after(back, values, start), state_after(circuit, values, start)) == pytest.approx(1.0)


def test_pytkets_first_qubit_is_our_first_wire() -> None:
    """pytket's amplitudes have it as the most significant bit, ours as the least."""
    circuit = random_gates(RNG, 3, 1, 20, " ".join(PYTKET))
    values = RNG.normal(size=1)
    made, names = to_tket(circuit)
    made.symbol_substitution({s: float(names[str(s)].value(values)) for s in made.free_symbols()})
    theirs = made.get_statevector()
    order = [int(f"{i:03b}"[::-1], 2) for i in range(8)]
    assert overlap(theirs[order], state_after(circuit, values)) == pytest.approx(1.0)


def test_a_controlled_turn_in_pytkets_gates() -> None:
    """pytket has none with a phase of its own: one on the control beside it. What comes back is in other gates."""
    from pytket import OpType
    from pytket.passes import AutoRebase

    turn = Gate("cu", (1, 0), tuple(Angle(0.3 * k, ((k % 2, 0.5),)) for k in range(1, 5)))
    circuit, values = Circuit(2, 2, (turn,)), RNG.normal(size=2)
    made, names = to_tket(circuit)
    AutoRebase({OpType.CX, OpType.Rz, OpType.Rx}).apply(made)
    back, _ = from_tket(made, names, circuit)
    start = random_state(RNG, 2)
    assert overlap(state_after(back, values, start), state_after(circuit, values, start)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="CU3 has no gate here"):
        from_tket(*to_tket(circuit), circuit)


def test_wires_that_pytket_exchanges_are_found() -> None:
    from pytket.passes import FullPeepholeOptimise

    circuit = Circuit(3, 0, (Gate("ry", (0,), (Angle(1.1),)), Gate("swap", (0, 1)), Gate("swap", (1, 2))))
    made, names = to_tket(circuit)
    FullPeepholeOptimise().apply(made)
    back, ends = from_tket(made, names, circuit)
    native = Native("", "", back, ends, ends)
    values = np.zeros(0)
    np.testing.assert_allclose(distribution(native, values), abs(state_after(circuit, values)) ** 2, atol=1e-9)


@pytest.mark.parametrize("gate", ["cz", "ecr", "cx", "rzz"])
def test_what_qiskit_transpiles_is_the_source_on_the_device(gate: str) -> None:
    from qiskit import transpile

    one_qubit = ("r",) if gate == "rzz" else ("rz", "sx", "x")
    chip = device(6, [(b, a) if a % 2 else (a, b) for a, b in line(6)], gate=gate, one_qubit=one_qubit)
    circuit = kernel(4, 1, "full")
    values = RNG.normal(size=circuit.slots)
    made, names = to_qiskit(circuit)
    native = from_qiskit(
        transpile(made, target=target_of(chip), optimization_level=3, seed_transpiler=1), names, chip, circuit
    )
    wanted = abs(state_after(circuit, values)) ** 2
    for found in (native, polished(native, chip)):
        np.testing.assert_allclose(distribution(found, values), wanted, atol=1e-9)
        assert {op.name for op in found.circuit.ops if isinstance(op, Gate)} <= {gate, *one_qubit}
        assert all((a, b) in {(c.a, c.b) for c in chip.couplings} for a, b in _pairs(found)) or gate == "cz"
    assert len(polished(native, chip).circuit.ops) <= len(native.circuit.ops)


def _pairs(native: Native) -> list[tuple[int, ...]]:
    return [op.qubits for op in native.circuit.ops if len(op.qubits) == 2]


def test_only_what_may_be_used_is_a_target() -> None:
    chip = device(4, everyone(4))
    dead = chip.model_copy(
        update={
            "qubits": (*chip.qubits[:3], chip.qubits[3].model_copy(update={"usable": False})),
            "couplings": (chip.couplings[0].model_copy(update={"usable": False}), *chip.couplings[1:]),
        }
    )
    target = target_of(dead)
    pairs = {tuple(sorted(q)) for q in target["cz"]}
    assert pairs == {(0, 2), (1, 2)}
    assert set(target["sx"]) == {(0,), (1,), (2,)}


def test_angles_are_read_as_affine_or_not_at_all() -> None:
    from qiskit.circuit import Parameter

    a, b = Parameter("t0"), Parameter("t1")
    names = {"t0": Angle(0.0, ((3, 2.0),)), "t1": Angle(0.0, ((3, 1.0), (5, -1.0)))}
    assert affine_of(2 * a - b / 2 + 1.5, names) == Angle(1.5, ((3, 3.5), (5, 0.5)))
    assert affine_of(0.25, names) == Angle(0.25)
    with pytest.raises(ValueError, match="affine"):
        affine_of(a * b, names)


def test_a_gate_after_a_measurement_is_refused() -> None:
    from qiskit import QuantumCircuit

    made = QuantumCircuit(2, 2)
    made.measure(0, 0)
    made.sx(0)
    with pytest.raises(ValueError, match="after a measurement"):
        from_qiskit(made, {}, device(2, line(2)), Circuit(2, 0))


def test_what_pytket_measures_and_leaves_out_is_no_gate() -> None:
    """And its barriers are ours, with what they stand for."""
    from pytket import OpType

    circuit = Circuit(2, 0, (Gate("h", (0,)), Barrier((0, 1), 7), Gate("cx", (0, 1))))
    made, names = to_tket(circuit)
    made.add_gate(OpType.noop, [made.qubits[1]])
    made.add_barrier([made.qubits[1]], data="3")
    made.measure_all()
    back, ends = from_tket(made, names, circuit)
    assert [(op.name, op.qubits) for op in back.ops if isinstance(op, Gate)] == [("h", (0,)), ("cx", (0, 1))]
    assert back.barriers == (Barrier((0, 1), 7), Barrier((1,), 3))
    assert ends == (0, 1)
