# SPDX-License-Identifier: Apache-2.0
"""From an event's branches to a model's inputs, and back to the branches' order, inside the graph.

What ``runtime.events`` does: units, NaN, order, the bound. A graph cannot stop with an error: outputs are NaN instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from hepq.compiler.ir.node import Module
from hepq.compiler.lower.onnx.derived import Derived, Lower, within
from hepq.compiler.lower.onnx.graph import Extent, Graph
from hepq.compiler.lower.onnx.order import sort_key
from hepq.compiler.lower.onnx.values import BATCH, DTYPES, Batch, Value, below, select
from hepq.core.types import Dim
from hepq.runtime.artifact.manifest import EventSchema, Order
from hepq.runtime.engine.outputs import missing


@dataclass(frozen=True)
class Source:
    """An input of the graph, [batch, dims]: ``name`` there, ``column`` in the program; ``factor``: its unit.

    ``into``: the dim whose entries it numbers, of whole numbers that are references.
    """

    name: str
    column: str
    dims: tuple[Dim, ...]
    elem: str
    factor: float = 1.0
    into: Dim | None = None


def columns(module: Module, schema: EventSchema | None) -> tuple[Source, ...]:
    """What the graph reads: the schema's branches, or the module's inputs."""
    if schema is None:
        return tuple(Source(n["name"], n["name"], n.type.dims, n.type.elem) for n in module.inputs)
    known = {n["name"]: n.type.dims for n in module.inputs}
    return tuple(
        Source(
            c.branch,
            c.name,
            known.get(c.name) or tuple(_dim(schema, d) for d in c.dims),
            "int" if c.into else c.elem,
            c.factor,
            _dim(schema, c.into) if c.into else None,
        )
        for c in schema.columns
    )


def whole_inputs(source: Sequence[Source]) -> set[str]:
    """Inputs of the graph that are int64, not float32."""
    return {s.name for s in source if s.elem == "int"}


def _dim(schema: EventSchema, name: str) -> Dim:
    found = schema.dim(name)
    return Dim(found.name, found.size, found.bound)


@dataclass(frozen=True)
class _Ragged:
    """A ragged dim before (``raw``) and after ordering and cutting. ``rows``: int64 [batch, slots], which raw slot
    each slot was; None: as they were.
    """

    raw: Extent
    raw_counts: str
    slots: Extent
    counts: str
    rows: str | None


class Events:
    """The inputs of a module, from graph inputs ``source`` and ``counts`` (by ragged dim)."""

    def __init__(
        self, graph: Graph, source: Sequence[Source], counts: Mapping[str, str], schema: EventSchema | None,
        derived: Derived | None, lower: Lower,
    ) -> None:  # fmt: skip
        """``lower`` gives the values of the nodes of ``derived``."""
        self.graph, self.schema, self._derived, self._lower = graph, schema, derived, lower
        self._length: dict[str, str] = {}
        for s in source:
            for axis, dim in enumerate(s.dims, start=1):
                if dim.ragged:
                    self._length.setdefault(dim.name, graph.extent(s.name, axis))
        self.size = graph.extent(source[0].name, 0)
        raw_counts = {
            dim: graph.op("Max", graph.cast(n, np.int64), graph.constant(0, np.int64)) for dim, n in counts.items()
        }
        one = graph.ints(1)
        slots: dict[str, Extent] = {dim: graph.op("Max", n, one) for dim, n in self._length.items()}
        raw = Batch(graph, self.size, slots, raw_counts)
        self._bad: list[str] = []
        self._keep: dict[str, list[str]] = {}
        whole = whole_inputs(source)
        values = {s.column: self._read(s, raw, s.name in whole) for s in source}
        if schema is not None:
            values = {s.column: self._without_nan(s, values[s.column], raw) for s in source}
        if derived is not None:
            read = {s.column: self._typed(s, values[s.column], values[s.column].name) for s in source}
            for name, good in derived.good_entries(lower, read, raw):
                self._keep.setdefault(name, []).append(good)
        self._ragged = {dim: self._arranged(dim, values, raw) for dim in counts}
        self.batch = Batch(
            graph,
            self.size,
            {d: r.slots for d, r in self._ragged.items()},
            {d: r.counts for d, r in self._ragged.items()},
        )
        if schema is not None:
            values |= {s.column: self._followed(s.into, values[s.column], raw) for s in source if s.into is not None}
        self.inputs = {s.column: self._taken(s, values[s.column]) for s in source}
        self._unscored = self._judged() if schema is not None else None

    # --- reading

    def _read(self, s: Source, raw: Batch, whole: bool) -> Value:
        """In the program's units, with at least one slot, 0 where there is no entry (a reference to none); int64 of
        whole numbers, else float32.
        """
        graph, x = self.graph, s.name
        if whole and s.elem != "int":
            x = graph.cast(x, np.float32)
        if s.factor != 1.0:  # rounded once, as the runtime does
            scaled = graph.op("Mul", graph.cast(x, np.float64), graph.constant(s.factor, np.float64))
            x = graph.cast(scaled, np.float32)
        ragged = [d for d in s.dims if d.ragged]
        if ragged:
            zero = graph.ints(0)
            missing = [
                graph.op("Sub", graph.size(raw.padded[d.name]), self._length[d.name]) if d.ragged else zero
                for d in s.dims
            ]
            x = graph.op("Pad", x, graph.op("Concat", *[zero] * (len(s.dims) + 2), *missing, axis=0))
        nothing = 0 if s.into is None else -1
        return raw.fill(Value(x, (BATCH, *s.dims), "int" if s.elem == "int" else "real"), nothing)

    def _without_nan(self, s: Source, x: Value, raw: Batch) -> Value:
        """0 for NaN and infinity; by the policy, particles not to keep and events not to score."""
        assert self.schema is not None
        graph, policy = self.graph, self.schema.policy.nan
        if s.into is not None:
            self._bad.append(self._out_of_range(s.into, x, raw))
        if s.elem == "int":
            return x
        finite = within(graph, x.name)
        lead = 2 if s.dims and s.dims[0].ragged else 1
        good = self._all(finite, range(lead, len(x.dims)))
        if policy == "drop" and lead == 2:
            self._keep.setdefault(s.dims[0].name, []).append(good)
        elif policy != "zero":
            self._bad.append(graph.op("Not", self._all(good, range(1, lead))))
        return Value(select(graph, finite, x.name, 0), x.dims)

    def _out_of_range(self, into: Dim, x: Value, raw: Batch) -> str:
        """bool [batch]: events with a reference to an entry that they do not have."""
        graph = self.graph
        inside = graph.op("And", graph.op("Less", graph.constant(-2, np.int64), x.name), self._there(into, x, raw))
        return graph.op("Not", self._all(inside, range(1, len(x.dims))))

    def _there(self, into: Dim, x: Value, raw: Batch) -> str:
        """bool, of the shape of ``x``: less than the event's number of entries of ``into``."""
        graph = self.graph
        if not into.ragged:
            return graph.op("Less", x.name, graph.constant(into.size, np.int64))
        return graph.op("Less", x.name, graph.unsqueeze(raw.counts[into.name], range(1, len(x.dims))))

    def _all(self, flags: str, axes: Sequence[int]) -> str:
        if not axes:
            return flags
        least = self.graph.op("ReduceMin", self.graph.cast(flags, np.int32), axes=tuple(axes), keepdims=0)
        return self.graph.cast(least, np.bool_)

    # --- ordering and cutting

    def _arranged(self, dim: str, values: Mapping[str, Value], raw: Batch) -> _Ragged:
        graph, slots = self.graph, self.graph.size(raw.padded[dim])
        counts = graph.op("Min", raw.counts[dim], slots)
        if self.schema is None:
            return _Ragged(self._length[dim], counts, slots, counts, None)
        order = next((o for o in (self.schema.dataset.order if self.schema.dataset else ()) if o.dim == dim), None)
        bound = self.schema.dim(dim).bound or 1
        kept = graph.op("Min", slots, graph.ints(bound))
        alive, left = below(graph, slots, counts), counts
        if dim in self._keep:
            alive = reduce(lambda a, b: graph.op("And", a, b), self._keep[dim], alive)
            left = graph.op("ReduceSum", graph.cast(alive, np.int64), graph.ints(1), keepdims=0)
        rows = None
        if order is not None or dim in self._keep:
            rows = self._sorted(order, values, alive, slots, kept)
        if self.schema.policy.overflow == "error":
            self._bad.append(graph.op("Greater", left, graph.constant(bound, np.int64)))
        cut = graph.op("Min", left, graph.constant(bound, np.int64))
        return _Ragged(self._length[dim], counts, kept, cut, rows)

    def _sorted(self, order: Order | None, values: Mapping[str, Value], alive: str, slots: Extent, kept: str) -> str:
        """int64 [batch, kept]: raw slots, those alive first, by the key; ties keep their order, NaN comes last."""
        graph = self.graph
        if order is None:
            key, kind = graph.cast(graph.op("Neg", graph.iota(slots)), np.float32), np.float32
        else:
            key, kind = sort_key(graph, order, values)
        last = np.finfo(kind).min  # NaN; then -inf, and what is not alive behind both
        numbers = graph.op("Max", key, graph.constant(np.nextafter(last, kind(0)), kind))
        key = graph.op("Where", graph.op("Equal", key, key), numbers, graph.constant(last, kind))
        key = graph.op("Where", alive, key, graph.constant(-np.inf, kind))
        return graph.ops("TopK", 2, key, kept, axis=1, largest=1, sorted=1)[1]

    def _followed(self, into: Dim, x: Value, raw: Batch) -> Value:
        """References to entries that were dropped, sorted or cut, as they are now; -1 to those that are gone."""
        if not into.ragged or self._ragged[into.name].rows is None:
            return x
        graph, number = self.graph, self._places(self._ragged[into.name])
        there = graph.op("And", graph.op("Less", graph.constant(-1, np.int64), x.name), self._there(into, x, raw))
        flat = graph.op("Reshape", select(graph, there, x.name, 0, "int"), graph.shape([self.size, -1]))
        found = graph.op("Reshape", graph.op("GatherElements", number, flat, axis=1), graph.op("Shape", x.name))
        return Value(select(graph, there, found, -1, "int"), x.dims, "int")

    def _taken(self, s: Source, x: Value) -> Value:
        graph, name = self.graph, x.name
        if s.dims and s.dims[0].ragged and self.schema is not None:
            ragged = self._ragged[s.dims[0].name]
            if ragged.rows is not None:
                name = graph.op("GatherND", name, graph.unsqueeze(ragged.rows, [2]), batch_dims=1)
            else:
                name = graph.op("Slice", name, graph.ints(0), graph.size(ragged.slots), graph.ints(1))
        made = self._typed(s, x, name)
        return self.batch.fill(made, -1) if s.elem == "index" else made

    def _typed(self, s: Source, x: Value, name: str) -> Value:
        held = name if s.elem in ("real", "int") else self.graph.cast(name, DTYPES[s.elem])
        return Value(held, x.dims, s.elem)

    # --- outputs

    def _judged(self) -> str | None:
        """bool [batch]: events that are not scored."""
        assert self.schema is not None
        graph, bad = self.graph, list(self._bad)
        if self._derived is not None:
            bad += self._derived.bad_events(self._lower, self.inputs, self.batch)
        if self.schema.policy.empty != "score" and self._ragged:
            some = [graph.op("Greater", r.counts, graph.constant(0, np.int64)) for r in self._ragged.values()]
            bad.append(graph.op("Not", reduce(lambda a, b: graph.op("Or", a, b), some)))
        return reduce(lambda a, b: graph.op("Or", a, b), bad) if bad else None

    def finish(self, x: Value, dims: tuple[Dim, ...]) -> str:
        """An output as float32 (int64 of whole numbers) [batch, dims], its slots those of the graph's inputs; 0 at
        padding, NaN (-2^63) where the runtime gives no score.
        """
        graph, wanted, elem = self.graph, (BATCH, *dims), "int" if x.elem == "int" else "real"
        made = Value(x.name if x.elem == elem else graph.cast(x.name, np.float32), x.dims, elem)
        nothing = graph.constant(missing(DTYPES[elem]), DTYPES[elem])
        name = self.batch.expand(made, wanted)
        ragged = [(axis, self._ragged[d.name]) for axis, d in enumerate(wanted) if d.ragged]
        for axis, r in ragged if self.schema is not None else ():
            front = [0, axis, *(a for a in range(1, len(wanted)) if a != axis)]
            back = [front.index(a) for a in range(len(wanted))]
            turned = graph.op("Transpose", name, perm=front) if axis > 1 else name
            turned = self._returned(turned, r, nothing)
            name = graph.op("Transpose", turned, perm=back) if axis > 1 else turned
        if self._unscored is not None:
            mask = graph.unsqueeze(self._unscored, range(1, len(wanted)))
            name = graph.op("Where", mask, nothing, name)
        for axis, r in ragged:
            name = graph.op("Slice", name, graph.ints(0), graph.size(r.raw), graph.ints(axis))
        outside = Batch(
            graph,
            self.size,
            {d: r.raw for d, r in self._ragged.items()},
            {d: r.raw_counts for d, r in self._ragged.items()},
        )
        return outside.fill(Value(name, wanted, elem), -1 if x.elem == "index" else 0).name

    def _returned(self, x: str, r: _Ragged, missing: str) -> str:
        """[batch, slots, …] to [batch, raw slots, …], ``missing`` for particles that were dropped or cut."""
        graph, place = self.graph, self._places(r)
        shape = graph.op("Shape", graph.op("Slice", x, graph.ints(0), graph.ints(1), graph.ints(1)))
        nothing = graph.op("Expand", missing, shape)
        return graph.op("GatherND", graph.op("Concat", x, nothing, axis=1), graph.unsqueeze(place, [2]), batch_dims=1)

    def _places(self, r: _Ragged) -> str:
        """int64 [batch, raw slots]: which slot each is now, -1 of particles that were dropped or cut."""
        graph = self.graph
        raw = graph.op("Max", graph.size(r.raw), graph.ints(1))
        place = graph.iota(raw)
        if r.rows is not None:
            nowhere = graph.op("Expand", graph.constant(-1, np.int64), graph.shape([self.size, raw]))
            numbers = graph.op("Expand", graph.iota(r.slots), graph.op("Shape", r.rows))
            place = graph.op("ScatterElements", nowhere, r.rows, numbers, axis=1)
        else:
            place = graph.op("Expand", place, graph.shape([self.size, raw]))
        found = graph.op("Less", place, graph.unsqueeze(r.counts, [1]))
        return select(graph, found, place, -1, "int")
