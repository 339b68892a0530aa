# SPDX-License-Identifier: Apache-2.0
"""An event program as the other parts of this package expect it: what cannot be compiled is refused, picks go inwards,
conditions of events outwards.

A four-vector is a stack; what picks one of its components, through whatever stands between, then reads that one alone,
and nobody computes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.ir.verify import verify
from hepq.compiler.lower.cpu.prepare import LoweringError
from hepq.compiler.passes.base import Facts, rewrite
from hepq.compiler.passes.cse import MergeEqual
from hepq.core.ops.table import ELEMENTWISE, IDENTITY, QUANTUM, REDUCE
from hepq.core.types import Dim, Type

#: what belongs to models
ILLEGAL = ("param", "knn", "window", "batch_norm", *sorted(IDENTITY), *sorted(QUANTUM))


def prepare(module: Module) -> Module:
    """``module`` with picks pushed to where values come from, equal nodes merged.

    Raises LoweringError for operations of models, for inputs and outputs whose layout the calling convention does not
    know, and for indices read from a file that number a dim which the event makes.
    """
    _check(module)
    for _ in range(2):
        module, _weights = MergeEqual()(module, {})
        module = rewrite(module, _pushed)
    module, _weights = MergeEqual()(module, {})
    verify(module)
    return rewrite(module, _there)


def _check(module: Module) -> None:
    for node in module.walk():
        if node.op in ILLEGAL:
            raise LoweringError(f"`{node.op}` is for models: it cannot be computed where events are prepared")
    given = {d.name for d in module.ragged_dims}
    named = [("input", n["name"], n.type.dims) for n in module.inputs]
    named += [("output", name, n.type.dims) for name, n in module.outputs.items()]
    for kind, name, dims in named:
        if any(d.ragged for d in dims[1:]) or any(d.primes for d in dims):
            raise LoweringError(f"{kind} {name} has a ragged dim that is not its first: [{', '.join(map(str, dims))}]")
    for node in module.inputs:
        into = node.type.into
        if into is not None and into.ragged and into.name not in given:
            raise LoweringError(f"input {node['name']} numbers entries of dim {into}, which the event makes")


def _pushed(node: Node, facts: Facts) -> Node | None:
    if node.op == "reduce_all":
        return _outside(node.operands[0], node)
    return _pick(node.operands[0], node["dim"], node["index"], node) if node.op == "pick" else None


def _there(node: Node, facts: Facts) -> Node | None:
    """Of each entry of a dim that it is there: that its index is not below -1, for which nobody need know the index.

    An ``iota`` of an index, which nobody else may ask for, is any number from 0 on; it reads dims alone.
    """
    if node.op != "ge" or node.operands[0].op != "cast" or node.operands[1].op != "const":
        return None
    index = node.operands[0].operands[0]
    if index.type.into is None or len(index.type.dims) != 1 or node.operands[1]["value"] > -1:
        return None
    (dim,) = index.type.dims
    if not dim.ragged or dim.primes:
        return None
    entry = Node("iota", (index,), {"dim": dim}, Type("int", (dim,)), node.span)
    return replace(node, operands=(entry, node.operands[1]))


def _outside(x: Node, all_of: Node) -> Node | None:
    """All of ``x``, which is true where a value of the event is: that one outside, where it may be asked first."""
    if x.op != "or" or all_of.type.dims:
        return None
    for i, once in enumerate(x.operands):
        rest = x.operands[1 - i]
        if not once.type.dims and rest.type.dims:
            inner = _outside(rest, all_of) or replace(all_of, operands=(rest,))
            return Node("or", (inner, once), {}, all_of.type, x.span)
    return None


def _pick(x: Node, dim: Dim, index: int, like: Node) -> Node:
    """Entry ``index`` of ``x`` along ``dim``, as far inside as it goes; ``x`` itself where it has no such dim."""
    if x.type.dim(dim) is None:
        return x
    type = x.type.with_dims(d for d in x.type.dims if d.key != dim.key)

    def inner(operand: Node, d: Dim = dim) -> Node:
        return _pick(operand, d, index, like)

    def remade(operands: Sequence[Node], **attrs: Any) -> Node:
        return replace(x, operands=tuple(operands), type=type, attrs={**x.attrs, **attrs})

    if x.op == "stack" and x["dim"].key == dim.key:
        entry = x.operands[index]
        if {d.key for d in entry.type.dims} == {d.key for d in type.dims}:
            same = [d.key for d in entry.type.dims] == [d.key for d in type.dims]
            return entry if same else Node("transpose", (entry,), {}, type, x.span)
    elif x.op in ELEMENTWISE or x.op in ("transpose", "stack"):
        return remade([inner(o) for o in x.operands])
    elif x.op in REDUCE:
        return remade([inner(x.operands[0])])
    elif x.op == "rename":
        return inner(x.operands[0], x["src"]) if dim.key == x["dst"].key else remade([inner(x.operands[0])])
    elif x.op == "gather" and x.operands[1].type.into.key != dim.key:  # type: ignore[union-attr]
        return remade([inner(o) for o in x.operands])
    elif x.op == "gather":
        return remade([x.operands[0], inner(x.operands[1])])
    return Node("pick", (x,), {"dim": dim, "index": index}, type, like.span)
