# SPDX-License-Identifier: Apache-2.0
"""A dataset's ordering key inside the graph: in float64 as the runtime has it, wherever runtimes have the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hepq.compiler.lower.onnx import elementwise
from hepq.compiler.lower.onnx.graph import Graph
from hepq.compiler.lower.onnx.values import Value, select
from hepq.core.ops.table import COMPARE, OPS
from hepq.runtime.artifact.manifest import Order
from hepq.runtime.events.ordering import Instruction

#: operations that onnxruntime has in float64; a key with any other is computed in float32
_DOUBLE = COMPARE | set(
    "const cast where neg abs sqrt exp log floor add sub mul div pow min max hypot and or not".split()
)


def sort_key(graph: Graph, order: Order, values: Mapping[str, Value]) -> tuple[str, Any]:
    """[batch, slots], largest first, and its float type."""
    kind = np.float64 if all(step.op in _DOUBLE for step in order.key) else np.float32
    made: list[tuple[str, bool]] = []
    for step in order.key:
        args = [_column(graph, values[a], kind) if isinstance(a, str) else made[a] for a in step.args]
        made.append(_step(graph, step, args, kind))
    key = _number(graph, made[-1], kind)
    return (key if order.descending else graph.op("Neg", key)), kind


def _column(graph: Graph, value: Value, kind: Any) -> tuple[str, bool]:
    """Numbers [batch, slots] or, of a per-event branch, [batch, 1]."""
    name = value.name if len(value.dims) > 1 else graph.unsqueeze(value.name, [1])
    return (graph.cast(name, kind) if kind is np.float64 or value.elem == "int" else name), False


def _step(graph: Graph, step: Instruction, args: list[tuple[str, bool]], kind: Any) -> tuple[str, bool]:
    """A value, and whether it is a truth value."""
    match step.op:
        case "const":
            return graph.constant(step.value or 0.0, kind), False
        case "cast":
            return _number(graph, args[0], kind), False
        case "where":
            mask, *choices = _flag(graph, args[0], kind), *(_number(graph, a, kind) for a in args[1:])
            return select(graph, mask, *choices), False
        case op if OPS[op].takes == ("bool",):
            return elementwise.apply(graph, op, [_flag(graph, a, kind) for a in args], kind), True
        case op:
            return elementwise.apply(graph, op, [_number(graph, a, kind) for a in args], kind), op in COMPARE


def _number(graph: Graph, value: tuple[str, bool], kind: Any) -> str:
    return graph.cast(value[0], kind) if value[1] else value[0]


def _flag(graph: Graph, value: tuple[str, bool], kind: Any) -> str:
    return value[0] if value[1] else graph.op("Not", graph.op("Equal", value[0], graph.constant(0, kind)))
