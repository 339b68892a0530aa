# SPDX-License-Identifier: Apache-2.0
"""The structure-aware recipe: layers of ZZ phases kept whole, laid on the best tree of couplings of a device.

Devices that couple all qubits by rzz, rxx or ms get one gate for each pair of a layer, in rounds of disjoint pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import networkx as nx

from hepq.compiler.circuits.canonical import canonical
from hepq.compiler.circuits.layout import Costs, costs, shapes, stand
from hepq.compiler.circuits.native import Couplings, best_couplings, natively, timed_turns, turns_any_angle, writable
from hepq.compiler.circuits.synthesis.parity_networks import MAX_WIRES, Beam, Tree
from hepq.compiler.circuits.synthesis.routing import Layer, LayeredCircuit, Place, beams, emitted, layered, plan
from hepq.core.circuits import Circuit, Gate
from hepq.runtime.quantum.device import Coupling, Device
from hepq.runtime.quantum.native import Native


@dataclass(frozen=True)
class Effort:
    """Trees to grow, shapes of them to look at (half for 10 wires and more), and how many of those to search well."""

    samples: int
    shapes: int
    searched: int


_EFFORTS = (Effort(400, 8, 1), Effort(2000, 20, 3), Effort(4000, 40, 5))


def structure_aware(circuit: Circuit, device: Device, *, seed: int = 0, effort: int = 1) -> Native | None:
    """``circuit``, run from |0…0> and measured, in the device's native gates; None where this recipe does not apply.

    It needs layers of ZZ phases (``layered``), at most ``MAX_WIRES`` wires, and couplings by cz, cx, ecr or rzz.
    ``effort`` 0, 1 or 2: a glance, seconds, tens of seconds at 12 wires. Equal arguments give equal results.
    """
    found, couplings = layered(canonical(circuit, sampled=True)), best_couplings(device)
    if found is None or not 2 <= found.qubits <= MAX_WIRES or not couplings or not writable(device):
        return None
    task = _Task(found, device, couplings, seed, _EFFORTS[effort])
    if task.all_to_all:
        return task.scheduled()
    options = sorted(task.glances(), key=lambda o: o.cost)
    tries = beams(effort, seed, found.qubits)
    searched = [task.routed(option.tree, tries) for option in options[: task.effort.searched]]
    best = min((o for o in (*searched, *options) if o is not None), key=lambda o: o.cost, default=None)
    return None if best is None else task.native(best.gates, best.place, *best.ends)


@dataclass(frozen=True)
class _Option:
    """A circuit routed on a tree that stands on ``place`` of the device; where wires are at its start and end."""

    cost: float
    tree: Tree
    place: Place
    gates: tuple[Gate, ...]
    ends: tuple[Place, Place]


@dataclass(frozen=True)
class _Task:
    """A circuit in layers, and what it is to stand on."""

    found: LayeredCircuit
    device: Device
    couplings: Couplings
    seed: int
    effort: Effort

    @cached_property
    def prices(self) -> Costs:
        return costs(self.device, self.couplings)

    def glances(self) -> list[_Option]:
        """The most promising shapes, each routed at a glance."""
        size = self.found.qubits
        expected = sum(len(layer.pairs) + size for layer in self.found.layers) + len(self.found.cx)
        known = shapes(self.prices, size, expected, seed=self.seed, samples=self.effort.samples)

        def promise(tree: Tree) -> float:
            """A guess: long thin shapes need more cx."""
            factor = max(1.0, 1.0 + 0.055 * (int(tree.distances.max()) - 4))
            standing = stand(tree, self.prices, dict.fromkeys(tree.edges, factor * expected / (size - 1)), {})
            return standing[0] if standing else inf

        many = self.effort.shapes // (1 + size // 10)
        ranked = sorted(known, key=promise)[:many]
        longest = sorted(known, key=lambda t: -int(t.distances.max()))[:1]
        tries = beams(-1, self.seed, size)
        options = [self.routed(tree, tries) for tree in dict.fromkeys([*ranked, *longest])]
        return [o for o in options if o is not None]

    def routed(self, tree: Tree, tries: tuple[Beam, ...]) -> _Option | None:
        """The circuit routed on ``tree``, standing where that fails least."""
        planned = plan(tree, self.found, tries)
        if planned is None:
            return None
        gates, end = emitted(tree, self.found, *planned)
        uses = Counter((min(g.qubits), max(g.qubits)) for g in gates if len(g.qubits) == 2)
        standing = stand(tree, self.prices, uses, self._turns(gates, tree))
        return standing and _Option(standing[0], tree, standing[1], gates, (planned[0], end))

    def _turns(self, gates: tuple[Gate, ...], tree: Tree) -> Counter[int]:
        """How many one-qubit gates that are not free each node of the tree gets, were all couplings alike."""
        kind = next(iter(self.couplings.values()))
        alike = {e: Coupling(a=e[0], b=e[1], gate=kind.gate) for e in tree.edges}
        return timed_turns(natively(gates, self.device, alike), self.device)

    def native(self, gates: Iterable[Gate], place: Place, start: Place, end: Place) -> Native:
        """Gates on nodes that stand on ``place``, where wires are at the start and at the end."""
        ops = natively((g.on(place) for g in gates), self.device, self.couplings)
        return Native(
            self.device.name, self.device.calibration, Circuit(self.device.size, self.found.slots, ops),
            tuple(place[q] for q in start), tuple(place[end[wire]] for wire in self.found.outputs),
        )  # fmt: skip

    @property
    def all_to_all(self) -> bool:
        """Whether every two usable qubits are coupled by an rzz, rxx or ms of any angle."""
        usable = sum(q.usable for q in self.device.qubits)
        return turns_any_angle(self.device) and len(self.couplings) == usable * (usable - 1) // 2

    def scheduled(self) -> Native | None:
        """The circuit on the qubits of least readout error; None where the device has too few."""
        usable = [q for q, qubit in enumerate(self.device.qubits) if qubit.usable]
        place = sorted(usable, key=lambda q: (self.device.qubits[q].readout_error or 0.0, q))[: self.found.qubits]
        if len(place) < self.found.qubits:
            return None
        gates: list[Gate] = []
        for item in self.found.items:
            if isinstance(item, Gate):
                gates.append(item)
                continue
            gates += [Gate("rz", (m.bit_length() - 1,), (a,)) for m, a in item.phases.items() if m.bit_count() == 1]
            gates += [Gate("rzz", (a, b), (item.phases[1 << a | 1 << b],)) for a, b in _rounds(item)]
        wires = tuple(range(self.found.qubits))
        return self.native(gates, tuple(place), wires, wires)


def _rounds(layer: Layer) -> list[tuple[int, int]]:
    """Pairs in few rounds in which no wire stands twice: a colouring of the edges."""
    pairs = nx.Graph()
    pairs.add_edges_from((m.bit_length() - 1, (m & -m).bit_length() - 1) for m in layer.pairs)
    colours = nx.greedy_color(nx.line_graph(pairs), strategy="DSATUR")
    ordered = sorted((colour, min(e), max(e)) for e, colour in colours.items())
    return [(a, b) for _, a, b in ordered]
