# SPDX-License-Identifier: Apache-2.0
"""A piece of work as a function of TIR with thread bindings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import Packer
from hepq.compiler.lower.cpu.plan import Plan
from hepq.compiler.lower.cpu.prepare import Weights
from hepq.compiler.lower.cpu.tir import Expr, bind, const, quotient, remainder
from hepq.compiler.lower.cuda.context import KernelContext, row_width, rows_of
from hepq.compiler.lower.cuda.emit import Piece
from hepq.core.types import Dim
from hepq.runtime.engine.cuda.table import THREADS, Rows, Shape, offsets

#: how functions are called until it is known which are alike
NAME = "kernel"
#: entries of a buffer whose size nobody checks
_ANY = 2**31 - 1
#: a launch says how many there are; TVM is told what a GPU can have, so that it takes none for the only one
_MOST_BLOCKS = 2**31 - 1, 65535


@dataclass(frozen=True)
class Facts:
    """Of the whole program. ``given``: names of the ragged dims that events bring."""

    plan: Plan
    values: Weights
    packer: Packer
    given: frozenset[str]


@dataclass
class Kernel:
    """``pointers``: what it reads and writes, and the types of the numbers there; a made dim stands for its sizes.
    ``dims``: whose sizes it may ask for, by name. ``orders``: of dims of weights.
    """

    facts: Facts
    piece: Piece
    pointers: Mapping[Hashable, str]
    dims: Mapping[str, Dim]
    starts: Iterable[Rows]
    orders: Mapping[Node, Sequence[Dim]]
    #: name of an argument -> what it is
    arguments: dict[str, Hashable] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        return rows_of(self.piece.over, self.facts.given)

    @property
    def shape(self) -> Shape:
        if self.piece.columns:
            return "tiles"
        return "events" if any(d.ragged for d in self.piece.over) else "entries"

    @property
    def width(self) -> int:
        return row_width(self.piece.over, self.facts.given)

    def function(self) -> Any:
        with IRBuilder() as builder, T.prim_func():
            T.func_name(NAME)
            T.func_attr({"tirx.noalias": True, "global_symbol": NAME})
            memory = {given: self._pointer(given, dtype) for given, dtype in self.pointers.items()}
            if self.shape == "tiles":
                self._tiles(memory)
            elif self.shape == "events":
                self._events(memory)
            else:
                self._entries(memory)
        return builder.get()

    def _entries(self, memory: Mapping[Hashable, Expr]) -> None:
        where, events = self._where(), T.arg(self._name("events"), T.int32())
        with (
            T.launch_thread("blockIdx.x", _MOST_BLOCKS[0]) as block,
            T.launch_thread("threadIdx.x", THREADS) as thread,
        ):
            place = bind(block * THREADS + thread)
            with T.If(place < events * self.width), T.Then():
                event = bind(quotient(place, self.width))
                self._body(memory, where, event, bind(remainder(place, self.width)), None)

    def _events(self, memory: Mapping[Hashable, Expr]) -> None:
        where, splits = self._where(), T.arg(self._name("splits"), T.int32())
        with (
            T.launch_thread("blockIdx.x", _MOST_BLOCKS[0]) as event,
            T.launch_thread("blockIdx.y", _MOST_BLOCKS[1]) as split,
            T.launch_thread("threadIdx.x", THREADS) as thread,
        ):
            self._body(memory, where, event, split * THREADS + thread, splits * THREADS)

    def _tiles(self, memory: Mapping[Hashable, Expr]) -> None:
        entries = T.arg(self._name("entries"), T.int32())
        with (
            T.launch_thread("blockIdx.x", _MOST_BLOCKS[0]) as across,
            T.launch_thread("blockIdx.y", _MOST_BLOCKS[1]) as down,
            T.launch_thread("threadIdx.x", THREADS) as thread,
        ):
            ctx = self._context(memory, None, thread, None, dict.fromkeys(self.starts, const(0)))
            ctx.block, ctx.entries = (across, down), entries
            for dim in self.dims.values():
                ctx.set_size(dim, const(1))
            self.piece.emit(ctx)

    def _where(self) -> dict[Rows, Expr]:
        """Offsets that it reads."""
        rows = {r for r in self.starts if r} | {(name,) for name in self.dims if name in self.facts.given}
        return {r: self._pointer(offsets(r), "int32") for r in sorted(rows)}

    def _name(self, given: Hashable) -> str:
        name = f"p{len(self.arguments):03}"
        self.arguments[name] = given
        return name

    def _pointer(self, given: Hashable, dtype: str) -> Expr:
        return T.arg(self._name(given), T.buffer((_ANY,), dtype))

    def _body(
        self, memory: Mapping[Hashable, Expr], where: Mapping[Rows, Expr], event: Expr, first: Expr, step: Expr | None
    ) -> None:
        facts = self.facts
        starts = {rows: bind(where[rows][event]) if rows else event for rows in self.starts}
        ctx = self._context(memory, event, first, step, starts)
        for name, dim in self.dims.items():
            made = name not in facts.given
            ctx.set_size(dim, bind(memory[dim][event] if made else where[name,][event + 1] - where[name,][event]))
        self.piece.emit(ctx)

    def _context(
        self, memory: Mapping[Hashable, Expr], event: Expr, first: Expr, step: Expr | None, starts: dict[Rows, Expr]
    ) -> KernelContext:
        facts = self.facts
        return KernelContext(
            1, facts.plan, facts.values, None, None, None, None, facts.packer, given_dims=facts.given, event=event,
            pointers=memory, orders=self.orders, first=first, step=step, starts=starts,
        )  # fmt: skip
