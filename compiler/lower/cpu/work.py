# SPDX-License-Identifier: Apache-2.0
"""What each stage of a plan does in an event: in words, in FLOPs, in bytes moved between stages.

Bytes are those of values that a stage reads from memory (of earlier stages, inputs, weights) or leaves there, each
once, at true sizes: what lives in one tile stays in the first caches, and what is gathered again and again does too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hepq.compiler.ir.flops import Sizes, entries, flops
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.layout import kept_as
from hepq.compiler.lower.cpu.plan import Plan, Stage
from hepq.compiler.lower.cpu.prepare import matrix_product
from hepq.core.ops.table import ELEMENTWISE, REDUCE, SEGMENT
from hepq.core.types import Dim


@dataclass(frozen=True)
class StageWork:
    """``nodes``: those of the stage and what is computed in their loops. ``read``, ``left``: values from memory that
    it reads, and values of its own that later stages or the outputs read there."""

    stage: Stage
    nodes: tuple[Node, ...]
    read: tuple[Node, ...]
    left: tuple[Node, ...]

    def flops(self, sizes: Sizes) -> int:
        return sum(flops(node, sizes) for node in self.nodes)

    def moved(self, sizes: Sizes) -> int:
        """Bytes read from memory and left there."""
        return sum(_bytes(node, sizes) for node in self.read) + self.left_behind(sizes)

    def left_behind(self, sizes: Sizes) -> int:
        """Bytes of what it leaves in memory."""
        return sum(_bytes(node, sizes) for node in self.left)

    @property
    def words(self) -> str:
        """What it computes, as ``64→128 over part·nbr, mean over nbr, 3 elementwise``."""
        return ", ".join(_phrased(Counter(map(_phrase, filter(_tells, self.nodes)))))


def works(module: Module, plan: Plan) -> list[StageWork]:
    """Of each stage of ``module``; a node that is computed where it is used belongs to the stage that uses it."""
    order = {node: i for i, node in enumerate(module.walk())}
    return [_work(plan, stage, order) for stage in plan.stages]


def _work(plan: Plan, stage: Stage, order: Mapping[Node, int]) -> StageWork:
    own = set(stage.nodes)
    done = dict.fromkeys(stage.nodes)
    read = {n: None for n in stage.nodes if n.op == "input"}
    todo = list(stage.nodes)
    while todo:
        for operand in todo.pop().operands:
            if operand.op == "param" or (plan.inlining.stored(operand) and operand not in own):
                read[operand] = None
            elif operand not in done:
                done[operand] = None
                todo.append(operand)
    left = tuple(n for n in stage.nodes if not plan.slots[n].tiled)
    return StageWork(stage, tuple(sorted(done, key=order.__getitem__)), tuple(read), left)


def _bytes(node: Node, sizes: Sizes) -> int:
    return entries(node.type.dims, sizes) * np.dtype(kept_as(node)).itemsize


def _tells(node: Node) -> bool:
    """Is it work, and not a number or another way to look at one?"""
    return node.op in ELEMENTWISE | REDUCE | SEGMENT or node.op in (
        "contract", "knn", "concat", "stack", "input", "filter", "argsort", "combinations", "unite", "cumsum",
    )  # fmt: skip


def _phrase(node: Node) -> str:
    if node.op in ELEMENTWISE:
        return "elementwise"
    if node.op in REDUCE:
        return f"{node.op.removeprefix('reduce_')} over {_names(node['over'])}"
    if (product := matrix_product(node)) is not None:
        shape = "→".join("·".join(str(d.size) for d in dims) for dims in (product.over, product.cols))
        return shape + (f" over {_names(product.rows)}" if product.rows else "")
    if node.op == "contract":
        return f"products over {_names(node['over'])}"
    return f"{node['nbr'].size} neighbours" if node.op == "knn" else node.op


def _phrased(found: Counter[str]) -> Iterator[str]:
    """Elementwise operations last."""
    simple = found.pop("elementwise", 0)
    for phrase, count in found.items():
        yield phrase if count == 1 else f"{count} × {phrase}"
    if simple:
        yield f"{simple} elementwise"


def _names(dims: Iterable[Dim]) -> str:
    return "·".join(map(str, dims))
