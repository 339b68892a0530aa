# SPDX-License-Identifier: Apache-2.0
"""Activations times a weight matrix in tiles, which cross events: of rows that are computed each from itself alone.

A block computes ``ROWS`` x ``COLUMNS`` numbers. Pieces of both operands, ``DEPTH`` deep, go through shared memory; each
thread has a few rows and columns in registers. Sums are those of the plain kernel, in the same order: the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.matmul_dims import MatMul
from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.context import At
from hepq.compiler.lower.cpu.expressions import compute, value
from hepq.compiler.lower.cpu.layout import capacity
from hepq.compiler.lower.cpu.plan import Key
from hepq.compiler.lower.cpu.prepare import matrix_product
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, const, quotient, remainder, serial
from hepq.compiler.lower.cuda.context import KernelContext
from hepq.compiler.lower.cuda.emit import Piece, fused
from hepq.core.ops.table import ELEMENTWISE
from hepq.core.types import Dim
from hepq.runtime.engine.cuda.table import THREADS, TILE_COLUMNS, TILE_ROWS

#: of the sums, at a time; rows and columns of a thread
DEPTH, MY_ROWS, MY_COLUMNS = 16, 8, 4
#: between rows of the piece of activations in shared memory
_PITCH = TILE_ROWS + 4
#: a matrix so small is not worth a tile
_FEWEST = 8, 16
_ALONE = ELEMENTWISE | {"const", "iota", "transpose", "pick", "slice", "flatten", "unflatten", "rename", "window",
                        "stack", "concat", "contract"}  # fmt: skip


def tile(host: Node, contraction: Node, seen: Iterable[Node], stored: Iterable[Node]) -> Piece | None:
    """``host``, whose value is ``contraction`` after elementwise operations, in tiles; None where that cannot be.

    ``stored``: what is read from memory; ``seen``: that, and what is computed on the way.
    """
    plan = matrix_product(contraction)
    if plan is None or any(_size(dims) < few for dims, few in zip((plan.over, plan.cols), _FEWEST, strict=True)):
        return None
    ragged = _leading(plan.rows)
    if any(d.ragged for d in plan.rows[len(ragged) :]):
        return None
    read = [n for n in stored if n.op != "param"]
    if any(_leading(n.type.dims) != ragged or any(d.ragged for d in n.type.dims[len(ragged) :]) for n in read):
        return None
    memory = {*stored}
    if any(n not in memory and (n.op not in _ALONE or _ragged_attribute(n)) for n in seen):
        return None
    return Piece(plan.rows, lambda ctx: _emit(ctx, host, contraction, plan), columns=_size(plan.cols))


def _size(dims: Sequence[Dim]) -> int:
    return prod(map(capacity, dims))


def _leading(dims: Sequence[Dim]) -> list[Key]:
    """The ragged dims that stand first."""
    found = []
    for dim in dims:
        if not dim.ragged:
            break
        found.append(dim.key)
    return found


def _ragged_attribute(node: Node) -> bool:
    """Does it move entries of a ragged dim?"""
    named = [d for v in node.attrs.values() for d in (v if isinstance(v, tuple) else (v,)) if isinstance(d, Dim)]
    return any(d.ragged for d in named)


def _split(dims: Sequence[Dim], entry: Expr) -> dict[Key, Any]:
    index: dict[Key, Any] = {}
    for dim in reversed(dims[1:]):
        index[dim.key] = bind(remainder(entry, capacity(dim)))
        entry = bind(quotient(entry, capacity(dim)))
    return {dims[0].key: entry, **index} if dims else {}


def _row(ctx: KernelContext, rows: Sequence[Dim], number: Expr) -> dict[Key, Any]:
    """The index of a row of the batch: as of one event that has them all."""
    static = [d for d in rows if not d.ragged]
    each = _size(static)
    outer = number if each == 1 else bind(quotient(number, each))
    index = _split(static, number if each == 1 else bind(remainder(number, each)))
    ragged = _leading(rows)
    if not ragged:
        ctx.starts[()] = outer
    return {**{key: outer if i == 0 else 0 for i, key in enumerate(ragged)}, **index}


def _emit(ctx: KernelContext, host: Node, contraction: Node, plan: MatMul) -> None:
    activation, weight = contraction.operands
    depth, columns = _size(plan.over), _size(plan.cols)
    left = T.alloc_buffer((DEPTH * _PITCH,), "float32", scope="shared")
    right = T.alloc_buffer((DEPTH * TILE_COLUMNS,), "float32", scope="shared")
    total = T.alloc_buffer((MY_ROWS * MY_COLUMNS,), "float32", scope="local")
    thread, (across, down) = ctx.first, ctx.block
    first_row, first_column = bind(across * TILE_ROWS), bind(down * TILE_COLUMNS)
    with T.unroll(0, MY_ROWS * MY_COLUMNS) as i:
        T.buffer_store(total, const(0.0, "float32"), [i])
    with serial(-(-depth // DEPTH)) as step:
        with serial(const(DEPTH * TILE_ROWS // THREADS)) as turn:
            place = bind(thread + turn * THREADS)
            row, k = bind(quotient(place, DEPTH)), bind(remainder(place, DEPTH))
            number, summed, x = bind(first_row + row), bind(step * DEPTH + k), Cell(const(0.0, "float32"))
            with T.If(both(number < ctx.entries, summed < depth)), T.Then():
                at = At({**_row(ctx, plan.rows, number), **_split(plan.over, summed)})
                x.set(value(ctx, activation, at))
            T.buffer_store(left, x.get(), [k * _PITCH + row])
        with serial(const(DEPTH * TILE_COLUMNS // THREADS)) as turn:
            place = bind(thread + turn * THREADS)
            k, column = bind(quotient(place, TILE_COLUMNS)), bind(remainder(place, TILE_COLUMNS))
            summed, entry, x = bind(step * DEPTH + k), bind(first_column + column), Cell(const(0.0, "float32"))
            with T.If(both(summed < depth, entry < columns)), T.Then():
                x.set(ctx.buffer(weight)[summed * columns + entry])
            T.buffer_store(right, x.get(), [k * TILE_COLUMNS + column])
        _barrier()
        _multiply(thread, left, right, total)
        _barrier()
    _finish(ctx, host, contraction, plan, (first_row, first_column), total)


def _barrier() -> None:
    """All threads of the block have come here, and see what others wrote."""
    T.evaluate(tirx.call_intrin("void", "tirx.tvm_storage_sync", "shared"))


def _multiply(thread: Expr, left: Expr, right: Expr, total: Expr) -> None:
    mine = [T.alloc_buffer((n,), "float32", scope="local") for n in (MY_ROWS, MY_COLUMNS)]
    across = TILE_COLUMNS // MY_COLUMNS
    row, column = bind(quotient(thread, across) * MY_ROWS), bind(remainder(thread, across) * MY_COLUMNS)
    with T.unroll(0, DEPTH) as k:
        with T.unroll(0, MY_ROWS) as i:
            T.buffer_store(mine[0], left[k * _PITCH + row + i], [i])
        with T.unroll(0, MY_COLUMNS) as j:
            T.buffer_store(mine[1], right[k * TILE_COLUMNS + column + j], [j])
        with T.unroll(0, MY_ROWS) as i, T.unroll(0, MY_COLUMNS) as j:
            place = i * MY_COLUMNS + j
            T.buffer_store(total, fused(mine[0][i], mine[1][j], total[place]), [place])


def _finish(
    ctx: KernelContext, host: Node, contraction: Node, plan: MatMul, first: tuple[Expr, Expr], total: Expr
) -> None:
    across = TILE_COLUMNS // MY_COLUMNS
    row = bind(first[0] + quotient(ctx.first, across) * MY_ROWS)
    column = bind(first[1] + remainder(ctx.first, across) * MY_COLUMNS)
    with T.unroll(0, MY_ROWS) as i, T.unroll(0, MY_COLUMNS) as j:
        number, entry = bind(row + i), bind(column + j)
        with T.If(both(number < ctx.entries, entry < _size(plan.cols))), T.Then():
            at = At({**_row(ctx, plan.rows, number), **_split(plan.cols, entry)})
            result = bind(total[i * MY_COLUMNS + j])
            if host is contraction:
                ctx.store(host, at, result)
            else:
                ctx.given[contraction] = lambda _: result
                ctx.store(host, at, compute(ctx, host, at))
                del ctx.given[contraction]
