# SPDX-License-Identifier: Apache-2.0
"""What every emitter needs: buffers, sizes of this event, where a value lies, loops over its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.layout import LINE, capacity, kept_as, lanes_for, pitch_capacity, round_up
from hepq.compiler.lower.cpu.plan import Key, Plan
from hepq.compiler.lower.cpu.prepare import Weights
from hepq.compiler.lower.cpu.tir import (
    Expr,
    bind,
    cast,
    ceildiv,
    const,
    i32,
    lanes_of,
    level,
    quotient,
    ramp,
    remainder,
    serial,
)
from hepq.core.types import Dim


@dataclass(frozen=True)
class Lanes:
    """An index that is a vector: ``base, base + 1, …``; ``aligned``: base is a multiple of the width."""

    base: Expr | int
    lanes: int
    aligned: bool = True

    @property
    def expr(self) -> Expr:
        return ramp(self.base, self.lanes)


@dataclass(frozen=True)
class At:
    """Where to read or write: an index per dim.

    ``rows``: (dims, r) says that those dims' entries, row-major, are entry r of the current tile, which
    spares the arithmetic for values that have just those dims before their last.
    """

    index: Mapping[Key, Any]
    rows: tuple[tuple[Key, ...], Expr] | None = None

    def expr(self, key: Key) -> Expr:
        entry = self.index[key]
        return entry.expr if isinstance(entry, Lanes) else i32(entry)

    def drop(self, *keys: Key) -> At:
        return At({k: v for k, v in self.index.items() if k not in keys})

    def set(self, key: Key, entry: Any) -> At:
        return At({**self.index, key: entry})


@dataclass(frozen=True)
class Tile:
    """The running tile: entries ``origin .. origin + count`` of dim ``key``."""

    key: Key
    origin: Expr
    count: Expr


@dataclass
class Packer:
    """Collects constants into one float32 array, each at a 64-byte boundary, equal ones once."""

    parts: list[np.ndarray[Any, Any]] = field(default_factory=list)
    size: int = 0
    _offsets: dict[bytes, int] = field(default_factory=dict)

    def add(self, values: np.ndarray[Any, Any]) -> int:
        flat = np.zeros(round_up(max(values.size, 1), LINE), np.float32)
        flat[: values.size] = values.ravel()
        digest = sha256(flat.tobytes()).digest()
        if digest not in self._offsets:
            self._offsets[digest] = self.size
            self.parts.append(flat)
            self.size += flat.size
        return self._offsets[digest]

    def array(self, slack: int) -> np.ndarray[Any, Any]:
        return np.concatenate([*self.parts, np.zeros(slack, np.float32)])


@dataclass
class Context:
    width: int
    plan: Plan
    values: Weights
    scratch: Expr
    iscratch: Expr
    lscratch: Expr
    weights: Expr
    packer: Packer
    sizes: dict[str, Expr] = field(default_factory=dict)
    tile: Tile | None = None
    #: values at hand in registers, instead of in memory
    given: dict[Node, Callable[[At], Expr]] = field(default_factory=dict)
    _params: dict[Node, int] = field(default_factory=dict)
    _pitches: dict[str, Expr] = field(default_factory=dict)

    # --- sizes

    def extent(self, dim: Dim) -> Expr | int:
        """Entries of ``dim`` in this event."""
        return dim.size if dim.size is not None else self.sizes[dim.name]

    def set_size(self, dim: Dim, size: Expr) -> None:
        self.sizes[dim.name] = size
        self._pitches[dim.name] = bind(ceildiv(size, self.width) * self.width)

    def note(self, dim: Dim, size: Expr) -> None:
        """Keeps the size of a dim that an operation makes, where later stages read it."""
        T.buffer_store(self.iscratch, size, [const(self.plan.counts[dim])])

    def lanes(self, dim: Dim) -> int:
        return lanes_for(dim, self.width)

    def pitch(self, dim: Dim) -> Expr | int:
        return pitch_capacity(dim, self.width) if dim.size is not None else self._pitches[dim.name]

    def strides(self, dims: Sequence[Dim]) -> list[Expr | int]:
        """Numbers between neighbouring entries of each dim."""
        out: list[Expr | int] = [1]
        for i in range(len(dims) - 1, 0, -1):
            step = self.pitch(dims[i]) if i == len(dims) - 1 else self.extent(dims[i])
            out.insert(0, _times(out[0], step))
        return out[-len(dims) :] if dims else []

    # --- memory

    def buffer(self, node: Node) -> Expr:
        memories = {"float32": self.scratch, "int32": self.iscratch, "int64": self.lscratch}
        return self.weights if node.op == "param" else memories[kept_as(node)]

    def load(self, node: Node, at: At) -> Expr:
        """Stored ``node`` at an index, as the type it has in expressions."""
        value = self.buffer(node)[self.address(node, at)]
        return cast(value, "bool") if node.type.elem == "bool" else value

    def store(self, node: Node, at: At, value: Expr) -> None:
        value = cast(value, kept_as(node))
        where = self.address(node, at)
        T.buffer_store(self.buffer(node), level(value, where)[0], [where])

    def address(self, node: Node, at: At) -> Expr:
        """Offset of the entry, or of a vector of entries, in ``node``'s buffer."""
        dims, base, tiled = node.type.dims, self._base(node), self._tiled(node)
        if not dims:
            return const(base)
        strides = self.strides(dims)
        last = at.index[dims[-1].key]
        scalar: Expr = const(base)
        vectors: list[tuple[Lanes | Expr, Expr | int]] = []
        if at.rows and tuple(d.key for d in dims[:-1]) == at.rows[0] and not _is_vector(last, False):
            start = 0 if tiled or self.tile is None or dims[0].key != self.tile.key else self.tile.origin
            scalar = scalar + i32(_times(start, strides[0])) + at.rows[1] * i32(self.pitch(dims[-1]))
            dims, strides = dims[-1:], strides[-1:]
            tiled = False
        for i, (dim, stride) in enumerate(zip(dims, strides, strict=True)):
            entry = at.index[dim.key]
            if tiled and i == 0:
                entry = _minus(entry, self.tile.origin)  # type: ignore[union-attr]
            if _is_vector(entry, True):
                inside = dim is dims[-1] or self._whole(dim, entry)
                vectors.append((entry if inside else self._clamped(dim, entry), stride))
            else:
                scalar = scalar + i32(_times(entry, stride))
        if not vectors:
            return scalar
        if len(vectors) == 1 and isinstance(vectors[0][0], Lanes):
            entry, stride = vectors[0]
            return ramp(scalar + i32(_times(entry.base, stride)), entry.lanes, stride)
        total = scalar
        for entry, stride in vectors:
            e = entry.expr if isinstance(entry, Lanes) else entry
            total = total + e * i32(stride)
        return total

    def _base(self, node: Node) -> int:
        if node.op != "param":
            return self.plan.slots[node].offset
        if node not in self._params:
            value = self.values[node["path"]]
            pad = int(self.pitch(node.type.dims[-1])) - value.shape[-1]
            self._params[node] = self.packer.add(np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, pad)]))
        return self._params[node]

    def _tiled(self, node: Node) -> bool:
        return node.op != "param" and self.plan.slots[node].tiled

    def _whole(self, dim: Dim, entry: Any) -> bool:
        return dim.size is not None and isinstance(entry, Lanes) and entry.aligned and dim.size % entry.lanes == 0

    def _clamped(self, dim: Dim, entry: Any) -> Expr:
        e = entry.expr if isinstance(entry, Lanes) else entry
        return tirx.min(*level(e, i32(self.extent(dim)) - 1))

    # --- loops

    @contextmanager
    def loops(self, dims: Sequence[Dim], vector: bool = True, tiled: bool = True) -> Iterator[At]:
        """One loop per dim, the first over the running tile if it is tiled; the last in steps of a vector."""
        with ExitStack() as stack:
            index: dict[Key, Any] = {}
            for i, dim in enumerate(dims):
                tile = self.tile if tiled and i == 0 and self.tile and self.tile.key == dim.key else None
                extent = tile.count if tile else self.extent(dim)
                lanes = self.lanes(dim) if vector and dim is dims[-1] else 1
                steps = -(-extent // lanes) if isinstance(extent, int) else ceildiv(extent, lanes)
                step = 0 if isinstance(steps, int) and steps == 1 else stack.enter_context(serial(steps))
                entry = _times(step, lanes)
                entry = entry if tile is None else tile.origin + entry
                index[dim.key] = Lanes(entry, lanes) if lanes > 1 else entry
            yield At(index)

    def rows(self, dims: Sequence[Dim]) -> Expr | int:
        """Entries of ``dims`` together, in the running tile."""
        out: Expr | int = 1
        for i, dim in enumerate(dims):
            in_tile = i == 0 and self.tile is not None and self.tile.key == dim.key
            out = _times(out, self.tile.count if in_tile else self.extent(dim))  # type: ignore[union-attr]
        return out

    def at_row(self, dims: Sequence[Dim], r: Expr, *, inside: bool = False) -> At:
        """The index of row ``r`` of the running tile; beyond its end, that of the last row.

        A value whose rows are these is addressed by ``r`` itself, beyond the end too, unless ``inside``.
        """
        safe = bind(tirx.min(r, i32(self.rows(dims)) - 1))
        r = safe if inside else r
        index: dict[Key, Any] = {}
        for i in range(len(dims) - 1, 0, -1):
            index[dims[i].key] = bind(remainder(safe, self.extent(dims[i])))
            safe = bind(quotient(safe, self.extent(dims[i])))
        if dims:
            in_tile = self.tile is not None and self.tile.key == dims[0].key
            index[dims[0].key] = bind(self.tile.origin + safe) if in_tile else safe  # type: ignore[union-attr]
        return At(index, (tuple(d.key for d in dims), r))

    def with_columns(self, at: At, columns: Mapping[Key, Any]) -> At:
        return replace(at, index={**at.index, **columns})

    def static_rows(self, dims: Sequence[Dim]) -> int:
        return prod(capacity(d) for d in dims)


def _times(a: Expr | int, b: Expr | int) -> Expr | int:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    for x, y in ((a, b), (b, a)):
        if isinstance(x, int) and x in (0, 1):
            return y if x else 0
    return a * b


def _minus(entry: Any, origin: Expr) -> Any:
    if isinstance(entry, Lanes):
        return Lanes(entry.base - origin, entry.lanes, False)
    return entry - origin


def _is_vector(entry: Any, any_kind: bool) -> bool:
    """A vector index; ``any_kind=False``: one that is not a run of entries."""
    if isinstance(entry, Lanes):
        return any_kind
    return not isinstance(entry, int) and lanes_of(entry) > 1
