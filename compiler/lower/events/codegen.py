# SPDX-License-Identifier: Apache-2.0
"""One function that does the events of a chunk, one that says how much scratch memory they need."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.tir import Cell, Expr, bind, bits, both, cast, const, either, select
from hepq.compiler.lower.events import inputs, scratch
from hepq.compiler.lower.events.adding import adders
from hepq.compiler.lower.events.context import STORED, Context, Variable, i64, memory_at
from hepq.compiler.lower.events.dims import Dims, running
from hepq.compiler.lower.events.plan import Plan, make_plan, read_by
from hepq.compiler.lower.events.prepare import prepare
from hepq.compiler.lower.events.roots import Adding, Outputs, Root, handed_out, row_dim
from hepq.compiler.lower.events.rules import compute
from hepq.compiler.lower.events.shared import Places
from hepq.compiler.lower.events.sort import sorters
from hepq.compiler.lower.events.tasks import Place, perform
from hepq.runtime.engine import event_code as layout
from hepq.runtime.engine.accumulators import Slot
from hepq.runtime.engine.event_code import Branch, Cells, EventDescription, Table

#: calling_conv of functions called as C has them
_AS_IN_C = 1
#: more memory than any event may ask for, in numbers
_MOST = float(2**42)


@dataclass(frozen=True)
class Generated:
    functions: Mapping[str, Any]
    description: EventDescription


def generate(module: Module, width: int) -> Generated:
    """TIR for ``module``; ``width`` is the number of float64 in a vector register."""
    module = prepare(module)
    plan = make_plan(module)
    made = _Generator(plan, describe(plan), width)
    functions = {
        **made.stages(),
        layout.FUNCTION: made.function(layout.FUNCTION, made.main),
        layout.SCRATCH: made.function(layout.SCRATCH, made.scratch),
        layout.LAYOUT: _declaration(made.description),
        **inputs.converters(),
        **adders({Slot.of(len(end.weights)) for end in plan.ends if isinstance(end, Adding) and end.weights}),
        **sorters(len(n.operands) for n in plan.kept if n.op == "argsort" and not running(n)),
    }
    return Generated(functions, made.description)


def _declaration(description: EventDescription) -> Any:
    with IRBuilder() as builder, T.prim_func():
        T.func_name(layout.LAYOUT)
        T.func_attr({"tirx.noalias": True, "global_symbol": layout.LAYOUT, "calling_conv": _AS_IN_C})
        out = memory_at(T.arg("out", T.handle("int64")), "int64")
        T.buffer_store(out, i64(layout.digest(description)), [i64(0)])
    return builder.get()


def describe(plan: Plan) -> EventDescription:
    module = plan.module
    given = tuple(d.name for d in module.ragged_dims)

    def branch(name: str, node: Node) -> Branch:
        rows = row_dim(node)
        sizes = tuple(d.size or 0 for d in node.type.dims if d is not rows)
        return Branch(name, str(node.type.elem), None if rows is None else rows.name, sizes)

    outputs = tuple(branch(name, module.outputs[name]) for name in handed_out(module))
    made = tuple(dict.fromkeys(b.dim for b in outputs if b.dim is not None and b.dim not in given))
    read = tuple(branch(n["name"], n) for n in module.inputs)
    weighed = [tuple(w.number for w in end.weights) for end in plan.ends if isinstance(end, Adding)]
    return EventDescription(
        given, made, read, outputs, tuple(_sources(plan.dims, name, given) for name in made),
        tuple(Cells(fill.name, fill.cells, fill.weight is not None) for fill in module.fills), module.checks,
        plan.tables.numbers, tuple(numbers for numbers in weighed if len(numbers) > 1),
    )  # fmt: skip


def _sources(dims: Dims, name: str, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """Dims of inputs whose entries, together, are no fewer than those of a made dim; None: there is no such thing."""
    node = dims.makers[name]
    if node.op == "combinations":
        return None
    found: list[str] = []
    for dim in node["dims"] if node.op == "unite" else (node["dim"],):
        if dim.size is not None:
            return None
        inner = (dim.name,) if dim.name in given else _sources(dims, dim.name, given)
        if inner is None:
            return None
        found += inner
    return tuple(found)


class _Generator:
    def __init__(self, plan: Plan, description: EventDescription, width: int) -> None:
        self.plan, self.description, self.width = plan, description, width
        self.table = Table(description)
        self.inputs = {n["name"]: n for n in plan.module.walk() if n.op == "input"}
        self.groups = plan.stages()
        #: of a program of several functions
        self.shared = Places() if len(self.groups) > 1 else None

    # --- functions

    def function(self, name: str, body: Callable[[Expr, Expr], None]) -> Any:
        with IRBuilder() as builder, T.prim_func():
            T.func_name(name)
            T.func_attr({"tirx.noalias": True, "global_symbol": name, "calling_conv": _AS_IN_C})
            pointer = T.arg("table", T.handle("int64"))
            table = memory_at(pointer, "int64")
            body(table, memory_at(table[i64(Table.STATE)], "int64"))
        return builder.get()

    def stages(self) -> dict[str, Any]:
        """Functions of the tasks of an event, if there are so many that one would be too large."""
        if self.shared is None:
            return {}
        return {f"hepq_events_{i}": self._stage(f"hepq_events_{i}", groups) for i, groups in enumerate(self.groups)}

    def _stage(self, name: str, groups: list[tuple[Root, ...]]) -> Any:
        with IRBuilder() as builder, T.prim_func():
            T.func_name(name)
            T.func_attr({"tirx.noalias": True, "global_symbol": name, "calling_conv": _AS_IN_C})
            pointers = [T.arg(n, T.handle("int64")) for n in ("table", "shared")]
            table, memory = (memory_at(p, "int64") for p in pointers)
            ctx, places = self._stage_context(table, memory, {root for group in groups for root in group})
            with self._sound(ctx):
                perform(ctx, groups, places, self._buffers(table, [root for group in groups for root in group]))
        return builder.get()

    def _stage_context(self, table: Expr, memory: Expr, roots: set[Root]) -> tuple[Context, dict[str | None, Place]]:
        """As those of the function that calls, from what it left in memory."""
        shared = self.shared
        assert shared is not None

        def found(key: Hashable) -> Expr:
            return bind(shared(memory, key).get())

        used = {n for root in roots for n in read_by(self.plan, root)} | {r for r in roots if isinstance(r, Node)}
        state = memory_at(table[i64(Table.STATE)], "int64")
        ctx = self._new_context(table, state)
        for node, slots, spare in scratch.all_slots(self.plan):
            if node in used:
                ctx.memory[node] = tuple(memory_at(found((node, i)), s.dtype) for i, s in enumerate(slots))
                made = (memory_at(found((node, "spare", i)), s.dtype) for i, s in enumerate(spare))
                ctx.temporaries[node] = tuple(made)
        ctx.capacities = {d: found(("room", d)) for d in self.plan.dims.makers}
        self._variables(ctx, memory)
        places: dict[str | None, Place] = {None: Place(found("event"))}
        ctx.starts[None] = found(("start", None))
        for dim in self.description.dims:
            ctx.starts[dim], ctx.sizes[dim] = found(("start", dim)), found(("size", dim))
            places[dim] = Place(found(("first", dim)))
        for i, (dim, place) in enumerate(self._places(table, memory).items()):
            places[dim] = replace(place, first=bind(state[i64(layout.ROWS + i)]))
        return ctx, places

    def _new_context(self, table: Expr, state: Expr) -> Context:
        def record(fill: int) -> Expr:
            return memory_at(table[i64(self.table.fill(fill))], "int64")

        def numbers(dtype: str) -> Expr:
            return memory_at(table[i64(self.table.constants)], dtype)

        explode = bind(cast(table[i64(Table.LIMIT)], "float64"))
        has = self.table.size > self.table.constants
        once_more = bind(table[i64(self.table.n_minus_one)]) if has else i64(1)
        return Context(self.plan, state, {}, {}, {}, explode, record, numbers, once_more, self.width)

    def _variables(self, ctx: Context, memory: Expr | None) -> None:
        """Counts of made dims, and values without dims: in registers, or in ``memory``."""
        for name, node in self.plan.dims.makers.items():
            if name not in self.plan.dims.virtual and node.op != "unite":
                ctx.counts[name] = self._variable(memory, ("count", name), "int64")
        for node in self.plan.module.walk():
            if node in self.plan.kept and scratch.in_registers(self.plan, node):
                ctx.scalars[node] = self._variable(memory, node, STORED[node.type.elem])

    def _variable(self, memory: Expr | None, key: Hashable, dtype: str) -> Variable:
        return Cell(const(0, dtype)) if self.shared is None else self.shared(memory, key, dtype)

    # --- memory

    def scratch(self, table: Expr, state: Expr) -> None:
        numbers = self._numbers(table)
        bytes_ = select(numbers < const(_MOST, "float64"), cast(numbers, "int64") * i64(8), i64(-1))
        T.buffer_store(state, bytes_, [i64(layout.NEEDED)])

    def _largest(self, table: Expr, what: int) -> dict[str, Expr]:
        return {d: bind(table[i64(self.table.dim(i) + what)]) for i, d in enumerate(self.description.dims)}

    def _lengths(self, table: Expr) -> tuple[dict[str, Expr], dict[str, Expr]]:
        explode = bind(cast(table[i64(Table.LIMIT)], "float64"))
        return scratch.capacities(self.plan, self._largest(table, 0), explode), self._largest(table, 1)

    def _numbers(self, table: Expr) -> Expr:
        """Numbers of eight bytes in all, float64: too many are seen before they are added."""
        capacity, block = self._lengths(table)
        total = const(float(self._shared_length()), "float64")
        for _, slots, spare in scratch.all_slots(self.plan):
            for slot in (*slots, *spare):
                total = bind(total + scratch.length(slot, capacity, block) + const(8.0, "float64"))
        return total

    def _shared_length(self) -> int:
        """All keys are known once the stages are written."""
        return 0 if self.shared is None else -(-len(self.shared.of) // 8) * 8

    # --- events

    def main(self, table: Expr, state: Expr) -> None:
        enough = self._numbers(table) * const(8.0, "float64") <= cast(table[i64(Table.BYTES)], "float64")
        with T.If(enough):
            with T.Then():
                self._events(table, state)
            with T.Else():
                T.buffer_store(state, i64(layout.NO_ROOM), [i64(layout.STATUS)])

    def _events(self, table: Expr, state: Expr) -> None:
        shared = None if self.shared is None else memory_at(table[i64(Table.MEMORY)], "int64")
        ctx = self._context(table, state, shared)
        offsets = [memory_at(table[i64(self.table.dim(i) + 2)], "int64") for i in range(len(self.description.dims))]
        places = self._places(table, shared)
        buffers = self._buffers(table, [r for group in self.plan.tasks for r in group]) if self.shared is None else {}
        begin, end = bind(table[i64(Table.BEGIN)]), bind(table[i64(Table.END)])
        size = i64(layout.BLOCK)
        first, last = bind(tirx.truncdiv(begin, size)), bind(tirx.truncdiv(end + size - i64(1), size))
        with T.serial(first, last) as block, ctx.scope():
            start, stop = bind(tirx.max(block * size, begin)), bind(tirx.min((block + i64(1)) * size, end))
            rows = [(bind(o[start]), bind(o[stop])) for o in offsets]
            fits: Expr = const(True, "bool")
            for (a, b), most in zip(rows, self._largest(table, 1).values(), strict=True):
                fits = both(fits, both(b >= a, b - a <= most))
            with T.If(fits):
                with T.Then(), ctx.scope():
                    self._read(ctx, table, start, stop, rows)
                    self._flat(ctx, start, stop, rows)
                    with T.serial(start, stop) as event, ctx.scope():
                        self._event(ctx, table, shared, event, start, offsets, rows, places, buffers)
                        with T.If(tirx.NE(state[i64(layout.STATUS)], i64(layout.DONE))), T.Then():
                            T.buffer_store(state, event, [i64(layout.EVENT)])
                            T.evaluate(tirx.break_loop())
                with T.Else():
                    T.buffer_store(state, i64(layout.BAD_COUNT), [i64(layout.STATUS)])
                    T.buffer_store(state, start, [i64(layout.EVENT)])
            with T.If(tirx.NE(state[i64(layout.STATUS)], i64(layout.DONE))), T.Then():
                T.evaluate(tirx.break_loop())

    def _context(self, table: Expr, state: Expr, shared: Expr | None) -> Context:
        capacity, block = self._lengths(table)
        ctx = self._new_context(table, state)
        address = Cell(table[i64(Table.MEMORY)] + i64(8 * self._shared_length()))

        def place(slot: scratch.Slot, key: Hashable) -> Expr:
            self._leave(shared, key, address.get())
            made = memory_at(address.get(), slot.dtype)
            numbers = scratch.rounded(scratch.length(slot, capacity, block))
            address.set(address.get() + numbers * i64(8))
            return made

        for node, slots, spare in scratch.all_slots(self.plan):
            ctx.memory[node] = tuple(place(s, (node, i)) for i, s in enumerate(slots))
            ctx.temporaries[node] = tuple(place(s, (node, "spare", i)) for i, s in enumerate(spare))
        for name, n in capacity.items():
            ctx.capacities[name] = bind(cast(n, "int64"))
            self._leave(shared, ("room", name), ctx.capacities[name])
        self._variables(ctx, shared)
        return ctx

    def _leave(self, shared: Expr | None, key: Hashable, value: Expr) -> None:
        """For the stages, if there are any."""
        if self.shared is not None:
            self.shared(shared, key).set(value)

    def _places(self, table: Expr, shared: Expr | None) -> dict[str, Place]:
        made: dict[str, Place] = {}
        for i, dim in enumerate(self.description.made):
            room = bind(table[i64(self.table.made(i) + 1)])
            made[dim] = Place(i64(0), room, self._variable(shared, ("rows", dim), "int64"))
        return made

    def _buffers(self, table: Expr, roots: Sequence[Root]) -> dict[str, Expr]:
        wanted = {name for root in roots if isinstance(root, Outputs) for name in root.names}
        dtypes = {**STORED, "bool": "int8"}
        return {
            branch.name: memory_at(table[i64(self.table.output(k))], dtypes[branch.elem])
            for k, branch in enumerate(self.description.outputs)
            if branch.name in wanted
        }

    def _read(self, ctx: Context, table: Expr, start: Expr, stop: Expr, rows: list[tuple[Expr, Expr]]) -> None:
        for i, branch in enumerate(self.description.inputs):
            node = self.inputs.get(branch.name)
            if node is None:  # nothing reads it
                continue
            a, b = (start, stop) if branch.dim is None else rows[self.description.dims.index(branch.dim)]
            address, code, factor = (table[i64(self.table.input(i) + k)] for k in range(3))
            width = i64(branch.width)
            inputs.read(
                branch.elem, ctx.memory[node][0], address, code, bits(factor, "float64"), a * width, (b - a) * width
            )

    def _flat(self, ctx: Context, start: Expr, stop: Expr, rows: list[tuple[Expr, Expr]]) -> None:
        """Values over an input's dim, or of events, in vectors; the last may reach beyond the end."""
        for name, nodes in self.plan.flat.items():
            a, b = (start, stop) if name is None else rows[self.description.dims.index(name)]
            lanes = i64(self.width)
            ctx.lanes = self.width
            with T.serial(i64(0), tirx.truncdiv(b - a + lanes - i64(1), lanes)) as step, ctx.scope():
                position = bind(step * lanes)
                ctx.starts[None] = position
                if name is not None:
                    ctx.starts[name] = i64(0)
                for node in (n for n in nodes if n not in self.plan.late):
                    at = {d.key: (position,) for d in node.type.dims}
                    made = partial(compute, ctx, node, at)
                    ctx.store(node, at, ctx.once((node, ctx.place(node, at)), made))
            ctx.lanes = 1

    def _event(
        self, ctx: Context, table: Expr, shared: Expr | None, event: Expr, start: Expr, offsets: list[Expr],
        rows: list[tuple[Expr, Expr]], places: Mapping[str, Place], buffers: Mapping[str, Expr],
    ) -> None:  # fmt: skip
        ctx.starts[None] = bind(event - start)
        here: dict[str | None, Place] = {None: Place(event)}
        bad: Expr = const(False, "bool")
        largest = self._largest(table, 0)
        for dim, o, (a, b) in zip(self.description.dims, offsets, rows, strict=True):
            first = bind(o[event])
            here[dim] = Place(first)
            ctx.starts[dim], ctx.sizes[dim] = bind(first - a), bind(o[event + i64(1)] - first)
            outside = either(first < a, first + ctx.sizes[dim] > b)
            bad = either(bad, either(outside, either(ctx.sizes[dim] < i64(0), ctx.sizes[dim] > largest[dim])))
        for i, dim in enumerate(self.description.made):
            here[dim] = replace(places[dim], first=bind(ctx.state[i64(layout.ROWS + i)]))
        with T.If(bad), T.Then():
            ctx.trouble(layout.BAD_COUNT)
        with self._sound(ctx):
            for i, branch in enumerate(self.description.inputs):
                if branch.elem == "index" and branch.name in self.inputs:
                    inputs.check(ctx, self.inputs[branch.name], i, branch.width)
        with self._sound(ctx):
            if self.shared is None:
                perform(ctx, self.plan.tasks, here, buffers)
            else:
                self._call_stages(ctx, table, shared, here)
        with self._sound(ctx):
            for i, dim in enumerate(self.description.made):
                self._count(ctx, table, i, event, here[dim])
        with self._sound(ctx):
            for i, dim in enumerate(self.description.made):
                place = here[dim]
                assert place.count is not None
                T.buffer_store(ctx.state, place.first + place.count.get(), [i64(layout.ROWS + i)])

    def _call_stages(self, ctx: Context, table: Expr, shared: Expr, here: Mapping[str | None, Place]) -> None:
        self._leave(shared, "event", here[None].first)
        self._leave(shared, ("start", None), ctx.starts[None])
        for dim in self.description.dims:
            self._leave(shared, ("start", dim), ctx.starts[dim])
            self._leave(shared, ("size", dim), ctx.sizes[dim])
            self._leave(shared, ("first", dim), here[dim].first)
        for i in range(len(self.groups)):
            T.evaluate(tirx.call_extern("void", f"hepq_events_{i}", table.data, shared.data))

    @contextmanager
    def _sound(self, ctx: Context) -> Iterator[None]:
        """What is done unless there was trouble."""
        with T.If(tirx.EQ(ctx.state[i64(layout.STATUS)], i64(layout.DONE))), T.Then(), ctx.scope():
            yield

    def _count(self, ctx: Context, table: Expr, i: int, event: Expr, place: Place) -> None:
        """The event's rows of a made dim: are they all written?"""
        assert place.count is not None
        n = bind(place.count.get())
        with T.If(place.first + n > place.capacity), T.Then():
            T.buffer_store(ctx.state, n, [i64(layout.NEEDED)])
            ctx.trouble(layout.FULL, i)
        T.buffer_store(memory_at(table[i64(self.table.made(i))], "int64"), n, [event])
