# SPDX-License-Identifier: Apache-2.0
"""Dims that events make: which are only walked through, and which have rows in scratch memory.

An entry of a dim is known by its *codes*. An entry of a dim that inputs have, of a static one or of one with rows in
memory has one code: its position. A *virtual* dim has no rows: an entry of a virtual ``filter`` has the codes of the
entry that was chosen, one of virtual ``combinations`` those of its k entries. Loops over them are loops over what they
were made of, and nothing of their size is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

from hepq.compiler.ir.node import Module, Node, made_by
from hepq.compiler.lower.cpu.prepare import LoweringError
from hepq.core.ops.table import ELEMENTWISE, OPS, REDUCE, SEGMENT, SHAPE
from hepq.core.types import Dim

#: a bound from here on bounds nothing
UNBOUNDED = 2**31 - 1
#: entries that a running list of the best holds
BEST = 8


@dataclass(frozen=True)
class Dims:
    """``makers``: made dim -> the node that chooses its entries. ``virtual``: names of those without rows."""

    makers: dict[str, Node]
    virtual: frozenset[str]

    @staticmethod
    def of(module: Module) -> Dims:
        """Raises LoweringError for a dim whose entries two operations choose."""
        makers: dict[str, Node] = {}
        for node in module.walk():
            dim = made_by(node)
            if dim is None:
                continue
            first = makers.setdefault(dim.name, node)
            if first is not node and (first.op, node.op) != ("unite", "unite"):
                raise LoweringError(f"dim {dim} is made twice, by `{first.op}` and by `{node.op}`")
        stored = _with_rows(module, makers)
        virtual = {
            name for name, node in makers.items() if name not in stored and node.op in ("filter", "combinations")
        }
        return Dims(makers, frozenset(virtual))

    def maker(self, dim: Dim) -> Node | None:
        return self.makers.get(dim.name) if dim.ragged else None

    def codes(self, dim: Dim) -> int:
        """How many codes an entry has."""
        if dim.name not in self.virtual:
            return 1
        node = self.makers[dim.name]
        each = self.codes(node["dim"])
        return each * node["slot"].size if node.op == "combinations" else each


def source(index: Node) -> Node:
    """The node that made the numbers of ``index``, which moves about what it says."""
    while index.op in SHAPE or index.op == "gather":
        index = index.operands[0]
    return index


def limit(node: Node) -> int | None:
    """The most entries that ``node`` chooses, if that is fewer than there may be."""
    dst: Dim = node["dst"]
    dims = node["dims"] if node.op == "unite" else (node["dim"],)
    sizes = [d.bound or d.size or 0 for d in dims]
    most = comb(sizes[0], node["slot"].size) if node.op == "combinations" else sum(sizes)
    return None if dst.bound is None or dst.bound >= min(most, UNBOUNDED) else dst.bound


def asked(node: Node) -> int | None:
    """How many entries ``argsort`` is asked for; None: all."""
    dst: Dim = node["dst"]
    return dst.size if dst.size is not None else None if dst.key == node["dim"].key else limit(node)


def running(node: Node) -> bool:
    """Are so few entries asked of ``argsort`` that no more need be kept at any time?"""
    most = asked(node)
    return most is not None and most <= BEST


def _with_rows(module: Module, makers: dict[str, Node]) -> set[str]:
    """Names of dims whose entries are found by position, or often: a list of them pays."""
    found: set[str] = set()
    for node in module.walk():
        found |= {d.name for d in _by_position(node)}
    found |= {n.type.into.name for n in module.outputs.values() if n.type.into}
    found |= {name for name, node in makers.items() if limit(node) is not None}
    walks: Counter[str] = Counter(d.name for node in module.walk() for d in _walked(node))
    walks.update({n.type.dims[0].name for n in module.outputs.values() if n.type.dims})
    often = {name for name, number in walks.items() if number > 1} | _costly(module)
    for name, node in makers.items():
        if node.op == "filter" and name in often:
            parent = makers.get(node["dim"].name)
            if parent is None or parent.op not in ("filter", "combinations") or node["dim"].name in found:
                found.add(name)
    return found


def _costly(module: Module) -> set[str]:
    """Names of dims with a value of an entry that costs much, and is read at each entry of another dim."""
    found: set[str] = set()
    costs: dict[Node, bool] = {}
    for node in module.walk():
        same = [o for o in node.operands if [d.key for d in o.type.dims] == [d.key for d in node.type.dims]]
        costs[node] = node.op in ELEMENTWISE and (not OPS[node.op].cheap or any(costs[o] for o in same))
        for operand in node.operands:
            if costs[operand] and len(operand.type.dims) == 1 and len(node.type.dims) > 1:
                found.add(operand.type.dims[0].name)
    return found


def _by_position(node: Node) -> Iterator[Dim]:
    """Dims whose entries ``node`` looks up, or stores something of, by their position."""
    if node.op == "gather":
        origin = source(node.operands[1])
        if origin.op not in ("filter", "argsort", "combinations"):
            yield node.operands[1].type.into  # type: ignore[misc]
    elif node.op == "cast" and node.operands[0].type.into is not None:
        yield node.operands[0].type.into
    elif node.op in ("combinations", "number"):
        yield node["dim"]
    elif node.op == "unite":
        yield from node["dims"]
    elif node.op == "argsort" or node.op == "cumsum" or node.op in SEGMENT:
        yield from node.type.dims
    elif node.op == "count":
        yield node["dim"]


def _walked(node: Node) -> Iterator[Dim]:
    if node.op in REDUCE or node.op == "contract":
        yield from node["over"]
        yield from node.type.dims
    elif node.op in ("filter", "argsort"):
        yield node["dim"]
    elif node.op == "combinations":
        yield from (node["dim"], node["dim"])
    elif node.op in SEGMENT:
        yield from node.operands[1].type.dims
