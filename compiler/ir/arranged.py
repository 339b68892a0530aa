# SPDX-License-Identifier: Apache-2.0
"""Branches over a dim of their own in a dataset with objects: ordered, and cut at its bound, before all else.

Without objects the runtime does so as it reads. Here it is part of the event program: what was read over the dim
becomes a look-up into the file's entries, ``DIM_in_file``, of which an ``argsort`` or a ``filter`` makes the dim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.core.types import Dim, Type
from hepq.lang.declarations.dataset import DatasetPlan
from hepq.lang.elaborate.objects import NO_BOUND


@dataclass(frozen=True)
class Arranged:
    """``outputs`` of what is kept. By dim: how many entries there are before its bound cuts, and how many it keeps;
    and by dim in the file, an input over it."""

    outputs: Mapping[str, Node]
    cuts: Mapping[str, tuple[Node, Node]]
    read: Mapping[str, Node]


def arranged(plan: DatasetPlan, outputs: Mapping[str, Node]) -> Arranged:
    """``outputs`` with the dataset's ``order`` and the bounds of its dims."""
    found, cuts, read = outputs, {}, {}
    for dim in _dims(plan, Module("", (), outputs)):
        whole = Dim(f"{dim.name}_in_file", bound=NO_BOUND)
        file = _over(dim, whole)
        index = _kept(plan, dim, whole, file)
        looked = _looked_up(dim, index, file)
        found = {name: looked(node) for name, node in found.items()}
        cuts[dim.name] = Node("count", (), {"dim": whole}, Type("int")), _number(index)
        read[whole.name] = file(next(t.handle for t in plan.tensors.values() if t.type.dim(dim) is not None))
    return Arranged(found, cuts, read)


def _dims(plan: DatasetPlan, module: Module) -> list[Dim]:
    """The dims of branches that it is made over."""
    made = made_dims(module)
    named = [d for n in module.walk() for d in (*n.type.dims, *n.attrs.values()) if isinstance(d, Dim)]
    found = {d.name: d.base for d in named if d.ragged and d.bound != NO_BOUND and d.name not in made}
    return list(found.values())


def _kept(plan: DatasetPlan, dim: Dim, whole: Dim, file: Callable[[Node], Node]) -> Node:
    """index[dim] into ``whole``."""
    t = Type("index", (dim,), into=whole)
    order = next((o for o in plan.orders if o.dim.key == dim.key), None)
    if order is not None:
        keys = {"dim": whole, "dst": dim, "descending": (order.descending,)}
        return Node("argsort", (file(order.key.handle),), keys, t)
    place = Node("iota", (), {"dim": whole}, Type("int", (whole,)))
    zero = Node("const", (), {"value": 0}, Type("int"))
    every = Node("ge", (place, zero), {}, Type("bool", (whole,)))
    return Node("filter", (every,), {"dim": whole, "dst": dim}, t)


def _ones(index: Node) -> Node:
    """int[dim]: 1, of a dim that is made."""
    place = Node("cast", (index,), {}, Type("int", index.type.dims))
    there = Node("ge", (place, Node("const", (), {"value": 0}, Type("int"))), {}, Type("bool", index.type.dims))
    return Node("cast", (there,), {}, place.type)


def _number(index: Node) -> Node:
    """int: how many entries a dim that is made has."""
    return Node("reduce_sum", (_ones(index),), {"over": index.type.dims}, Type("int"))


def _places(index: Node) -> Node:
    """int[dim]: 0, 1, 2 …, of a dim that is made."""
    ones, (dim,) = _ones(index), index.type.dims
    one = Node("const", (), {"value": 1}, Type("int"))
    return Node("sub", (Node("cumsum", (ones,), {"over": dim}, ones.type), one), {}, ones.type)


def _over(dim: Dim, whole: Dim) -> Callable[[Node], Node]:
    """A node over ``whole`` for one over ``dim``."""

    def renamed(d: object) -> object:
        return whole if isinstance(d, Dim) and d.key == dim.key else d

    @cache
    def made(node: Node) -> Node:
        dims = [whole if d.key == dim.key else d for d in node.type.dims]
        attrs = {k: tuple(map(renamed, v)) if isinstance(v, tuple) else renamed(v) for k, v in node.attrs.items()}
        return replace(node, operands=tuple(map(made, node.operands)), attrs=attrs, type=node.type.with_dims(dims))

    return made


def _of_copy(x: Node, dim: Dim) -> Node:
    """``x`` over ``dim``, which may be a copy of its own."""
    (own,) = x.type.dims
    return x if dim.key == own.key else Node("rename", (x,), {"src": own, "dst": dim}, x.type.with_dims([dim]))


def _looked_up(dim: Dim, index: Node, file: Callable[[Node], Node]) -> Callable[[Node], Node]:
    """A node that reads ``dim`` through ``index``."""

    @cache
    def made(node: Node) -> Node:
        if node.op == "input" and node.type.dim(dim) is not None:
            return Node("gather", (file(node), index), {}, node.type, node.span)
        if node.op in ("count", "iota") and node["dim"].base.key == dim.key:
            return _number(index) if node.op == "count" else _of_copy(_places(index), node["dim"])
        operands = tuple(map(made, node.operands))
        return node if operands == node.operands else replace(node, operands=operands)

    return made
