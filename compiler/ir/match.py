# SPDX-License-Identifier: Apache-2.0
"""Patterns of nodes: a formula is written once, as one writes it, and found wherever the IR has it.

``x = capture("x")`` is any node, ``x * x + 1`` a sum of that node's square and the constant 1. A name that occurs twice
stands for the same node twice, and operands of commutative operations may stand in either order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from hepq.compiler.ir.node import Node
from hepq.core.ops.table import COMMUTATIVE

#: nodes and attributes by the names they are captured under
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Pattern:
    """``search``: the ways in which a node, or an attribute, fits, given what is captured already."""

    search: Callable[[Any, Found], Iterator[Found]]

    def matches(self, node: Node) -> Iterator[Found]:
        """What is captured, for every way in which ``node`` is of this form."""
        return self.search(node, {})

    def match(self, node: Node) -> Found | None:
        """The first of ``matches``; None if ``node`` is not of this form."""
        return next(self.matches(node), None)

    def named(self, name: str) -> Pattern:
        """Captured: where ``name`` is known already, only the same fits."""

        def search(value: Any, found: Found) -> Iterator[Found]:
            if name not in found:
                yield from ({**more, name: value} for more in self.search(value, found))
            elif found[name] == value:
                yield found

        return Pattern(search)

    def where(self, condition: Callable[[Found], bool]) -> Pattern:
        """Only if what is captured fulfils it."""
        return Pattern(lambda value, found: (more for more in self.search(value, found) if condition(more)))

    def __or__(self, other: Pattern) -> Pattern:
        return Pattern(lambda value, found: (m for p in (self, other) for m in p.search(value, found)))

    def __add__(self, other: Pattern | float) -> Pattern:
        return op("add", self, other)

    def __sub__(self, other: Pattern | float) -> Pattern:
        return op("sub", self, other)

    def __mul__(self, other: Pattern | float) -> Pattern:
        return op("mul", self, other)

    def __truediv__(self, other: Pattern | float) -> Pattern:
        return op("div", self, other)

    def __pow__(self, other: Pattern | float) -> Pattern:
        return op("pow", self, other)


def capture(name: str) -> Pattern:
    """Anything, called ``name``."""
    return Pattern(lambda value, found: iter((found,))).named(name)


def number(name: str) -> Pattern:
    """A constant, whose value is called ``name``."""
    return op("const", value=capture(name))


def op(kind: str, *operands: Pattern | float, **attributes: Any) -> Pattern:
    """A node of that kind. A number among ``operands`` is that constant; without any, operands may be anything."""
    wanted = [o if isinstance(o, Pattern) else op("const", value=o) for o in operands]

    def search(value: Any, found: Found) -> Iterator[Found]:
        if not isinstance(value, Node) or value.op != kind:
            return
        given = [(_pattern(a), value[name]) for name, a in attributes.items()]
        for order in permutations(value.operands) if kind in COMMUTATIVE else (value.operands,):
            yield from _all([*zip(wanted, order, strict=False), *given], found)

    return Pattern(search)


def _pattern(attribute: Any) -> Pattern:
    if isinstance(attribute, Pattern):
        return attribute
    return Pattern(lambda value, found: iter((found,) if value == attribute else ()))


def _all(pairs: Sequence[tuple[Pattern, Any]], found: Found) -> Iterator[Found]:
    if not pairs:
        yield found
        return
    (pattern, value), *rest = pairs
    for more in pattern.search(value, found):
        yield from _all(rest, more)
