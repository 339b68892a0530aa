# SPDX-License-Identifier: Apache-2.0
"""What a pass is, how passes run, and the walk that most of them share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np

from hepq.compiler.ir.node import Module, Node, made_by
from hepq.compiler.ir.verify import verify
from hepq.core.ops.table import RANDOM

Weights = Mapping[str, np.ndarray[Any, Any]]


class Pass(Protocol):
    """A frozen dataclass whose fields are its options. Keeps the reference's results on the module."""

    @property
    def name(self) -> str: ...

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]: ...


#: called after each pass with the pass, its module and the seconds it took
OnPass = Callable[[Pass, Module, float], None]


def run_pipeline(
    passes: Iterable[Pass],
    module: Module,
    weights: Weights,
    verify_each: bool = False,
    on_pass: OnPass | None = None,
) -> tuple[Module, Weights]:
    """Runs ``passes`` in order; with ``verify_each``, raises ``VerifyError`` before the first or after a bad one."""
    if verify_each:
        verify(module)
    for one in passes:
        start = time.perf_counter()
        module, weights = one(module, weights)
        seconds = time.perf_counter() - start
        if verify_each:
            verify(module)
        if on_pass:
            on_pass(one, module, seconds)
    return module, weights


class Static:
    """Is a node made of params and constants alone, the same in every event?"""

    def __init__(self) -> None:
        self._known: dict[Node, bool] = {}

    def __call__(self, node: Node) -> bool:
        if node not in self._known:
            if node.op in ("iota", "count"):
                self._known[node] = not node["dim"].ragged
            elif node.op == "input" or node.op in RANDOM or made_by(node) is not None:
                self._known[node] = False
            else:
                self._known[node] = all(self(o) for o in node.operands)
        return self._known[node]


class Facts:
    """Of nodes during a walk: how many operand slots and outputs each fills, 1 for a new one; and which are static."""

    def __init__(self, module: Module) -> None:
        self.counts: Counter[Node] = Counter(o for n in module.walk() for o in n.operands)
        self.counts.update(module.outputs.values())
        self.static = Static()

    def uses(self, node: Node) -> int:
        return self.counts.get(node, 1)


@dataclass(frozen=True)
class Rewrite(ABC):
    """A pass that replaces single nodes."""

    name: ClassVar[str]

    @abstractmethod
    def rule(self, node: Node, facts: Facts) -> Node | None:
        """What stands for ``node``, whose operands are rewritten already; None: itself."""

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return rewrite(module, self.rule), weights


def rewrite(module: Module, rule: Callable[[Node, Facts], Node | None]) -> Module:
    """Every node, operands first and already rewritten, replaced by what ``rule`` makes of it (None: kept)."""
    facts = Facts(module)
    new: dict[Node, Node] = {}
    for node in module.walk():
        current = _with_operands(node, new)
        if current is not node:
            facts.counts[current] = facts.counts[node]
        made = rule(current, facts)
        if made is not None and made is not current:
            facts.counts[made] = facts.counts.get(made, 0) + facts.counts[node]
        new[node] = made or current
    return _with_outputs(module, new)


def substitute(module: Module, given: Mapping[Node, Node]) -> Module:
    """``module`` with some of its nodes replaced by given ones of the same type."""
    new: dict[Node, Node] = {}
    for node in module.walk():
        new[node] = given.get(node) or _with_operands(node, new)
    return _with_outputs(module, new)


def _with_operands(node: Node, new: Mapping[Node, Node]) -> Node:
    operands = tuple(new[o] for o in node.operands)
    return node if operands == node.operands else replace(node, operands=operands)


def _with_outputs(module: Module, new: Mapping[Node, Node]) -> Module:
    return replace(module, outputs={name: new[n] for name, n in module.outputs.items()})
