# SPDX-License-Identifier: Apache-2.0
"""What a training computes of its events alone, computed once: the inputs that a dataset makes of its branches.

It is the same in every epoch, and takes several times as long as a small network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.passes.base import substitute
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.train.data.table import Table, written
from hepq.core.ops.table import ELEMENTWISE, KNOWN, REDUCE, SHAPE
from hepq.core.types import Type

#: what depends on its operands alone
_PURE = ELEMENTWISE | REDUCE | SHAPE | {"contract"}
#: how many times the numbers that it is made of a stored value may have, a particle being taken for one of so many
GROWTH, ENTRIES = 4, 30
#: events computed at a time
EVENTS = 2048


def prepared(module: Module, table: Table) -> tuple[Module, Table]:
    """``module`` with what it computes of ``table`` alone as inputs of their own, and a table of those.

    Values are those that ``module`` in torch computes, in single precision. Raises OSError where the disk is full.
    """
    stored = list(_stored(module, table.contents))
    if not stored:
        return module, table
    inputs = {node: make("input", name=f"<{i}>", type=node.type, span=node.span) for i, node in enumerate(stored)}
    found = substitute(module, inputs)
    found = read_inputs(Module(found.name, (*module.inputs, *inputs.values()), found.outputs))
    read = read_inputs(Module(module.name, module.inputs, {inputs[node]["name"]: node for node in stored}))
    kept = {n["name"]: table.dims[n["name"]] for n in found.inputs if n["name"] in table.dims}
    made = {inputs[n]["name"]: n.type.dims[0].name if _ragged(n.type) else None for n in stored}
    contents, folder = written(_pieces(read, table), {inputs[n]["name"]: _rest(n.type) for n in stored}, {})
    held = {name: table.contents[name] for name in kept}
    return found, Table(table.offsets, {**held, **contents}, kept | made, (table, folder))


def _stored(module: Module, known: Collection[str]) -> Iterator[Node]:
    """The last values on the way from the inputs ``known`` to weights and outputs that can be kept as a table."""
    reads: dict[Node, frozenset[Node] | None] = {}
    for node in module.walk():
        below = [reads[o] for o in node.operands]
        if node.op == "input":
            reads[node] = frozenset((node,)) if node["name"] in known else None
        elif node.op in KNOWN:
            reads[node] = frozenset()
        elif node.op in _PURE and None not in below:
            reads[node] = frozenset().union(*(b for b in below if b is not None))
        else:
            reads[node] = None
    waiting, seen = list(module.outputs.values()), set[Node]()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        of = reads[node]
        if of and _worth_storing(node, of):
            yield node
        else:
            waiting += node.operands


def _worth_storing(node: Node, of: Collection[Node]) -> bool:
    ragged = [d for d in node.type.dims if d.ragged]
    in_rows = not ragged or (ragged == [node.type.dims[0]] and not ragged[0].primes)
    small = _numbers(node.type) <= GROWTH * sum(_numbers(n.type) for n in of)
    return node.op not in ("input", "rename") and node.type.elem == "real" and in_rows and small


def _ragged(type: Type) -> bool:
    return bool(type.dims) and type.dims[0].ragged


def _rest(type: Type) -> tuple[int, ...]:
    return tuple(d.size or 0 for d in type.dims if not d.ragged)


def _numbers(type: Type) -> int:
    return prod(d.size if d.size is not None else ENTRIES for d in type.dims)


def _pieces(module: Module, table: Table) -> Iterator[Mapping[str, NDArray[np.float32]]]:
    """Outputs of ``module`` for some events after the other, [events or rows, static dims]."""
    net = to_torch(module).eval()
    for start in range(0, table.events, EVENTS):
        pick = np.arange(start, min(start + EVENTS, table.events))
        inputs, counts = table.batch(module.inputs, pick, torch.float32)
        with torch.no_grad():
            found = net(inputs, counts)
        piece = {}
        for name, node in module.outputs.items():
            value = found[name]
            if _ragged(node.type):
                slots = torch.arange(value.shape[1])
                value = value[slots < counts[node.type.dims[0].name][:, None]]
            piece[name] = value.numpy()
        yield piece
