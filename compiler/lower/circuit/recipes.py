# SPDX-License-Identifier: Apache-2.0
"""Ways to compile a circuit for a device; each gives a native circuit, or none where it does not apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hepq.compiler.lower.circuit.canonical import canonical
from hepq.compiler.lower.circuit.qiskit_convert import from_qiskit, target_of, to_qiskit
from hepq.compiler.lower.circuit.structure import structure_aware
from hepq.compiler.lower.circuit.tket_convert import from_tket, to_tket
from hepq.runtime.quantum.circuit import Circuit
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

EFFORTS = ("quick", "normal", "thorough")
#: greedy Pauli synthesis grows with the square of rotations times wires: beyond this it takes minutes
MAX_GREEDY = 1300


@dataclass(frozen=True)
class Recipe:
    """``name`` and ``seed`` tell one try from another; ``effort`` is 0, 1 or 2."""

    name: str
    seed: int
    effort: int

    def __call__(self, circuit: Circuit, device: Device) -> Native | None:
        return RECIPES[self.name](circuit, device, self.seed, self.effort)


def tries(effort: str, seed: int) -> tuple[Recipe, ...]:
    """Every recipe of a portfolio, those that take long first."""
    level = EFFORTS.index(effort)
    seeds = range(seed, seed + (2, 5, 12)[level])
    few = range(seed, seed + (1, 3, 6)[level])
    return (
        Recipe("structure", seed, level),
        *(Recipe("greedy Pauli", s, level) for s in few),
        *(Recipe("tket", s, level) for s in few),
        *(Recipe("qiskit O3", s, level) for s in seeds),
    )


def _structure(circuit: Circuit, device: Device, seed: int, effort: int) -> Native | None:
    return structure_aware(circuit, device, seed=seed, effort=effort)


def _qiskit(circuit: Circuit, device: Device, seed: int, effort: int) -> Native | None:
    """Qiskit's transpiler at level 3 on the canonical circuit."""
    return laid_out(canonical(circuit, sampled=True), range(circuit.qubits), device, circuit, seed)


def _greedy(circuit: Circuit, device: Device, seed: int, effort: int) -> Native | None:
    """pytket's GreedyPauliSimp (after arXiv:2103.08602 and arXiv:2305.10966), then Qiskit."""
    from pytket.passes import GreedyPauliSimp

    rotations = sum(1 for angle in canonical(circuit, sampled=True).angles if not angle.fixed or angle.constant)
    if rotations * circuit.qubits > MAX_GREEDY:
        return None
    return _by_tket(circuit, device, seed, lambda made: GreedyPauliSimp(seed=seed).apply(made))


def _tket(circuit: Circuit, device: Device, seed: int, effort: int) -> Native | None:
    """pytket's FullPeepholeOptimise, laid out and routed by Qiskit: pytket's own placement costs more than it saves."""
    from pytket.passes import FullPeepholeOptimise

    return _by_tket(circuit, device, seed, lambda made: FullPeepholeOptimise().apply(made))


def _by_tket(circuit: Circuit, device: Device, seed: int, simplify: Callable[..., object]) -> Native | None:
    from pytket import OpType
    from pytket.passes import AutoRebase

    made, names = to_tket(canonical(circuit, sampled=True))
    simplify(made)
    AutoRebase({OpType.CX, OpType.TK1}).apply(made)
    simpler, outputs = from_tket(made, names, circuit)
    return laid_out(canonical(simpler), outputs, device, circuit, seed)


def laid_out(circuit: Circuit, outputs: Sequence[int], device: Device, source: Circuit, seed: int) -> Native:
    """Qiskit at level 3: layout, routing, native gates."""
    from qiskit import transpile

    given, names = to_qiskit(circuit, outputs)
    made = transpile(given, target=target_of(device), optimization_level=3, seed_transpiler=seed)
    return from_qiskit(made, names, device, source)


RECIPES: dict[str, Callable[[Circuit, Device, int, int], Native | None]] = {
    "structure": _structure, "greedy Pauli": _greedy, "tket": _tket, "qiskit O3": _qiskit,
}  # fmt: skip
