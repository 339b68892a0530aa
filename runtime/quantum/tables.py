# SPDX-License-Identifier: Apache-2.0
"""A plan's numbers as tensors on one device: phase tables, index permutations, matrices of turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from itertools import pairwise
from math import ceil, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.runtime.quantum.circuit import Angle, Circuit
from hepq.runtime.quantum.fuse import Bit, Phases, Turn, fused

#: phase tables larger than this, in bytes, are kept as two factors over half the wires each
DENSE = 1 << 25
#: most wires that one matrix product turns
WINDOW = 4


@dataclass(frozen=True)
class Key:
    """What tables depend on. ``shared``: slots with one value for all events; ``real``: element type."""

    digest: str
    shared: frozenset[int]
    real: torch.dtype
    device: torch.device
    circuit: Circuit = field(compare=False)


@dataclass(frozen=True)
class Affine:
    """angles = values @ matrix + constant; ``shared``: the same in every event."""

    matrix: Tensor  #: [slots, angles]
    constant: Tensor  #: [angles]
    shared: bool

    def __call__(self, values: Tensor, common: Tensor) -> Tensor:
        """[N or 1, angles]. ``values`` [N, slots]; ``common`` [1, slots]: right at the shared slots."""
        return torch.addmm(self.constant, common if self.shared else values, self.matrix)


@dataclass(frozen=True)
class PhaseTable:
    """Phases in turns of 2π: [2^n, rows] = signs @ angles + fixed, ``signs`` perhaps as high ⊗ low factors.

    ``number``: equal for equal phases. ``gather``, ``scatter``: the permutation after them and its inverse.
    """

    number: int
    angles: Affine | None
    high: Tensor | None  #: [2^high wires, angles]
    low: Tensor  #: [2^low wires, angles]
    fixed: Tensor | None  #: [2^n, 1]
    gather: Tensor | None
    scatter: Tensor | None

    def turns(self, values: Tensor, common: Tensor) -> Tensor | None:
        """[2^n, rows], or None where all are zero."""
        if self.angles is None:
            return self.fixed
        angles = self.angles(values, common).T
        if self.high is None:
            found = self.low @ angles
        else:
            found = (self.low @ (self.high[:, :, None] * angles)).flatten(0, 1)
        return found if self.fixed is None else found + self.fixed


@dataclass(frozen=True)
class TurnTable:
    """``windows``: (lowest wire, ±1 of each wire as in ``turned``, matrix if fixed), the matrix on the wires from
    the lowest on; ``angles``: of the wires of those not fixed, in order."""

    windows: tuple[tuple[int, Tensor, Tensor | None], ...]
    angles: Affine | None


@dataclass(frozen=True)
class Tables:
    qubits: int
    start: int
    layers: tuple[tuple[TurnTable, PhaseTable], ...]


@lru_cache(maxsize=64)
def tables(key: Key) -> Tables:
    """Tables of ``key.circuit``; the last 64 are kept."""
    plan = fused(key.circuit, key.shared)
    numbers: dict[object, int] = {}
    with torch.inference_mode(False):  # what is kept must serve gradients, too
        layers = tuple(
            (_turns(turn, plan.qubits, key), _phases(phases, numbers.setdefault(phases.terms, len(numbers)), key))
            for turn, phases in plan.layers
        )
    return Tables(plan.qubits, plan.start, layers)


def _affine(angles: Sequence[Angle], key: Key) -> Affine:
    matrix = np.zeros((key.circuit.slots, len(angles)))
    for column, angle in enumerate(angles):
        for slot, coefficient in angle.terms:
            matrix[slot, column] = coefficient
    constant = np.array([a.constant for a in angles])
    shared = all(s in key.shared for a in angles for s, _ in a.terms)
    return Affine(_tensor(matrix, key), _tensor(constant, key), shared)


def _tensor(array: NDArray[np.float64], key: Key) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(key.device)


def signs(masks: Iterable[int], wires: range) -> NDArray[np.float64]:
    """(-1)^parity(z & mask) for all basis states z of ``wires`` (their masks' other bits are left out)."""
    z = np.arange(1 << len(wires), dtype=np.uint64) << np.uint64(wires.start)
    return np.array([1.0 - 2.0 * (np.bitwise_count(z & np.uint64(m)) % 2) for m in masks]).reshape(-1, len(z))


def _phases(phases: Phases, number: int, key: Key) -> PhaseTable:
    n = key.circuit.qubits
    dense = len(phases.terms) * 8 << n <= DENSE
    moving = [(m, a) for m, a in phases.terms if not a.fixed]
    fixed = None
    if still := [(m, a) for m, a in phases.terms if a.fixed]:
        fixed = np.zeros(1 << n)
        for mask, angle in still:
            fixed += signs([mask], range(n))[0] * (angle.constant / (-4 * pi))
        fixed = fixed - np.round(fixed)
    split = n if dense else n // 2
    masks = [m for m, _ in moving]
    low = signs(masks, range(split)) / (-4 * pi)
    gather, scatter = _permutation(phases.bits, key) if phases.permutes else (None, None)
    return PhaseTable(
        number,
        _affine([a for _, a in moving], key) if moving else None,
        None if dense else _tensor(signs(masks, range(split, n)).T, key),
        _tensor(low.T, key),
        None if fixed is None else _tensor(fixed[:, None], key),
        gather,
        scatter,
    )


def _permutation(bits: Sequence[Bit], key: Key) -> tuple[Tensor, Tensor]:
    """(gather, scatter): the new state is old[gather], the old one is new[scatter]."""
    z = np.arange(1 << len(bits), dtype=np.uint64)
    scatter = np.zeros(len(z), np.int64)
    for q, (mask, flip) in enumerate(bits):
        scatter |= (np.bitwise_count(z & np.uint64(mask)).astype(np.int64) % 2 ^ flip) << q
    gather = np.empty_like(scatter)
    gather[scatter] = np.arange(len(z))
    return torch.from_numpy(gather).to(key.device), torch.from_numpy(scatter).to(key.device)


def _turns(turn: Turn, n: int, key: Key) -> TurnTable:
    count = max(1, ceil(n / WINDOW))
    edges = [n * i // count for i in range(count + 1)]
    windows, moving = [], list[Angle]()
    for first, last in pairwise(edges):
        inside = {q: (angle, mirror) for q, angle, mirror in turn.wires if first <= q < last}
        if not inside:
            continue
        wires = range(min(inside), max(inside) + 1)
        angles = [inside.get(q, (Angle(), False)) for q in wires]
        mirrors = _tensor(np.array([-1.0 if mirror else 1.0 for _, mirror in angles]), key)
        matrix = None
        if all(a.fixed for a, _ in angles):
            constants = _tensor(np.array([a.constant for a, _ in angles]), key)
            matrix = kron(turned(constants, mirrors)).to(key.real)
        else:
            moving += [a for a, _ in angles]
        windows.append((wires.start, mirrors, matrix))
    return TurnTable(tuple(windows), _affine(moving, key) if moving else None)


def turned(angles: Tensor, mirrors: Tensor) -> Tensor:
    """RY(angle) times diag(1, mirror): [k] -> [k, 2, 2]."""
    c, s = torch.cos(angles / 2), torch.sin(angles / 2)
    return torch.stack((c, -s * mirrors, s, c * mirrors), -1).reshape(-1, 2, 2)


def kron(matrices: Tensor) -> Tensor:
    """The product of [k, 2, 2] over k wires, the first the lowest: [2^k, 2^k]."""
    return reduce(lambda low, high: torch.kron(high, low), matrices.unbind())
