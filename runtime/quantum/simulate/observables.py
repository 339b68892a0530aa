# SPDX-License-Identifier: Apache-2.0
"""Means of Pauli strings: the part of a circuit that they see, and sums over amplitudes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.core.circuits import Circuit
from hepq.runtime.quantum.measure import Observable
from hepq.runtime.quantum.simulate.tables import signs


@dataclass(frozen=True)
class Means:
    """``circuit``: what ``observables`` see of a circuit, on as few wires; slots keep their numbers."""

    circuit: Circuit
    observables: tuple[Observable, ...]

    @cached_property
    def weights(self) -> dict[tuple[int, bool], NDArray[np.float64]]:
        """[observables, 2^wires] for each set of wires to flip and for the product's real or imaginary part."""
        n, found = self.circuit.qubits, dict[tuple[int, bool], NDArray[np.float64]]()
        for row, observable in enumerate(self.observables):
            for coefficient, string in observable:
                flips = sum(1 << w for w, p in string if p in "XY")
                mask = sum(1 << w for w, p in string if p in "YZ")
                ys = sum(p == "Y" for _, p in string)
                # Y = i X Z: P|z> = i^ys (-1)^parity(z & mask) |z ^ flips>
                sign = (1, -1, -1, 1)[ys % 4]
                table = found.setdefault((flips, ys % 2 == 1), np.zeros((len(self.observables), 1 << n)))
                table[row] += coefficient * sign * signs([mask], range(n))[0]
        return found

    @property
    def phases_matter(self) -> bool:
        """Whether the means depend on the amplitudes' phases."""
        return any(p != "Z" for o in self.observables for _, string in o for _, p in string)

    def __call__(self, parts: Tensor) -> Tensor:
        """[observables, N] from amplitudes [1 or 2, 2^wires, N]: real, and imaginary where not all zero."""
        total = parts.new_zeros(len(self.observables), parts.shape[-1])
        for (flips, imaginary), table in self.weights.items():
            flipped = parts
            if flips:
                order = np.arange(parts.shape[1]) ^ flips
                flipped = parts.index_select(1, torch.from_numpy(order).to(parts.device))
            if not imaginary:
                seen = (flipped * parts).sum(0)
            elif len(parts) == 2:
                seen = flipped[0] * parts[1] - flipped[1] * parts[0]
            else:
                continue
            total = total + torch.from_numpy(table).to(parts) @ seen
        return total


def support(circuit: Circuit, observables: Sequence[Observable]) -> Means:
    """How to compute ``observables`` after ``circuit``; the last 64 are kept."""
    plain = tuple(tuple((float(c), tuple((int(w), str(p)) for w, p in s)) for c, s in o) for o in observables)
    return _support(_Key(circuit.digest, plain, circuit))


@dataclass(frozen=True)
class _Key:
    digest: str
    observables: tuple[Observable, ...]
    circuit: Circuit = field(compare=False)


@lru_cache(maxsize=64)
def _support(key: _Key) -> Means:
    circuit, wires = key.circuit.cone({w for o in key.observables for _, string in o for w, _ in string})
    moved = (tuple((c, tuple((wires[w], p) for w, p in string)) for c, string in o) for o in key.observables)
    return Means(circuit, tuple(moved))
