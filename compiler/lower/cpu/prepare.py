# SPDX-License-Identifier: Apache-2.0
"""Rewrites that fit a module to code generation: fold what weights alone decide, shape contractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.matmul_dims import MatMul
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.layout import places
from hepq.compiler.passes.base import Facts, rewrite, run_pipeline, substitute
from hepq.compiler.passes.fold_constants import folded
from hepq.compiler.passes.pipelines import LEGALISE
from hepq.core.ops.table import COUNTING
from hepq.core.types import Dim

#: bytes of a value of an event over a dim that it makes, or over pairs that are handed out
LARGEST_MADE = 64 * 2**20
Weights = dict[str, np.ndarray[Any, Any]]


class LoweringError(Exception):
    """The module is well formed, but has something that generated CPU code does not support."""


def too_large(dims: Sequence[Dim], size: int) -> str:
    """What is wrong with a value over these ragged ``dims``, among others, of ``size`` bytes."""
    bounds = " and ".join(f"`{d}` of up to {d.bound} entries" for d in dims)
    return (
        f"over {bounds}, which takes {size / 2**20:.0f} MiB of memory for an event, more than "
        f"{LARGEST_MADE >> 20} MiB: lower a bound"
    )


def prepare(module: Module, weights: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Module, Weights]:
    """The module as the other parts of this package expect it, and values for its params.

    - no ``dropout``, ``stop_gradient`` or ``batch_norm``; operands of a contraction with a weight: activation first,
      weight second;
    - such a contraction's dims are the activation's, then the weight's, wherever that is a matrix product;
    - a value that depends on no input is a param with the value computed here (float64, then float32).

    Raises LoweringError for inputs or outputs whose layout the calling convention does not know.
    """
    _check(module)
    module, weights = run_pipeline(LEGALISE, module, weights)
    module = rewrite(module, _contract)
    module, weights = folded(module, weights)
    params = {n: n["path"] for n in module.walk() if n.op == "param"}
    values = evaluate(Module(module.name, (), {}), params, {}, weights)
    scalars = {n: make("const", type=n.type, value=float(values[n])) for n in params if not n.type.dims}
    return substitute(module, scalars), {path: values[n].astype(np.float32) for n, path in params.items()}


def _check(module: Module) -> None:
    if counted := next((n for n in module.walk() if n.op in COUNTING), None):
        raise LoweringError(f"`{counted.op}` is for events that are counted: it cannot be computed in a model")
    given = {d.name for d in module.ragged_dims}
    named = [("input", n["name"], n.type.dims) for n in module.inputs]
    named += [("output", name, n.type.dims) for name, n in module.outputs.items()]
    for kind, name, dims in named:
        ragged = [d for d in dims if d.ragged]
        if ragged != list(dims[: len(ragged)]) or len(ragged) > (2 if kind == "output" else 1):
            raise LoweringError(f"{kind} {name} has a ragged dim that is not its first: [{', '.join(map(str, dims))}]")
        if len(ragged) > 1 and (size := 4 * prod(map(places, dims))) > LARGEST_MADE:
            raise LoweringError(f"an output {too_large(ragged, size)}")
        if made := next((d for d in dims if d.ragged and d.name not in given), None):
            raise LoweringError(f"{kind} {name} is over dim {made}, whose entries the program chooses")


def matrix_product(node: Node) -> MatMul | None:
    """How a contraction multiplies activations by a weight matrix; None if it does not."""
    if node.op != "contract" or node.type.elem != "real" or node.operands[1].op != "param":
        return None
    plan = MatMul.of(node.operands[0].type.dims, node.operands[1].type.dims, node["over"])
    made = [d.key for d in (*plan.rows, *plan.cols)]
    return plan if not plan.batch and plan.cols and plan.over and [d.key for d in node.type.dims] == made else None


def _contract(node: Node, facts: Facts) -> Node | None:
    if node.op != "contract":
        return None
    a, b = node.operands
    if facts.static(a) == facts.static(b):
        return None
    if facts.static(a):
        a, b = b, a
    plan = MatMul.of(a.type.dims, b.type.dims, node["over"])
    if not plan.batch and plan.cols:
        product = replace(node, operands=(a, b), type=node.type.with_dims((*plan.rows, *plan.cols)))
        return _ordered(product, node.type.dims)
    # the last dim of the result is the vector dim: make it contiguous in the weight
    last = [d for d in b.type.dims if node.type.dims and d.key == node.type.dims[-1].key]
    return replace(node, operands=(a, _ordered(b, (*(d for d in b.type.dims if d not in last), *last))))


def _ordered(node: Node, dims: tuple[Dim, ...]) -> Node:
    if [d.key for d in node.type.dims] == [d.key for d in dims]:
        return node
    return Node("transpose", (node,), {}, node.type.with_dims(dims), node.span)
