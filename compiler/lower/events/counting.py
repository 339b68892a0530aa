# SPDX-License-Identifier: Apache-2.0
"""Rules of the operations on events that are counted: bins, tables, random numbers, cut flows."""

from __future__ import annotations

from tvm import tirx

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, bits, both, cast, const, dtype_of, either, level, select
from hepq.compiler.lower.events.conditions import Condition
from hepq.compiler.lower.events.context import At, Context, i64
from hepq.compiler.lower.events.mathfn import is_nan
from hepq.compiler.lower.events.rules import RULES, value
from hepq.compiler.lower.events.tables import as_dtype, edges_of, padded
from hepq.core.noise import DROPPED, GAMMA, LAST, ROUNDS, STEP, salt


@RULES("bin")
def _bin(ctx: Context, node: Node, at: At) -> Expr:
    x, axis = ctx.hold(value(ctx, node.operands[0], at)), node["axis"]
    real = dtype_of(x) == "float64"
    if axis.kind == "variable":
        return _among_edges(ctx, node, x)
    first, end = axis.edges
    if axis.kind == "integer":
        if not real:
            inside = both(x >= i64(first), x < i64(end))
            return bind(select(inside, x - i64(first), select(x < i64(first), i64(-1), i64(axis.bins))))
        inside = both(x >= const(float(first), "float64"), x < const(float(end), "float64"))
        whole = cast(bind(tirx.floor(bind(select(inside, x, const(float(first), "float64"))))), "int64")
        below = x < const(float(first), "float64")
        return bind(select(inside, whole - i64(first), select(below, i64(-1), i64(axis.bins))))
    low, width = const(float(first), "float64"), const(float(end) - float(first), "float64")
    z = bind((cast(x, "float64") - low) / width)
    zero, one = const(0.0, "float64"), const(1.0, "float64")
    inside = both(*level(z >= zero, z < one))
    place = bind(select(inside, z, zero) * const(float(axis.bins), "float64"))
    # by way of int32, which vectors of every CPU are converted to
    number = cast(cast(place, "int32"), "int64") if axis.bins < 2**31 else cast(place, "int64")
    return bind(select(inside, number, select(z < zero, i64(-1), i64(axis.bins))))


def _among_edges(ctx: Context, node: Node, x: Expr) -> Expr:
    """How many edges are not above ``x``, less one."""
    edges, dtype = edges_of(node), dtype_of(x)
    if node in ctx.plan.tables.at:
        count = _found(ctx, node, x, dtype, len(edges))
    else:
        count = level(i64(0), x)[0]
        for edge in edges:
            count = count + cast(x >= const(edge, dtype), "int64")
    made = bind(count) - i64(1)
    return bind(select(is_nan(x), i64(node["axis"].bins), made) if dtype == "float64" else made)


def _found(ctx: Context, node: Node, x: Expr, dtype: str, edges: int) -> Expr:
    """By halves, of a table that was made longer by its last number up to 2^k - 1."""
    table, start = ctx.table(dtype), ctx.plan.tables.at[node]
    count = Cell(i64(0))
    step = padded(edges) // 2
    while step:
        there = bind(count.get())
        below = table[i64(start + step - 1) + there] <= x
        count.set(there + select(below, i64(step), i64(0)))
        step //= 2
    return tirx.min(count.get(), i64(edges))


@RULES("lookup")
def _lookup(ctx: Context, node: Node, at: At) -> Expr:
    i, values = ctx.hold(value(ctx, node.operands[0], at)), node["values"]
    dtype = "float64" if node.type.elem == "real" else "int64"
    nothing = const(as_dtype(dtype, 0), dtype)
    if node not in ctx.plan.tables.at:
        found = nothing
        for number, one in enumerate(values):
            found = select(tirx.EQ(*level(i, i64(number))), const(as_dtype(dtype, one), dtype), found)
        return bind(found)
    inside = both(i >= i64(0), i < i64(len(values)))
    number = bind(select(inside, i, i64(0)))
    return bind(select(inside, ctx.table(dtype)[i64(ctx.plan.tables.at[node]) + number], nothing))


@RULES("cut")
def _cut(ctx: Context, node: Node, at: At) -> Expr:
    state, holds = value(ctx, node.operands[0], at), value(ctx, node.operands[1], at)
    return after(ctx, ctx.hold(state), holds, node["number"])


def after(ctx: Context, state: Expr, holds: Expr, number: int) -> Expr:
    """The state of a cut flow after a cut. Without N - 1, what fails one is as if it failed a later one, too."""
    state, once_more = level(state, ctx.n_minus_one)
    failed = select(tirx.EQ(*level(state, i64(0))), i64(2 * number + 2) - once_more, state + (state & once_more))
    return bind(select(holds, state, failed))


def holds(ctx: Context, condition: Condition) -> Expr:
    """bool."""
    found = value(ctx, condition.of, {})
    if condition.kind == "true":
        return found
    if condition.kind == "odd":
        return tirx.NE(found & i64(1), i64(0))
    passed = tirx.EQ(found, i64(0))
    return passed if condition.kind == "passed" else either(passed, tirx.NE(found & ctx.n_minus_one, i64(0)))


# --- random numbers


@RULES("noise")
def _noise(ctx: Context, node: Node, at: At) -> Expr:
    key, entry = (bits(value(ctx, o, at), "uint64") for o in node.operands)
    state = _mixed(_sum(ctx.hold(key), _u64(salt(node["name"]))))
    drawn = _mixed(_sum(state, _product(_sum(ctx.hold(entry), _u64(1)), GAMMA)))
    number = cast(bits(drawn >> level(_u64(DROPPED), drawn)[0], "int64"), "float64")
    return bind((number + const(0.5, "float64")) * const(STEP, "float64"))


def _mixed(z: Expr) -> Expr:
    for shift, factor in ROUNDS:
        z = _product(bind(z ^ _right(z, shift)), factor)
    return bind(z ^ _right(z, LAST))


def _u64(number: int) -> Expr:
    return const(number, "uint64")


def _right(z: Expr, shift: int) -> Expr:
    return z >> level(_u64(shift), z)[0]


def _low(z: Expr) -> Expr:
    return z & level(_u64(2**32 - 1), z)[0]


def _joined(high: Expr, low: Expr) -> Expr:
    return bind((_low(high) << level(_u64(32), high)[0]) | _low(low))


def _sum(a: Expr, b: Expr) -> Expr:
    """Modulo 2^64, as ``_product``: in halves, for TVM tells LLVM that nothing overflows."""
    a, b = level(a, b)
    low = bind(_low(a) + _low(b))
    return _joined(bind(_right(a, 32) + _right(b, 32) + _right(low, 32)), low)


def _product(a: Expr, factor: int) -> Expr:
    f_high, f_low = (level(_u64(f), a)[0] for f in (factor >> 32, factor & 0xFFFFFFFF))
    low = bind(_low(a) * f_low)
    return _joined(bind(_low(_right(a, 32) * f_low) + _low(_low(a) * f_high) + _right(low, 32)), low)
