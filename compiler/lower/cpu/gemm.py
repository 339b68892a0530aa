# SPDX-License-Identifier: Apache-2.0
"""Activations times a weight matrix, in register tiles.

A tile holds ``rows`` x ``vectors`` accumulators in registers; the weights are packed at compile time
into panels of ``vectors`` columns, contiguous in the order the innermost loop reads them (the scheme
of Goto and van de Geijn, ACM TOMS 34 (2008) 12, without their outer blocking: a tile of particles is
already in cache).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from hepq.compiler.ir.matmul_dims import MatMul, positions
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At, Context, Lanes
from hepq.compiler.lower.cpu.expressions import compute, value
from hepq.compiler.lower.cpu.plan import Key
from hepq.compiler.lower.cpu.prepare import matrix_product
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, ceildiv, const, i32, quotient, ramp, remainder, serial, widen


@dataclass(frozen=True)
class TileShape:
    rows: int
    vectors: int


def tile_shape(width: int, rows: int, vectors: int) -> TileShape:
    """Register tile for a product with at most ``rows`` rows and ``vectors`` vectors of columns.

    16 of 32 AVX-512 (or NEON) registers accumulate, 12 of 16 AVX2 (or SSE) ones.
    """
    if rows == 1:
        return TileShape(1, min(vectors, 8))
    if width == 16:
        return TileShape(8, min(vectors, 2)) if vectors > 1 else TileShape(8, 1)
    return TileShape(min(rows, 6), min(vectors, 2))


def emit_product(ctx: Context, host: Node, product: Node) -> None:
    """Computes ``host``, whose value is ``product`` after cheap elementwise operations."""
    plan = matrix_product(product)
    assert plan is not None, "only matrix products come here"
    last = plan.cols[-1]
    lanes = ctx.lanes(last)
    columns = prod(d.size or 0 for d in plan.cols[:-1]) * int(ctx.pitch(last))
    vectors = columns // lanes
    shape = tile_shape(ctx.width, ctx.static_rows(plan.rows), vectors)
    packed = _pack(ctx, product.operands[1], plan, columns, lanes, shape.vectors)
    emit = _Emitter(ctx, host, product, plan, lanes, shape.rows)
    panels, rest = divmod(vectors, shape.vectors)
    depth = prod(d.size or 0 for d in plan.over)
    panel_floats = depth * shape.vectors * lanes
    if panels:
        with serial(panels) as j:
            emit.panel(packed + j * panel_floats, j * (shape.vectors * lanes), shape.vectors)
    if rest:
        emit.panel(const(packed + panels * panel_floats), const(panels * shape.vectors * lanes), rest)


def _pack(ctx: Context, weight: Node, plan: MatMul, columns: int, lanes: int, vectors: int) -> int:
    """Offset of the weights as [panel, depth, columns of the panel]; the last panel may be narrower."""
    w = ctx.values[weight["path"]].transpose(positions(weight.type.dims, (*plan.over, *plan.cols)))
    depth = prod(d.size or 0 for d in plan.over)
    w = w.reshape(depth, -1, plan.cols[-1].size or 0)
    w = np.pad(w, [(0, 0), (0, 0), (0, int(ctx.pitch(plan.cols[-1])) - w.shape[2])]).reshape(depth, columns)
    step = vectors * lanes
    return ctx.packer.add(np.concatenate([w[:, j : j + step].ravel() for j in range(0, columns, step)]))


@dataclass(frozen=True)
class _Emitter:
    ctx: Context
    host: Node
    product: Node
    plan: MatMul
    lanes: int
    rows: int

    def panel(self, weights: Expr, column: Expr, vectors: int) -> None:
        """All rows of the running tile times one panel of weights."""
        plan, numbers = self.plan.rows, range(self.rows)
        total = i32(self.ctx.rows(plan))
        # what is stored at the last row in place of rows beyond it must be the last row's
        apart = [d.key for d in self.host.type.dims[:-1]] != [d.key for d in plan]
        with serial(ceildiv(total, self.rows)) as block:
            rows = [self.ctx.at_row(plan, bind(block * self.rows + r), inside=apart) for r in numbers]
            cells = [[Cell(const(0.0, "float32"), self.lanes) for _ in range(vectors)] for _ in rows]
            self._multiply(rows, cells, weights, vectors)
            for at, accumulators in zip(rows, cells, strict=True):
                for v, cell in enumerate(accumulators):
                    self._finish(self.ctx.with_columns(at, self._columns(column + v * self.lanes)), cell)

    def _multiply(self, rows: list[At], cells: list[list[Cell]], weights: Expr, vectors: int) -> None:
        loads = [self._left(at) for at in rows]
        with self.ctx.loops(self.plan.over, vector=False, tiled=False) as inner:
            k: Expr = const(0)
            for dim in self.plan.over:
                k = k * i32(dim.size or 0) + i32(inner.index[dim.key])
            base = weights + k * (vectors * self.lanes)
            w = [bind(self.ctx.weights[ramp(base + v * self.lanes, self.lanes)]) for v in range(vectors)]
            for load, accumulators in zip(loads, cells, strict=True):
                x = bind(widen(load(inner), self.lanes))
                for v, cell in enumerate(accumulators):
                    cell.set(cell.get() + x * w[v])

    def _left(self, at: At) -> Callable[[At], Expr]:
        """The activation in one row, as a function of the summed index."""
        return lambda inner: value(self.ctx, self.product.operands[0], self.ctx.with_columns(at, inner.index))

    def _columns(self, column: Expr) -> Mapping[Key, Any]:
        """The index of each column dim at a flat column, padding included."""
        *outer, last = self.plan.cols
        pitch = int(self.ctx.pitch(last))
        index: dict[Key, Any] = {}
        entry = column
        if outer:
            entry, column = remainder(column, pitch), bind(quotient(column, pitch))
        index[last.key] = Lanes(entry, self.lanes) if self.lanes > 1 else entry
        for dim in reversed(outer):
            index[dim.key] = remainder(column, dim.size or 0)
            column = bind(quotient(column, dim.size or 0))
        return index

    def _finish(self, at: At, cell: Cell) -> None:
        ctx, result = self.ctx, bind(cell.get())
        if self.host is self.product:
            ctx.store(self.host, at, result)
            return
        ctx.given[self.product] = lambda _: result
        ctx.store(self.host, at, compute(ctx, self.host, at))
        del ctx.given[self.product]
