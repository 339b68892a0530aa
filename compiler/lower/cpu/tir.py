# SPDX-License-Identifier: Apache-2.0
"""A thin vocabulary over TVM's TIR: scalars and vectors of one width, bound once, never surprising."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import tirx as T

#: a TIR expression; TVM ships no type information that helps here
Expr = Any


def const(value: float | int | bool, dtype: str = "int32") -> Expr:
    return tirx.const(value, dtype)


def i32(value: Expr | int) -> Expr:
    return const(value) if isinstance(value, int) else value


def dtype_of(e: Expr) -> str:
    """Element type without the number of lanes: ``float32``, ``int32``, ``bool``."""
    return str(e.ty.dtype).partition("x")[0]


def lanes_of(e: Expr) -> int:
    return int(str(e.ty.dtype).partition("x")[2] or 1)


def widen(e: Expr, lanes: int) -> Expr:
    """``e`` in every lane, if it is a scalar."""
    return tirx.Broadcast(e, lanes) if lanes > 1 and lanes_of(e) == 1 else e


def ramp(base: Expr | int, lanes: int, stride: Expr | int = 1) -> Expr:
    """``base, base + stride, …`` or just ``base`` for one lane."""
    return i32(base) if lanes == 1 else tirx.Ramp(i32(base), i32(stride), lanes)


def level(*args: Expr) -> tuple[Expr, ...]:
    """All arguments as wide as the widest."""
    lanes = max(lanes_of(a) for a in args)
    return tuple(widen(a, lanes) for a in args)


def select(cond: Expr, a: Expr, b: Expr) -> Expr:
    return tirx.Select(*level(cond, a, b))


def both(a: Expr, b: Expr) -> Expr:
    return tirx.And(*level(a, b))


def either(a: Expr, b: Expr) -> Expr:
    return tirx.Or(*level(a, b))


def cast(e: Expr, dtype: str) -> Expr:
    lanes = lanes_of(e)
    if dtype_of(e) == dtype:
        return e
    if dtype_of(e) == "bool":
        return select(e, const(1, dtype), const(0, dtype))
    if dtype == "bool":
        return tirx.NE(*level(e, const(0, dtype_of(e))))
    return tirx.Cast(dtype if lanes == 1 else f"{dtype}x{lanes}", e)


def bits(e: Expr, dtype: str) -> Expr:
    """The same bits read as another type."""
    if dtype == "uint64" and isinstance(e, tirx.IntImm):  # TVM takes a 0 for a pointer
        return const(int(e.value) % 2**64, dtype)
    lanes = lanes_of(e)
    return tirx.reinterpret(dtype if lanes == 1 else f"{dtype}x{lanes}", e)


def bind(e: Expr) -> Expr:
    """Compute ``e`` here, once. Whatever an expression uses twice must be bound: TVM's passes walk trees.

    Not TIR's own ``Bind``, through which TVM's analyzer looks: it then takes exponential time on chains.
    """
    return e if isinstance(e, (tirx.IntImm, tirx.FloatImm, tirx.Var)) else Cell(e).get()


def larger(a: Expr, b: Expr) -> Expr:
    """Elementwise maximum; NaN in ``a`` stays (one instruction on every CPU)."""
    a, b = map(bind, level(a, b))
    return tirx.Select(b > a, b, a)


def smaller(a: Expr, b: Expr) -> Expr:
    a, b = map(bind, level(a, b))
    return tirx.Select(b < a, b, a)


def serial(extent: Expr | int) -> AbstractContextManager[Expr]:
    """``for i in range(extent)``, i of the extent's type."""
    return T.serial(const(0, dtype_of(i32(extent))), i32(extent))  # type: ignore[no-any-return]


def quotient(a: Expr, b: Expr | int) -> Expr:
    """a // b for a >= 0."""
    return tirx.truncdiv(*level(a, i32(b)))


def remainder(a: Expr, b: Expr | int) -> Expr:
    """a % b for a >= 0."""
    return tirx.truncmod(*level(a, i32(b)))


def ceildiv(a: Expr, b: int) -> Expr:
    """For a >= 0."""
    return a if b == 1 else quotient(a + (b - 1), b)


#: of variables: what LLVM keeps in registers; there, other scopes become heap workspaces
_SCOPE = ContextVar("scope", default="global")


@contextmanager
def variables_in(scope: str) -> Iterator[None]:
    """Inside, cells are in this storage scope: a kernel's threads have their own, ``local``."""
    before = _SCOPE.set(scope)
    try:
        yield
    finally:
        _SCOPE.reset(before)


class Cell:
    """A variable of ``lanes`` lanes that stays in a register. It must be small: large ones become heap workspaces."""

    def __init__(self, value: Expr, lanes: int | None = None) -> None:
        self.lanes = lanes or lanes_of(value)
        self.buffer = T.alloc_buffer((self.lanes,), dtype_of(value), scope=_SCOPE.get())
        self.set(widen(value, self.lanes))

    def set(self, value: Expr) -> None:
        T.buffer_store(self.buffer, value, [ramp(0, self.lanes)])

    def get(self) -> Expr:
        return self.buffer[ramp(0, self.lanes)]

    def lane(self, i: Expr | int) -> Expr:
        return self.buffer[i32(i)]


def per_lane(f: Callable[..., Expr], *args: Expr) -> Expr:
    """``f`` on scalars, lane by lane: how library functions reach vectors."""
    args = level(*args)
    lanes = lanes_of(args[0])
    if lanes == 1:
        return bind(f(*args))
    cells = [Cell(a) for a in args]
    with serial(lanes) as i:
        T.buffer_store(cells[0].buffer, f(*(c.lane(i) for c in cells)), [i])
    return bind(cells[0].get())
