# SPDX-License-Identifier: Apache-2.0
"""How many threads a step of training keeps busy, estimated from what it computes.

From the program and its events alone: what is measured differs from run to run, and the number of threads decides the
last digits of sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from hepq.compiler.ir.node import QUANTUM, Module, Node
from hepq.core.types import Dim
from hepq.runtime.engine.threads import available

#: of one core of a server: multiply-adds a second in products; seconds that memory takes for a number elsewhere
PRODUCTS, NUMBER = 25e9, 1e-9
#: seconds of a forward pass on one core that make another thread worth waiting for, in some hundred operations
ENOUGH = 0.015
_LEAVES = frozenset("input param const iota count rename".split())


def threads_for(module: Module, events: int, entries: Mapping[str, float]) -> int:
    """Of those available, for batches of ``events`` events with ``entries`` entries of each ragged dim on average."""
    return max(1, min(available(), int(seconds(module, events, entries) / ENOUGH)))


def seconds(module: Module, events: int, entries: Mapping[str, float]) -> float:
    """Of a forward pass on one core, about."""
    return events * sum(_cost(node, entries) for node in module.walk())


def _cost(node: Node, entries: Mapping[str, float]) -> float:
    if node.op in _LEAVES:
        return 0.0
    made = _size(node.type.dims, entries)
    if node.op == "contract":
        return made * _size(node["over"], entries) / PRODUCTS
    if node.op in QUANTUM:
        circuits = [node[side] for side in (("left", "right") if node.op == "fidelity" else ("circuit",))]
        runs = _size(node.operands[0].type.dims[:-1], entries)
        gates: float = sum(len(c.ops) * 2**c.qubits for c in circuits)
        return runs * gates * NUMBER
    if node.op == "knn":
        return made * _size((node["over"], node["coord"]), entries) / _size((node["nbr"],), entries) * NUMBER
    return made * NUMBER


def _size(dims: tuple[Dim, ...], entries: Mapping[str, float]) -> float:
    return prod(float(d.size) if d.size is not None else entries.get(d.base.name, 1.0) for d in dims)
