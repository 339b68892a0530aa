# SPDX-License-Identifier: Apache-2.0
"""A plan's numbers as tensors on one device: phase tables, index permutations, matrices of turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepq.core.circuits import Angle, Circuit
from hepq.runtime.quantum.matrices import affine
from hepq.runtime.quantum.simulate.fuse import Bit, Phases, Turn, fused

#: phase tables larger than this, in bytes, are kept as two factors over half the wires each
DENSE = 1 << 25
#: most wires that one matrix product turns; even, so that Hadamards have powers of two, without rounding
WINDOW = 4


@dataclass(frozen=True)
class Key:
    """What tables depend on. ``chunks``: (slots, whether all events share them) of each; ``real``: element type."""

    digest: str
    chunks: tuple[tuple[int, bool], ...]
    real: torch.dtype
    device: torch.device
    circuit: Circuit = field(compare=False)

    @property
    def shared(self) -> frozenset[int]:
        """Slots with one value for all events."""
        flags = [shared for slots, shared in self.chunks for _ in range(slots)]
        return frozenset(slot for slot, shared in enumerate(flags) if shared)


@dataclass(frozen=True)
class Affine:
    """Angles = constant + Σ chunk @ matrix, over the chunks of slots that they depend on."""

    constant: Tensor  #: [angles]
    matrices: tuple[tuple[int, Tensor], ...]  #: chunk, [its slots, angles]

    def __call__(self, chunks: Sequence[Tensor]) -> Tensor:
        """[N, angles]; [1, angles] where they depend on shared slots alone. ``chunks``: [N or 1, slots] each."""
        total = self.constant[None]
        for chunk, matrix in self.matrices:
            total = total + chunks[chunk] @ matrix
        return total


@dataclass(frozen=True)
class PhaseTable:
    """Phases: [2^n, rows] = signs @ angles + fixed, ``signs`` perhaps as high ⊗ low factors.

    ``number``: equal for equal phases. ``gather``, ``scatter``: the permutation after them and its inverse.
    """

    number: int
    angles: Affine | None
    high: Tensor | None  #: [2^high wires, angles]
    low: Tensor  #: [2^low wires, angles]
    fixed: Tensor | None  #: [2^n, 1]
    gather: Tensor | None
    scatter: Tensor | None

    def __call__(self, chunks: Sequence[Tensor]) -> Tensor | None:
        """Radians [2^n, rows], or None where all are zero."""
        if self.angles is None:
            return self.fixed
        angles = self.angles(chunks).T
        if self.high is None:
            found = self.low @ angles
        else:
            found = (self.low @ (self.high[:, :, None] * angles)).flatten(0, 1)
        return found if self.fixed is None else found + self.fixed


@dataclass(frozen=True)
class Window:
    """A matrix on some wires, from wire ``low`` on: fixed, or number ``place[1]`` of the stack ``place[0]``."""

    low: int
    fixed: Tensor | None
    place: tuple[int, int]


@dataclass(frozen=True)
class Stack:
    """Matrices of windows of ``mirrors.shape[1]`` wires each, all made at once; ``angles``: of their wires in order."""

    mirrors: Tensor  #: [windows, wires]
    angles: Affine

    def __call__(self, chunks: Sequence[Tensor]) -> Tensor:
        """[windows, 2^wires, 2^wires]"""
        return turned(self.angles(chunks).reshape(self.mirrors.shape), self.mirrors)


@dataclass(frozen=True)
class Tables:
    qubits: int
    start: int
    stacks: dict[int, Stack]  #: by the number of wires
    layers: tuple[tuple[tuple[Window, ...], PhaseTable], ...]


@lru_cache(maxsize=64)
def tables(key: Key) -> Tables:
    """Tables of ``key.circuit``; the last 64 are kept."""
    plan = fused(key.circuit, key.shared)
    numbers: dict[object, int] = {}
    moving: dict[int, list[list[tuple[Angle, bool]]]] = {}
    with torch.inference_mode(False):  # what is kept must serve gradients, too
        layers = tuple(
            (tuple(_windows(turn, moving, key)), _phases(phases, numbers.setdefault(phases.terms, len(numbers)), key))
            for turn, phases in plan.layers
        )
        stacks = {
            wires: Stack(_mirrors(windows, key), _affine([a for w in windows for a, _ in w], key))
            for wires, windows in moving.items()
        }
    return Tables(plan.qubits, plan.start, stacks, layers)


def _affine(angles: Sequence[Angle], key: Key) -> Affine:
    matrix, constants = affine(angles, key.circuit.slots)
    found, first = [], 0
    for chunk, (slots, _) in enumerate(key.chunks):
        own = matrix[:, first : first + slots]
        first += slots
        if own.any():
            found.append((chunk, _tensor(own.T, key)))
    return Affine(_tensor(constants, key), tuple(found))


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
            fixed += signs([mask], range(n))[0] * (angle.constant / -2)
        fixed = np.remainder(fixed, 2 * pi)
    split = n if dense else n // 2
    masks = [m for m, _ in moving]
    low = signs(masks, range(split)) / -2
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


def _windows(turn: Turn, moving: dict[int, list[list[tuple[Angle, bool]]]], key: Key) -> Iterator[Window]:
    """The matrices of a layer; those that are not fixed are added to ``moving``."""
    for first in range(0, key.circuit.qubits, WINDOW):
        inside = {q: (angle, mirror) for q, angle, mirror in turn.wires if first <= q < first + WINDOW}
        if not inside:
            continue
        low, high = min(inside), max(inside)
        turns = [inside.get(q, (Angle(), False)) for q in range(low, high + 1)]
        if all(a.fixed for a, _ in turns):
            constants = _tensor(np.array([[a.constant for a, _ in turns]]), key)
            yield Window(low, turned(constants, _mirrors([turns], key))[0].to(key.real), (0, 0))
        else:
            batch = moving.setdefault(len(turns), [])
            batch.append(turns)
            yield Window(low, None, (len(turns), len(batch) - 1))


def _mirrors(windows: Sequence[Sequence[tuple[Angle, bool]]], key: Key) -> Tensor:
    return _tensor(np.array([[-1.0 if mirror else 1.0 for _, mirror in turns] for turns in windows]), key)


def turned(angles: Tensor, mirrors: Tensor) -> Tensor:
    """RY(angle) diag(1, mirror) of each wire, multiplied out: [windows, wires] -> [windows, 2^wires, 2^wires]."""
    c, s = torch.cos(angles / 2), torch.sin(angles / 2)
    each = torch.stack((c, -s * mirrors, s, c * mirrors), -1).unbind(1)
    found = each[0].reshape(-1, 2, 2)
    for high in each[1:]:
        size = 2 * found.shape[1]
        found = (high.reshape(-1, 2, 1, 2, 1) * found[:, None, :, None, :]).reshape(-1, size, size)
    return found
