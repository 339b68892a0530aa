# SPDX-License-Identifier: Apache-2.0
"""Outputs that compiled code can hand out: at most one ragged dim, and that one first."""

from __future__ import annotations

from dataclasses import replace

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node

_JOIN = {"real": "reduce_sum", "int": "reduce_max", "bool": "reduce_any"}


def flat_outputs(module: Module) -> Module:
    """``module`` with the ragged dims of each output reduced to one, which goes first."""
    return replace(module, outputs={name: _flat(node) for name, node in module.outputs.items()})


def _flat(node: Node) -> Node:
    ragged = [d for d in node.type.dims if d.ragged]
    if len(ragged) > 1:
        node = make(_JOIN[node.type.elem], node, over=tuple(ragged[1:]))
    dims = sorted(node.type.dims, key=lambda d: not d.ragged)
    return node if tuple(dims) == node.type.dims else make("transpose", node, type=node.type.with_dims(dims))
