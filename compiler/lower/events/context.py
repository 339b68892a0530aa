# SPDX-License-Identifier: Apache-2.0
"""What every emitter needs: where an entry is, what is known already, sizes of this event, memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Expr, bind, cast, const, dtype_of, level, ramp, widen
from hepq.compiler.lower.events.dims import limit
from hepq.compiler.lower.events.plan import Plan, flat_dim
from hepq.core.types import Dim

DTYPE = {"real": "float64", "bool": "bool", "int": "int64", "index": "int64"}
#: as values lie in scratch memory
STORED = {**DTYPE, "bool": "int64"}
#: the codes of an entry: numbers known now, or in the event
Codes = tuple[Any, ...]
Key = tuple[str, int]
At = Mapping[Key, Codes]


class Variable(Protocol):
    """In a register, or in memory that functions share."""

    def get(self) -> Expr: ...

    def set(self, value: Expr) -> None: ...


def i64(value: Expr | int) -> Expr:
    return const(value, "int64") if isinstance(value, int) else value


def memory_at(address: Expr, dtype: str) -> Expr:
    """Numbers from an address, an int64, or a pointer on. Different ones never meet: TVM tells LLVM so.

    Not ``T.decl_buffer``, which opens a scope in a scope for each.
    """
    pointer = address if isinstance(address, tirx.Var) else T.bind(tirx.reinterpret("handle", address))
    buffer = tirx.decl_buffer((2**31 - 1,), dtype)
    T.add_to_parent(tirx.DeclBuffer(buffer, data=pointer))
    return buffer


def times(a: Expr | int, b: Expr | int) -> Expr | int:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    for x, y in ((a, b), (b, a)):
        if isinstance(x, int) and x in (0, 1):
            return y if x else 0
    return i64(a) * i64(b)


def plus(a: Expr | int, b: Expr | int) -> Expr | int:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    for x, y in ((a, b), (b, a)):
        if isinstance(x, int) and x == 0:
            return y
    return i64(a) + i64(b)


@dataclass
class Context:
    """``memory``: kept node -> its buffers, one for each code of rows, else one. ``starts``: where the rows of an
    event begin in a block's. ``record``: where a fill adds up; ``table``: the numbers that are looked up, as a dtype.
    ``n_minus_one``: 1 if cuts after a failed one are asked, else 0. ``width``: entries of a flat loop that are computed
    together; ``lanes``: so many now.
    """

    plan: Plan
    state: Expr
    memory: dict[Node, tuple[Expr, ...]]
    temporaries: dict[Node, tuple[Expr, ...]]
    capacities: dict[str, Expr]
    explode: Expr
    record: Callable[[int], Expr]
    table: Callable[[str], Expr]
    n_minus_one: Expr
    width: int
    counts: dict[str, Variable] = field(default_factory=dict)
    scalars: dict[Node, Variable] = field(default_factory=dict)
    sizes: dict[str, Expr] = field(default_factory=dict)
    starts: dict[str | None, Expr] = field(default_factory=dict)
    lanes: int = 1
    unrolled: int = 1
    _known: list[dict[Hashable, Any]] = field(default_factory=lambda: [{}])
    #: variables, by the identity that keys refer to
    _alive: dict[int, Any] = field(default_factory=dict)

    # --- what is known

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is computed inside is known inside."""
        self._known.append({})
        try:
            yield
        finally:
            self._known.pop()

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What ``compute`` gives, computed at most once in this scope and those in it."""
        for known in reversed(self._known):
            if key in known:
                return known[key]
        made = self.hold(compute())
        self._known[-1][key] = made
        return made

    def hold(self, value: Any) -> Any:
        """In a variable, so that an expression used twice is computed once."""
        if isinstance(value, tuple):
            return tuple(self.hold(v) for v in value)
        if isinstance(value, (int, tirx.IntImm, tirx.FloatImm, tirx.Var)) or id(value) in self._alive:
            return value
        made = _truth(bind(cast(value, "int64"))) if dtype_of(value) == "bool" else bind(value)
        self._alive[id(made)] = made
        return made

    def place(self, node: Node, at: At) -> Hashable:
        return tuple(self._name(code) for d in node.type.dims for code in at[d.key])

    def _name(self, code: Any) -> Hashable:
        if isinstance(code, int):
            return ("int", code)
        self._alive[id(code)] = code
        return id(code)

    # --- sizes

    def extent(self, dim: Dim) -> Expr | int:
        """Entries of ``dim`` in this event; not of a virtual dim."""
        if dim.size is not None:
            return dim.size
        if dim.name in self.sizes:
            return self.sizes[dim.name]
        maker = self.plan.dims.makers[dim.name]
        if maker.op != "unite":
            return self.counts[dim.name].get()
        return self.once(("size", dim.name), lambda: self._united(maker))

    def _united(self, maker: Node) -> Expr:
        total: Expr | int = 0
        for dim in maker["dims"]:
            total = plus(total, self.extent(dim))
        most = limit(maker)
        return i64(total) if most is None else tirx.min(i64(total), i64(most))

    # --- memory

    def load(self, node: Node, at: At) -> Any:
        """Of a kept node, as the type it has in expressions; codes of rows."""
        if node in self.scalars:
            made = (self.scalars[node].get(),)
        else:
            where = self.address(node, at)
            made = tuple(buffer[where] for buffer in self.memory[node])
        if node.type.elem == "index":
            return made
        return _truth(made[0]) if node.type.elem == "bool" else made[0]

    def store(self, node: Node, at: At, value: Expr, part: int = 0) -> None:
        value = cast(value, STORED[node.type.elem])
        if node in self.scalars:
            self.scalars[node].set(value)
        else:
            T.buffer_store(self.memory[node][part], widen(value, self.lanes), [self.address(node, at)])

    def address(self, node: Node, at: At) -> Expr:
        """Row-major at the true sizes of this event; rows of a block stand one event after the other."""
        position: Expr | int = 0
        if self.plan.is_flat(node):
            position = self.starts[flat_dim(node) if self._rowed(node) else None]
        dims = node.type.dims
        inner: Expr | int = 0
        for i, dim in enumerate(dims):
            (code,) = at[dim.key]
            inner = plus(times(inner, self.extent(dim)), code) if i else code
        width: Expr | int = 1
        for dim in dims[1:] if self._rowed(node) else dims:
            width = times(width, self.extent(dim))
        return ramp(i64(plus(times(position, width), inner)), self.lanes)

    def _rowed(self, node: Node) -> bool:
        return bool(node.type.dims) and node.type.dims[0].ragged

    # --- trouble

    def trouble(self, status: int, detail: Expr | int = 0) -> None:
        trouble(self.state, status, detail)


def trouble(state: Expr, status: int, detail: Expr | int = 0) -> None:
    """The event ends with this status, if it has no other yet."""
    with T.If(tirx.EQ(state[i64(0)], i64(0))), T.Then():
        T.buffer_store(state, i64(status), [i64(0)])
        T.buffer_store(state, i64(detail), [i64(2)])


def _truth(number: Expr) -> Expr:
    return tirx.NE(*level(number, const(0, dtype_of(number))))
