# SPDX-License-Identifier: Apache-2.0
"""Stages, tiles and memory.

Nodes that share their first, ragged dim and read each other only at their own entry of it form one
*stage*: one loop over tiles of a few entries, in which every node of the stage runs back to back on
data that stays in cache. A node that reads an operand at other entries (neighbours, a sum over
particles) starts a later stage. Values without such a dim are computed once per event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.node import Module, Node, made_by
from hepq.compiler.lower.cpu.inline import Inlining
from hepq.compiler.lower.cpu.layout import (
    LINE,
    SPACES,
    capacity,
    floats,
    kept_as,
    lanes_for,
    pitch_capacity,
    round_up,
    sort_row,
)
from hepq.compiler.lower.cpu.prepare import LARGEST_MADE, LoweringError, matrix_product, too_large
from hepq.core.ops.table import ROWS, SEGMENT
from hepq.core.types import Dim

Key = tuple[str, int]
#: floats that the widest value of a tile may take: with its neighbours it stays in the second-level cache
TILE_FLOATS = 32 * 1024
MAX_ROWS = 64
#: rows that a matrix product may compute beyond the last
ROW_SLACK = 16


@dataclass(frozen=True)
class Stage:
    """``tile``: the dim whose entries are taken ``rows`` at a time; None: once per event. ``made``: dims whose entries
    stages before have chosen.
    """

    tile: Dim | None
    rows: int
    nodes: tuple[Node, ...]
    made: tuple[Dim, ...] = ()


@dataclass(frozen=True)
class Slot:
    """Where a value starts, in numbers of its scratch memory. ``tiled``: holds one tile only."""

    offset: int
    tiled: bool = False


@dataclass(frozen=True)
class Plan:
    stages: tuple[Stage, ...]
    inlining: Inlining
    slots: Mapping[Node, Slot]
    #: in each of the scratch memories
    temporaries: Mapping[Node, tuple[Slot, ...]]
    #: where in iscratch the number of entries is of dims that operations make
    counts: Mapping[Dim, int]
    scratch_floats: int
    iscratch_ints: int
    lscratch_ints: int
    slack: int


def make_plan(module: Module, width: int) -> Plan:
    """Decides everything but the instructions. ``width``: float32 numbers per vector register.

    Raises LoweringError if an event needs more scratch memory than 32-bit offsets reach, or a value over a dim that the
    event makes more than ``LARGEST_MADE``.
    """
    inlining = Inlining.of(module)
    stored = [n for n in module.walk() if inlining.stored(n) and n.op != "param"]
    reads = {n: list(_reads(n, inlining)) for n in stored}
    stages, stage_of = _stages(stored, reads)
    made = _made(stages)
    for node in stored:
        _check_made(node, made, width)
    stages = tuple(
        Stage(s.tile, _tile_rows(s, width), s.nodes, tuple(d for d, first in made.items() if first < i))
        for i, s in enumerate(stages)
    )
    memory = _Memory(width)
    counts = {dim: memory.place(1, 1, 0, len(stored)).offset for dim in made}
    _allocate(module, stages, stage_of, reads, inlining, memory)
    if max(memory.sizes) >= 2**31 - 2**20:
        raise LoweringError(f"one event needs {max(memory.sizes) * 4 / 2**30:.1f} GiB of scratch memory: lower a bound")
    sizes = [round_up(s + memory.slack, LINE) for s in memory.sizes]
    return Plan(stages, inlining, memory.slots, memory.temporaries, counts, sizes[0], sizes[1], sizes[2], memory.slack)


def _made(stages: Sequence[Stage]) -> dict[Dim, int]:
    """Dims whose entries an operation chooses, and the stage after which their number is known."""
    found: dict[Dim, int] = {}
    for i, stage in enumerate(stages):
        for dim in filter(None, map(made_by, stage.nodes)):
            found.setdefault(dim, i)
    return found


def _check_made(node: Node, made: Mapping[Dim, int], width: int) -> None:
    """Raises LoweringError for a value that its made dims make too large."""
    size = 4 * floats(node.type.dims, width)
    mine = [d for d in node.type.dims if d.base in made]
    if mine and size > LARGEST_MADE:
        raise LoweringError(f"a value {too_large(mine, size)}")


#: what is computed once per event even if its first dim is ragged
_WHOLE = {"knn", "input", *SEGMENT, *ROWS} - {"number"}


def tile_dim(node: Node) -> Dim | None:
    dims = node.type.dims
    if not dims or not dims[0].ragged or node.op in _WHOLE:
        return None
    return None if node.op == "cumsum" and node["over"].key == dims[0].key else dims[0]


def _reads(node: Node, inlining: Inlining) -> Iterator[tuple[Node, bool]]:
    """Stored nodes that ``node`` reads; True where only at its own entry of the tile dim.

    What makes a dim is read in later stages: only those know how many entries it has.
    """
    tile = tile_dim(node)
    todo: list[tuple[Node, Key | None]] = [(node, tile.key if tile else None)]
    seen: set[tuple[Node, Key | None]] = set()
    while todo:
        user, key = todo.pop()
        for position, operand in enumerate(user.operands):
            inner = _key_in_operand(user, position, key)
            if not inlining.stored(operand):
                if (operand, inner) not in seen:
                    seen.add((operand, inner))
                    todo.append((operand, inner))
            elif operand.op != "param":
                theirs = tile_dim(operand)
                if theirs is None or tile is None:
                    yield operand, theirs is tile and made_by(operand) is None
                else:
                    yield operand, inner == theirs.key == tile.key


def _key_in_operand(node: Node, position: int, key: Key | None) -> Key | None:
    """The operand's dim that is indexed by ``node``'s index of dim ``key`` itself; None if no dim is."""
    if all(key != d.key for d in node.type.dims):  # the loop over it is outside: operands are read at all its entries
        return None
    if node.op == "rename":
        return node["src"].key if key == node["dst"].key else key
    if node.op == "gather" and position == 0:
        return None if key == node.operands[1].type.into.key else key  # type: ignore[union-attr]
    if node.op in ("slice", "window"):
        return None if key in (node["dst"].key, node["dim"].key) else key
    return key


def _stages(
    stored: list[Node], reads: Mapping[Node, list[tuple[Node, bool]]]
) -> tuple[tuple[Stage, ...], dict[Node, int]]:
    level: dict[Node, int] = {}
    groups: dict[tuple[int, Key], list[Node]] = defaultdict(list)
    for node in stored:
        level[node] = max((level[o] + (not local) for o, local in reads[node]), default=0)
        tile = tile_dim(node)
        groups[level[node], tile.key if tile else ("", 0)].append(node)
    ordered = [groups[k] for k in sorted(groups)]
    stages = tuple(Stage(tile_dim(nodes[0]), 0, tuple(nodes)) for nodes in ordered)
    return stages, {n: i for i, s in enumerate(stages) for n in s.nodes}


def _tile_rows(stage: Stage, width: int) -> int:
    """Entries per tile: as many as keep the widest value in cache; a power of two, so that tiles align."""
    if stage.tile is None:
        return 0
    widest = max(floats(n.type.dims[1:], width) for n in stage.nodes)
    rows = MAX_ROWS
    while rows > 1 and rows * widest > TILE_FLOATS:
        rows //= 2
    return rows


class _Memory:
    """First fit over lifetimes, one address space for floats and one for ints."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.slots: dict[Node, Slot] = {}
        self.temporaries: dict[Node, tuple[Slot, ...]] = {}
        self.sizes = [0] * len(SPACES)
        self.slack = LINE
        self._taken: tuple[list[tuple[int, int, int, int]], ...] = tuple([] for _ in SPACES)

    def place(self, space: int, size: int, first: int, last: int, tiled: bool = False) -> Slot:
        size, offset = round_up(max(size, 1), LINE), 0
        for start, end, begin, finish in sorted(self._taken[space]):
            if begin <= last and first <= finish:
                if offset + size <= start:
                    break
                offset = max(offset, end)
        self._taken[space].append((offset, offset + size, first, last))
        self.sizes[space] = max(self.sizes[space], offset + size)
        return Slot(offset, tiled)


def _allocate(
    module: Module,
    stages: tuple[Stage, ...],
    stage_of: Mapping[Node, int],
    reads: Mapping[Node, list[tuple[Node, bool]]],
    inlining: Inlining,
    memory: _Memory,
) -> None:
    time = {n: t for t, n in enumerate(n for s in stages for n in s.nodes)}
    first = [time[s.nodes[0]] for s in stages]
    final = [time[s.nodes[-1]] for s in stages]
    outputs = set(module.outputs.values())
    readers: dict[Node, list[Node]] = defaultdict(list)
    for node in stages_nodes(stages):
        for operand, _ in reads[node]:
            readers[operand].append(node)
    kept = {o for n in outputs for o in _output_sources(n, stage_of)}
    for node in stages_nodes(stages):
        here = stage_of[node]
        stage = stages[here]
        tiled = stage.tile is not None and node not in kept and all(stage_of[r] == here for r in readers[node])
        if tiled:
            begin, end = time[node], max((time[r] for r in readers[node]), default=time[node])
        else:
            begin = 0 if node.op == "input" else time[node] if stage.tile is None else first[here]
            ends = [time[r] if stages[stage_of[r]].tile is None else final[stage_of[r]] for r in readers[node]]
            end = len(time) if node in kept else max([time[node] if stage.tile is None else final[here], *ends])
        dims, width = node.type.dims, memory.width
        size = floats(dims, width, min(stage.rows, capacity(dims[0])) if tiled else None) + width
        if product := inlining.product(node):
            overrun = _product_overrun(product, width)
            size += overrun
            memory.slack = max(memory.slack, overrun)
        memory.slots[node] = memory.place(SPACES.index(kept_as(node)), size, begin, end, tiled)
        if node.op in TEMPORARIES:
            sizes = TEMPORARIES[node.op](node, width)
            memory.temporaries[node] = tuple(
                memory.place(space, size, time[node], time[node]) for space, size in enumerate(sizes)
            )


def _product_overrun(product: Node, width: int) -> int:
    """Floats that a matrix product may read or write beyond its last row."""
    plan = matrix_product(product)
    if plan is None or prod(capacity(d) for d in plan.rows) == 1:
        return 0
    return ROW_SLACK * max(floats(plan.cols, width), pitch_capacity(product.operands[0].type.dims[-1], width))


def stages_nodes(stages: tuple[Stage, ...]) -> Iterator[Node]:
    for stage in stages:
        yield from stage.nodes


def _output_sources(node: Node, stage_of: Mapping[Node, int]) -> Iterator[Node]:
    """Stored nodes that copying output ``node`` reads."""
    if node in stage_of:
        yield node
    else:
        for operand in node.operands:
            yield from _output_sources(operand, stage_of)


def _knn_temporaries(node: Node, width: int) -> tuple[int, int, int]:
    row = round_up(capacity(node["over"]), lanes_for(node["over"], width)) + width
    distances = 2 if as_read(node.operands[0]) else 1
    return (capacity(node["coord"]) + distances) * row, row, 1


def _sort_temporaries(node: Node, width: int) -> tuple[int, int, int]:
    """Two lists of entries, and each key."""
    row, keys = sort_row(node["dim"]), len(node.operands)
    return 1, (2 + keys) * row, keys * row


def _seen(node: Node, width: int) -> tuple[int, int, int]:
    """Whether an entry had something yet."""
    return 1, capacity(node.type.dims[0]), 1


#: op -> how many numbers of each scratch memory it needs while it runs
TEMPORARIES: dict[str, Callable[[Node, int], tuple[int, int, int]]] = {
    "knn": _knn_temporaries, "argsort": _sort_temporaries, "segment_max": _seen, "segment_min": _seen,
}  # fmt: skip
