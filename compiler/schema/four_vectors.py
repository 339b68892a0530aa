# SPDX-License-Identifier: Apache-2.0
"""Which branches together are four-vectors: what a test of Lorentz symmetry boosts and rotates."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.schema.elementwise import NotElementwise, instructions
from hepq.core.types import LORENTZ
from hepq.runtime.artifact.manifest import FourVector


def four_vectors(module: Module, fixed: Sequence[str]) -> tuple[tuple[FourVector, ...], str]:
    """The four-vectors that ``module`` makes of its inputs; and why they cannot all be moved, if so.

    ``p4(px=…, py=…, pz=…, energy=…)`` of branches is recognised, and ``p4(pt=…, eta=…, phi=…, …)``; the energy may be
    a branch or computed. ``fixed``: parameters of the model that are four-vectors and come from no branch.
    """
    if fixed:
        return (), f"{', '.join(fixed)} has no branch that makes it"
    made = [n for n in module.walk() if n.op == "stack" and n["dim"].key == LORENTZ.key]
    found = {n: v for n in made if (v := _recognised(n)) is not None}
    moving = {name for v in found.values() for name in v.moving}
    left = [n for n in made if n not in found and not _branches(n) <= moving]
    if left:
        span = left[0].span
        return (), f"a four-vector is not made of branches as they are{f': {span.text}' if span else ''}"
    if not found:
        return (), "no four-vector is made of branches"
    return tuple(dict.fromkeys(found.values())), ""


def _recognised(node: Node) -> FourVector | None:
    names = [_branch(o) for o in node.operands]
    columns, polar = names[:3], False
    if None in columns:
        columns, polar = _polar([_branches(o) for o in node.operands[:3]]), True
    a, b, c = columns
    if a is None or b is None or c is None or len({a, b, c}) < 3:
        return None
    dims = {n.type.dims for n in topological([node]) if n.op == "input"}
    if len(dims) > 1:
        return None
    try:
        components = tuple(instructions(o) for o in node.operands)
    except NotElementwise:
        return None
    return FourVector(columns=(a, b, c), polar=polar, energy=names[3], components=components)


def _polar(read: Sequence[set[str]]) -> list[str | None]:
    """pt, eta, phi, from what px, py and pz depend on: pt and phi, pt and phi, pt and eta."""
    x, y, z = read
    if x == y and len(x) == len(z) == 2 and len(x & z) == 1:
        return [*(x & z), *(z - x), *(x - z)]
    return [None, None, None]


def _branch(node: Node) -> str | None:
    while node.op == "cast":
        node = node.operands[0]
    name: str | None = node["name"] if node.op == "input" else None
    return name


def _branches(node: Node) -> set[str]:
    return {n["name"] for n in topological([node]) if n.op == "input"}
