# SPDX-License-Identifier: Apache-2.0
"""k nearest neighbours: distances by differences, then each point's rank by counting the nearer ones.

Point j is the r-th neighbour of i if r others are nearer, or as near and of lower index. Counting
costs n^2 vector comparisons per event and has no data-dependent branch.

Distances between coordinates as they are read are computed in double and kept as the sum of two floats: on a grid, as
of calorimeter cells, many differ by less than a rounding error. Of computed coordinates float32 is all there is.
"""

from __future__ import annotations

from math import inf, nan

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At, Context
from hepq.compiler.lower.cpu.expressions import value
from hepq.compiler.lower.cpu.layout import capacity, lanes_for, round_up
from hepq.compiler.lower.cpu.mathfn import is_nan
from hepq.compiler.lower.cpu.tir import (
    Cell,
    Expr,
    bind,
    both,
    cast,
    ceildiv,
    const,
    either,
    i32,
    level,
    ramp,
    select,
    serial,
    smaller,
)

#: of float32
_LARGEST = 3.4028234663852886e38


def emit_knn(ctx: Context, node: Node) -> None:
    over, nbr = node["over"], node["nbr"]
    n = i32(ctx.extent(over))
    lanes = lanes_for(over, ctx.width)
    chunks = ceildiv(n, lanes)
    floats, ints, _ = (slot.offset for slot in ctx.plan.temporaries[node])
    row = round_up(capacity(over), lanes) + ctx.width
    columns, distance = floats, floats + node["coord"].size * row
    rest = distance + row if as_read(node.operands[0]) else None
    _transpose(ctx, node, n, columns, row)
    with serial(n) as i:
        _distances(ctx, node, i, chunks, lanes, columns, row, distance, rest)
        # comparing with NaN is false: a point is not its own neighbour
        T.buffer_store(ctx.scratch, const(nan, "float32"), [distance + i])
        with serial(nbr.size) as j:
            absent = const(-1) if node["short"] == "zero" else i
            ctx.store(node, At({over.key: i, nbr.key: j}), absent)
        with serial(chunks) as c:
            T.buffer_store(
                ctx.iscratch, _ranks(ctx, c * lanes, n, lanes, distance, rest), [ramp(ints + c * lanes, lanes)]
            )
        with serial(n) as j:
            rank = bind(ctx.iscratch[ints + j])
            with T.If(both(tirx.NE(i, j), rank < nbr.size)), T.Then():
                ctx.store(node, At({over.key: i, nbr.key: rank}), j)


def _transpose(ctx: Context, node: Node, n: Expr, columns: int, row: int) -> None:
    """Coordinates as rows, so that distances to many points are one vector operation."""
    over, coord = node["over"], node["coord"]
    with serial(n) as i, serial(coord.size) as d:
        x = value(ctx, node.operands[0], At({over.key: i, coord.key: d}))
        T.buffer_store(ctx.scratch, x, [columns + d * row + i])


def _distances(
    ctx: Context, node: Node, i: Expr, chunks: Expr, lanes: int, columns: int, row: int, distance: int, rest: int | None
) -> None:
    dtype = "float32" if rest is None else "float64"
    with serial(chunks) as c:
        total = Cell(const(0.0, dtype), lanes)
        with serial(node["coord"].size) as d:
            own = ctx.scratch[columns + d * row + i]
            others = ctx.scratch[ramp(columns + d * row + c * lanes, lanes)]
            step = bind(cast(level(own, others)[0], dtype) - cast(others, dtype))
            total.set(total.get() + step * step)
        rounded = bind(cast(total.get(), "float32"))
        # behind an infinite distance comes NaN
        last = level(const(inf, "float32"), rounded)[0]
        place = select(is_nan(rounded), last, smaller(rounded, const(_LARGEST, "float32")))
        T.buffer_store(ctx.scratch, place, [ramp(distance + c * lanes, lanes)])
        if rest is not None:
            left = bind(cast(total.get() - cast(rounded, dtype), "float32"))
            finite = tirx.EQ(*level(rounded - rounded, const(0.0, "float32")))
            T.buffer_store(ctx.scratch, select(finite, left, const(0.0, "float32")), [ramp(rest + c * lanes, lanes)])


def _ranks(ctx: Context, first: Expr, n: Expr, lanes: int, distance: int, rest: int | None) -> Expr:
    index = ramp(first, lanes)
    parts = [distance] if rest is None else [distance, rest]
    own = [bind(ctx.scratch[ramp(part + first, lanes)]) for part in parts]
    rank = Cell(const(0), lanes)
    with serial(n) as m:
        nearer = level(m, index)[0] < index
        for part, mine in zip(reversed(parts), reversed(own), strict=True):
            other = level(bind(ctx.scratch[part + m]), mine)[0]
            nearer = either(other < mine, both(tirx.EQ(other, mine), nearer))
        rank.set(rank.get() + cast(nearer, "int32"))
    return rank.get()
