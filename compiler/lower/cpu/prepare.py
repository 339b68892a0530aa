# SPDX-License-Identifier: Apache-2.0
"""Rewrites that fit a module to code generation: fold what weights alone decide, shape contractions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.interpret import evaluate
from hepq.compiler.ir.matmul_dims import MatMul
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.lower.cpu.errors import LoweringError
from hepq.compiler.passes.remove_training import IDENTITIES
from hepq.core.types import Dim

Weights = dict[str, np.ndarray[Any, Any]]


def prepare(module: Module, weights: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Module, Weights]:
    """The module as the other parts of this package expect it, and values for its params.

    - no ``dropout``, ``stop_gradient`` or ``batch_norm``; operands of a contraction with a weight: activation first,
      weight second;
    - such a contraction's dims are the activation's, then the weight's, wherever that is a matrix product;
    - a value that depends on no input is a param with the value computed here (float64, then float32).

    Raises LoweringError for inputs or outputs whose layout the calling convention does not know.
    """
    _check(module)
    new: dict[Node, Node] = {}
    for node in module.walk():
        operands = tuple(new[o] for o in node.operands)
        copy = node if operands == node.operands else Node(node.op, operands, node.attrs, node.type, node.span)
        new[node] = _rewrite(copy)
    outputs = {name: new[n] for name, n in module.outputs.items()}
    inputs = tuple(new.get(n, n) for n in module.inputs)
    return _fold(Module(module.name, inputs, outputs), weights)


def _check(module: Module) -> None:
    named = [("input", n["name"], n.type.dims) for n in module.inputs]
    named += [("output", name, n.type.dims) for name, n in module.outputs.items()]
    for kind, name, dims in named:
        if any(d.ragged for d in dims[1:]):
            raise LoweringError(f"{kind} {name} has a ragged dim that is not its first: [{', '.join(map(str, dims))}]")


def _rewrite(node: Node) -> Node:
    if node.op in IDENTITIES:
        return node.operands[0]
    if node.op == "batch_norm":
        return _batch_norm(node)
    if node.op == "contract":
        return _contract(node)
    return node


def _batch_norm(node: Node) -> Node:
    x, w, b, mean, var = node.operands
    scale = make("div", w, make("sqrt", make("add", var, make("const", value=float(node["eps"])))))
    shift = make("sub", b, make("mul", mean, scale))
    return make("add", make("mul", x, scale, type=node.type), shift, type=node.type)


def _is_weight(node: Node) -> bool:
    return all(n.op in ("param", "const") or n.operands for n in Module("", (), {"": node}).walk())


def matrix_product(node: Node) -> MatMul | None:
    """How a contraction multiplies activations by a weight matrix; None if it does not."""
    if node.op != "contract" or node.type.elem != "real" or node.operands[1].op != "param":
        return None
    plan = MatMul.of(node.operands[0].type.dims, node.operands[1].type.dims, node["over"])
    made = [d.key for d in (*plan.rows, *plan.cols)]
    return plan if not plan.batch and plan.cols and plan.over and [d.key for d in node.type.dims] == made else None


def _contract(node: Node) -> Node:
    a, b = node.operands
    if _is_weight(a) and not _is_weight(b):
        a, b = b, a
    if _is_weight(b) and not _is_weight(a):
        plan = MatMul.of(a.type.dims, b.type.dims, node["over"])
        if not plan.batch and plan.cols:
            product = Node("contract", (a, b), node.attrs, node.type.with_dims((*plan.rows, *plan.cols)), node.span)
            return _ordered(product, node.type.dims)
        # the last dim of the result is the vector dim: make it contiguous in the weight
        last = [d for d in b.type.dims if node.type.dims and d.key == node.type.dims[-1].key]
        b = _ordered(b, (*(d for d in b.type.dims if d not in last), *last))
    return Node("contract", (a, b), node.attrs, node.type, node.span)


def _ordered(node: Node, dims: tuple[Dim, ...]) -> Node:
    if [d.key for d in node.type.dims] == [d.key for d in dims]:
        return node
    return Node("transpose", (node,), {}, node.type.with_dims(dims), node.span)


def _fold(module: Module, weights: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Module, Weights]:
    fixed: set[Node] = set()
    for node in module.walk():
        real = node.operands and node.type.elem == "real"
        if node.op in ("param", "const") or (real and all(o in fixed for o in node.operands)):
            fixed.add(node)
    used = {o for n in module.walk() if n not in fixed for o in n.operands} | set(module.outputs.values())
    wanted = {n for n in fixed & used if n.op != "const"}
    values = evaluate(Module("weights", (), {}), [n for n in module.walk() if n in wanted], {}, weights)
    kept: Weights = {}
    new: dict[Node, Node] = {}
    for node in module.walk():
        if node in wanted and not node.type.dims:
            new[node] = make("const", type=node.type, value=float(values[node]))
        elif node in wanted:
            path = node["path"] if node.op == "param" else f"{len(kept)}:{node.op}"
            kept[path] = values[node].astype(np.float32)
            new[node] = make("param", type=node.type, path=path, init=("constant", 0.0), trainable=False)
        elif node not in fixed or node.op == "const":
            operands = tuple(new[o] for o in node.operands)
            new[node] = node if operands == node.operands else Node(node.op, operands, node.attrs, node.type, node.span)
    outputs = {name: new[n] for name, n in module.outputs.items()}
    return Module(module.name, tuple(new.get(n, n) for n in module.inputs), outputs), kept
