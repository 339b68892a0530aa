# SPDX-License-Identifier: Apache-2.0
"""Conditions of an event, under which something is computed: that a cut flow is where it is, that a value is true."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hepq.compiler.ir.node import Node


@dataclass(frozen=True)
class Condition:
    """``passed``: the state ``of`` is 0; ``odd``: it is odd; ``live``: later cuts are still asked for, either of these;
    ``true``: ``of`` is true."""

    kind: Literal["passed", "odd", "live", "true"]
    of: Node


#: all of these
Term = frozenset[Condition]
#: any of these terms. No term, of what nothing needs: never
Guard = frozenset[Term]
NOTHING: Term = frozenset()
ALWAYS: Guard = frozenset({NOTHING})
NEVER: Guard = frozenset()


def is_state(node: Node) -> bool:
    """Of a cut flow, after a cut?"""
    return node.op == "cut" and not node.type.dims


def conditions(when: Node | None) -> Term:
    """What ``when``, bool of the event, is the conjunction of."""
    if when is None or (when.op == "const" and when["value"]):
        return NOTHING
    if when.op == "and":
        return conditions(when.operands[0]) | conditions(when.operands[1])
    if when.op == "eq":
        for state, number in (when.operands, when.operands[::-1]):
            if is_state(state) and _is(number, 0):
                return frozenset({Condition("passed", state)})
            if state.op == "mod" and is_state(state.operands[0]) and _is(state.operands[1], 2) and _is(number, 1):
                return frozenset({Condition("odd", state.operands[0])})
    return frozenset({Condition("true", when)})


def _is(node: Node, number: int) -> bool:
    return node.op == "const" and node["value"] == number


def live(state: Node) -> Term:
    """Under what the cut after ``state`` is asked."""
    return frozenset({Condition("live", state)}) if is_state(state) else NOTHING


def implied(term: Term) -> Term:
    """``term`` and all that follows from it: who passed a cut passed those before, and whoever is asked was asked."""
    found = set(term)
    for condition in term:
        state = condition.of
        while condition.kind != "true" and is_state(state):
            found |= {Condition("passed" if condition.kind == "passed" else "live", state), Condition("live", state)}
            state = state.operands[0]
    return frozenset(found)


def shortest(term: Term) -> list[Condition]:
    """Those from which all of ``term`` follows."""
    kept: list[Condition] = []
    follows: set[Condition] = set()
    for condition, all_of_it in sorted(((c, implied(frozenset({c}))) for c in term), key=lambda pair: -len(pair[1])):
        if condition not in follows:
            kept.append(condition)
            follows |= all_of_it
    return kept


def either(terms: Iterable[Term]) -> Guard:
    """Any of ``terms``, each with all that it implies: without those that others follow from anyway."""
    kept: list[Term] = []
    for term in sorted(set(terms), key=len):
        if not any(wider <= term for wider in kept):
            kept.append(term)
    return frozenset(kept)
