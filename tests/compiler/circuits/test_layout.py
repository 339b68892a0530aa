# SPDX-License-Identifier: Apache-2.0
"""Where circuits stand on a device: costs by hand, and the best place wherever there is one."""

from __future__ import annotations

from itertools import permutations
from math import log

import numpy as np
import pytest

from hepq.compiler.circuits.layout import CROWDED, Costs, chosen, costs, shapes, stand, stand_graph, within
from hepq.compiler.circuits.synthesis.parity_networks import Tree
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from tests.support.devices import everyone, grid

CHAIN = Tree(3, ((0, 1), (1, 2)))


def random_costs(edges: list[tuple[int, int]], seed: int) -> Costs:
    rng, size = np.random.default_rng(seed), 1 + max(q for pair in edges for q in pair)
    gates, readouts = (tuple(float(x) for x in rng.uniform(0.1, 2, size)) for _ in range(2))
    return Costs({pair: float(rng.uniform(0.1, 2)) for pair in edges}, gates, readouts)


def price(
    found: Costs, uses: dict[tuple[int, int], float], turns: dict[int, int], read: set[int], at: tuple[int, ...]
) -> float | None:
    """By definition; None where the circuit couples what the device does not."""
    total = sum(turns.get(node, 0) * found.gates[q] + (node in read) * found.readouts[q] for node, q in enumerate(at))
    for (a, b), times in uses.items():
        coupling = found.couplings.get((min(at[a], at[b]), max(at[a], at[b])))
        if coupling is None:
            return None
        total += times * coupling
    return total


def test_costs_are_logarithms_of_what_does_not_fail() -> None:
    qubits = (Qubit(error=0.1, readout_error=0.2), Qubit(error=0.0), Qubit(error=0.5), Qubit(usable=False))
    couplings = (Coupling(a=1, b=0, gate="cz", error=0.5),)
    chip = Device(name="t", title="T", vendor="v", one_qubit=("rz",), qubits=qubits, couplings=couplings, sources={})
    found = costs(chip, {(0, 1): couplings[0]})
    assert found.couplings == {(0, 1): pytest.approx(log(2))}
    assert found.gates == pytest.approx((-log(0.9), 0, log(2), 0))
    assert found.readouts == pytest.approx((-log(0.8), 0, 0, 0))
    assert found.alone == (2,)


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_stands_where_it_fails_least(seed: int) -> None:
    found, uses, turns = random_costs(grid(2, 3), seed), {(0, 1): 3.0, (1, 2): 1.0}, {0: 4, 1: 1, 2: 0}
    placed = stand(CHAIN, found, uses, turns)
    assert placed is not None
    prices = {at: price(found, uses, turns, {0, 1, 2}, at) for at in permutations(range(6), 3)}
    best = min((p, at) for at, p in prices.items() if p is not None)
    cost, at = placed
    assert cost == pytest.approx(best[0])
    assert at == best[1]


@pytest.mark.parametrize("seed", range(4))
def test_a_circuit_stands_where_it_fails_least(seed: int) -> None:
    """A square and a wire by itself, of which one is not read."""
    found, read = random_costs(grid(2, 3), seed), {0, 1, 2, 4}
    uses, turns = {(0, 1): 3.0, (1, 2): 1.0, (2, 3): 2.0, (0, 3): 1.0}, {0: 2, 3: 5, 4: 1}
    placed = stand_graph(found, uses, turns, read)
    assert placed is not None
    prices = {at: price(found, uses, turns, read, at) for at in permutations(range(6), 5)}
    best = min((p, at) for at, p in prices.items() if p is not None)
    assert tuple(placed[node] for node in range(5)) == best[1]
    assert stand_graph(found, {(0, 1): 1, (1, 2): 1, (0, 2): 1}, {}, read) is None


def test_shapes_grow_along_what_is_cheap() -> None:
    """From the middle of three lines: by the couplings, and by the readouts."""
    lines = [(0, 1), (1, 2), (2, 7), (0, 3), (3, 4), (0, 5), (5, 6)]
    star = Costs({pair: 0.01 if 0 in pair else 9.0 for pair in lines}, (0.0,) * 8, (0.1,) * 8)
    assert degrees(star, samples=1) == [[1, 1, 1, 3]]
    line = Costs(dict.fromkeys(lines, 9.0) | dict.fromkeys(lines[:3], 0.01), (0.0,) * 8, (0.1,) * 8)
    assert degrees(line, samples=1) == [[1, 1, 2, 2]]
    read = Costs(
        dict.fromkeys(lines, 0.01), (0.0,) * 8, (0.0, *(99.0 if q in (3, 4, 5, 6) else 0.1 for q in range(1, 8)))
    )
    assert degrees(read, samples=1) == [[1, 1, 2, 2]]
    even = Costs(dict.fromkeys(lines, 0.01), (0.0,) * 8, (0.1,) * 8)
    assert sorted(degrees(even, samples=100)) == [[1, 1, 1, 3], [1, 1, 2, 2]]
    assert shapes(Costs({(0, 1): 0.1}, (0.0,) * 2, (0.1,) * 2), 3, 1, seed=0, samples=3) == ()


def degrees(found: Costs, samples: int) -> list[list[int]]:
    """Of each shape of four qubits."""
    made = shapes(found, 4, 100, seed=0, samples=samples)
    return [sorted(map(len, tree.neighbours)) for tree in made]


@pytest.mark.parametrize("seed", range(8))
def test_few_good_qubits_of_a_crowded_device(seed: int) -> None:
    found = random_costs(everyone(12), seed)
    assert chosen(random_costs(grid(3, 4), 0), 4) is None
    assert chosen(found, 12) is None
    good = chosen(found, 4)
    assert good is not None

    def total(pair: tuple[int, int]) -> float:
        return found.couplings[pair] + found.readouts[pair[0]] + found.readouts[pair[1]]

    first = min(found.couplings, key=total)
    inside = set(first)
    while len(inside) < 4:
        mean = {
            q: sum(found.couplings[min(p, q), max(p, q)] for p in inside) / len(inside) + found.readouts[q]
            for q in set(range(12)) - inside
        }
        inside.add(min(mean, key=lambda q: mean[q]))
    assert good == inside
    assert chosen(found, 1) == frozenset({int(np.argmin(found.readouts))})
    kept = within(found, good)
    assert set(kept.couplings) == {p for p in found.couplings if good.issuperset(p)}
    assert kept.readouts == found.readouts
    ring = [(q, (q + d) % 20) for q in range(20) for d in range(1, CROWDED // 2 + 1)]
    crowd = random_costs([(min(p), max(p)) for p in ring], 1)
    assert chosen(crowd, 3) is None  # as many partners as are no crowd, and one more
    assert chosen(Costs({**crowd.couplings, (0, 10): 0.1}, crowd.gates, crowd.readouts), 3) is not None
