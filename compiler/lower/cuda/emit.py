# SPDX-License-Identifier: Apache-2.0
"""How each operation is computed on a GPU: over which entries threads are spread, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node, made_by
from hepq.compiler.lower.cpu.context import At
from hepq.compiler.lower.cpu.emit_map import emit_map
from hepq.compiler.lower.cpu.emit_reduce import emit_reduce
from hepq.compiler.lower.cpu.emit_rows import emit_combinations, emit_cumsum, emit_filter, emit_unite, sortable
from hepq.compiler.lower.cpu.expressions import RULES, compute, value
from hepq.compiler.lower.cpu.layout import capacity, kept_as
from hepq.compiler.lower.cpu.mathfn import maximum, minimum
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, cast, const, either, i32, serial
from hepq.compiler.lower.cuda.context import KernelContext
from hepq.compiler.lower.cuda.emit_knn import emit_knn
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import COUNTING, GIVEN, IDENTITY, QUANTUM, REDUCE, SEGMENT
from hepq.core.types import Dim


@dataclass(frozen=True)
class Piece:
    """A kernel: a thread for each entry of ``over``, for each event if there are none; ``emit``: what they do.

    ``columns``: it computes as many numbers of each entry, in tiles of entries of all events.
    """

    over: tuple[Dim, ...]
    emit: Callable[[KernelContext], None]
    columns: int = 0


def of_entries(emit: Callable[[KernelContext, Node], None]) -> Callable[[Node], Iterable[Piece]]:
    """Each entry of the value apart."""
    return lambda node: [Piece(node.type.dims, lambda ctx: emit(ctx, node))]


def of_events(emit: Callable[[KernelContext, Node], None]) -> Callable[[Node], Iterable[Piece]]:
    """A thread does all of an event's: of what depends on the entries before."""
    return lambda node: [Piece((), lambda ctx: emit(ctx, node))]


def product(host: Node, contraction: Node) -> Piece:
    """``host``, whose value is ``contraction`` after cheap elementwise operations."""
    return Piece(host.type.dims, lambda ctx: _contract(ctx, host, contraction))


def _contract(ctx: KernelContext, host: Node, contraction: Node) -> None:
    a, b = contraction.operands
    dtype = kept_as(contraction)
    with ctx.loops(host.type.dims) as at:
        total = Cell(const(0, dtype))
        with ctx.loops(contraction["over"]) as inner:
            here = At({**at.index, **inner.index})
            x, y = bind(value(ctx, a, here)), bind(value(ctx, b, here))
            total.set(fused(x, y, total.get()) if dtype == "float32" else x * y + total.get())
        result = bind(total.get())
        if host is contraction:
            ctx.store(host, at, result)
            return
        ctx.given[contraction] = lambda _: result
        ctx.store(host, at, compute(ctx, host, at))
        del ctx.given[contraction]


def fused(x: Expr, y: Expr, z: Expr) -> Expr:
    """x * y + z, rounded once."""
    return T.call_pure_extern("float32", "fmaf", x, y, z)


def _joined(ctx: KernelContext, node: Node) -> None:
    """Of ``stack`` and ``concat``: each operand where it stands."""
    dim, start = node["dim"], 0
    with ctx.loops(node.type.dims) as at:
        entry = bind(i32(at.index[dim.key]))
        for i, operand in enumerate(node.operands):
            along = node["along"][i] if node.op == "concat" else None
            size = 1 if along is None else along.size
            with T.If(both(entry >= start, entry < start + size)), T.Then():
                source = at if along is None else at.drop(dim.key).set(along.key, entry - start)
                ctx.store(node, at, value(ctx, operand, source))
            start += size


def _sort(node: Node) -> Iterable[Piece]:
    """An entry's place is the number of those before it."""
    dim, dst = node["dim"], node["dst"]
    if dst.size is not None:
        yield Piece(node.type.dims, lambda ctx: _nothing(ctx, node))
    if made_by(node) is not None:
        yield Piece((), lambda ctx: _count_first(ctx, node))
    yield Piece((dim, *node.type.dims[1:]), lambda ctx: _ranks(ctx, node))


def _nothing(ctx: KernelContext, node: Node) -> None:
    with ctx.loops(node.type.dims) as at:
        ctx.store(node, at, const(-1))


def _count_first(ctx: KernelContext, node: Node) -> None:
    made = made_by(node)
    assert made is not None, "only lists of made dims come here"
    ctx.note(made, tirx.min(i32(ctx.extent(node["dim"])), const(capacity(node["dst"]))))


def _ranks(ctx: KernelContext, node: Node) -> None:
    dim, dst = node["dim"], node["dst"]
    keys = list(zip(node.operands, node["descending"], strict=True))

    def key(at: At) -> list[Expr]:
        return [bind(sortable(bind(value(ctx, k, at)), k.type.elem, down)) for k, down in keys]

    with ctx.loops((dim, *node.type.dims[1:])) as at:
        entry = bind(i32(at.index[dim.key]))
        mine, place = key(at), Cell(const(0))
        with serial(i32(ctx.extent(dim))) as other:
            before = other < entry
            for theirs, own in zip(reversed(key(at.set(dim.key, other))), reversed(mine), strict=True):
                before = either(theirs < own, both(tirx.EQ(theirs, own), before))
            place.set(place.get() + cast(before, "int32"))
        found = bind(place.get())
        with T.If(found < capacity(dst)), T.Then():
            ctx.store(node, at.drop(dim.key).set(dst.key, found), entry)


def _segment(ctx: KernelContext, node: Node) -> None:
    """Each entry looks for those that name it: no two threads add to the same number."""
    (x, idx), (into, *_) = node.operands, node.type.dims
    combine = {"segment_max": maximum, "segment_min": minimum}.get(node.op)
    with ctx.loops(node.type.dims) as at:
        mine = bind(i32(at.index[into.key]))
        total, seen = Cell(const(0, kept_as(node))), Cell(const(0))
        kept = at.drop(into.key)
        with ctx.loops(idx.type.dims) as inner:
            where = bind(value(ctx, idx, inner))
            with T.If(tirx.EQ(where, mine)), T.Then():
                old, new = bind(total.get()), bind(value(ctx, x, At({**kept.index, **inner.index})))
                total.set(old + new if combine is None else tirx.Select(seen.get() > 0, combine(old, new), new))
                seen.set(const(1))
        ctx.store(node, at, total.get())


def _cumsum(node: Node) -> Iterable[Piece]:
    yield Piece(tuple(d for d in node.type.dims if d.key != node["over"].key), lambda ctx: emit_cumsum(ctx, node))


#: op -> the kernels that compute a node of its own, in order
EMITTERS: Rules[Callable[[Node], Iterable[Piece]]] = Rules(
    "cuda", illegal=(*COUNTING, "batch_norm", *IDENTITY, *QUANTUM), elsewhere=GIVEN
)
EMITTERS(*RULES)(of_entries(emit_map))
EMITTERS("stack", "concat")(of_entries(_joined))
EMITTERS("contract")(lambda node: [product(node, node)])
EMITTERS(*REDUCE)(of_entries(emit_reduce))
EMITTERS("knn")(lambda node: [Piece((node["over"],), lambda ctx: emit_knn(ctx, node))])
EMITTERS("filter")(of_events(emit_filter))
EMITTERS("argsort")(_sort)
EMITTERS("combinations")(of_events(emit_combinations))
EMITTERS("unite")(of_events(emit_unite))
EMITTERS("cumsum")(_cumsum)
EMITTERS(*SEGMENT)(of_entries(_segment))


def dims_of(nodes: Sequence[Node]) -> dict[str, Dim]:
    """Ragged dims that code for these nodes may ask the size of, by name."""
    found: dict[str, Dim] = {}
    for node in nodes:
        into = (node.type.into,) if node.type.into is not None else ()
        named = [d for v in node.attrs.values() for d in (v if isinstance(v, tuple) else (v,)) if isinstance(d, Dim)]
        found.update((d.name, d.base) for d in (*node.type.dims, *into, *named) if d.ragged)
    return found
