# SPDX-License-Identifier: Apache-2.0
"""Floating-point operations of a module in one event, by operation: the one place where they are counted.

Arithmetic on real numbers counts, as the formula has it: a multiply-add is two, and so is each term of a contraction; a
comparison or a function of a number (exp, erf) is one, whatever instructions it takes. Whole numbers, truth values,
choices and copies are free, and so is the search for the nearest of known distances. Circuits are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import comb, prod

from hepq.compiler.ir.node import Module, Node, made_by
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import BINARY, COUNTING, GIVEN, KNOWN, QUANTUM, REDUCE, ROWS, SEGMENT, SHAPE, UNARY
from hepq.core.types import Dim

#: entries of each ragged dim in an event, by name
Sizes = Mapping[str, int]

#: op -> FLOPs of a node
RULES: Rules[Callable[[Node, Sizes], int]] = Rules(
    "flops",
    elsewhere=(
        *GIVEN, *KNOWN, *SHAPE, *ROWS, *COUNTING, *QUANTUM, "where", "cast", "gather", "window", "dropout",
        "stop_gradient", "reduce_any", "reduce_all",
    ),
)  # fmt: skip


def flops(node: Node, sizes: Sizes) -> int:
    """FLOPs of one node; ``sizes`` has the dims that operations make, too (``with_made``)."""
    rule = RULES.get(node.op)
    real = any(o.type.elem == "real" for o in node.operands)
    return rule(node, sizes) if rule is not None and real else 0


def total(module: Module, sizes: Sizes) -> int:
    """FLOPs of all nodes of ``module`` in an event whose inputs have ``sizes``."""
    sizes = with_made(module, sizes)
    return sum(flops(node, sizes) for node in module.walk())


def entries(dims: Iterable[Dim], sizes: Sizes) -> int:
    """How many numbers a value over ``dims`` has."""
    return prod(d.size if d.size is not None else sizes[d.name] for d in dims)


def with_made(module: Module, sizes: Sizes) -> dict[str, int]:
    """``sizes``, and the most entries that dims have which operations of ``module`` make."""
    found = dict(sizes)
    for node in module.walk():
        dim = made_by(node)
        if dim is not None:
            most = _most(node, found)
            found.setdefault(dim.name, most if dim.bound is None else min(most, dim.bound))
    return found


def _most(node: Node, sizes: Sizes) -> int:
    """Entries that an operation can choose."""
    if node.op == "unite":
        return sum(entries([d], sizes) for d in node["dims"])
    of = entries([node["dim"]], sizes)
    return comb(of, node["slot"].size) if node.op == "combinations" else of


@RULES(*UNARY, *BINARY)
def _elementwise(node: Node, sizes: Sizes) -> int:
    return entries(node.type.dims, sizes)


@RULES("contract")
def _contract(node: Node, sizes: Sizes) -> int:
    return 2 * entries((*node.type.dims, *node["over"]), sizes)


@RULES(*REDUCE - {"reduce_any", "reduce_all", "reduce_mean"}, *SEGMENT, "cumsum")
def _each_term(node: Node, sizes: Sizes) -> int:
    return entries(node.operands[0].type.dims, sizes)


@RULES("reduce_mean")
def _mean(node: Node, sizes: Sizes) -> int:
    return _each_term(node, sizes) + entries(node.type.dims, sizes)


@RULES("knn")
def _knn(node: Node, sizes: Sizes) -> int:
    """Distances: of each pair, a difference, a square and a sum for each coordinate."""
    return 3 * entries((node["over"], node["over"], node["coord"]), sizes)


@RULES("batch_norm")
def _batch_norm(node: Node, sizes: Sizes) -> int:
    """(x - mean) / sqrt(var + eps) * w + b, the root once for each channel."""
    return 4 * entries(node.type.dims, sizes) + 2 * entries([node["channel"]], sizes)
