# SPDX-License-Identifier: Apache-2.0
"""The order in which nodes are computed, which of them together, and how long their values are kept.

Batch normalisations that share their weights share running statistics in evaluation, so in training they share the
batch's: those of all entries that any of them normalises. A graph network whose messages are of several kinds is then
trained as one whose edges are one list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import networkx as nx

from hepq.compiler.ir.node import Node

Operands = Mapping[Node, Sequence[Node]]


@dataclass(frozen=True)
class Plan:
    """``nodes`` to compute, in order. Each of those ``together`` comes after what any of its group is made of.

    ``done``: what nothing reads any more once a node is computed.
    """

    nodes: tuple[Node, ...]
    together: Mapping[Node, tuple[Node, ...]] = field(default_factory=dict)
    done: Mapping[Node, tuple[Node, ...]] = field(default_factory=dict)


def plan(nodes: Sequence[Node], operands: Operands, outputs: Collection[Node]) -> Plan:
    """Batch normalisations of the same weights together, unless one of them reads another, through whatever is between.

    ``nodes``: what to compute for ``outputs``, in some order. ``operands``: what each is made of.
    """
    same: dict[tuple[object, ...], list[Node]] = {}
    for node in nodes:
        if node.op == "batch_norm":
            same.setdefault((*node.operands[1:], node["eps"], node["momentum"]), []).append(node)
    groups: dict[Node, tuple[Node, ...]] = {}
    for found in same.values():
        tried = groups | dict.fromkeys(found, tuple(found))
        if len(found) > 1 and nx.is_directed_acyclic_graph(_graph(nodes, operands, tried)):
            groups = tried
    if groups:
        place = {node: i for i, node in enumerate(nodes)}
        order = nx.lexicographical_topological_sort(_graph(nodes, operands, groups), key=place.__getitem__)
        nodes = [node for first in order for node in groups.get(first, (first,))]
    return Plan(tuple(nodes), groups, _done(nodes, operands, outputs))


def _done(nodes: Sequence[Node], operands: Operands, outputs: Collection[Node]) -> dict[Node, tuple[Node, ...]]:
    read = set(outputs)
    found = {}
    for node in reversed(nodes):
        found[node] = tuple({o for o in operands[node] if o not in read})
        read.update(operands[node])
    return found


def _graph(nodes: Sequence[Node], operands: Operands, groups: Mapping[Node, tuple[Node, ...]]) -> nx.DiGraph:
    """Who reads whom, with the first node of each group for all of it."""

    def stands_for(node: Node) -> Node:
        return groups[node][0] if node in groups else node

    graph = nx.DiGraph()
    graph.add_nodes_from(stands_for(node) for node in nodes)
    graph.add_edges_from((stands_for(o), stands_for(node)) for node in nodes for o in operands[node])
    return graph
