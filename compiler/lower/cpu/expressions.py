# SPDX-License-Identifier: Apache-2.0
"""The value of a node at an index, as an expression: loads of stored nodes, arithmetic for inlined ones."""

from __future__ import annotations

from collections.abc import Callable

from tvm import tirx

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu import mathfn
from hepq.compiler.lower.cpu.context import At, Context, Lanes
from hepq.compiler.lower.cpu.layout import kept_as
from hepq.compiler.lower.cpu.tir import (
    Expr,
    bind,
    both,
    cast,
    const,
    dtype_of,
    i32,
    larger,
    level,
    quotient,
    remainder,
    select,
    smaller,
)
from hepq.core.ops.rules import Rules

DTYPE = {"real": "float32", "bool": "bool", "int": "int64", "index": "int32"}


#: op of an inlined (or elementwise) node -> its value at an index
RULES: Rules[Callable[[Context, Node, At], Expr]] = Rules("cpu")


def value(ctx: Context, node: Node, at: At) -> Expr:
    """``node`` at an index; a vector if the index is one and the node has that dim, else a scalar."""
    if node in ctx.given:
        return ctx.given[node](at)
    if ctx.plan.inlining.stored(node):
        return ctx.load(node, at)
    return compute(ctx, node, at)


def compute(ctx: Context, node: Node, at: At) -> Expr:
    """As ``value``, from the operands."""
    return RULES[node.op](ctx, node, at)


@RULES("const")
def _const(ctx: Context, node: Node, at: At) -> Expr:
    return const(node["value"], DTYPE[node.type.elem])


@RULES("iota")
def _iota(ctx: Context, node: Node, at: At) -> Expr:
    return cast(at.expr(node["dim"].key), DTYPE["int"])


@RULES("count")
def _count(ctx: Context, node: Node, at: At) -> Expr:
    return cast(i32(ctx.extent(node["dim"])), DTYPE["int"])


@RULES(*mathfn.FUNCTIONS)
def _elementwise(ctx: Context, node: Node, at: At) -> Expr:
    args = [value(ctx, o, at) for o in node.operands]
    constant = [o.op == "const" for o in node.operands]
    if node.op in ("min", "max") and any(constant):
        a, b = args[::-1] if constant[0] else args  # NaN stays where it is the first
        return (larger if node.op == "max" else smaller)(a, b)
    # an exponent is looked at
    return mathfn.FUNCTIONS[node.op](*(args if node.op == "pow" and constant[1] else level(*args)))


@RULES("where")
def _where(ctx: Context, node: Node, at: At) -> Expr:
    cond, a, b = (value(ctx, o, at) for o in node.operands)
    if node.type.elem == "bool":
        return cast(select(cond, cast(a, "int32"), cast(b, "int32")), "bool")
    return select(cond, a, b)


@RULES("cast")
def _cast(ctx: Context, node: Node, at: At) -> Expr:
    x, dtype = value(ctx, node.operands[0], at), DTYPE[node.type.elem]
    return mathfn.to_int(x, dtype) if node.type.elem == "int" and dtype_of(x) == "float32" else cast(x, dtype)


@RULES("rename")
def _rename(ctx: Context, node: Node, at: At) -> Expr:
    dst = node["dst"].key
    return value(ctx, node.operands[0], at.drop(dst).set(node["src"].key, at.index[dst]))


@RULES("transpose")
def _transpose(ctx: Context, node: Node, at: At) -> Expr:
    return value(ctx, node.operands[0], at)


@RULES("pick")
def _pick(ctx: Context, node: Node, at: At) -> Expr:
    (x,) = node.operands
    if x.op == "stack" and not ctx.plan.inlining.stored(x) and x["dim"].key == node["dim"].key:
        return value(ctx, x.operands[node["index"]], at)
    return value(ctx, x, at.set(node["dim"].key, node["index"]))


@RULES("slice")
def _slice(ctx: Context, node: Node, at: At) -> Expr:
    entry, start = at.index[node["dst"].key], node["start"]
    if isinstance(entry, Lanes):
        moved: Expr | Lanes = Lanes(entry.base + start, entry.lanes, entry.aligned and start % entry.lanes == 0)
    else:
        moved = entry + start
    return value(ctx, node.operands[0], at.drop(node["dst"].key).set(node["dim"].key, moved))


@RULES("flatten")
def _flatten(ctx: Context, node: Node, at: At) -> Expr:
    outer, inner = node["dims"]
    entry = at.index[node["dst"].key]
    if isinstance(entry, Lanes) and entry.aligned and inner.size % entry.lanes == 0:
        base = bind(i32(entry.base))
        split: tuple[object, object] = (
            quotient(base, inner.size),
            Lanes(remainder(base, inner.size), entry.lanes),
        )
    else:
        e = at.expr(node["dst"].key)
        if isinstance(entry, Lanes):
            e = tirx.min(*level(e, const(outer.size * inner.size - 1)))
        e = bind(e)
        split = (quotient(e, inner.size), remainder(e, inner.size))
    return value(ctx, node.operands[0], at.drop(node["dst"].key).set(outer.key, split[0]).set(inner.key, split[1]))


@RULES("unflatten")
def _unflatten(ctx: Context, node: Node, at: At) -> Expr:
    outer, inner = node["into"]
    row, entry = at.index[outer.key], at.index[inner.key]
    if isinstance(entry, Lanes) and not isinstance(row, Lanes):
        joined: Expr | Lanes = Lanes(
            i32(row) * inner.size + entry.base, entry.lanes, entry.aligned and inner.size % entry.lanes == 0
        )
    else:
        joined = at.expr(outer.key) * inner.size + at.expr(inner.key)
    if not isinstance(joined, Lanes) and (isinstance(entry, Lanes) or isinstance(row, Lanes)):
        joined = tirx.min(*level(joined, const(outer.size * inner.size - 1)))
    return value(ctx, node.operands[0], at.drop(outer.key, inner.key).set(node["dim"].key, joined))


def _never_absent(node: Node) -> bool:
    """Is this neighbour list always full?"""
    while node.op in ("rename", "transpose", "pick", "slice"):
        node = node.operands[0]
    return node.op == "knn" and node["short"] == "self"


@RULES("gather")
def _gather(ctx: Context, node: Node, at: At) -> Expr:
    x, idx = node.operands
    into = idx.type.into
    assert into is not None, "an index says what it numbers"
    found = bind(value(ctx, idx, at))
    # lanes beyond the last entry hold anything: keep them inside the operand
    last = i32(ctx.extent(into)) - 1
    safe = bind(tirx.max(*level(tirx.min(*level(found, last)), const(0))))
    inner = At({k: v for k, v in at.index.items() if any(k == d.key for d in x.type.dims)}).set(into.key, safe)
    got = value(ctx, x, inner)
    return got if _never_absent(idx) else _zero_unless(found >= level(const(0), found)[0], got, node)


def _zero_unless(cond: Expr, got: Expr, node: Node) -> Expr:
    if node.type.elem == "bool":
        return both(cond, got)
    nothing = -1 if node.type.elem == "index" else 0
    return select(cond, got, const(nothing, kept_as(node)))


@RULES("number")
def _number(ctx: Context, node: Node, at: At) -> Expr:
    whole = DTYPE["int"]
    found, size, zero = level(
        bind(value(ctx, node.operands[0], at)), cast(i32(ctx.extent(node["dim"])), whole), const(0, whole)
    )
    return cast(select(both(found >= zero, found < size), found, const(-1, whole)), DTYPE["index"])


@RULES("window")
def _window(ctx: Context, node: Node, at: At) -> Expr:
    dim, dst, win = node["dim"], node["dst"], node["win"]
    where = bind(sum(level(at.expr(dst.key) * node["stride"], at.expr(win.key) - node["pad"])[::-1], const(0)))
    last = i32(ctx.extent(dim)) - 1
    inside = both(where >= level(const(0), where)[0], where <= level(last, where)[0])
    safe = bind(tirx.max(*level(tirx.min(*level(where, last)), const(0))))
    got = value(ctx, node.operands[0], at.drop(dst.key, win.key).set(dim.key, safe))
    return _zero_unless(inside, got, node)
