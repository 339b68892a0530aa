# SPDX-License-Identifier: Apache-2.0
"""Where on a device a circuit may stand: trees of its good couplings, grouped by shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import exp, log

import numpy as np

from hepq.compiler.lower.circuit.twine import Tree
from hepq.runtime.quantum.device import Coupling, Device

#: a branch point with more arms only makes the search wider
MAX_DEGREE = 4
_SYMMETRIES = 48

Pair = tuple[int, int]


@dataclass(frozen=True)
class Costs:
    """-log(1 - error) of every coupling (a < b), one-qubit gate and readout that may be used."""

    couplings: Mapping[Pair, float]
    gates: tuple[float, ...]
    readouts: tuple[float, ...]

    def of(self, place: Sequence[int], uses: Mapping[Pair, float], turns: Mapping[int, int]) -> float:
        """-log of the chance that nothing fails: gates by use counts on the tree's nodes, and every readout."""
        two = sum(k * self.couplings[_ordered(place[a], place[b])] for (a, b), k in uses.items())
        one = sum(k * self.gates[place[q]] for q, k in turns.items())
        return two + one + sum(self.readouts[q] for q in place)


def costs(device: Device, couplings: Mapping[Pair, Coupling]) -> Costs:
    return Costs(
        {pair: _cost(c.error) for pair, c in couplings.items()},
        tuple(_cost(q.error) for q in device.qubits),
        tuple(_cost(q.readout_error) for q in device.qubits),
    )


def _cost(error: float | None) -> float:
    return -log(max(1.0 - (error or 0.0), 1e-6))


def shapes(found: Costs, size: int, cx: int, *, seed: int, samples: int) -> dict[Tree, list[tuple[int, ...]]]:
    """Trees of ``size`` good qubits by shape; each region lists the qubit of every node of its shape.

    Trees grow at random, likelier along couplings and to qubits of small cost; ``cx``: how many to expect.
    """
    adjacent: dict[int, list[int]] = defaultdict(list)
    for a, b in found.couplings:
        adjacent[a].append(b)
        adjacent[b].append(a)
    for qubits in adjacent.values():
        qubits.sort()
    rng, share = np.random.default_rng(seed), cx / max(size - 1, 1)
    seen: dict[frozenset[Pair], None] = {}
    starts = sorted(adjacent, key=lambda q: found.readouts[q])
    for k in range(samples):
        grown = _grown(found, adjacent, starts[k % len(starts)], size, share, rng)
        if grown is not None:
            seen.setdefault(grown)
    out: dict[Tree, list[tuple[int, ...]]] = defaultdict(list)
    for edges in seen:
        tree, place = _canonical(edges, starts[0])
        out[tree].append(place)
    return out


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


def _canonical(edges: frozenset[Pair], alone: int) -> tuple[Tree, tuple[int, ...]]:
    """The shape and the qubits in its order: equal shapes give equal trees (Aho, Hopcroft & Ullman's codes)."""
    adjacent: dict[int, list[int]] = defaultdict(list)
    for a, b in edges:
        adjacent[a].append(b)
        adjacent[b].append(a)
    if not edges:
        return Tree(1, ()), (alone,)
    root = min(_centres(adjacent), key=lambda c: (_code(adjacent, c, None), c))
    order = next(_orders(adjacent, root, None))
    node = {q: k for k, q in enumerate(order)}
    links = sorted(_ordered(node[a], node[b]) for a, b in edges)
    return Tree(len(order), tuple(links)), order


def placements(tree: Tree, place: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All ways (the first few of very many) to lay the shape on the same region."""
    adjacent: dict[int, list[int]] = defaultdict(list)
    for a, b in tree.edges:
        adjacent[a].append(b)
        adjacent[b].append(a)
    if tree.size == 1:
        yield tuple(place)
        return
    code = _code(adjacent, 0, None)
    same = [c for c in _centres(adjacent) if _code(adjacent, c, None) == code]
    found = (order for c in same for order in _orders(adjacent, c, None))
    for order in islice(found, _SYMMETRIES):
        yield tuple(place[k] for k in order)


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


def _orders(adjacent: Mapping[int, Sequence[int]], q: int, parent: int | None) -> Iterator[tuple[int, ...]]:
    """Depth-first orders with branches by code; equal branches in every order."""
    by_code: dict[str, list[int]] = defaultdict(list)
    for child in adjacent[q]:
        if child != parent:
            by_code[_code(adjacent, child, q)].append(child)
    for arrangement in product(*(permutations(sorted(by_code[c])) for c in sorted(by_code))):
        children = [child for group in arrangement for child in group]
        for below in product(*(list(_orders(adjacent, child, q)) for child in children)):
            yield (q, *(k for part in below for k in part))


def _ordered(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
