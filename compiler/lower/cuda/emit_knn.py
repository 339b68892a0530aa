# SPDX-License-Identifier: Apache-2.0
"""k nearest neighbours: a thread for each point, which keeps the k best so far in order.

The distances are those of the CPU (``lower/cpu/emit_knn.py``): of coordinates as they are read in double, kept as the
sum of two floats; otherwise in float32. Infinite ones come before those that are no number.
"""

from __future__ import annotations

from math import inf

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.as_read import as_read
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At
from hepq.compiler.lower.cpu.expressions import value
from hepq.compiler.lower.cpu.mathfn import is_nan
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, cast, const, either, i32, select, serial, smaller
from hepq.compiler.lower.cuda.context import KernelContext

#: of float32
_LARGEST = 3.4028234663852886e38


def emit_knn(ctx: KernelContext, node: Node) -> None:
    over, nbr = node["over"], node["nbr"]
    few = nbr.size
    with ctx.loops((over,)) as at:
        i = bind(i32(at.index[over.key]))
        best = [T.alloc_buffer((few,), dtype, scope="local") for dtype in ("float32", "float32", "int32")]
        found = Cell(const(0))
        with serial(i32(ctx.extent(over))) as j, T.If(tirx.NE(i, j)), T.Then():
            _insert(few, best, found, [*_distance(ctx, node, i, j), j])
        with serial(few) as r:
            absent = const(-1) if node["short"] == "zero" else i
            there = bind(cast(r < found.get(), "int32"))
            listed = bind(best[2][tirx.min(r, tirx.max(found.get() - 1, const(0)))])
            ctx.store(node, At({over.key: i, nbr.key: r}), select(there > 0, listed, absent))


def _insert(few: int, best: list[Expr], found: Cell, new: list[Expr]) -> None:
    """Behind those as near, which have lower indices."""
    place = Cell(found.get())
    with serial(const(few)):
        at = bind(place.get())
        last = [bind(b[tirx.max(at - 1, const(0))]) for b in best]
        nearer = either(new[0] < last[0], both(tirx.EQ(new[0], last[0]), new[1] < last[1]))
        with T.If(both(at > 0, nearer)), T.Then():
            with T.If(at < few), T.Then():
                for b, x in zip(best, last, strict=True):
                    T.buffer_store(b, x, [at])
            place.set(at - 1)
    at = bind(place.get())
    with T.If(at < few), T.Then():
        for b, x in zip(best, new, strict=True):
            T.buffer_store(b, x, [at])
    found.set(tirx.min(found.get() + 1, const(few)))


def _distance(ctx: KernelContext, node: Node, i: Expr, j: Expr) -> tuple[Expr, Expr]:
    """Squared: a float, and what it lacks of it."""
    over, coord, exact = node["over"], node["coord"], as_read(node.operands[0])
    dtype = "float64" if exact else "float32"
    total = Cell(const(0.0, dtype))
    with serial(coord.size) as d:
        own, other = (bind(value(ctx, node.operands[0], At({over.key: p, coord.key: d}))) for p in (i, j))
        step = bind(cast(own, dtype) - cast(other, dtype))
        total.set(total.get() + step * step)
    rounded = bind(cast(total.get(), "float32"))
    place = bind(select(is_nan(rounded), const(inf, "float32"), smaller(rounded, const(_LARGEST, "float32"))))
    if not exact:
        return place, const(0.0, "float32")
    left = bind(cast(total.get() - cast(rounded, dtype), "float32"))
    finite = tirx.EQ(rounded - rounded, const(0.0, "float32"))
    return place, bind(select(finite, left, const(0.0, "float32")))
