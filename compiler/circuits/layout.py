# SPDX-License-Identifier: Apache-2.0
"""Where on a device a circuit may stand: trees of its good couplings by shape, and the best place for its gates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log

import networkx as nx
import numpy as np

from hepq.compiler.circuits.native import Couplings, best_couplings, polished, timed_turns
from hepq.compiler.circuits.score import score
from hepq.compiler.circuits.synthesis.parity_networks import Tree
from hepq.core.circuits import Gate
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: devices whose qubits have more partners than this on average are crowded: compilers need not see all of them
CROWDED = 8
#: a branch point with more arms only makes the search wider
MAX_DEGREE = 4
_KEPT = 400

Pair = tuple[int, int]


@dataclass(frozen=True)
class Costs:
    """-log(1 - error) of every coupling (a < b), one-qubit gate and readout; ``alone``: qubits without a coupling."""

    couplings: Mapping[Pair, float]
    gates: tuple[float, ...]
    readouts: tuple[float, ...]
    alone: tuple[int, ...] = ()


def costs(device: Device, couplings: Couplings) -> Costs:
    coupled = {q for pair in couplings for q in pair}
    return Costs(
        {pair: _cost(c.error) for pair, c in couplings.items()},
        tuple(_cost(q.error) for q in device.qubits),
        tuple(_cost(q.readout_error) for q in device.qubits),
        tuple(q for q, site in enumerate(device.qubits) if site.usable and q not in coupled),
    )


def _cost(error: float | None) -> float:
    return -log(max(1.0 - (error or 0.0), 1e-6))


def chosen(found: Costs, size: int) -> frozenset[int] | None:
    """Of a crowded device, where everything is beside everything, ``size`` good qubits; None: it is not crowded.

    They grow from the best pair, each time by the qubit with most partners and least cost among those chosen.
    """
    adjacent = _adjacent(found.couplings)
    if 2 * len(found.couplings) <= CROWDED * max(len(adjacent), 1) or size >= len(adjacent):
        return None
    start = min(found.couplings, key=lambda p: (found.couplings[p] + found.readouts[p[0]] + found.readouts[p[1]], p))
    inside = set(start) if size > 1 else {min(adjacent, key=lambda q: (found.readouts[q], q))}
    links, prices = dict.fromkeys(adjacent, 0), dict.fromkeys(adjacent, 0.0)

    def joined(qubit: int) -> None:
        for other in adjacent[qubit]:
            links[other] += 1
            prices[other] += found.couplings[_ordered(qubit, other)]

    for q in sorted(inside):
        joined(q)
    while len(inside) < size:
        best = min(
            (q for q in adjacent if q not in inside),
            key=lambda q: (-links[q], prices[q] / max(links[q], 1) + found.readouts[q], q),
        )
        inside.add(best)
        joined(best)
    return frozenset(inside)


def within(found: Costs, qubits: Collection[int]) -> Costs:
    """What lies between ``qubits`` only."""
    inside = frozenset(qubits)
    kept = {pair: cost for pair, cost in found.couplings.items() if inside.issuperset(pair)}
    return replace(found, couplings=kept, alone=tuple(q for q in found.alone if q in inside))


def shapes(found: Costs, size: int, cx: int, *, seed: int, samples: int) -> tuple[Tree, ...]:
    """Shapes of trees of ``size`` good qubits: distinct, those found first in front.

    Trees grow at random, likelier along couplings and to qubits of small cost; ``cx``: how many to expect.
    """
    adjacent = _adjacent(found.couplings)
    rng, share = np.random.default_rng(seed), cx / max(size - 1, 1)
    seen: dict[frozenset[Pair], None] = {}
    starts = sorted(adjacent, key=lambda q: found.readouts[q])
    for k in range(samples):
        grown = _grown(found, adjacent, starts[k % len(starts)], size, share, rng)
        if grown is not None:
            seen.setdefault(grown)
    return tuple(dict.fromkeys(map(_canonical, seen)))


def _grown(
    found: Costs, adjacent: Mapping[int, Sequence[int]], start: int, size: int, share: float, rng: np.random.Generator
) -> frozenset[Pair] | None:
    inside, degree, edges = {start}, {start: 0}, list[Pair]()
    heat = float(rng.choice([0.02, 0.1, 0.4])) * share**0.5
    while len(inside) < size:
        options = [(u, v) for u in sorted(inside) if degree[u] < MAX_DEGREE for v in adjacent[u] if v not in inside]
        if not options:
            return None
        prices = [share * found.couplings[_ordered(u, v)] + found.readouts[v] for u, v in options]
        least = min(prices)
        chance = np.cumsum([exp((least - p) / heat) for p in prices])
        u, v = options[int(np.searchsorted(chance, rng.random() * chance[-1]))]
        inside.add(v)
        degree[u], degree[v] = degree[u] + 1, 1
        edges.append(_ordered(u, v))
    return frozenset(edges)


def _canonical(edges: frozenset[Pair]) -> Tree:
    """The shape: equal shapes give equal trees (by the codes of Aho, Hopcroft & Ullman)."""
    adjacent = _adjacent(edges)
    order = min((_code(adjacent, c, None), _order(adjacent, c, None)) for c in _centres(adjacent))[1]
    node = {q: k for k, q in enumerate(order)}
    return Tree(len(order), tuple(sorted(_ordered(node[a], node[b]) for a, b in edges)))


def stand(
    tree: Tree, found: Costs, uses: Mapping[Pair, float], turns: Mapping[int, int]
) -> tuple[float, tuple[int, ...]] | None:
    """Where on the device the tree fails least, and -log of the chance that nothing does; None: nowhere.

    Every node is read at its end.
    """
    first = int(tree.distances.max(1).argmin())
    order: list[tuple[int, tuple[int, ...]]] = [(first, ())]
    seen = [(first, first)]
    for node, above in seen:
        new = [(other, node) for other in tree.neighbours[node] if other != above]
        seen += new
        order += [(other, (node,)) for other, node in new]
    placed = _placed(order, found, uses, turns, frozenset(range(tree.size)))
    return placed and (placed[0], tuple(placed[1][node] for node in range(tree.size)))


def stand_graph(
    found: Costs, uses: Mapping[Pair, float], turns: Mapping[int, int], read: Collection[int]
) -> dict[int, int] | None:
    """Where on the device a circuit fails least that couples its qubits as ``uses`` says; None: nowhere.

    ``turns``: one-qubit gates of each qubit. ``read``: those that are measured.
    """
    graph = nx.Graph(list(uses))
    graph.add_nodes_from((*turns, *read))
    order: list[tuple[int, tuple[int, ...]]] = []
    at: set[int] = set()
    pieces = sorted(nx.connected_components(graph), key=lambda p: (-len(p), min(p)))
    for piece in pieces:
        left = set(piece)
        while left:  # next the one with most neighbours that have a place
            node = max(left, key=lambda q: (len(at & set(graph[q])), graph.degree[q], -q))
            order.append((node, tuple(sorted(at & set(graph[node])))))
            at.add(node)
            left.discard(node)
    placed = _placed(order, found, uses, turns, frozenset(read))
    return placed and placed[1]


def _placed(
    order: Sequence[tuple[int, tuple[int, ...]]],
    found: Costs,
    uses: Mapping[Pair, float],
    turns: Mapping[int, int],
    read: frozenset[int],
) -> tuple[float, dict[int, int]] | None:
    """Nodes, each with those before it that it is coupled with, are placed one by one; the ``_KEPT`` cheapest
    beginnings go on.
    """
    adjacent = _adjacent(found.couplings)
    near = {q: frozenset(others) for q, others in adjacent.items()}
    anywhere = sorted({*adjacent, *found.alone})

    def alone(node: int, qubit: int) -> float:
        return turns.get(node, 0) * found.gates[qubit] + (found.readouts[qubit] if node in read else 0.0)

    partial: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    at: dict[int, int] = {}
    for place, (node, before) in enumerate(order):
        longer = [
            (
                cost
                + alone(node, q)
                + sum(uses.get(_ordered(node, o), 0) * found.couplings[_ordered(q, taken[at[o]])] for o in before),
                (*taken, q),
            )
            for cost, taken in partial
            for q in (adjacent[taken[at[before[0]]]] if before else anywhere)
            if q not in taken and all(taken[at[o]] in near[q] for o in before[1:])
        ]
        partial, at[node] = sorted(longer)[:_KEPT], place
    if not partial:
        return None
    cost, taken = partial[0]
    return cost, {node: taken[place] for node, place in at.items()}


def _adjacent(edges: Iterable[Pair]) -> dict[int, list[int]]:
    out: dict[int, list[int]] = defaultdict(list)
    for a, b in sorted(edges):
        out[a].append(b)
        out[b].append(a)
    return out


def _centres(adjacent: Mapping[int, Sequence[int]]) -> list[int]:
    degree = {q: len(others) for q, others in adjacent.items()}
    leaves = [q for q, d in degree.items() if d <= 1]
    left = len(degree)
    while left > 2:
        left -= len(leaves)
        nearer = []
        for leaf in leaves:
            for q in adjacent[leaf]:
                degree[q] -= 1
                if degree[q] == 1:
                    nearer.append(q)
        leaves = nearer
    return sorted(leaves)


def _code(adjacent: Mapping[int, Sequence[int]], q: int, parent: int | None) -> str:
    return "(" + "".join(sorted(_code(adjacent, c, q) for c in adjacent[q] if c != parent)) + ")"


def _order(adjacent: Mapping[int, Sequence[int]], q: int, parent: int | None) -> list[int]:
    """Depth first, branches by code."""
    children = sorted((_code(adjacent, c, q), c) for c in adjacent[q] if c != parent)
    return [q, *(k for _, child in children for k in _order(adjacent, child, q))]


def _ordered(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)


def placed(routed: Native, device: Device, qubits: Collection[int] | None = None) -> Native:
    """``polished``, where the same gates fail least: as it stands, or moved as a whole (within ``qubits``)."""
    first = polished(routed, device)
    found = costs(device, best_couplings(device))
    uses = Counter(
        (min(op.qubits), max(op.qubits)) for op in routed.circuit.ops if isinstance(op, Gate) and len(op.qubits) == 2
    )
    turns = Counter(dict.fromkeys(routed.used, 0))
    turns.update(timed_turns(first.circuit.ops, device))
    where = stand_graph(found if qubits is None else within(found, qubits), uses, turns, routed.measured)
    if where is None:
        return first
    other = polished(routed.on(where), device)
    return max((first, other), key=lambda native: score(native, device).log_esp)
