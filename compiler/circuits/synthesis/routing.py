# SPDX-License-Identifier: Apache-2.0
"""Circuits as layers of phases on pairs, and these on a tree of qubits: networks that start where the last one ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.synthesis.parity_networks import Beam, Network, Tree, search
from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op


@dataclass(frozen=True)
class Layer:
    """Phases on parities of one or two wires, by bit mask."""

    phases: dict[int, Angle]

    @property
    def pairs(self) -> tuple[int, ...]:
        return tuple(m for m in self.phases if m.bit_count() == 2)


@dataclass(frozen=True)
class LayeredCircuit:
    """``items`` in order: layers, gates on one wire and cx. ``outputs[i]``: the wire that ends as the source's i."""

    qubits: int
    slots: int
    items: tuple[Layer | Gate, ...]
    outputs: tuple[int, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that need two-qubit gates."""
        return tuple(item for item in self.items if isinstance(item, Layer) and item.pairs)

    @property
    def uniform_start(self) -> bool:
        """Whether every wire is in |+> before the first layer of pairs: linear maps of basis states do not touch it."""
        before = self.items[: self.items.index(self.layers[0])]
        return sorted((g.name, g.qubits) for g in before if isinstance(g, Gate)) == [
            ("h", (q,)) for q in range(self.qubits)
        ] and not any(isinstance(item, Layer) for item in before)

    @property
    def cx(self) -> tuple[tuple[int, int], ...]:
        return tuple((g.qubits[0], g.qubits[1]) for g in self.items if isinstance(g, Gate) and len(g.qubits) == 2)


def layered(circuit: Circuit) -> LayeredCircuit | None:
    """``circuit`` (canonical) in layers; None without a layer of pairs, or with barriers or gates that fit in none."""
    wire = list(range(circuit.qubits))
    items: list[Layer | Gate] = []
    for op in circuit.ops:
        if isinstance(op, Gate) and op.name == "swap":
            a, b = op.qubits
            wire[a], wire[b] = wire[b], wire[a]
            continue
        moved: Op = op.on(wire)
        if isinstance(moved, Diagonal):
            if any(len(s) > 2 for s, _ in moved.terms):
                return None
            items.append(Layer({sum(1 << q for q in s): a for s, a in moved.terms}))
        elif isinstance(moved, Gate) and (len(moved.qubits) == 1 or moved.name == "cx"):
            items.append(moved)
        else:
            return None
    found = LayeredCircuit(circuit.qubits, circuit.slots, tuple(items), tuple(wire))
    return found if found.layers else None


#: where the wires stand: ``place[w]`` is the qubit of the tree that holds wire w
Place = tuple[int, ...]
#: what every qubit holds
Masks = tuple[int, ...]
#: pull, power, back: those that did best on lines, stars and combs of 8 and 12 qubits
_PARAMETERS = (
    (0.08, 1.0, 0.1),
    (0.25, 1.0, 0.1),
    (0.15, 1.0, 0.3),
    (0.25, 1.0, 0.3),
    (0.08, 1.5, 0.2),
    (0.4, 1.0, 0.1),
)


def beams(effort: int, seed: int, wires: int) -> tuple[Beam, ...]:
    """Searches to try, from a glance (-1) to thorough (2); few wires are searched more widely."""
    width, tries, repeats = {-1: (100, 2, 1), 0: (150, 3, 1), 1: (300, 6, 1)}.get(effort, (800, 6, 2))
    width = min(width * max(144 // wires**2, 1), 3000)
    return tuple(Beam(width, *p, seed + k) for k in range(repeats) for p in _PARAMETERS[:tries])


def place_of(held: Sequence[int]) -> Place:
    """Where the wires stand when every qubit holds one."""
    return tuple(held.index(1 << w) for w in range(len(held)))


def held_at(place: Place) -> Masks:
    """What qubits hold when the wires stand so."""
    wire = np.argsort(place)
    return tuple(1 << int(w) for w in wire)


def plan(tree: Tree, circuit: LayeredCircuit, tries: tuple[Beam, ...]) -> tuple[Place, tuple[Network, ...]] | None:
    """The wires' first places and a network for each layer of pairs, short in all; None: no network was found.

    A layer right after |+…+> needs no start: its network runs backwards from where it ends, and its first state,
    whatever it is, costs nothing, since linear maps of basis states leave |+…+> alone.
    """
    layers, starts = circuit.layers, _starts(tree, circuit, tries[0].seed)
    free = circuit.uniform_start
    first = _network(tree, _key(layers[0]), starts, not free, tries)
    if first is None:
        return None
    networks = [first.reversed if free else first]
    for layer in layers[1:]:
        found = _next(tree, layers, networks, layer, tries)
        if found is None:
            return None
        networks.append(found)
    return place_of(networks[0].end if free else networks[0].start), tuple(networks)


def _next(
    tree: Tree, layers: Sequence[Layer], networks: Sequence[Network], layer: Layer, tries: tuple[Beam, ...]
) -> Network | None:
    here = networks[-1].end
    for known, network in zip(layers, networks, strict=False):
        if _key(known) == _key(layer) and network.end == here and all(m.bit_count() == 1 for m in network.start):
            return network.reversed
    if len(layer.pairs) == tree.size * (tree.size - 1) // 2:  # all pairs: any place is as good, names do not matter
        canonical = _network(tree, _key(layer), (held_at(tuple(range(tree.size))),), True, tries)
        return canonical and canonical.relabelled([m.bit_length() - 1 for m in here])
    return _network(tree, _key(layer), (here,), True, tries)


@lru_cache(maxsize=4096)
def _network(
    tree: Tree, parities: Masks, starts: tuple[Masks, ...], closed: bool, tries: tuple[Beam, ...]
) -> Network | None:
    best = _brought_home(tree, _network(tree, parities, starts, False, tries), tries) if closed else None
    for beam in tries:
        limit = len(best.steps) if best else 2 * (len(parities) + tree.size) + 40
        best = search(tree, parities, starts, closed=closed, beam=beam, limit=limit) or best
    return best


def _brought_home(tree: Tree, network: Network | None, tries: tuple[Beam, ...]) -> Network | None:
    """A network with steps added after which every qubit holds one wire."""
    if network is None:
        return None
    rest = search(tree, (), (network.end,), closed=True, beam=tries[-1], limit=4 * tree.size)
    return rest and Network(network.start, network.steps + rest.steps)


def _key(layer: Layer) -> Masks:
    return tuple(sorted(layer.pairs))


def _starts(
    tree: Tree, circuit: LayeredCircuit, seed: int, tries: int = 64, kept: int = 12
) -> tuple[tuple[int, ...], ...]:
    """Places in which wires that interact are near one another, by random exchanges that bring them nearer."""
    n, rng = tree.size, np.random.default_rng(seed)
    masks = [m for layer in circuit.layers for m in layer.pairs]
    ends = [[q for q in range(n) if m >> q & 1] for m in masks] + [list(pair) for pair in circuit.cx]
    if len(set(masks)) == n * (n - 1) // 2 and not circuit.cx:
        return (held_at(tuple(range(n))),)
    a, b = np.array(ends).T
    distance = tree.distances.astype(float) ** 1.5

    def cost(place: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(distance[place[:, a], place[:, b]].sum(1))

    place = np.stack([np.arange(n), *(rng.permutation(n) for _ in range(tries - 1))])
    now, row = cost(place), np.arange(tries)
    for _ in range(40 * n):
        i, j = rng.integers(n, size=(2, tries))
        moved = place.copy()
        moved[row, i], moved[row, j] = place[row, j], place[row, i]
        then = cost(moved)
        better = then <= now
        place[better], now[better] = moved[better], then[better]
    order = np.argsort(now, kind="stable")
    distinct = dict.fromkeys(held_at(tuple(place[k].tolist())) for k in order)
    return tuple(distinct)[:kept]


def emitted(
    tree: Tree, circuit: LayeredCircuit, place: Place, networks: Sequence[Network]
) -> tuple[tuple[Gate, ...], Place]:
    """Gates on one qubit and cx on couplings of the tree; where the wires stand at the end."""
    gates: list[Gate] = []
    queue = iter(networks)
    for item in circuit.items:
        if isinstance(item, Gate) and len(item.qubits) == 1:
            gates.append(Gate(item.name, (place[item.qubits[0]],), item.angles))
        elif isinstance(item, Gate):
            a, b = (place[q] for q in item.qubits)
            gates += [Gate("cx", step) for step in _at_distance(_path(tree, a, b))]
        elif not item.pairs:
            gates += _phases(Network(held_at(place), ()), item)[0]
        else:
            network = next(queue)
            phases = _phases(network, item)
            for time, step in enumerate(network.steps):
                gates += [*phases[time], Gate("cx", step)]
            gates += phases[-1]
            place = place_of(network.end)
    return tuple(gates), place


def _phases(network: Network, layer: Layer) -> list[list[Gate]]:
    """The rz before each step and after the last, each where its parity stands.

    A qubit that is only a target before and after pays two sx for an rz between; one that is a control in between
    pays them anyway.
    """
    out: list[list[Gate]] = [[] for _ in range(len(network.steps) + 1)]
    best: dict[int, tuple[bool, int, int]] = {}
    since, control = [0] * len(network.start), [False] * len(network.start)

    def note(qubit: int, parity: int) -> None:
        found = (not control[qubit], since[qubit], qubit)
        best[parity] = min(best.get(parity, found), found)

    for time, (a, b) in enumerate(network.steps):
        control[a] = True
        note(b, network.held[time][b])
        since[b], control[b] = time + 1, False
    for qubit, parity in enumerate(network.end):
        note(qubit, parity)
    for parity, angle in layer.phases.items():
        _, time, qubit = best[parity]
        out[time].append(Gate("rz", (qubit,), (angle,)))
    return out


def _path(tree: Tree, a: int, b: int) -> list[int]:
    path = [a]
    while path[-1] != b:
        path.append(min(tree.neighbours[path[-1]], key=lambda q: tree.distances[q, b]))
    return path


def _at_distance(path: Sequence[int]) -> list[tuple[int, int]]:
    """A cx from the path's first qubit to its last: one over a coupling, 4(d - 1) over d of them."""
    steps = list(pairwise(path))
    inner = steps[1:]
    carried = [*inner[::-1], steps[0], *inner]
    undone = [*inner[-2::-1], steps[0], *inner[:-1]] if inner else []
    return carried + undone
