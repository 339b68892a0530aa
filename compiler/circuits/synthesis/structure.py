# SPDX-License-Identifier: Apache-2.0
"""The structure-aware recipe: layers of ZZ phases kept whole, laid on the best tree of couplings of a device.

Devices that couple all qubits by rzz, rxx or ms get one gate for each pair of a layer, in rounds of disjoint pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import networkx as nx

from hepq.compiler.circuits.canonical import canonical
from hepq.compiler.circuits.layout import costs, shapes, stand
from hepq.compiler.circuits.native import best_couplings, natively, turns_any_angle, writable
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
    if all_to_all(device, couplings):
        return scheduled(found, device, couplings)
    options = sorted(_glances(found, device, couplings, seed, effort), key=lambda o: o.cost)
    searched = [
        _routed(option.tree, found, device, couplings, beams(effort, seed, found.qubits))
        for option in options[: _EFFORTS[effort].searched]
    ]
    best = min((o for o in (*searched, *options) if o is not None), key=lambda o: o.cost, default=None)
    return None if best is None else _native(best, found, device, couplings)


@dataclass(frozen=True)
class _Option:
    """A circuit routed on a tree that stands on ``place`` of the device; where wires are at its start and end."""

    cost: float
    tree: Tree
    place: Place
    gates: tuple[Gate, ...]
    ends: tuple[Place, Place]


def _glances(
    found: LayeredCircuit, device: Device, couplings: Mapping[tuple[int, int], Coupling], seed: int, effort: int
) -> list[_Option]:
    """The most promising shapes, each routed at a glance."""
    prices, size = costs(device, couplings), found.qubits
    expected = sum(len(layer.pairs) + size for layer in found.layers) + len(found.cx)
    known = shapes(prices, size, expected, seed=seed, samples=_EFFORTS[effort].samples)

    def promise(tree: Tree) -> float:
        """A guess: long thin shapes need more cx."""
        factor = max(1.0, 1.0 + 0.055 * (int(tree.distances.max()) - 4))
        standing = stand(tree, prices, dict.fromkeys(tree.edges, factor * expected / (size - 1)), {})
        return standing[0] if standing else inf

    many = _EFFORTS[effort].shapes // (1 + size // 10)
    ranked = sorted(known, key=promise)[:many]
    longest = sorted(known, key=lambda t: -int(t.distances.max()))[:1]
    tries = beams(-1, seed, size)
    options = [_routed(tree, found, device, couplings, tries) for tree in dict.fromkeys([*ranked, *longest])]
    return [o for o in options if o is not None]


def _routed(
    tree: Tree,
    found: LayeredCircuit,
    device: Device,
    couplings: Mapping[tuple[int, int], Coupling],
    tries: tuple[Beam, ...],
) -> _Option | None:
    """The circuit routed on ``tree``, standing where that fails least."""
    planned = plan(tree, found, tries)
    if planned is None:
        return None
    gates, end = emitted(tree, found, *planned)
    uses = Counter((min(g.qubits), max(g.qubits)) for g in gates if len(g.qubits) == 2)
    standing = stand(tree, costs(device, couplings), uses, _turns(gates, tree, device, couplings))
    return standing and _Option(standing[0], tree, standing[1], gates, (planned[0], end))


def _turns(
    gates: tuple[Gate, ...], tree: Tree, device: Device, couplings: Mapping[tuple[int, int], Coupling]
) -> Counter[int]:
    """How many one-qubit gates that are not free each node of the tree gets, were all couplings alike."""
    kind = next(iter(couplings.values()))
    alike = {e: Coupling(a=e[0], b=e[1], gate=kind.gate) for e in tree.edges}
    return Counter(
        g.qubits[0]
        for g in natively(gates, device, alike)
        if isinstance(g, Gate) and len(g.qubits) == 1 and g.name not in device.free
    )


def _native(
    option: _Option, found: LayeredCircuit, device: Device, couplings: Mapping[tuple[int, int], Coupling]
) -> Native:
    moved = [Gate(g.name, tuple(option.place[q] for q in g.qubits), g.angles) for g in option.gates]
    start, end = option.ends
    return Native(
        device=device.name,
        calibration=device.calibration,
        circuit=Circuit(device.size, found.slots, natively(moved, device, couplings)),
        layout=tuple(option.place[q] for q in start),
        measured=tuple(option.place[end[wire]] for wire in found.outputs),
    )


def all_to_all(device: Device, couplings: Mapping[tuple[int, int], Coupling]) -> bool:
    """Whether every two usable qubits are coupled by an rzz, rxx or ms of any angle."""
    usable = sum(q.usable for q in device.qubits)
    return turns_any_angle(device) and len(couplings) == usable * (usable - 1) // 2


def scheduled(found: LayeredCircuit, device: Device, couplings: Mapping[tuple[int, int], Coupling]) -> Native | None:
    """The circuit on the qubits of least readout error; None where the device has too few."""
    usable = [q for q, qubit in enumerate(device.qubits) if qubit.usable]
    place = tuple(sorted(usable, key=lambda q: (device.qubits[q].readout_error or 0.0, q))[: found.qubits])
    if len(place) < found.qubits:
        return None
    gates: list[Gate] = []
    for item in found.items:
        if isinstance(item, Gate):
            gates.append(Gate(item.name, tuple(place[q] for q in item.qubits), item.angles))
            continue
        gates += [Gate("rz", (place[m.bit_length() - 1],), (a,)) for m, a in item.phases.items() if m.bit_count() == 1]
        for a, b in _rounds(item):
            gates.append(Gate("rzz", (place[a], place[b]), (item.phases[1 << a | 1 << b],)))
    return Native(
        device=device.name,
        calibration=device.calibration,
        circuit=Circuit(device.size, found.slots, natively(gates, device, couplings)),
        layout=place,
        measured=tuple(place[wire] for wire in found.outputs),
    )


def _rounds(layer: Layer) -> list[tuple[int, int]]:
    """Pairs in few rounds in which no wire stands twice: a colouring of the edges."""
    pairs = nx.Graph()
    pairs.add_edges_from((m.bit_length() - 1, (m & -m).bit_length() - 1) for m in layer.pairs)
    colours = nx.greedy_color(nx.line_graph(pairs), strategy="DSATUR")
    ordered = sorted((colour, min(e), max(e)) for e, colour in colours.items())
    return [(a, b) for _, a, b in ordered]
