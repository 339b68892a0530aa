# SPDX-License-Identifier: Apache-2.0
"""When something is computed: only where what is made of it is needed.

What an event hands out and what it checks is needed always; what a fill adds, where its ``when`` is true; whether a cut
holds, while the cut flow is still asked. From there needs go to operands. A guard is any of several terms, each of
which is all of several conditions; what it says is known before what it guards is computed, for values are put in an
order and a guard mentions earlier ones alone. Of more terms than ``MOST`` only what they have in common is kept.

What no event needs is not computed, and so is no error in that event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.events.conditions import (
    NOTHING,
    Guard,
    Term,
    either,
    implied,
    is_state,
    live,
)
from hepq.compiler.lower.events.roots import Adding, added, ends, read_at_once

#: terms of a guard
MOST = 32


def asked(module: Module) -> set[Node]:
    """What conditions are of."""
    states = {n for n in module.walk() if is_state(n)}
    return states | {c.of for end in ends(module) if isinstance(end, Adding) for c in end.when if c.of.op != "const"}


def guards(module: Module, needs: Callable[[Node], Iterable[Node]]) -> dict[Node, Guard]:
    """Of every node of which something is needed; ``needs``: what it is computed from."""
    order = _in_order(module, needs)
    place = {node: i for i, node in enumerate(order)}
    wanted: dict[Node, set[Term]] = defaultdict(set)
    for end in ends(module):
        if not isinstance(end, Adding):
            for node in read_at_once(module, end):
                wanted[node].add(NOTHING)
            continue
        for node in added(module, end.fill):
            wanted[node].add(implied(end.when))
        # those of a cut flow are asked first
        first = implied(frozenset(c for c in end.when if c.kind != "true"))
        for condition in end.when:
            wanted[condition.of].add(first if condition.kind == "true" else NOTHING)
    made: dict[Node, Guard] = {}
    for node in reversed(order):
        made[node] = guard = _known(wanted[node], place, place[node])
        for operand in needs(node):
            more = live(node.operands[0]) if is_state(node) and operand is node.operands[1] else NOTHING
            wanted[operand] |= {term | implied(more) for term in guard} if more else guard
    return made


def _known(terms: Iterable[Term], place: Mapping[Node, int], here: int) -> Guard:
    """Any of ``terms``, as far as it is known before the place ``here``."""
    guard = either(frozenset(c for c in term if place.get(c.of, -1) < here) for term in terms)
    return guard if len(guard) <= MOST else frozenset({frozenset.intersection(*guard)})


def _in_order(module: Module, needs: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """What is needed before what needs it; conditions as early as can be, those that need fewer others first."""
    reads = list(dict.fromkeys(n for end in ends(module) for n in read_at_once(module, end)))
    asks = asked(module)
    depth: dict[Node, int] = {}
    for node in _walk(reads, needs):
        depth[node] = max((depth[n] + (n in asks) for n in needs(node)), default=0)
    return list(_walk([*sorted((n for n in depth if n in asks), key=depth.__getitem__), *reads], needs))


def _walk(nodes: Sequence[Node], needs: Callable[[Node], Iterable[Node]]) -> Iterator[Node]:
    done: set[Node] = set()
    stack = [(node, False) for node in reversed(nodes)]
    while stack:
        node, ready = stack.pop()
        if node in done:
            continue
        if ready:
            done.add(node)
            yield node
        else:
            stack.append((node, True))
            stack += [(n, False) for n in needs(node)]
