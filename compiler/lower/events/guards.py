# SPDX-License-Identifier: Apache-2.0
"""When something is computed: only where what is made of it is needed.

What an event hands out is needed always; what a fill adds, where its ``when`` is true and its cell is not -1; what is
checked, where the check may fail; whether a cut holds, while the cut flow is still asked. From there needs go to
operands. A guard is any of several terms, each of which is all of several conditions; what it says is known before what
it guards is computed, for values are put in an order and a guard mentions earlier ones alone. Of more terms than
``MOST`` only what they have in common is kept.

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
from hepq.compiler.lower.events.roots import Adding, End, made_of, read_at_once
from hepq.core.ops.table import ELEMENTWISE

#: terms of a guard
MOST = 32


def asked(module: Module, ends: Sequence[End]) -> set[Node]:
    """What conditions are of."""
    states = {n for n in module.walk() if is_state(n)}
    return states | {c.of for end in ends for term in _terms(end) for c in term if c.of.op != "const"}


def _terms(end: End) -> list[Term]:
    return end.terms if isinstance(end, Adding) else [end.when]


def guards(module: Module, ends: Sequence[End], needs: Callable[[Node], Iterable[Node]]) -> dict[Node, Guard]:
    """Of every node of which something is needed; ``needs``: what it is computed from."""
    order = _in_order(module, ends, needs)
    place = {node: i for i, node in enumerate(order)}
    wanted: dict[Node, set[Term]] = defaultdict(set)
    for end in ends:
        for node, term in made_of(module, end):
            wanted[node].add(implied(term))
        for term in _terms(end):
            known: Term = NOTHING
            for conditions in _in_turn(term):
                for condition in conditions:
                    wanted[condition.of].add(implied(known))
                known |= conditions
    made: dict[Node, Guard] = {}
    for node in reversed(order):
        made[node] = guard = _known(wanted[node], place, place[node])
        for operand in needs(node):
            more = live(node.operands[0]) if is_state(node) and operand is node.operands[1] else NOTHING
            wanted[operand] |= {term | implied(more) for term in guard} if more else guard
    return made


def _in_turn(term: Term) -> list[Term]:
    """Conditions as they are asked: of cut flows first, then what costs little, the others last."""
    flows = frozenset(c for c in term if c.kind != "true")
    cheap = frozenset(c for c in term - flows if _is_cheap(c.of))
    return [flows, cheap, term - flows - cheap]


def _is_cheap(node: Node) -> bool:
    """Arithmetic of states of cut flows, and of what is read, of the event alone?"""
    if is_state(node) or node.op == "const" or node.type.dims:
        return not node.type.dims
    return node.op == "input" or (node.op in ELEMENTWISE and all(map(_is_cheap, node.operands)))


def _known(terms: Iterable[Term], place: Mapping[Node, int], here: int) -> Guard:
    """Any of ``terms``, as far as it is known before the place ``here``."""
    guard = either(frozenset(c for c in term if place.get(c.of, -1) < here) for term in terms)
    return guard if len(guard) <= MOST else frozenset({frozenset.intersection(*guard)})


def _in_order(module: Module, ends: Sequence[End], needs: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """What is needed before what needs it; conditions as early as they are asked."""
    reads = list(dict.fromkeys(n for end in ends for n in read_at_once(module, end)))
    asks = asked(module, ends)
    depth: dict[Node, int] = {}
    for node in _walk(reads, needs):
        depth[node] = max((depth[n] + (n in asks) for n in needs(node)), default=0)
    rank = {n: depth[n] for n in depth if n in asks}
    for term in (term for end in ends for term in _terms(end)):
        *first, last = _in_turn(term)
        before = max((depth[c.of] for conditions in first for c in conditions if c.of in depth), default=-1)
        rank |= {c.of: max(rank[c.of], before + 1) for c in last if c.of in rank}
    return list(_walk([*sorted(rank, key=rank.__getitem__), *reads], needs))


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
