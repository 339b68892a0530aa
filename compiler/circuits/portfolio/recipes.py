# SPDX-License-Identifier: Apache-2.0
"""Ways to compile a circuit for a device; each gives a native circuit, or none where it does not apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hepq.compiler.circuits.canonical import canonical
from hepq.compiler.circuits.formats.qiskit import as_routed, target_of, to_qiskit
from hepq.compiler.circuits.formats.tket import NotAffine, from_tket, to_tket
from hepq.compiler.circuits.layout import chosen, costs, placed
from hepq.compiler.circuits.native import best_couplings, turns_any_angle, with_cx
from hepq.compiler.circuits.score import score
from hepq.compiler.circuits.synthesis.pair_blocks import Rewritten, shortened
from hepq.compiler.circuits.synthesis.structure import structure_aware
from hepq.core.circuits import Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

EFFORTS = ("quick", "normal", "thorough")
#: seconds that all seeds of a recipe and form may take by estimate, at each effort; its first seed is always tried
SHARE = (3.0, 15.0, 60.0)
#: seeds of Qiskit's level 3 of the source itself that are always tried at normal effort, and above
ALWAYS = 5
#: greedy Pauli synthesis grows with the square of rotations times wires: beyond this it takes minutes
MAX_GREEDY = 1300
#: pytket's formulas of merged rotations grow fourfold with each open angle between two-qubit gates
MAX_MERGED = 2


class LeftOut(Exception):
    """Why a recipe was not tried, or came to nothing that can be used."""


def _as_it_is(circuit: Circuit, device: Device) -> Rewritten:
    return Rewritten(circuit, tuple(range(circuit.qubits)))


def _canonical(circuit: Circuit, device: Device) -> Rewritten:
    return _as_it_is(canonical(circuit, sampled=True), device)


def _short(circuit: Circuit, device: Device) -> Rewritten:
    return shortened(circuit, exchange=True, any_angle=turns_any_angle(device))


#: which circuit a recipe is given: the source, its canonical form, and either with runs on two wires shortened
FORMS: dict[str, Callable[[Circuit, Device], Rewritten]] = {
    "source": _as_it_is,
    "source, short": _short,
    "canonical": _canonical,
    "short": lambda circuit, device: _short(canonical(circuit, sampled=True), device),
}


@dataclass(frozen=True)
class Recipe:
    """One try: ``name`` of a recipe, of the form of the circuit it begins with, and its seed; ``effort`` 0, 1 or 2.

    ``cut``: how many further seeds its share of the time leaves out.
    """

    name: str
    form: str
    seed: int
    effort: int
    cut: int = 0

    def __call__(self, circuit: Circuit, device: Device) -> Native | None:
        """Raises whatever the compilers raise, and LeftOut; None where the recipe does not apply."""
        return RECIPES[self.name](self, circuit, device)

    def __str__(self) -> str:
        return self.name if self.form == "canonical" else f"{self.name} ({self.form})"


def tries(circuit: Circuit, device: Device, effort: str, seed: int) -> tuple[Recipe, ...]:
    """Every recipe of a portfolio, those that take long first; the more seeds the smaller the circuit.

    What a seed takes is estimated from the circuit, never measured: equal arguments give equal recipes.
    """
    level = EFFORTS.index(effort)
    gates = sum(_two_qubit(op) for op in circuit.ops)

    def seeded(name: str, form: str, *counts: int, each: float = 0.05 + 2e-3 * gates) -> list[Recipe]:
        least = ALWAYS if level and (name, form) == ("qiskit O3", "source") else 1
        count = min(counts[level], max(least, int(SHARE[level] / each)))
        return [Recipe(name, form, s, level, counts[level] - count) for s in range(seed, seed + count)]

    joint = ("qiskit O3, rzz",) if turns_any_angle(device) else ()
    slow = 0.1 + 1e-4 * gates * gates
    return (
        Recipe("structure-aware", "canonical", seed, level),
        *(r for form in ("source", "canonical") for r in seeded("greedy Pauli", form, 1, 3, 6, each=slow)),
        *(r for form in ("source", "canonical") for r in seeded("tket", form, 1, 1, 3, each=slow)),
        *(r for form in ("source", "canonical") for r in seeded("tket, commuted", form, 1, 2, 6)),
        *(r for name in joint for form in FORMS for r in seeded(name, form, 1, 5, 10)),
        *seeded("qiskit O3", "source", 2, 40, 60), *seeded("qiskit O3", "source, short", 2, 20, 60),
        *seeded("qiskit O3", "canonical", 2, 8, 30), *seeded("qiskit O3", "short", 4, 24, 100),
    )  # fmt: skip


def first_seeds(recipes: Sequence[Recipe]) -> tuple[list[Recipe], list[Recipe]]:
    """The first two seeds of each recipe and form (of Qiskit's level 3 of the source, ``ALWAYS``), and the others."""
    seen: Counter[tuple[str, str]] = Counter()
    first: list[Recipe] = []
    rest: list[Recipe] = []
    for recipe in recipes:
        kind = (recipe.name, recipe.form)
        seen[kind] += 1
        (first if seen[kind] <= (ALWAYS if kind == ("qiskit O3", "source") else 2) else rest).append(recipe)
    return first, rest


def _two_qubit(op: Op) -> int:
    """About how many two-qubit gates an operation takes."""
    if isinstance(op, Diagonal):
        return sum(2 * len(s) - 2 for s, _ in op.terms if s)
    return 0 if not isinstance(op, Gate) or len(op.qubits) == 1 else 2 if op.angles else 1


def _structure(recipe: Recipe, circuit: Circuit, device: Device) -> Native | None:
    return structure_aware(circuit, device, seed=recipe.seed, effort=recipe.effort)


def _qiskit(recipe: Recipe, circuit: Circuit, device: Device, *, any_angle: bool = False) -> Native | None:
    """Qiskit's transpiler at level 3; ``any_angle``: with rzz of any angle as the native gate."""
    given = FORMS[recipe.form](circuit, device)
    return laid_out(given.circuit, given.outputs, device, circuit, recipe.seed, any_angle=any_angle)


def _greedy(recipe: Recipe, circuit: Circuit, device: Device) -> Native | None:
    """pytket's GreedyPauliSimp (after arXiv:2103.08602 and arXiv:2305.10966), then Qiskit; it takes no barriers."""
    from pytket.passes import GreedyPauliSimp

    if circuit.barriers:
        raise LeftOut("it rewrites across barriers")
    given = FORMS[recipe.form](circuit, device).circuit
    rotations = sum(1 for angle in given.angles if not angle.fixed or angle.constant)
    if (size := rotations * circuit.qubits) > MAX_GREEDY:
        raise LeftOut(f"{rotations} rotations × {circuit.qubits} wires are {size}, more than {MAX_GREEDY}: minutes")
    return _by_tket(given, recipe, circuit, device, lambda made: GreedyPauliSimp(seed=recipe.seed).apply(made))


def _tket(recipe: Recipe, circuit: Circuit, device: Device) -> Native | None:
    """pytket's FullPeepholeOptimise, laid out and routed by Qiskit: pytket's own placement costs more than it saves.

    It merges open rotations about different axes, into angles by atan2 that are affine no more: then it is left out,
    and ``_commuted`` is what remains of pytket.
    """
    from pytket.passes import FullPeepholeOptimise

    given = FORMS[recipe.form](circuit, device).circuit
    if (most := _merged(given)) > MAX_MERGED:
        raise LeftOut(f"it would merge {most} open rotations into atan2 angles, which are not affine")
    try:
        return _by_tket(given, recipe, circuit, device, lambda made: FullPeepholeOptimise().apply(made))
    except NotAffine:
        raise LeftOut("it merges open rotations into atan2 angles, which are not affine") from None


def _commuted(recipe: Recipe, circuit: Circuit, device: Device) -> Native | None:
    """pytket's passes that keep every open angle as it is; then runs on two wires shortened, and Qiskit."""
    from pytket.passes import CommuteThroughMultis, RemoveRedundancies, SequencePass

    passes = SequencePass([RemoveRedundancies(), CommuteThroughMultis(), RemoveRedundancies()])
    given = FORMS[recipe.form](circuit, device).circuit
    return _by_tket(given, recipe, circuit, device, lambda made: passes.apply(made))


def _merged(circuit: Circuit) -> int:
    """The most open angles on a wire between two gates on more wires."""
    most, now = 0, [0] * circuit.qubits
    for op in circuit.ops:
        if isinstance(op, Gate) and len(op.qubits) == 1:
            now[op.qubits[0]] += sum(not a.fixed for a in op.angles)
            most = max(most, now[op.qubits[0]])
        else:
            for q in op.qubits:
                now[q] = 0
    return most


def _by_tket(
    given: Circuit, recipe: Recipe, source: Circuit, device: Device, simplify: Callable[[Any], object]
) -> Native | None:
    from pytket import OpType
    from pytket.passes import AutoRebase

    made, names = to_tket(given)
    gates = AutoRebase({OpType.CX, OpType.Rz, OpType.Rx, OpType.H})
    gates.apply(made)
    simplify(made)
    gates.apply(made)
    simpler, outputs = from_tket(made, names, source)
    short = shortened(simpler, exchange=True, any_angle=turns_any_angle(device))
    ends = tuple(short.outputs[wire] for wire in outputs)
    return laid_out(short.circuit, ends, device, source, recipe.seed)


def laid_out(
    circuit: Circuit, outputs: Sequence[int], device: Device, source: Circuit, seed: int, *, any_angle: bool = False
) -> Native:
    """Qiskit at level 3: layout, routing, native gates; then one-qubit gates as we write them, and our own placement.

    Of a crowded device Qiskit is shown as many good qubits as there are wires: of all it takes minutes to choose.
    """
    from qiskit import transpile

    given, names = to_qiskit(circuit, outputs)
    shown = chosen(costs(device, best_couplings(device)), source.qubits)
    target = target_of(device, shown, any_angle=any_angle)
    made = transpile(given, target=target, optimization_level=3, seed_transpiler=seed)
    routed = as_routed(made, names, device, source)
    plain = with_cx(routed)
    short = shortened(plain.circuit, exchange=False, any_angle=turns_any_angle(device)).circuit
    found = [placed(routed, device, shown)]
    if short != plain.circuit:
        found.append(placed(replace(routed, circuit=short), device, shown))
    return max(found, key=lambda native: score(native, device).log_esp)


RECIPES: dict[str, Callable[[Recipe, Circuit, Device], Native | None]] = {
    "structure-aware": _structure, "greedy Pauli": _greedy, "tket": _tket,
    "tket, commuted": _commuted, "qiskit O3": _qiskit,
    "qiskit O3, rzz": partial(_qiskit, any_angle=True),
}  # fmt: skip
