# SPDX-License-Identifier: Apache-2.0
"""Which values over pairs of particles are symmetric, so that one of (i, j) and (j, i) is enough to compute them.

A value is symmetric if its formula is the same once the two dims have changed places. Formulas are compared by
structure: sums, products and the like do not mind the order of their operands, and a difference that only its absolute
value is used of, perhaps through odd functions, changes nothing but its sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hepq.compiler.ir.formulas import WRAPPED
from hepq.compiler.ir.node import Node
from hepq.core.ops.table import COMMUTATIVE, ELEMENTWISE, OPS, SHAPE
from hepq.core.types import Dim

#: ops whose entry for a pair depends on that pair's entries of their operands alone. Not dropout: (i, j) may be dropped
#: where (j, i) is not
PAIRWISE = ELEMENTWISE | SHAPE | {"contract", "batch_norm"}

Places = Mapping[tuple[str, int], int]


def symmetric(nodes: Iterable[Node]) -> frozenset[Node]:
    """Those of ``nodes`` that are over pairs (i, j) and equal themselves exchanged, whatever the weights."""
    formulas = _Formulas()
    return frozenset(node for node in nodes if formulas.symmetric(node))


def halved(plan: Sequence[Node], operands: Mapping[Node, Sequence[Node]]) -> frozenset[Node]:
    """Nodes of ``plan`` over pairs of which half are enough: symmetric ones, and what is read for those alone.

    ``operands``: what each node is computed from.
    """
    same = symmetric(plan)
    users: dict[Node, list[Node]] = {}
    for node in plan:
        for operand in operands[node]:
            users.setdefault(operand, []).append(node)
    found: set[Node] = set()
    for node in reversed(plan):
        pair = pair_of(node)
        if pair is None or node.op not in PAIRWISE:
            continue
        mine = users.get(node, [])
        if node in same or (mine and all(u in found and pair_of(u) == pair for u in mine)):
            found.add(node)
    return frozenset(found)


def pair_of(node: Node) -> tuple[Dim, Dim] | None:
    """The two copies of one ragged dim, if these are the ragged dims of ``node``."""
    ragged = sorted((d for d in node.type.dims if d.ragged), key=lambda d: d.key)
    return (ragged[0], ragged[1]) if len(ragged) == 2 and ragged[0].name == ragged[1].name else None


@dataclass
class _Formulas:
    """A number for every formula, of which equal ones have the same. ``places``: first or second of a pair, by dim."""

    numbers: dict[object, int] = field(default_factory=dict)
    known: dict[object, int] = field(default_factory=dict)

    def symmetric(self, node: Node) -> bool:
        pair = pair_of(node)
        if pair is None or node.op not in PAIRWISE:
            return False
        first, second = (d.key for d in pair)
        return self._of(node, {first: 0, second: 1}) == self._of(node, {first: 1, second: 0})

    def _of(self, node: Node, places: Places, even: bool = False) -> int:
        key = (node, tuple(sorted(places.items())), even)
        if key not in self.known:
            if node.op == "rename" and (dst := node["dst"].key) in places:
                inner = {node["src"].key if d == dst else d: place for d, place in places.items()}
                self.known[key] = self._of(node.operands[0], inner, even)
            else:
                formula = self._formula(node, places, even)
                self.known[key] = self.numbers.setdefault(formula, len(self.numbers))
        return self.known[key]

    def _formula(self, node: Node, places: Places, even: bool) -> object:
        """``even``: up to its sign."""
        if not places:
            return (repr(node["value"]), node.type) if node.op == "const" else node
        if even and (wrapped := WRAPPED.match(node)):
            return "wrapped", self._of(wrapped["x"], _within(places, wrapped["x"]) or {}, even)
        inside = [_within(places, o) for o in node.operands]
        if node.op not in PAIRWISE or None in inside:
            return node, tuple(sorted(places.items()))
        pairs = [(o, within or {}) for o, within in zip(node.operands, inside, strict=True)]
        square = node.op == "mul" and self._of(*pairs[0]) == self._of(*pairs[1])
        signless = OPS[node.op].even or square or (even and OPS[node.op].odd)
        parts: Iterable[int] = [self._of(*pair, signless) for pair in pairs]
        if node.op in COMMUTATIVE or (node.op == "sub" and even):
            parts = sorted(parts)
        return node.op, even and node.op == "sub", tuple(node.attrs.items()), tuple(parts)


def _within(places: Places, operand: Node) -> Places | None:
    """``places`` of the operand's dims; None if it has ragged ones of the pair's name that ``places`` lacks."""
    names = {name for name, _ in places}
    mine = [d.key for d in operand.type.dims if d.ragged and d.name in names]
    return {key: places[key] for key in mine} if all(key in places for key in mine) else None
