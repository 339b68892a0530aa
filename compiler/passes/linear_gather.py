# SPDX-License-Identifier: Apache-2.0
"""Linear maps commute with gather, broadcast, concat, sums and differences.

``W·[x_i, x_j - x_i]`` becomes ``(W1 - W2)·x_i + gather(W2·x)_j``: done per particle instead of per pair or
neighbour. A contraction with weights is pushed through whatever is linear above it; what ends up applied to the
same value through the same gathers is merged into one matrix. Kept where a cost model says that it is less work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from math import prod
from typing import Any

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Node, topological
from hepq.compiler.passes.base import Facts, Rewrite, Static
from hepq.core.types import Dim


@dataclass(frozen=True)
class LinearGather(Rewrite):
    """``entries``: how many entries a ragged dim is taken to have (at most its bound) when work is counted.

    A rewrite is kept if the work after is less than ``margin`` times the work before.
    """

    entries: int = 40
    margin: float = 1.0
    name = "linear-gather"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        return _Push(node, facts, self).result() if _is_linear(node, facts.static) else None


def _is_linear(node: Node, static: Static) -> bool:
    """A contraction over one dim of a value with weights."""
    if node.op != "contract" or node.type.elem != "real" or len(node["over"]) != 1:
        return False
    return static(node.operands[0]) != static(node.operands[1])


@dataclass(frozen=True)
class Term:
    """``weight`` (over its dim ``over``) applied to ``x`` (over its dim ``dim``), then ``steps`` applied, last first.

    A step is the gather or rename that the map was pushed through.
    """

    x: Node
    dim: Dim
    weight: Node
    over: Dim
    steps: tuple[Node, ...] = ()


@dataclass(frozen=True)
class _Push:
    """One contraction and what it could become."""

    node: Node
    facts: Facts
    options: LinearGather

    def result(self) -> Node | None:
        a, b = self.node.operands
        x, weight = (b, a) if self.facts.static(a) else (a, b)
        (over,) = self.node["over"]
        passed: list[Node] = []
        terms = list(self._push(Term(x, over, weight, over), passed))
        if not passed:
            return None
        made = self._sum(sorted((self._apply(group) for group in _groups(terms)), key=self.facts.static))
        return made if self._cost_of(made, terms) < self.options.margin * self._saved(passed) else None

    def _push(self, term: Term, passed: list[Node]) -> Iterator[Term]:
        inner = [] if self.facts.static(term.x) else list(self._through(term))
        if not inner or (term.steps and any(_broadcast(term, one) for one in inner)):
            yield term
            return
        passed.append(term.x)
        for one in inner:
            yield from self._push(one, passed)

    def _through(self, term: Term) -> Iterator[Term]:
        """Terms over the operands of ``term.x`` that add up to ``term``; none if it is not linear in them."""
        x = term.x
        others = {d.key for d in term.weight.type.dims if d.key != term.over.key}
        if x.op == "concat" and x["dim"].key == term.dim.key:
            yield from self._through_concat(term)
        elif x.op in ("add", "sub") and all(o.type.dim(term.dim) for o in x.operands):
            left, right = x.operands
            yield replace(term, x=left)
            yield replace(term, x=right, weight=make("neg", term.weight) if x.op == "sub" else term.weight)
        elif x.op == "neg":
            yield replace(term, x=x.operands[0], weight=make("neg", term.weight))
        elif x.op == "mul":
            yield from self._through_mul(term)
        elif x.op == "gather":
            source, idx = x.operands
            looked_up = {d.key for d in idx.type.dims} | {idx.type.into.key if idx.type.into else ("", 0)}
            if term.dim.key not in looked_up and not looked_up & others:
                yield replace(term, x=source, steps=(*term.steps, x))
        elif x.op == "rename":
            src, dst = x["src"], x["dst"]
            if term.dim.key == dst.key:
                yield replace(term, x=x.operands[0], dim=src)
            elif not {src.key, dst.key} & (others | {term.dim.key}):
                yield replace(term, x=x.operands[0], steps=(*term.steps, x))

    def _through_concat(self, term: Term) -> Iterator[Term]:
        start = 0
        for operand, along in zip(term.x.operands, term.x["along"], strict=True):
            part = Dim(f"{term.over.name}[{start}:{start + along.size}]", along.size)
            weight = make("slice", term.weight, dim=term.over, start=start, dst=part)
            yield replace(term, x=operand, dim=along, weight=weight, over=part)
            start += along.size

    def _through_mul(self, term: Term) -> Iterator[Term]:
        for factor, value in (term.x.operands, reversed(term.x.operands)):
            if self.facts.static(factor) and all(d.key == term.dim.key for d in factor.type.dims):
                if value.type.dim(term.dim):
                    scale = _renamed(factor, term.dim, term.over) if factor.type.dims else factor
                    weight = make("mul", term.weight, scale)
                    yield replace(term, x=value, weight=weight)
                return

    def _apply(self, group: list[Term]) -> Node:
        """The map of terms that share x and steps, as one contraction."""
        x, dim, steps = group[0].x, group[0].dim, group[0].steps
        shared = dim
        while any(t.weight.type.dim(shared) and t.over.key != shared.key for t in group) or (
            shared.key != dim.key and x.type.dim(shared)
        ):
            shared = shared.prime()
        weight = reduce(lambda u, v: make("add", u, v), (_renamed(t.weight, t.over, shared) for t in group))
        y = make("contract", _renamed(x, dim, shared), weight, over=(shared,), span=self.node.span)
        for step in reversed(steps):
            attrs: dict[str, Any] = dict(step.attrs)
            y = make(step.op, y, *step.operands[1:], span=self.node.span, **attrs)
        return y

    def _sum(self, values: list[Node]) -> Node:
        total = reduce(lambda u, v: make("add", u, v, span=self.node.span), values)
        op, operands = (total.op, total.operands) if len(values) > 1 else ("transpose", (total,))
        return make(op, *operands, type=self.node.type, span=self.node.span)

    # --- the cost model: multiply-adds, and elements written by anything that is not a mere change of name

    def _cost_of(self, made: Node, terms: list[Term]) -> int:
        old = set(topological(t.x for t in terms)) | {i for t in terms for s in t.steps for i in s.operands[1:]}
        return sum(self._cost(n) for n in topological([made]) if n not in old)

    def _saved(self, passed: list[Node]) -> int:
        """Work of the contraction and of what nothing else uses once it is gone."""
        gone = {self.node}
        # passed lists users before operands, so one sweep finds all
        for node in dict.fromkeys(passed):
            users = [u for u in gone for o in u.operands if o is node]
            if len(users) == self.facts.uses(node):
                gone.add(node)
        return sum(self._cost(n) for n in gone)

    def _cost(self, node: Node) -> int:
        if self.facts.static(node) or node.op in ("rename", "transpose"):
            return 0
        dims = {d.key: d for n in (node, *(node.operands if node.op == "contract" else ())) for d in n.type.dims}
        return prod(d.size if d.size is not None else min(self.options.entries, d.bound or 0) for d in dims.values())


def _broadcast(term: Term, inner: Term) -> bool:
    """Does ``inner`` lack a dim of ``term``? Then a step may not find what it looks up."""
    return inner.steps == term.steps and any(
        d.key != term.dim.key and not inner.x.type.dim(d) for d in term.x.type.dims
    )


def _groups(terms: list[Term]) -> list[list[Term]]:
    groups: dict[tuple[object, ...], list[Term]] = {}
    for term in terms:
        key = (term.x, term.dim.key, *((s.op, *s.operands[1:], *s.attrs.items()) for s in term.steps))
        groups.setdefault(key, []).append(term)
    return list(groups.values())


def _renamed(x: Node, src: Dim, dst: Dim) -> Node:
    return x if src.key == dst.key else make("rename", x, src=src, dst=dst)
