# SPDX-License-Identifier: Apache-2.0
"""A layered circuit on the qubits of a tree: networks written as cx, phases put where their parity stands."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hepq.compiler.circuits.canonical.layers import Layer, LayeredCircuit
from hepq.compiler.circuits.synthesis.parity_networks import Network, Tree
from hepq.compiler.circuits.synthesis.routing import Place, held_at, place_of
from hepq.core.circuits import Gate


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
