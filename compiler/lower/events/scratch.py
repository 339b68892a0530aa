# SPDX-License-Identifier: Apache-2.0
"""Scratch memory: how many numbers each kept value takes, from the largest counts of a chunk's dims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tvm import tirx

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Expr, bind, cast, const, select
from hepq.compiler.lower.events.context import STORED, i64
from hepq.compiler.lower.events.dims import asked, limit, running
from hepq.compiler.lower.events.plan import Plan, flat_dim
from hepq.core.ops.table import SEGMENT
from hepq.core.types import Dim
from hepq.runtime.engine.event_code import BLOCK

#: numbers that the last vector may reach beyond a value's end, and more
SLACK = 16


@dataclass(frozen=True)
class Slot:
    """Memory of one value, or of one column of rows. ``rows``: the flat dim whose block of events it holds; ``dims``:
    what it holds of one event, or beside the rows of a block."""

    dtype: str
    dims: tuple[Dim, ...]
    block: bool = False
    rows: str | None = None


def slots(plan: Plan, node: Node) -> tuple[Slot, ...]:
    """Of a kept node."""
    dims = node.type.dims
    if plan.is_flat(node):
        rowed = bool(dims) and dims[0].ragged
        rows = flat_dim(node) if rowed else None
        return (Slot(STORED[node.type.elem], dims[1:] if rowed else dims, True, rows),)
    if node.op == "combinations":
        return tuple(Slot("int64", dims[:1]) for _ in range(node["slot"].size))
    parts = plan.dims.codes(node["dim"]) if node.op in ("filter", "argsort") else 1
    return (Slot(STORED[node.type.elem], dims),) * parts


def temporaries(plan: Plan, node: Node) -> tuple[Slot, ...]:
    """What its task needs while it runs."""
    if node.op in SEGMENT and node.op != "segment_sum":
        return (Slot("int64", node.type.dims),)
    if node.op == "argsort":
        columns = len(node.operands) + plan.dims.codes(node["dim"])
        if running(node):
            few = asked(node)
            return (Slot("int64", (Dim(str(few), few),)),) * columns
        # and two orders
        return (Slot("int64", (node["dim"],)),) * (columns + 2)
    return ()


def capacities(plan: Plan, most: Mapping[str, Expr], explode: Expr) -> dict[str, Expr]:
    """Dim -> the most entries that an event of the chunk has, or that there is memory for; float64."""
    found = {name: cast(n, "float64") for name, n in most.items()}

    def capacity(dim: Dim) -> Expr:
        if dim.size is not None:
            return const(float(dim.size), "float64")
        if dim.name not in found:
            found[dim.name] = bind(of(plan.dims.makers[dim.name]))
        return found[dim.name]

    def of(node: Node) -> Expr:
        bound = limit(node)
        if node.op == "unite":
            total = const(0.0, "float64")
            for dim in node["dims"]:
                total = total + capacity(dim)
        else:
            total = capacity(node["dim"])
        if node.op == "combinations":
            n, total = bind(total), const(1.0, "float64")
            for i in range(node["slot"].size):
                total = bind(bind(total * (n - const(float(i), "float64"))) / const(i + 1.0, "float64"))
            total = bind(select(n < const(float(node["slot"].size), "float64"), const(0.0, "float64"), total))
            total = select(total < explode, total, explode)
        total = bind(total)
        return (
            total
            if bound is None
            else select(total < const(float(bound), "float64"), total, const(float(bound), "float64"))
        )

    for node in plan.dims.makers.values():
        capacity(node["dst"])
    return found


def length(slot: Slot, capacity: Mapping[str, Expr], block: Mapping[str, Expr]) -> Expr:
    """Numbers, float64."""
    total = const(float(BLOCK), "float64") if slot.block and slot.rows is None else const(1.0, "float64")
    if slot.rows is not None:
        total = cast(block[slot.rows], "float64")
    for dim in slot.dims:
        total = total * (const(float(dim.size), "float64") if dim.size is not None else capacity[dim.name])
    return total + const(float(SLACK), "float64")


def all_slots(plan: Plan) -> Iterator[tuple[Node, tuple[Slot, ...], tuple[Slot, ...]]]:
    """Every kept node with its slots and temporaries, in the order in which they lie in memory."""
    for node in plan.module.walk():
        if node in plan.kept and not in_registers(plan, node):
            yield node, slots(plan, node), temporaries(plan, node)


def in_registers(plan: Plan, node: Node) -> bool:
    return not node.type.dims and not plan.is_flat(node)


def rounded(numbers: Expr) -> Expr:
    """Whole cache lines, int64."""
    return bind(tirx.truncdiv(cast(numbers, "int64") + i64(7), i64(8)) * i64(8))
