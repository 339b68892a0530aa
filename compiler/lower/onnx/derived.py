# SPDX-License-Identifier: Apache-2.0
"""``policy nan`` for what a dataset derives of its branches, inside the graph: ``runtime.events.derived_policy``.

What is derived of each entry alone is looked at before entries are dropped, ordered and cut; all else after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.lower.onnx.graph import Graph
from hepq.compiler.lower.onnx.values import BATCH, Batch, Value, with_batch
from hepq.core.types import Dim

_LARGEST = np.finfo(np.float32).max
#: gives the values of nodes over the events of a batch, of the inputs' values
Lower = Callable[[Node, Mapping[Node, Value], Mapping[str, Value], Batch], Value]


@dataclass(frozen=True)
class Derived:
    """``module``: gives the derived values. ``entries``: the ragged dim of those that are made of each of its entries
    alone, which are dropped; none where the policy is an error.
    """

    module: Module
    entries: Mapping[str, Dim]

    def good_entries(self, lower: Lower, inputs: Mapping[str, Value], batch: Batch) -> Iterator[tuple[str, str]]:
        """Ragged dims, and bool [batch, slots]: which entries stay."""
        values: dict[Node, Value] = {}
        for name, dim in self.entries.items():
            node = self.module.outputs[name]
            if node.type.elem != "real":
                continue
            x = _value(lower, node, values, inputs, batch)
            dims = (BATCH, dim, *(d for d in node.type.dims if d.key != dim.key))
            good = batch.expand(Value(within(batch.graph, x.name), x.dims, "bool"), dims)
            yield dim.name, _all(batch.graph, good, range(2, len(dims)))

    def bad_events(self, lower: Lower, inputs: Mapping[str, Value], batch: Batch) -> Iterator[str]:
        """bool [batch]: events that are not to be scored."""
        values: dict[Node, Value] = {}
        for name, node in self.module.outputs.items():
            if name not in self.entries and node.type.elem == "real":
                x = _value(lower, node, values, inputs, batch)
                good = batch.fill(Value(within(batch.graph, x.name), x.dims, "bool"), True)
                if good.batched:
                    dims = with_batch(node.type.dims, good)
                    yield batch.graph.op("Not", _all(batch.graph, batch.permute(good, dims), range(1, len(dims))))


def _value(lower: Lower, node: Node, values: dict[Node, Value], inputs: Mapping[str, Value], batch: Batch) -> Value:
    for below in topological([node]):
        if below not in values:
            values[below] = lower(below, values, inputs, batch)
    return values[node]


def within(graph: Graph, x: str) -> str:
    """Neither NaN nor infinite."""
    return graph.op("LessOrEqual", graph.op("Abs", x), graph.constant(_LARGEST, np.float32))


def _all(graph: Graph, flags: str, axes: range) -> str:
    if not axes:
        return flags
    return graph.cast(graph.op("ReduceMin", graph.cast(flags, np.int32), axes=tuple(axes), keepdims=0), np.bool_)
