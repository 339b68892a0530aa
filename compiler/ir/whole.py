# SPDX-License-Identifier: Apache-2.0
"""Whole numbers: which the rounding of real ones has no part in."""

from __future__ import annotations

from hepq.compiler.ir.node import Node, topological


def exact(node: Node) -> bool:
    """Is it whole and made of no real number that was cast? Comparisons may choose it, but it is never nearly so."""
    cast = (n.operands[0] for n in topological([node]) if n.op == "cast" and n.type.elem == "int")
    return node.type.elem == "int" and all(x.type.elem != "real" for x in cast)
