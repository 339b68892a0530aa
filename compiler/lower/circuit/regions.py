# SPDX-License-Identifier: Apache-2.0
"""Where on a device a circuit may stand: trees of its good couplings, grouped by shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from hepq.compiler.lower.circuit.twine import Tree
from hepq.runtime.quantum.device import Coupling, Device

#: a branch point with more arms only makes the search wider
MAX_DEGREE = 4
_KEPT = 400

Pair = tuple[int, int]


@dataclass(frozen=True)
class Costs:
    """-log(1 - error) of every coupling (a < b), one-qubit gate and readout that may be used."""

    couplings: Mapping[Pair, float]
    gates: tuple[float, ...]
    readouts: tuple[float, ...]


def costs(device: Device, couplings: Mapping[Pair, Coupling]) -> Costs:
    return Costs(
        {pair: _cost(c.error) for pair, c in couplings.items()},
        tuple(_cost(q.error) for q in device.qubits),
        tuple(_cost(q.readout_error) for q in device.qubits),
    )


def _cost(error: float | None) -> float:
    return -log(max(1.0 - (error or 0.0), 1e-6))


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

    Nodes are placed one by one, each beside the one it hangs on; the ``_KEPT`` cheapest beginnings go on.
    """
    adjacent = _adjacent(found.couplings)

    def alone(node: int, qubit: int) -> float:
        return turns.get(node, 0) * found.gates[qubit] + found.readouts[qubit]

    order = _outwards(tree)
    partial: list[tuple[float, tuple[int, ...]]] = [(alone(order[0][0], q), (q,)) for q in sorted(adjacent)]
    at = {order[0][0]: 0}
    for place, (node, above) in enumerate(order[1:], 1):
        weight = uses.get(_ordered(node, above), 0)
        longer = [
            (cost + weight * found.couplings[_ordered(q, taken[at[above]])] + alone(node, q), (*taken, q))
            for cost, taken in partial
            for q in adjacent[taken[at[above]]]
            if q not in taken
        ]
        partial, at[node] = sorted(longer)[:_KEPT], place
    if not partial:
        return None
    cost, taken = partial[0]
    return cost, tuple(taken[at[node]] for node in range(tree.size))


def _outwards(tree: Tree) -> list[tuple[int, int]]:
    """Nodes from a centre outwards, each with the one it hangs on."""
    first = int(tree.distances.max(1).argmin())
    order = [(first, first)]
    for node, above in order:
        order += [(other, node) for other in tree.neighbours[node] if other != above]
    return order


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
