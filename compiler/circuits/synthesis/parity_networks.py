# SPDX-License-Identifier: Apache-2.0
"""Networks of cx that bring every parity of a layer of ZZ phases to some qubit, found by a beam search.

Instead of moving wires about with swaps, let every qubit of a tree of couplings hold the parity of at most two
wires, such that coupled qubits share a wire: each cx then makes a new parity of two wires (Klaver et al., "SWAP-less
implementation of quantum algorithms", arXiv:2408.10907, for lines; here for any tree and any set of pairs). Counting
"no wire" as one more wire, a qubit holds an edge between two wires and the qubits a spanning tree of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

#: the lookup of parities has 2^(wires + 1) entries
MAX_WIRES = 20
#: a search does not return to states of so many steps before, and ends after so many without progress
_MEMORY, _PATIENCE = 12, 24

Step = tuple[int, int]
_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]
_Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """Qubits 0 … size-1 and the couplings between them, no cycles."""

    size: int
    edges: tuple[Step, ...]

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(b if a == q else a for a, b in self.edges if q in (a, b)) for q in range(self.size))

    @cached_property
    def distances(self) -> _Ints:
        out = np.full((self.size, self.size), self.size)
        np.fill_diagonal(out, 0)
        for a, b in self.edges:
            out[a, b] = out[b, a] = 1
        for k in range(self.size):
            out = np.minimum(out, out[:, k, None] + out[None, k])
        return out

    @cached_property
    def coordinates(self) -> NDArray[np.float32]:
        """Points whose distances are near those along couplings (classical scaling; exact on a line)."""
        centre = np.eye(self.size) - 1 / self.size
        values, vectors = np.linalg.eigh(-0.5 * centre @ self.distances.astype(float) ** 2 @ centre)
        kept = [k for k in np.argsort(values)[::-1][:3] if values[k] > 1e-6]
        return np.asarray(vectors[:, kept] * np.sqrt(values[kept]), np.float32)


@dataclass(frozen=True)
class Network:
    """``start[q]``: the wires whose parity qubit q holds at first, as a bit mask; ``steps``: cx (control, target)."""

    start: tuple[int, ...]
    steps: tuple[Step, ...]

    @cached_property
    def end(self) -> tuple[int, ...]:
        return self.held[-1]

    @cached_property
    def held(self) -> tuple[tuple[int, ...], ...]:
        """What every qubit holds before each step and after the last."""
        now = list(self.start)
        out = [tuple(now)]
        for a, b in self.steps:
            now[b] ^= now[a]
            out.append(tuple(now))
        return tuple(out)

    @property
    def reversed(self) -> Network:
        return Network(self.end, self.steps[::-1])

    def relabelled(self, wires: Sequence[int]) -> Network:
        """The same steps for other wires: wire i becomes ``wires[i]``."""

        def moved(mask: int) -> int:
            return sum(1 << to for i, to in enumerate(wires) if mask >> i & 1)

        return Network(tuple(map(moved, self.start)), self.steps)


@dataclass(frozen=True)
class Beam:
    """How to search: states kept per step, the pull between wires not yet paired, how it grows with distance, and
    the weight of wires to bring back beside that of parities to come."""

    width: int = 400
    pull: float = 0.25
    power: float = 1.0
    back: float = 0.5
    seed: int = 0


class _Goal:
    """What is still to do in many states at once; a state is the edges that qubits hold, as masks of two bits."""

    def __init__(self, tree: Tree, parities: Sequence[int], closed: bool, beam: Beam) -> None:
        self.n, self.root, self.closed, self.beam = tree.size, 1 << tree.size, closed, beam
        self.coordinates = tree.coordinates
        #: edge -> its place among the parities; those not wanted: one beyond the last
        self.number = np.full(2 * self.root, len(parities), np.int64)
        self.number[self.edges(parities)] = range(len(parities))
        self.bits = np.arange(self.n + 1)[None, :, None]
        ends = [[q for q in range(self.n + 1) if m >> q & 1] for m in self.edges(parities)]
        self.ends = np.array(ends, np.int64).reshape(-1, 2).T

    def edges(self, masks: Sequence[int]) -> list[int]:
        """Masks of one wire get the root as their second end."""
        return [m if m.bit_count() == 2 else m | self.root for m in masks]

    def left(self, state: _Ints, due: _Bools) -> tuple[_Ints, _Reals]:
        """A lower bound of the cx still needed, and that plus a guess at how far things are from one another."""
        singles = np.bitwise_or.reduce(np.where(state & self.root, state ^ self.root, 0), axis=1)
        away = (singles[:, None] >> np.arange(self.n) & 1 == 0) & self.closed
        to_come, to_bring = due.sum(1), away.sum(1)
        holders = (state[:, None, :] >> self.bits & 1).astype(np.float32)
        shares = (holders / np.maximum(holders.sum(2, keepdims=True), 1)).reshape(-1, self.n)
        gaps = np.float32(-0.5)
        for axis in self.coordinates.T:
            means = (shares @ axis).reshape(len(state), -1)
            gaps = gaps + np.abs(means[:, self.ends[0]] - means[:, self.ends[1]])
        apart = np.einsum("ij,ij->i", np.maximum(gaps, 0) ** np.float32(self.beam.power), due[:, :-1])
        return to_come + to_bring, to_come + self.beam.back * to_bring + self.beam.pull * apart


def search(
    tree: Tree, parities: Sequence[int], starts: Sequence[Sequence[int]], *, closed: bool, beam: Beam, limit: int
) -> Network | None:
    """The shortest network found, below ``limit`` steps, that holds each of ``parities`` (masks) at some time.

    ``starts``: what qubits may hold at first. ``closed``: at the end every qubit holds one wire again. One cx makes
    at most one wanted parity, so that (parities to come + wires to bring back) never overestimates what is left.
    """
    goal, rng = _Goal(tree, parities, closed, beam), np.random.default_rng(beam.seed)
    moves = np.array([*tree.edges, *((b, a) for a, b in tree.edges)])
    beside = [[u for u in tree.neighbours[b] if u != a] for a, b in moves]
    state = np.array([goal.edges(s) for s in starts], np.int64)
    due = np.ones((len(state), len(parities) + 1), bool)
    due[:, -1] = False
    due[np.arange(len(state))[:, None], goal.number[state]] = False
    salt, tag = (rng.integers(1, 2**63, size, dtype=np.uint64) for size in (tree.size, len(parities) + 1))
    keys = (state.astype(np.uint64) * salt).sum(1) + (due * tag).sum(1)
    seen = deque([keys], maxlen=_MEMORY)
    history: list[tuple[_Ints, _Ints]] = []
    bound, value = goal.left(state, due)
    least, since = float(value.min()), 0
    while bound.all() and since < _PATIENCE:
        made = state[:, moves[:, 0]] ^ state[:, moves[:, 1]]
        fits = np.bitwise_count(made) == 2
        for k, others in enumerate(beside):
            for u in others:
                fits[:, k] &= np.bitwise_count(made[:, k] ^ state[:, u]) <= 2
        parent, move = np.nonzero(fits)
        made, target = made[parent, move], moves[move, 1]
        found = goal.number[made]
        change = (made - state[parent, target]).astype(np.uint64) * salt[target]
        change -= np.where(due[parent, found], tag[found], np.uint64(0))
        keys, first = np.unique(keys[parent] + change, return_index=True)
        new = ~np.isin(keys, np.concatenate(seen))
        keys, first = keys[new], first[new]
        if not len(keys):
            return None
        parent, move, row = parent[first], move[first], np.arange(len(first))
        state, due = state[parent], due[parent]
        state[row, target[first]] = made[first]
        due[row, found[first]] = False
        bound, value = goal.left(state, due)
        value[bound + len(history) + 1 >= limit] = np.inf
        kept = np.argsort(value, kind="stable")[: beam.width]
        kept = kept[np.isfinite(value[kept])]
        if not len(kept):
            return None
        state, due, keys, bound = state[kept], due[kept], keys[kept], bound[kept]
        seen.append(keys)
        history.append((parent[kept], move[kept]))
        since = 0 if value[kept[0]] < least else since + 1
        least = min(least, float(value[kept[0]]))
    return None if bound.all() else _traced(int(bound.argmin()), history, moves, starts)


def _traced(at: int, history: list[tuple[_Ints, _Ints]], moves: _Ints, starts: Sequence[Sequence[int]]) -> Network:
    path: list[Step] = []
    for parent, move in reversed(history):
        a, b = moves[move[at]].tolist()
        path.append((a, b))
        at = int(parent[at])
    return Network(tuple(starts[at]), tuple(path[::-1]))
