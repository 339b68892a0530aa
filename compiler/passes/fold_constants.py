# SPDX-License-Identifier: Apache-2.0
"""Constants: what depends on weights and constants alone is computed now; operations that do nothing go away."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from hepq.compiler.ir.formulas import IDENTITIES
from hepq.compiler.ir.infer import make, same_dims
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.passes.base import Facts, Rewrite, Static, Weights, substitute


class FoldConstants(Rewrite):
    """A folded scalar becomes a const, a folded tensor a weight named after the first weight it came from.

    Subgraphs over weights that are not given stay as they are.
    """

    name = "fold-constants"

    def rule(self, node: Node, facts: Facts) -> Node | None:
        return simplify(node)

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return folded(*super().__call__(module, weights))


def folded(module: Module, weights: Weights) -> tuple[Module, Weights]:
    """With what depends on given weights and constants alone computed."""
    static, known, given = Static(), dict(weights), dict[Node, Node]()
    used = [o for n in module.walk() if not static(n) for o in n.operands]
    for node in dict.fromkeys([*used, *module.outputs.values()]):
        sources = [n["path"] for n in topological([node]) if n.op == "param"] if static(node) else []
        real = not node.type.dims or node.type.elem == "real"
        if node.operands and static(node) and real and all(path in weights for path in sources):
            given[node] = _folded(node, sources, known)
    return substitute(module, given), known


def _folded(node: Node, sources: list[str], weights: dict[str, Any]) -> Node:
    """As a const, or a new one of ``weights``."""
    value = evaluate(Module("", (), {}), [node], {}, weights)[node]
    if not node.type.dims:
        return make("const", value=value.item(), type=node.type, span=node.span)
    dtype = np.result_type(*(weights[p] for p in sources)) if sources else np.dtype(np.float64)
    stem = (sources[0] if sources else "const").partition("@")[0]
    path = next(name for n in count(1) if (name := f"{stem}@{n}") not in weights)
    weights[path] = value.astype(dtype)
    return make("param", path=path, init=("constant", 0.0), trainable=False, type=node.type, span=node.span)


def simplify(node: Node) -> Node | None:
    """An older node equal to ``node`` or a cheaper one, if an identity says so."""
    if (found := IDENTITIES.match(node)) is not None:
        return _as(found["x"], node)
    if not node.operands:
        return None
    x = node.operands[0]
    if node.op == "cast" and x.type.elem == node.type.elem:
        return _as(x, node)
    if node.op == "transpose":
        return _as(x.operands[0] if x.op == "transpose" else x, node, changed=x.op == "transpose")
    if node.op == "rename":
        return _shorten_rename(node, x)
    if node.op == "pick" and x.op == "stack" and x["dim"].key == node["dim"].key:
        return _stacked(x.operands[node["index"]], node)
    return None


def _as(x: Node, node: Node, changed: bool = True) -> Node | None:
    """x in place of ``node``: x itself, or with its dims in node's order."""
    if x.type.unit != node.type.unit or x.type.elem != node.type.elem:
        return None
    if same_dims(x.type.dims, node.type.dims):
        return x
    return make("transpose", x, type=node.type, span=node.span) if changed else None


def _stacked(entry: Node, node: Node) -> Node | None:
    """The entry itself, unless stacking gave it dims it had not."""
    return entry if same_dims(entry.type.dims, node.type.dims) and entry.type.elem == node.type.elem else None


def _shorten_rename(node: Node, x: Node) -> Node | None:
    if node["src"] == node["dst"]:
        return x
    if x.op != "rename" or x["dst"].key != node["src"].key:
        return None
    (source,) = x.operands
    if x["src"].key == node["dst"].key:
        return source
    return make("rename", source, src=x["src"], dst=node["dst"], span=node.span)
