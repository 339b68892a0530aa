# SPDX-License-Identifier: Apache-2.0
"""Operations that choose, order, combine and join the entries of dims, and sums by an index: plain loops over entries.

What makes a ragged dim notes its number of entries, at most the bound, where the stages that come later read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node, made_by
from hepq.compiler.lower.cpu.context import At, Context
from hepq.compiler.lower.cpu.expressions import value
from hepq.compiler.lower.cpu.layout import LINE, capacity, kept_as, sort_row
from hepq.compiler.lower.cpu.mathfn import is_nan, maximum, minimum
from hepq.compiler.lower.cpu.tir import (
    Cell,
    Expr,
    bind,
    bits,
    both,
    cast,
    ceildiv,
    const,
    dtype_of,
    either,
    i32,
    level,
    quotient,
    ramp,
    select,
    serial,
)

_INT_MAX = 2**31 - 1
#: where the keys of a sort are: a scratch memory, and the first one's place
Key = tuple[Expr, int]
#: entries that are wanted of a sort, up to which every entry is compared with the best so far
_FEW = 4
#: entries of a dim, up to which counting those before each, many at a time, is faster than merging
_MANY = 1024


def _note(ctx: Context, node: Node, count: Expr) -> None:
    dim = made_by(node)
    if dim is not None:
        ctx.note(dim, count)


def emit_filter(ctx: Context, node: Node) -> None:
    dim, dst, count = node["dim"], node["dst"], Cell(const(0))
    with serial(i32(ctx.extent(dim))) as i:
        found = bind(count.get())
        kept = value(ctx, node.operands[0], At({dim.key: i}))
        with T.If(both(cast(kept, "bool"), found < capacity(dst))), T.Then():
            ctx.store(node, At({dst.key: found}), i)
            count.set(found + 1)
    _note(ctx, node, bind(count.get()))


def emit_argsort(ctx: Context, node: Node) -> None:
    dim, dst, others = node["dim"], node["dst"], node.type.dims[1:]
    n = bind(i32(ctx.extent(dim)))
    ints, row = ctx.plan.temporaries[node][1].offset, sort_row(dim)
    longs, keys = ctx.plan.temporaries[node][2].offset, list[Key]()
    for k, key in enumerate(node.operands):
        wide = key.type.elem == "int"
        keys.append((ctx.lscratch, longs + k * row) if wide else (ctx.iscratch, ints + (2 + k) * row))
    count = n if dst.key == dim.key else bind(tirx.min(n, const(capacity(dst))))
    with ctx.loops(others, vector=False, tiled=False) as at:
        with serial(n) as i:
            for where, key, down in zip(keys, node.operands, node["descending"], strict=True):
                x = bind(value(ctx, key, at.set(dim.key, i)))
                T.buffer_store(where[0], sortable(x, key.type.elem, down), [where[1] + i])
        if dst.key != dim.key and capacity(dst) <= _FEW:
            ordered = _first_few(ctx, n, capacity(dst), ints, keys)
        else:
            sort = _merge_sorted if capacity(dim) > _MANY else _counted
            ordered = sort(ctx, n, capacity(dim), ints, ints + row, keys)
        with serial(count) as i:
            ctx.store(node, at.set(dst.key, i), ctx.iscratch[ordered + i])
        if dst.size is not None:
            with serial(const(dst.size) - count) as i:
                ctx.store(node, at.set(dst.key, count + i), const(-1))
    _note(ctx, node, count)


def sortable(x: Expr, elem: str, descending: bool) -> Expr:
    """A whole number in whose order ``x`` is to stand: of a float its bits, those of negative ones turned round."""
    if elem != "real":
        whole = cast(x, "int64" if elem == "int" else "int32")
        return const(-1, dtype_of(whole)) - whole if descending else whole
    raw = bind(bits(select(tirx.EQ(x, const(0.0, "float32")), const(0.0, "float32"), x), "int32"))
    rank = raw ^ ((raw >> 31) & const(_INT_MAX))
    return select(is_nan(x), const(_INT_MAX), const(-1) - rank if descending else rank)


def _before(ctx: Context, b: Expr, a: Expr, keys: Sequence[Key]) -> Expr:
    """Is entry ``b`` before ``a`` by its keys?"""
    less: Expr = const(False, "bool")
    for key in reversed(keys):
        of_b, of_a = bind(key[0][key[1] + b]), bind(key[0][key[1] + a])
        less = either(of_b < of_a, both(tirx.EQ(of_b, of_a), less))
    return less


def _first_few(ctx: Context, n: Expr, few: int, first: int, keys: Sequence[Key]) -> Expr:
    """Where in ``iscratch`` the ``few`` first of ``n`` entries stand by ``keys``, equal ones in order: at ``first``."""
    with serial(n) as i:
        place = Cell(tirx.min(i, const(few)))
        with serial(few):
            at = bind(place.get())
            last = bind(ctx.iscratch[first + tirx.max(at - 1, const(0))])
            with T.If(at > 0), T.Then(), T.If(_before(ctx, i, last, keys)), T.Then():
                with T.If(at < few), T.Then():
                    T.buffer_store(ctx.iscratch, last, [first + at])
                place.set(at - 1)
        at = bind(place.get())
        with T.If(at < few), T.Then():
            T.buffer_store(ctx.iscratch, i, [first + at])
    return const(first)


def _counted(ctx: Context, n: Expr, most: int, first: int, second: int, keys: Sequence[Key]) -> Expr:
    """As ``_merge_sorted``, at ``first``: an entry's place is the number of those before it."""
    lanes = min(ctx.width, LINE)
    with serial(ceildiv(n, lanes)) as chunk:
        index, start = ramp(chunk * lanes, lanes), chunk * lanes
        own = [bind(memory[ramp(key + start, lanes)]) for memory, key in keys]
        place = Cell(const(0), lanes)
        with serial(n) as i:
            before = level(i, index)[0] < index
            for (memory, key), mine in zip(reversed(keys), reversed(own), strict=True):
                other = level(bind(memory[key + i]), mine)[0]
                before = either(other < mine, both(tirx.EQ(other, mine), before))
            place.set(place.get() + cast(before, "int32"))
        T.buffer_store(ctx.iscratch, place.get(), [ramp(second + start, lanes)])
    with serial(n) as i:
        T.buffer_store(ctx.iscratch, i, [first + ctx.iscratch[second + i]])
    return const(first)


def _merge_sorted(ctx: Context, n: Expr, most: int, first: int, second: int, keys: Sequence[Key]) -> Expr:
    """Where in ``iscratch`` the ``n`` entries stand by ``keys``, equal ones in order: at ``first`` or ``second``."""
    with serial(n) as i:
        T.buffer_store(ctx.iscratch, i, [first + i])
    source, target, width = Cell(const(first)), Cell(const(second)), Cell(const(1))
    with serial((most - 1).bit_length()), T.If(width.get() < n), T.Then():
        here, there, run = bind(source.get()), bind(target.get()), bind(width.get())
        with serial(quotient(n + run * 2 - 1, run * 2)) as block:
            low = bind(block * run * 2)
            middle, high = bind(tirx.min(low + run, n)), bind(tirx.min(low + run * 2, n))
            left, right = Cell(low), Cell(middle)
            with serial(high - low) as t:
                i, j = bind(left.get()), bind(right.get())
                a = bind(ctx.iscratch[here + tirx.min(i, n - 1)])
                b = bind(ctx.iscratch[here + tirx.min(j, n - 1)])
                taken = bind(cast(both(i < middle, either(j >= high, tirx.Not(_before(ctx, b, a, keys)))), "int32"))
                T.buffer_store(ctx.iscratch, select(taken > 0, a, b), [there + low + t])
                left.set(i + taken)
                right.set(j + 1 - taken)
        source.set(there)
        target.set(here)
        width.set(run * 2)
    return bind(source.get())


def emit_combinations(ctx: Context, node: Node) -> None:
    dim, dst, slot = node["dim"], node["dst"], node["slot"]
    n, count = bind(i32(ctx.extent(dim))), Cell(const(0))

    def chosen(entries: list[Expr]) -> None:
        if len(entries) < slot.size:
            first = entries[-1] + 1 if entries else const(0)
            with serial(n - first) as step:
                chosen([*entries, bind(first + step)])
            return
        found = bind(count.get())
        with T.If(found < capacity(dst)), T.Then():
            for k, entry in enumerate(entries):
                ctx.store(node, At({dst.key: found, slot.key: k}), entry)
            count.set(found + 1)

    chosen([])
    _note(ctx, node, bind(count.get()))


def emit_unite(ctx: Context, node: Node) -> None:
    dst, part = node["dst"], node["part"]
    sizes = [i32(ctx.extent(d)) for d in node["dims"]]
    start, mine = bind(sum(sizes[:part], const(0))), sizes[part]
    count = bind(tirx.min(sum(sizes, const(0)), const(capacity(dst))))
    with serial(count) as i:
        there = both(i >= start, i < start + mine)
        ctx.store(node, At({dst.key: i}), select(there, i - start, const(-1)))
    _note(ctx, node, count)


def emit_cumsum(ctx: Context, node: Node) -> None:
    over, dims = node["over"], node.type.dims
    rest = [d for d in dims if d.key != over.key]
    vector = bool(rest) and rest[-1].key == dims[-1].key
    with ctx.loops(rest, vector=vector) as at:
        total = Cell(const(0, kept_as(node)), ctx.lanes(dims[-1]) if vector else 1)
        with serial(i32(ctx.extent(over))) as i:
            total.set(total.get() + value(ctx, node.operands[0], at.set(over.key, i)))
            ctx.store(node, at.set(over.key, i), total.get())


def emit_segment(ctx: Context, node: Node) -> None:
    (x, idx), (into, *others) = node.operands, node.type.dims
    combine = {"segment_max": maximum, "segment_min": minimum}.get(node.op)
    seen = ctx.plan.temporaries[node][1].offset if combine else 0
    n = bind(i32(ctx.extent(into)))
    with ctx.loops(node.type.dims) as at:
        ctx.store(node, at, const(0))
    if combine:
        with serial(n) as i:
            T.buffer_store(ctx.iscratch, const(0), [seen + i])
    with ctx.loops(idx.type.dims, vector=False, tiled=False) as at:
        where = bind(value(ctx, idx, at))
        with T.If(both(where >= 0, where < n)), T.Then():
            with ctx.loops(others, tiled=False) as inner:
                target = At({into.key: where, **inner.index})
                old, new = bind(ctx.load(node, target)), bind(value(ctx, x, At({**at.index, **inner.index})))
                old, new = level(old, new)
                made = select(ctx.iscratch[seen + where] > 0, combine(old, new), new) if combine else old + new
                ctx.store(node, target, made)
            if combine:
                T.buffer_store(ctx.iscratch, const(1), [seen + where])
