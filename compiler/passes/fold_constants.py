# SPDX-License-Identifier: Apache-2.0
"""Constants: what depends on weights and constants alone is computed now; operations that do nothing go away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hepq.compiler.ir.formulas import IDENTITIES
from hepq.compiler.ir.infer import make, same_dims
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.passes.base import Static, Weights, rewrite, substitute


@dataclass(frozen=True)
class FoldConstants:
    """A folded scalar becomes a const, a folded tensor a weight named after the first weight it came from.

    Subgraphs over weights that are not given stay as they are.
    """

    name: ClassVar[str] = "fold-constants"

    def __call__(self, module: Module, weights: Weights) -> tuple[Module, Weights]:
        return folded(rewrite(module, lambda node, uses: simplify(node)), weights)


def folded(module: Module, weights: Weights) -> tuple[Module, Weights]:
    """With what depends on given weights and constants alone computed."""
    folder = _Folder(module, weights)
    return substitute(module, {node: folder.fold(node) for node in folder.wanted}), folder.weights


class _Folder:
    def __init__(self, module: Module, weights: Weights) -> None:
        self.weights = dict(weights)
        self.static = Static()
        self.empty = Module(module.name, (), {})
        used = [o for n in module.walk() if not self.static(n) for o in n.operands]
        self.wanted = [n for n in dict.fromkeys([*used, *module.outputs.values()]) if self._foldable(n)]

    def _foldable(self, node: Node) -> bool:
        if not node.operands or not self.static(node) or (node.type.dims and node.type.elem != "real"):
            return False
        return all(n["path"] in self.weights for n in topological([node]) if n.op == "param")

    def fold(self, node: Node) -> Node:
        value = evaluate(self.empty, [node], {}, self.weights)[node]
        if not node.type.dims:
            return make("const", value=value.item(), type=node.type, span=node.span)
        sources = [n["path"] for n in topological([node]) if n.op == "param"]
        dtype = np.result_type(*(self.weights[p] for p in sources)) if sources else np.dtype(np.float64)
        path = self._new_path(sources[0] if sources else "const")
        self.weights[path] = value.astype(dtype)
        return make("param", path=path, init=("constant", 0.0), trainable=False, type=node.type, span=node.span)

    def _new_path(self, source: str) -> str:
        stem = source.partition("@")[0]
        n = 1
        while f"{stem}@{n}" in self.weights:
            n += 1
        return f"{stem}@{n}"


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
