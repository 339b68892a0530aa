# SPDX-License-Identifier: Apache-2.0
"""Which nodes are computed where they are used, and which get memory of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.prepare import matrix_product
from hepq.core.ops.table import ACCESS, ELEMENTWISE, KNOWN, OPS, REDUCE

#: elementwise nodes inside each other
DEEPEST = 100


@dataclass
class Inlining:
    """``inlined`` nodes have no memory. ``hosts``: the stored node whose loop a matrix product runs in."""

    inlined: set[Node] = field(default_factory=set)
    hosts: dict[Node, Node] = field(default_factory=dict)

    @staticmethod
    def of(module: Module) -> Inlining:
        self = Inlining()
        users: dict[Node, list[Node]] = defaultdict(list)
        for node in module.walk():
            for operand in node.operands:
                users[operand].append(node)
        outputs = set(module.outputs.values())
        for node in module.walk():
            self._decide(node, users[node], node in outputs)
        self._shorten(module)
        for host in [n for n in self.hosts if self.stored(n)]:
            self._unload(host)
        return self

    def _shorten(self, module: Module) -> None:
        """Memory in the midst of long chains of elementwise nodes: expressions are written by recursion."""
        depth: dict[Node, int] = {}
        for node in module.walk():
            depth[node] = 1 + max((depth[o] for o in node.operands if o in self.inlined), default=0)
            if depth[node] > DEEPEST and node in self.inlined and node.op in ELEMENTWISE and node not in self.hosts:
                self.inlined.remove(node)

    def stored(self, node: Node) -> bool:
        return node not in self.inlined

    def product(self, node: Node) -> Node | None:
        """The matrix product that a stored node's loop computes."""
        return self.hosts.get(node, node if matrix_product(node) else None)

    def _decide(self, node: Node, users: list[Node], output: bool) -> None:
        if node.op in KNOWN:
            self.inlined.add(node)
        elif node.op in ACCESS:
            if all(self._reachable(o) for o in node.operands) and not (node.op == "window" and _feeds_product(users)):
                self.inlined.add(node)
        elif node.op == "stack":
            # a four-vector whose components are only ever picked
            if users and not output and all(u.op == "pick" and u["dim"].key == node["dim"].key for u in users):
                self.inlined.add(node)
        elif len(users) == 1 and not output:
            self._follow(node, users[0])

    def _reachable(self, node: Node) -> bool:
        return self.stored(node) or node.op in ACCESS or node.op in KNOWN or node.op == "stack"

    def _follow(self, node: Node, user: Node) -> None:
        """Inline an elementwise node or a matrix product into its only user, if nothing is computed twice."""
        product = self.product(node)
        if product is not None:
            if OPS[user.op].cheap and _keys(user) == _keys(node) and user not in self.hosts:
                self.hosts[user] = product
                self.inlined.add(node)
        elif node.op in ELEMENTWISE and _same_loop(node, user):
            self.inlined.add(node)

    def _unload(self, node: Node) -> None:
        """Nothing expensive inside the unrolled tail of a matrix product."""
        for operand in node.operands:
            if operand in self.inlined and operand.op in ELEMENTWISE:
                if OPS[operand.op].cheap:
                    self._unload(operand)
                else:
                    self.inlined.remove(operand)


def _keys(node: Node) -> list[tuple[str, int]]:
    return [d.key for d in node.type.dims]


def _same_loop(node: Node, user: Node) -> bool:
    """Does ``user`` visit each entry of its operand ``node`` exactly once?"""
    if user.op in ELEMENTWISE:
        return set(_keys(user)) == set(_keys(node))
    if user.op == "concat":
        along = {d.key for o, d in zip(user.operands, user["along"], strict=True) if o is node}
        return set(_keys(user)[:-1]) | along == set(_keys(node)) and len(along) == 1
    return user.op in REDUCE


def _feeds_product(users: list[Node]) -> bool:
    return any(matrix_product(u) for u in users)
