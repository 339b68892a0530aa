# SPDX-License-Identifier: Apache-2.0
"""Parity networks: every pair stands on a qubit at some time, wires come home, counts are near their lower bounds."""

from __future__ import annotations

import numpy as np
import pytest

from hepq.compiler.circuits.synthesis.parity_networks import Beam, Network, Tree, search
from hepq.compiler.circuits.synthesis.routing import beams, held_at, place_of
from tests.support.devices import line
from tests.support.families import pairs

BEAM = Beam(300, 0.25, 1.0, 0.1)
STAR = Tree(6, ((0, 1), (1, 2), (0, 3), (3, 4), (0, 5)))


def masks(found: list[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(1 << a | 1 << b for a, b in found)


def checked(network: Network | None, tree: Tree, wanted: tuple[int, ...]) -> Network:
    assert network is not None
    assert {mask for held in network.held for mask in held} >= set(wanted)
    assert all((a, b) in tree.edges or (b, a) in tree.edges for a, b in network.steps)
    return network


@pytest.mark.parametrize(
    ("tree", "closed", "most"),
    [
        (Tree(4, tuple(line(4))), True, 9),
        (Tree(4, tuple(line(4))), False, 6),
        (Tree(6, tuple(line(6))), True, 23),
        (STAR, True, 20),
        (STAR, False, 15),
    ],
)
def test_all_pairs(tree: Tree, closed: bool, most: int) -> None:
    """n(n-1)/2 cx make all pairs at best, n-1 more bring the wires back."""
    n = tree.size
    wanted = masks(pairs(n, "full"))
    network = search(tree, wanted, [held_at(tuple(range(n)))], closed=closed, beam=BEAM, limit=80)
    assert len(checked(network, tree, wanted).steps) <= most


def test_random_pairs_come_home() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        n = int(rng.integers(3, 8))
        tree = Tree(n, tuple((int(rng.integers(k)), k) for k in range(1, n)))
        wanted = masks([p for p in pairs(n, "full") if rng.random() < 0.4] or [(0, 1)])
        start = held_at(tuple(rng.permutation(n).tolist()))
        network = checked(search(tree, wanted, [start], closed=True, beam=BEAM, limit=90), tree, wanted)
        assert sorted(place_of(network.end)) == list(range(n))
        back = network.reversed
        assert back.end == start
        assert {m for held in back.held for m in held} == {m for held in network.held for m in held}


def test_limit_is_kept_and_nothing_to_do_is_nothing() -> None:
    tree, start = Tree(4, tuple(line(4))), held_at((0, 1, 2, 3))
    assert search(tree, masks(pairs(4, "full")), [start], closed=True, beam=BEAM, limit=8) is None
    assert search(tree, (), [start], closed=True, beam=BEAM, limit=8) == Network(start, ())


def test_other_names_for_wires() -> None:
    network = Network((1, 2, 4), ((0, 1),))
    assert network.relabelled([2, 0, 1]).held == ((4, 1, 2), (4, 5, 2))


@pytest.mark.parametrize(("n", "most"), [(8, 46), (10, 78), (12, 128)])
def test_all_pairs_of_many_wires_are_found_by_a_narrow_beam(n: int, most: int) -> None:
    """What guides the search decides here: misled, it needs more cx or finds nothing."""
    tree, wanted = Tree(n, tuple(line(n))), masks(pairs(n, "full"))
    beam = beams(-1, 0, n)[0]
    network = search(tree, wanted, [held_at(tuple(range(n)))], closed=True, beam=beam, limit=2 * (len(wanted) + n) + 40)
    assert len(checked(network, tree, wanted).steps) <= most
