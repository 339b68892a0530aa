# SPDX-License-Identifier: Apache-2.0
"""Circuits too large to simulate, compared where a few gates decide: distributions of some wires at a time.

What is measured on some wires depends on the gates in their light cone alone; every other gate meets its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.check.dense import probabilities
from hepq.core.circuits import Circuit

#: light cones of at most so many wires are simulated; at most so many wires are read at once
WIDEST, READ = 18, 10


@dataclass(frozen=True)
class Compared:
    """``groups``: wires read together; ``largest``: total variation distance of a group's two distributions."""

    groups: tuple[tuple[int, ...], ...]
    largest: float

    @property
    def wires(self) -> int:
        """How many wires some group reads."""
        return len({wire for group in self.groups for wire in group})


def compare(
    sides: tuple[tuple[Circuit, list[int]], tuple[Circuit, list[int]]], values: NDArray[np.float64]
) -> Compared:
    """Two circuits, each with its wires that are read in order, at ``values`` [slots].

    For each wire whose light cone is small on both sides, a group: it and the wires that widen its light cone least.
    """
    cones = [[_reach(circuit, wire) for wire in wires] for circuit, wires in sides]
    groups = tuple(sorted({group for i in range(len(sides[0][1])) if (group := _group(cones, i))}))
    largest = 0.0
    for group in groups:
        one, other = (_marginal(circuit, [wires[i] for i in group], values) for circuit, wires in sides)
        largest = max(largest, float(np.abs(one - other).sum()) / 2)
    return Compared(groups, largest)


def _group(cones: list[list[frozenset[int]]], first: int) -> tuple[int, ...]:
    """Empty if the light cone of ``first`` alone is too wide."""
    group: list[int] = []
    seen: list[frozenset[int]] = [frozenset() for _ in cones]
    while len(group) < READ:
        wider = {
            i: [s | side[i] for s, side in zip(seen, cones, strict=True)]
            for i in (range(len(cones[0])) if group else [first])
            if i not in group
        }
        best = min(wider, key=lambda i: max(map(len, wider[i])), default=None)
        if best is None or max(map(len, wider[best])) > WIDEST:
            break
        group.append(best)
        seen = wider[best]
    return tuple(sorted(group))


def _reach(circuit: Circuit, wire: int) -> frozenset[int]:
    return frozenset(_cone(circuit, [wire])[1])


def _marginal(circuit: Circuit, wires: list[int], values: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
    small, place = _cone(circuit, wires)
    return probabilities(small, values, [place[w] for w in wires])


def _cone(circuit: Circuit, wires: list[int]) -> tuple[Circuit, dict[int, int]]:
    from hepq.runtime.quantum.simulate.observables import cone  # imports torch

    return cone(circuit, set(wires))
