# SPDX-License-Identifier: Apache-2.0
"""The CPU's context in a kernel's thread: one number at a time, values in packed rows, the outer loop spread out."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At, Context
from hepq.compiler.lower.cpu.layout import capacity, kept_as
from hepq.compiler.lower.cpu.plan import Key
from hepq.compiler.lower.cpu.tir import Expr, bind, cast, const, i32, quotient, remainder, serial
from hepq.core.types import Dim


def rows_of(dims: Sequence[Dim], given: frozenset[str]) -> tuple[str, ...]:
    """Whose sizes, multiplied, are the rows that an event has of a value: its ragged dims that the event brings."""
    return tuple(sorted(d.name for d in dims if d.ragged and d.name in given))


def row_width(dims: Sequence[Dim], given: frozenset[str]) -> int:
    """Numbers in each row; of dims that the program makes, as many as there can be."""
    return prod(capacity(d) for d in dims if not (d.ragged and d.name in given))


@dataclass
class KernelContext(Context):
    """``pointers``: of the values, and sizes of made dims, that the kernel reads and writes. ``starts``: where the rows
    of this event start. ``orders``: in which the dims of weights lie.

    ``first``: the entry that the thread begins with; ``step``: how far on its next is, None: it has no other.
    In tiles, ``first`` is the thread's number in its block, ``block`` the block's, and ``entries`` are those of the
    batch, which is one event whose rows start at 0.
    """

    given_dims: frozenset[str] = frozenset()
    event: Expr = None
    pointers: Mapping[Hashable, Expr] = field(default_factory=dict)
    starts: dict[tuple[str, ...], Expr] = field(default_factory=dict)
    orders: Mapping[Node, Sequence[Dim]] = field(default_factory=dict)
    first: Expr = None
    step: Expr | None = None
    block: tuple[Expr, Expr] = (None, None)
    entries: Expr = None
    _spread: bool = False

    def buffer(self, node: Node) -> Expr:
        return self.pointers[node]

    def load(self, node: Node, at: At) -> Expr:
        value = super().load(node, at)
        # of inputs, indices are handed over as floats
        return cast(value, kept_as(node)) if node.type.elem == "index" else value

    def note(self, dim: Dim, size: Expr) -> None:
        T.buffer_store(self.pointers[dim], size, [self.event])

    def address(self, node: Node, at: At) -> Expr:
        if node.op == "param":
            place: Expr = const(0)
            for dim in self.orders[node]:
                place = place * const(capacity(dim)) + at.expr(dim.key)
            return place
        inside, dims = super().address(node, at), node.type.dims
        row = self.starts[rows_of(dims, self.given_dims)]
        return cast(row, "int64") * const(row_width(dims, self.given_dims), "int64") + cast(inside, "int64")

    def _base(self, node: Node) -> int:
        return 0

    def _tiled(self, node: Node) -> bool:
        return False

    @contextmanager
    def loops(self, dims: Sequence[Dim], vector: bool = True, tiled: bool = True) -> Iterator[At]:
        """The first runs over the thread's entries, those inside it in each thread."""
        if self._spread:
            with super().loops(dims, vector=False, tiled=False) as at:
                yield at
            return
        self._spread = True
        if self.step is None:
            yield At(self._split(dims, self.first))
        else:
            total: Expr = const(1)
            for dim in dims:
                total = total * i32(self.extent(dim))
            left = bind(tirx.max(total - self.first, const(0)))
            with serial(quotient(left + self.step - 1, self.step)) as turn:
                yield At(self._split(dims, bind(self.first + turn * self.step)))
        self._spread = False

    def _split(self, dims: Sequence[Dim], entry: Expr) -> dict[Key, Expr | int]:
        """The index of an entry, row-major."""
        index: dict[Key, Expr | int] = {}
        for dim in reversed(dims[1:]):
            index[dim.key] = bind(remainder(entry, self.extent(dim)))
            entry = bind(quotient(entry, self.extent(dim)))
        return {dims[0].key: entry, **index} if dims else {}
