# SPDX-License-Identifier: Apache-2.0
"""Outputs over a dim whose entries the event chooses: handed out with places up to the bound, and the number in use.

Whoever calls compiled code knows how many entries of a dim the inputs have, but not of one that is made on the way.
"""

from __future__ import annotations

from dataclasses import replace

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node, made_by, made_dims, topological
from hepq.core.types import Dim, Type


def with_lists(module: Module) -> Module:
    """``module`` whose outputs over one made dim, their first, are over a fixed one instead, 0 behind what there is.

    How much there is, an output more for each such dim says: ``Module.counts`` has its name for each of them.
    Outputs with other ragged dims beside it stay as they are: they are no results.
    """
    made, outputs, counts, names = made_dims(module), dict[str, Node](), dict[str, str](), dict[str, str]()
    for name, node in module.outputs.items():
        ragged = [d for d in node.type.dims if d.ragged]
        if len(ragged) != 1 or ragged[0].name not in made or ragged[0].primes or node.type.dims[0] != ragged[0]:
            outputs[name] = node
            continue
        dim = ragged[0]
        outputs[name], number = _padded(node, dim)
        if dim.name not in names:
            names[dim.name] = _free(f"n_{dim.name}", module)
            outputs[names[dim.name]] = number
        counts[name] = names[dim.name]
    return replace(module, outputs=outputs, counts=counts)


def _free(name: str, module: Module) -> str:
    while name in module.outputs or any(n["name"] == name for n in module.inputs):
        name += "_"
    return name


def _padded(node: Node, dim: Dim) -> tuple[Node, Node]:
    """``node`` with as many places as ``dim`` has at most, and the number of entries in this event."""
    there = _there(node, dim)
    slots = Dim(str(dim.bound), dim.bound)
    while node.type.dim(slots) is not None:
        slots = slots.prime()
    order = make("argsort", there, dim=dim, dst=slots, descending=(False,), span=node.span)
    found = make("gather", node, order, span=node.span)
    number = make("cast", there, type=Type("int", there.type.dims), span=node.span)
    return found, make("reduce_sum", number, over=(dim,), span=node.span)


def _there(node: Node, dim: Dim) -> Node:
    """True for every entry of ``dim``."""
    index = next(n for n in topological([node]) if made_by(n) == dim.base)
    number = make("cast", index, type=Type("int", index.type.dims), span=node.span)
    if others := tuple(d for d in number.type.dims if d.key != dim.key):
        number = make("reduce_max", number, over=others, span=node.span)
    return make("eq", number, number, span=node.span)
