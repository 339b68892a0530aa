# SPDX-License-Identifier: Apache-2.0
"""What is done in an event's loops: each kept node, and each output, as something that begins, is told each entry of a
dim, and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from math import inf
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, both, cast, const, either, select
from hepq.compiler.lower.events import conditions, counting, loops, mathfn
from hepq.compiler.lower.events.adding import Weights, add_weight
from hepq.compiler.lower.events.conditions import ALWAYS, Guard, is_state, live, shortest
from hepq.compiler.lower.events.context import DTYPE, STORED, At, Codes, Context, Variable, i64, plus, times
from hepq.compiler.lower.events.dims import asked, limit, running
from hepq.compiler.lower.events.plan import CALL
from hepq.compiler.lower.events.roots import Adding, Check, Outputs, Root, row_dim
from hepq.compiler.lower.events.rules import compute, value
from hepq.compiler.lower.events.sort import Best, Sort
from hepq.compiler.lower.events.values import Sum, hoist
from hepq.core.ops.table import REDUCE, SEGMENT
from hepq.core.types import Dim
from hepq.runtime.engine.event_code import BAD_CELL, CHECK_FAILED, TOO_MANY


def _nothing() -> None:
    return


@dataclass
class Task:
    """``dim``: the dim of the shared loop; None: ``begin`` does it all. ``step`` is told where the loop is. Where it is
    alone in a loop: ``until`` is no longer 0, and ``only`` of these entries."""

    dim: Dim | None
    step: Callable[[At], None]
    begin: Callable[[], None] = _nothing
    end: Callable[[], None] = _nothing
    until: Cell | None = None
    only: loops.Asked | None = None


@dataclass(frozen=True)
class Place:
    """Where outputs of one loop go: the row of the event, or of its first entry; of a dim that the event makes, rows
    that there is memory for, and how many the event has so far."""

    first: Expr
    capacity: Expr | None = None
    count: Variable | None = None


#: output -> its buffer
Buffers = Mapping[str, Expr]


def task(ctx: Context, root: Root, places: Mapping[str | None, Place], buffers: Buffers) -> Task:
    """``places``: by the name of the dim."""
    if isinstance(root, Outputs):
        return _outputs(ctx, root, places[root.dim.name if root.dim else None], buffers)
    if isinstance(root, Adding):
        return _adding(ctx, root)
    if isinstance(root, Check):
        return _check(ctx, root)
    if root in ctx.plan.late:
        return _late(ctx, root)
    if root.op in REDUCE or root.op == "contract":
        return _reduction(ctx, root)
    if is_state(root):
        return _flow(ctx, root)
    return _TASKS.get(root.op, _segment if root.op in SEGMENT else _stored)(ctx, root)


def perform(
    ctx: Context, groups: Iterable[tuple[Root, ...]], places: Mapping[str | None, Place], buffers: Buffers
) -> None:
    """All that is to be done in an event, each where it is needed."""
    for guard, same in groupby(groups, lambda group: ctx.plan.guard(group[0])):
        together = list(same)
        for root in (root for group in together for root in group):
            if isinstance(root, Outputs) and root.dim is not None:
                _none_yet(places[root.dim.name])
            if guard != ALWAYS and root in ctx.plan.asked:
                # what is not asked holds nowhere
                ctx.store(root, {}, const(2 if is_state(root) else 0, STORED[root.type.elem]))
        with _where(ctx, guard):
            for group in together:
                run(ctx, [task(ctx, root, places, buffers) for root in group])


def _none_yet(place: Place) -> None:
    if place.count is not None:
        place.count.set(i64(0))


@contextmanager
def _where(ctx: Context, guard: Guard) -> Iterator[None]:
    if guard == ALWAYS:
        yield
        return
    found = ctx.once(guard, lambda: _any(_all(counting.holds(ctx, c) for c in shortest(term)) for term in guard))
    with T.If(found), T.Then(), ctx.scope():
        yield


def _any(parts: Iterable[Expr]) -> Expr:
    return reduce(either, parts)


def _all(parts: Iterable[Expr]) -> Expr:
    return reduce(both, parts)


def run(ctx: Context, tasks: list[Task]) -> None:
    """Those of one dim in one loop."""
    for one in tasks:
        one.begin()
    dim = tasks[0].dim
    if dim is not None:
        until, only = (tasks[0].until, tasks[0].only) if len(tasks) == 1 else (None, None)

        def body(codes: Codes) -> None:
            for one in tasks:
                one.step({one.dim.key: codes})  # type: ignore[union-attr]

        loops.each(ctx, dim, body, until, only)
    for one in tasks:
        one.end()


def _stored(ctx: Context, node: Node) -> Task:
    """A value at each of its entries."""
    dims = node.type.dims
    costly = node.op == "and" and max(map(ctx.plan.weight, node.operands)) >= CALL

    def one(at: At) -> None:
        if costly:
            ctx.store(node, at, i64(0))
            loops.where_both(ctx, node, at, lambda: ctx.store(node, at, i64(1)))
        else:
            ctx.store(node, at, compute(ctx, node, at))

    if row_dim(node) is None:
        return Task(None, one, begin=lambda: loops.over(ctx, dims, {}, one))
    return Task(dims[0], lambda at: loops.over(ctx, dims[1:], at, one))


def _late(ctx: Context, node: Node) -> Task:
    """Of one event, in vectors that may reach into what the next one will compute itself."""
    (dim,) = node.type.dims

    def begin() -> None:
        wide = i64(ctx.width)
        with T.serial(i64(0), tirx.truncdiv(i64(ctx.extent(dim)) + wide - i64(1), wide)) as step, ctx.scope():
            ctx.lanes = ctx.width
            at = {dim.key: (bind(step * wide),)}
            ctx.store(node, at, compute(ctx, node, at))
            ctx.lanes = 1

    return Task(None, lambda at: None, begin)


def _flow(ctx: Context, node: Node) -> Task:
    """A cut is asked only where it matters."""
    before, held = node.operands

    def begin() -> None:
        state = ctx.hold(value(ctx, before, {}))
        ctx.store(node, {}, state)
        with _where(ctx, conditions.either([live(before)])):
            ctx.store(node, {}, counting.after(ctx, state, value(ctx, held, {}), node["number"]))

    return Task(None, lambda at: None, begin)


def _reduction(ctx: Context, node: Node) -> Task:
    first, *rest = node["over"]
    if node.type.dims or not first.ragged:
        return _stored(ctx, node)
    sum_ = Sum(ctx, node)
    return Task(
        first,
        lambda at: loops.over(ctx, rest, at, sum_.add, sum_.settled),
        begin=lambda: hoist(ctx, node, {}),
        end=lambda: ctx.store(node, {}, sum_.total()),
        until=sum_.settled,
    )


def _filter(ctx: Context, node: Node) -> Task:
    (mask,), dim, dst = node.operands, node["dim"], node["dst"]
    count, most = ctx.counts[dst.name], limit(node)
    light = ctx.plan.weight(mask) <= CALL

    def keep(at: At, kept: Expr | int = 1) -> None:
        row = ctx.hold(count.get())
        for part, code in enumerate(at[dim.key]):
            ctx.store(node, {dst.key: (row,)}, i64(code), part)
        count.set(row + i64(kept))

    def step(at: At) -> None:
        if most is None and light:  # written over by the next one, if it is not kept: nothing to guess wrong
            keep(at, cast(value(ctx, mask, at), "int64"))
        elif most is None:
            loops.when(ctx, mask, at, lambda: keep(at))
        else:
            limited(at)

    def limited(at: At) -> None:
        with T.If(count.get() < i64(most)), T.Then(), ctx.scope():
            loops.when(ctx, mask, at, lambda: keep(at))

    def begin() -> None:
        count.set(i64(0))
        if not dim.ragged:
            loops.each(ctx, dim, lambda codes: step({dim.key: codes}))

    return Task(dim if dim.ragged else None, step, begin)


def _combinations(ctx: Context, node: Node) -> Task:
    count, most = ctx.counts[node["dst"].name], limit(node)
    room = ctx.capacities[node["dst"].name]

    def keep(codes: Codes) -> None:
        row = ctx.hold(count.get())
        with T.If(row < room):
            with T.Then():
                for buffer, code in zip(ctx.memory[node], codes, strict=True):
                    T.buffer_store(buffer, i64(code), [row])
                count.set(row + i64(1))
            if most is None:
                with T.Else():
                    ctx.trouble(TOO_MANY, row)

    def begin() -> None:
        count.set(i64(0))
        loops.chosen(ctx, node, keep)

    return Task(None, lambda at: None, begin)


def _argsort(ctx: Context, node: Node) -> Task:
    dim, dst, others = node["dim"], node["dst"], node.type.dims[1:]
    most = asked(node)
    made: Any = Best if running(node) else Sort
    sort: Best | Sort = made(len(node.operands), ctx.temporaries[node], ctx.plan.dims.codes(dim), most)
    longest = _Longest(ctx, node.operands[0]) if _is_longest(ctx, node) else None

    def begin() -> None:
        sort.begin()
        if longest is not None:
            longest.begin()

    def step(at: At) -> None:
        codes = [i64(code) for code in at[dim.key]]
        if longest is not None and isinstance(sort, Best):
            sort.add([ctx.hold(mathfn.sortable(longest.length(at), True))], codes, lambda: longest.won(at))
            return
        keys = [
            mathfn.sortable(value(ctx, key, at), down)
            for key, down in zip(node.operands, node["descending"], strict=True)
        ]
        sort.add(list(map(ctx.hold, keys)), codes)

    def finish(at: At) -> None:
        n = ctx.hold(sort.finish())
        if dst.ragged and dst.key != dim.key:
            ctx.counts[dst.name].set(n)
        with T.serial(i64(0), n) as i:
            for part, code in enumerate(sort.row(i)):
                ctx.store(node, {**at, dst.key: (i,)}, code, part)
        if dst.size is not None:
            with T.serial(n, i64(dst.size)) as i:
                for part in range(ctx.plan.dims.codes(dim)):
                    ctx.store(node, {**at, dst.key: (i,)}, i64(-1), part)

    def only(at: At) -> loops.Asked | None:
        return None if longest is None else lambda codes: longest.may_win({**at, dim.key: codes})

    def alone(at: At) -> None:
        begin()
        loops.each(ctx, dim, lambda codes: step({**at, dim.key: codes}), only=only(at))
        finish(at)

    if others or not dim.ragged:
        if dst.ragged and dst.key != dim.key:
            # however few columns there are
            size = i64(ctx.extent(dim))
            ctx.counts[dst.name].set(size if most is None else tirx.min(size, i64(most)))
        return Task(None, alone, begin=lambda: loops.over(ctx, others, {}, alone))
    return Task(dim, step, begin, lambda: finish({}), only=only({}))


def _is_longest(ctx: Context, node: Node) -> bool:
    """Is the one vector of two components asked for that is longest?"""
    key = node.operands[0]
    return (
        key.op == "hypot" and key not in ctx.plan.kept and len(node.operands) == 1
        and running(node) and asked(node) == 1 and bool(node["descending"][0])
    )  # fmt: skip


class _Longest:
    """Of which ``hypot`` is the longest so far: by its square it is known which other is not longer, before a filter
    is asked, and without a root. A square that has no root says nothing."""

    def __init__(self, ctx: Context, length: Node) -> None:
        self._ctx, self._length = ctx, length

    def begin(self) -> None:
        self._most = Cell(const(-inf, "float64"))

    def may_win(self, at: At) -> Expr:
        square = self._square(at)
        return mathfn.negation(both(mathfn.has_root(square), square <= self._most.get()))

    def length(self, at: At) -> Expr:
        return mathfn.hypot_of(self._square(at), *self._components(at))

    def won(self, at: At) -> None:
        square = self._square(at)
        self._most.set(select(mathfn.has_root(square), square, const(-inf, "float64")))

    def _components(self, at: At) -> list[Expr]:
        return [value(self._ctx, component, at) for component in self._length.operands]

    def _square(self, at: At) -> Expr:
        key = "square", self._length, self._ctx.place(self._length, at)
        return self._ctx.once(key, lambda: mathfn.square_sum(*self._components(at)))


def _cumsum(ctx: Context, node: Node) -> Task:
    along = node["over"]
    others = [d for d in node.type.dims if d.key != along.key]
    dtype = DTYPE[node.type.elem]

    def column(at: At) -> None:
        total = Cell(const(0, dtype))

        def add(codes: Codes) -> None:
            here = {**at, along.key: codes}
            total.set(total.get() + value(ctx, node.operands[0], here))
            ctx.store(node, here, total.get())

        loops.each(ctx, along, add)

    return Task(None, column, begin=lambda: loops.over(ctx, others, {}, column))


def _segment(ctx: Context, node: Node) -> Task:
    x, idx = node.operands
    into, *others = node.type.dims
    dims, zero = idx.type.dims, const(0, STORED[node.type.elem])
    seen = ctx.temporaries[node][0] if node.op != "segment_sum" else None

    def clear(at: At) -> None:
        ctx.store(node, at, zero)
        if seen is not None:
            T.buffer_store(seen, i64(0), [ctx.address(node, at)])

    def add(at: At) -> None:
        (to,) = value(ctx, idx, at)
        with T.If(i64(to) >= i64(0)), T.Then(), ctx.scope():
            loops.over(ctx, others, at, lambda at: combine(at, {**at, into.key: (to,)}))

    def combine(here: At, at: At) -> None:
        new, so_far = value(ctx, x, here), ctx.load(node, at)
        if seen is None:
            ctx.store(node, at, so_far + new)
            return
        where = ctx.hold(ctx.address(node, at))
        both = (mathfn.maximum if node.op == "segment_max" else mathfn.minimum)(so_far, new)
        ctx.store(node, at, tirx.Select(tirx.EQ(seen[where], i64(0)), new, both))
        T.buffer_store(seen, i64(1), [where])

    def begin() -> None:
        loops.over(ctx, node.type.dims, {}, clear)
        if not dims[0].ragged:
            loops.over(ctx, dims, {}, add)

    if not dims[0].ragged:
        return Task(None, add, begin)
    return Task(dims[0], lambda at: loops.over(ctx, dims[1:], at, add), begin)


def _outputs(ctx: Context, outputs: Outputs, place: Place, buffers: Buffers) -> Task:
    first, count = outputs.dim, place.count

    def write(at: At, row: Expr) -> None:
        for name in outputs.names:
            node = ctx.plan.module.outputs[name]
            dims = node.type.dims[1:] if first is not None else node.type.dims
            loops.over(ctx, dims, at, lambda at, n=node, b=buffers[name], d=dims: one(n, b, d, at, row))  # type: ignore[misc]

    def one(node: Node, buffer: Expr, dims: Sequence[Dim], at: At, row: Expr) -> None:
        inner: Expr | int = 0
        width: Expr | int = 1
        for d in dims:
            inner = plus(times(inner, i64(d.size or 0)), at[d.key][0])
            width = times(width, d.size or 0)
        found: Any = value(ctx, node, at)
        if isinstance(found, tuple):
            (found,) = found
        stored = cast(i64(found), "int8" if node.type.elem == "bool" else DTYPE[node.type.elem])
        T.buffer_store(buffer, stored, [i64(plus(times(row, width), inner))])

    if first is None:
        return Task(None, lambda at: None, begin=lambda: write({}, place.first))
    if count is None:  # an entry's row follows from its position
        return Task(first, lambda at: write(at, ctx.hold(place.first + i64(at[first.key][0]))))

    def step(at: At) -> None:
        row = ctx.hold(place.first + count.get())
        count.set(count.get() + i64(1))
        with T.If(row < place.capacity), T.Then(), ctx.scope():
            write(at, row)

    return Task(first, step)


def _adding(ctx: Context, root: Adding) -> Task:
    cell, weights = root.cell, root.weights
    dims = {d.key: d for node in (cell, *(w.node for w in weights)) for d in node.type.dims}
    rest = [d for d in dims.values() if root.dim is None or d.key != root.dim.key]

    def one(at: At) -> None:
        where = ctx.hold(value(ctx, cell, at))
        with T.If(where >= i64(0)), T.Then(), ctx.scope(), T.If(where < i64(root.cells)):
            with T.Then(), ctx.scope():
                add(where, at)
            with T.Else():
                ctx.trouble(BAD_CELL, root.number)

    def add(where: Expr, at: At) -> None:
        record = ctx.record(root.number)
        if not weights:
            T.buffer_store(record, record[where] + i64(1), [where])
        elif len(weights) == 1:
            add_weight(record, ctx.state, root.number, where, value(ctx, weights[0].node, at))
        else:
            adding = Weights(len(weights))
            for when, some in groupby(enumerate(weights), lambda numbered: numbered[1].when):
                with _where(ctx, conditions.either([when])):
                    for lane, weight in some:
                        adding.put(lane, value(ctx, weight.node, at))
            adding.add(record, ctx.state, root.number, where)

    def step(at: At) -> None:
        loops.over(ctx, rest, at, one)

    return Task(None, step, begin=lambda: step({})) if root.dim is None else Task(root.dim, step)


def _check(ctx: Context, root: Check) -> Task:
    def begin() -> None:
        if root.fine is None:
            ctx.trouble(CHECK_FAILED, root.number)
            return
        with T.If(mathfn.negation(value(ctx, root.fine, {}))), T.Then():
            ctx.trouble(CHECK_FAILED, root.number)

    return Task(None, lambda at: None, begin)


_TASKS: dict[str, Callable[[Context, Node], Task]] = {
    "filter": _filter, "combinations": _combinations, "argsort": _argsort, "cumsum": _cumsum,
}  # fmt: skip
