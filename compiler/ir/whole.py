# SPDX-License-Identifier: Apache-2.0
"""Whole numbers: which the rounding of real ones has no part in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.node import Module, Node, topological
from hepq.core.ops.table import KNOWN, SHAPE

Arrays = Mapping[str, NDArray[Any]]
#: float32 holds every whole number below, and so sums and products that stay below are exact in whatever order
LARGEST = 2.0**24
_COMPARE = {"eq", "ne", "lt", "le", "gt", "ge"}
#: what jumps where its operands hardly move
_JUMPS = {*_COMPARE, "cast", "floor", "ceil", "sign", "mod"}
#: what makes whole numbers of whole numbers, and is exact
_EXACT = {
    *KNOWN, *SHAPE, *_JUMPS, "neg", "abs", "add", "sub", "mul", "min", "max", "and", "or", "not", "where",
    "reduce_sum", "reduce_max", "reduce_min", "reduce_any", "reduce_all",
}  # fmt: skip


def exact(node: Node) -> bool:
    """Is it whole and made of no real number that was cast? Comparisons may choose it, but it is never nearly so."""
    cast = (n.operands[0] for n in topological([node]) if n.op == "cast" and n.type.elem == "int")
    return node.type.elem == "int" and all(x.type.elem != "real" for x in cast)


def settled(module: Module, inputs: Arrays, weights: Arrays, whole: Collection[str]) -> dict[Node, NDArray[Any]]:
    """Of one event: what jumps, and no rounding moves, since it is made of nothing but the inputs ``whole``, exactly.

    What is computed of these otherwise, as by a division, is not among them.
    """
    made = dict[Node, None]()
    for node in topological(module.outputs.values()):
        given = node.op == "input" and node["name"] in whole
        if given or (node.op in _EXACT and all(o in made for o in node.operands)):
            made[node] = None
    jumps = [node for node in made if node.op in _JUMPS]
    values = evaluate(module, jumps, inputs, weights)
    held = dict[Node, None]()
    for node in made:
        if node in values and all(o in held for o in node.operands) and _is_held(node, values):
            held[node] = None
    return {node: values[node] for node in jumps if node in held}


def _is_held(node: Node, values: Mapping[Node, NDArray[Any]]) -> bool:
    """Are the numbers of ``node``, and those that are added up on the way, what float32 holds?"""
    if node.type.elem != "real":
        return True
    sizes = np.abs(values[node])
    if node.op == "reduce_sum":
        sizes = np.append(sizes, np.abs(values[node.operands[0]]).sum())
    return bool(((sizes < LARGEST) & (sizes == np.trunc(sizes))).all())
