# SPDX-License-Identifier: Apache-2.0
"""The rule of every operation that is computed where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import inf
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import (
    Cell,
    Expr,
    both,
    cast,
    const,
    dtype_of,
    lanes_of,
    larger,
    level,
    quotient,
    remainder,
    select,
    widen,
)
from hepq.compiler.lower.events import counting, loops, mathfn
from hepq.compiler.lower.events.context import DTYPE, STORED, At, Codes, Context, i64, plus, times
from hepq.compiler.lower.events.plan import LAZY
from hepq.compiler.lower.events.rules import RULES, value
from hepq.core.ops.table import ELEMENTWISE, REDUCE

__all__ = ["RULES", "counting"]

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


# --- indices


@RULES("unite")
def _unite(ctx: Context, node: Node, at: At) -> Codes:
    (entry,) = at[node["dst"].key]
    start: Expr | int = 0
    for dim in node["dims"][: node["part"]]:
        start = plus(start, ctx.extent(dim))
    where = ctx.hold(i64(entry) - i64(start))
    inside = both(where >= i64(0), where < i64(ctx.extent(node["dims"][node["part"]])))
    return (select(inside, where, i64(-1)),)


@RULES("number")
def _number(ctx: Context, node: Node, at: At) -> Codes:
    x = value(ctx, node.operands[0], at)
    return (select(both(x >= i64(0), x < i64(ctx.extent(node["dim"]))), x, i64(-1)),)


@RULES("gather")
def _gather(ctx: Context, node: Node, at: At) -> Any:
    x, idx = node.operands
    into = idx.type.into
    assert into is not None, "an index says what it numbers"
    codes = value(ctx, idx, at)
    inner = {d.key: at[d.key] for d in x.type.dims if d.key != into.key} | {into.key: codes}
    if not _may_lack(idx):
        return value(ctx, x, inner)
    width = ctx.plan.dims.codes(x.type.into) if x.type.into else 1
    absent = (
        const(-1, "int64") if x.type.into else const(0, "int64" if node.type.elem == "bool" else DTYPE[node.type.elem])
    )
    cells = [Cell(absent) for _ in range(width)]
    with T.If(i64(codes[0]) >= i64(0)), T.Then(), ctx.scope():
        found = value(ctx, x, inner)
        for cell, part in zip(cells, found if x.type.into else (found,), strict=True):
            cell.set(cast(i64(part), dtype_of(absent)))
    made = tuple(cell.get() for cell in cells)
    if x.type.into:
        return made
    return tirx.NE(made[0], const(0, "int64")) if node.type.elem == "bool" else made[0]


def _may_lack(idx: Node) -> bool:
    """Does it name nothing, somewhere?"""
    if idx.op == "gather":
        return _may_lack(idx.operands[0]) or _may_lack(idx.operands[1])
    if idx.op in ("rename", "transpose", "pick", "slice", "flatten", "unflatten"):
        return _may_lack(idx.operands[0])
    return idx.op not in ("filter", "combinations") and not (idx.op == "argsort" and idx["dst"].ragged)


# --- elementwise


@RULES("iota")
def _iota(ctx: Context, node: Node, at: At) -> Expr:
    return i64(at[node["dim"].key][0])


@RULES("count")
def _count(ctx: Context, node: Node, at: At) -> Expr:
    return i64(ctx.extent(node["dim"]))


@RULES(*mathfn.FUNCTIONS)
def _elementwise(ctx: Context, node: Node, at: At) -> Expr:
    args = [value(ctx, o, at) for o in node.operands]
    exponent = node.op == "pow" and node.operands[1].op == "const"
    return mathfn.FUNCTIONS[node.op](*(args if exponent else level(*args)))


@RULES("where")
def _where(ctx: Context, node: Node, at: At) -> Expr:
    cond = value(ctx, node.operands[0], at)
    if node.type.elem != "index" and max(map(ctx.plan.weight, node.operands[1:])) >= LAZY:
        return _either(ctx, ctx.hold(cond), node, at)
    a, b = (value(ctx, o, at) for o in node.operands[1:])
    if node.type.elem == "bool":
        return tirx.NE(*level(select(cond, cast(a, "int64"), cast(b, "int64")), const(0, "int64")))
    return select(cond, a, b)


def _either(ctx: Context, cond: Expr, node: Node, at: At) -> Expr:
    """Each of two values that cost much only where it is taken, be it by one of the entries computed together."""
    _, a, b = node.operands
    dtype, lanes = STORED[node.type.elem], ctx.lanes
    made = Cell(const(0, dtype), lanes)

    def found(operand: Node) -> Expr:
        return widen(cast(value(ctx, operand, at), dtype), lanes)

    if lanes_of(cond) == 1:
        with T.If(cond):
            with T.Then(), ctx.scope():
                made.set(found(a))
            with T.Else(), ctx.scope():
                made.set(found(b))
    else:
        held = Cell(cast(cond, "int64"))
        taken = [held.lane(i) for i in range(lanes)]
        with T.If(tirx.NE(reduce(lambda x, y: x | y, taken), i64(0))), T.Then(), ctx.scope():
            made.set(found(a))
        with T.If(tirx.EQ(reduce(lambda x, y: x & y, taken), i64(0))), T.Then(), ctx.scope():
            made.set(select(cond, made.get(), found(b)))
    return made.get() if node.type.elem != "bool" else tirx.NE(*level(made.get(), const(0, dtype)))


@RULES("cast")
def _cast(ctx: Context, node: Node, at: At) -> Expr:
    x = value(ctx, node.operands[0], at)
    if isinstance(x, tuple):
        (x,) = x
    if dtype_of(i64(x)) == "float64" and node.type.elem == "int":
        return mathfn.to_whole(x)
    return cast(i64(x), DTYPE[node.type.elem])


# --- shape


@RULES("const")
def _const(ctx: Context, node: Node, at: At) -> Expr:
    return value(ctx, node, at)


@RULES("rename")
def _rename(ctx: Context, node: Node, at: At) -> Any:
    src, dst = node["src"].key, node["dst"].key
    return value(ctx, node.operands[0], {**at, src: at[dst]})


@RULES("transpose")
def _transpose(ctx: Context, node: Node, at: At) -> Any:
    return value(ctx, node.operands[0], at)


@RULES("pick")
def _pick(ctx: Context, node: Node, at: At) -> Any:
    return value(ctx, node.operands[0], {**at, node["dim"].key: (node["index"],)})


@RULES("slice")
def _slice(ctx: Context, node: Node, at: At) -> Any:
    (entry,) = at[node["dst"].key]
    return value(ctx, node.operands[0], {**at, node["dim"].key: (ctx.hold(plus(entry, node["start"])),)})


@RULES("stack")
def _stack(ctx: Context, node: Node, at: At) -> Expr:
    (entry,) = at[node["dim"].key]
    return _branch(ctx, node, entry, [(i, i + 1, o, at) for i, o in enumerate(node.operands)])


@RULES("concat")
def _concat(ctx: Context, node: Node, at: At) -> Expr:
    (entry,) = at[node["dim"].key]
    parts, start = [], 0
    for operand, along in zip(node.operands, node["along"], strict=True):
        inner = {**at, along.key: (ctx.hold(plus(entry, -start)),)}
        parts.append((start, start + along.size, operand, inner))
        start += along.size
    return _branch(ctx, node, entry, parts)


def _branch(ctx: Context, node: Node, entry: Any, parts: Sequence[tuple[int, int, Node, At]]) -> Expr:
    """That of ``parts`` (first entry, end, node, where) whose entries ``entry`` is one of."""
    if isinstance(entry, int):
        return next(value(ctx, o, at) for start, end, o, at in parts if start <= entry < end)
    dtype = "int64" if node.type.elem == "bool" else DTYPE[node.type.elem]
    cell = Cell(const(0, dtype))
    for start, end, operand, at in parts:
        with T.If(both(entry >= i64(start), entry < i64(end))), T.Then(), ctx.scope():
            cell.set(cast(value(ctx, operand, at), dtype))
    return tirx.NE(cell.get(), const(0, dtype)) if node.type.elem == "bool" else cell.get()


@RULES("flatten")
def _flatten(ctx: Context, node: Node, at: At) -> Any:
    outer, inner = node["dims"]
    (entry,) = at[node["dst"].key]
    if isinstance(entry, int):
        split: tuple[Any, Any] = divmod(entry, inner.size)
    else:
        split = (ctx.hold(quotient(entry, i64(inner.size))), ctx.hold(remainder(entry, i64(inner.size))))
    return value(ctx, node.operands[0], {**at, outer.key: split[:1], inner.key: split[1:]})


@RULES("unflatten")
def _unflatten(ctx: Context, node: Node, at: At) -> Any:
    outer, inner = node["into"]
    joined = plus(times(at[outer.key][0], inner.size), at[inner.key][0])
    return value(ctx, node.operands[0], {**at, node["dim"].key: (ctx.hold(joined),)})


# --- sums


@RULES(*REDUCE)
def _reduce(ctx: Context, node: Node, at: At) -> Expr:
    sum_ = Sum(ctx, node)
    hoist(ctx, node, at)
    loops.over(ctx, node["over"], at, sum_.add, sum_.settled)
    return sum_.total()


@RULES("contract")
def _contract(ctx: Context, node: Node, at: At) -> Expr:
    return _reduce(ctx, node, at)


class Sum:
    """A running result of a reduction or contraction. ``settled``: no longer 0 once nothing can change it."""

    def __init__(self, ctx: Context, node: Node) -> None:
        self.ctx, self.node = ctx, node
        self.dtype = "int64" if node.type.elem == "bool" else DTYPE[node.type.elem]
        real = node.type.elem == "real"
        start: float | int = {
            "reduce_max": -inf if real else _INT_MIN, "reduce_min": inf if real else _INT_MAX, "reduce_all": 1,
            "reduce_prod": 1,
        }.get(node.op, 0)  # fmt: skip
        self.cell = Cell(const(start, self.dtype))
        self.number = Cell(const(0, "int64")) if node.op in ("reduce_max", "reduce_min", "reduce_mean") else None
        self.settled = Cell(const(0, "int64")) if node.op in ("reduce_any", "reduce_all") else None

    def add(self, at: At) -> None:
        ctx, node = self.ctx, self.node
        if node.op == "reduce_any":
            loops.when(ctx, node.operands[0], at, lambda: self._settle(1))
            return
        terms = [value(ctx, o, at) for o in node.operands]
        if node.op == "reduce_all":
            with T.If(mathfn.negation(terms[0])), T.Then():
                self._settle(0)
            return
        if self.number is not None:
            self.number.set(self.number.get() + i64(1))
        so_far = self.cell.get()
        if node.op in ("reduce_max", "reduce_min"):
            self.cell.set((mathfn.maximum if node.op == "reduce_max" else mathfn.minimum)(so_far, terms[0]))
        elif node.op == "reduce_prod":
            self.cell.set(so_far * terms[0])
        else:
            self.cell.set(so_far + (terms[0] * terms[1] if node.op == "contract" else terms[0]))

    def _settle(self, result: int) -> None:
        assert self.settled is not None
        self.cell.set(const(result, "int64"))
        self.settled.set(const(1, "int64"))

    def total(self) -> Expr:
        made = self.cell.get()
        if self.number is not None:
            if self.node.op == "reduce_mean":
                return made / cast(larger(self.number.get(), i64(1)), "float64")
            return select(self.number.get() > i64(0), made, const(0, self.dtype))
        return tirx.NE(made, const(0, "int64")) if self.node.type.elem == "bool" else made


def hoist(ctx: Context, node: Node, at: At) -> None:
    """Values that cost something and do not change in the loops of a reduction are computed before them."""
    todo = list(node.operands)
    while todo:
        x = todo.pop()
        if x in ctx.plan.kept or ctx.plan.weights[x] < 4:
            continue
        if all(d.key in at for d in x.type.dims):
            value(ctx, x, at)
        elif x.op in ELEMENTWISE or x.op in REDUCE or x.op == "contract":
            todo += x.operands
