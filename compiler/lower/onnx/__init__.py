# SPDX-License-Identifier: Apache-2.0
"""A module as one ONNX graph with dynamic axes: for CMSSW, Athena, key4hep and whatever else loads ONNX.

What goes in or comes out is float32, since that is what experiments' wrappers of onnxruntime pass; whole numbers are
int64. Its first axis is the batch. A ragged dim ``part`` is an axis of any length, the same for all inputs of a call;
the float32 input ``n_part`` [batch] says how many of its entries an event has. They come first; what follows is
padding, which has no influence, whatever it holds. Outputs are 0 there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper, shape_inference

from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.compiler.lower.onnx.derived import Derived
from hepq.compiler.lower.onnx.events import Events, Source, columns, whole_inputs
from hepq.compiler.lower.onnx.graph import IR_VERSION, OPSET, Graph
from hepq.compiler.lower.onnx.ops import RULES
from hepq.compiler.lower.onnx.values import DTYPES, Batch, Value
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import LEGALISE
from hepq.core.ops.table import COUNTING, QUANTUM
from hepq.core.types import Dim
from hepq.runtime.artifact.manifest import EventSchema

__all__ = ["IR_VERSION", "OPSET", "Derived", "Lowered", "OnnxError", "lower"]

#: the first axis; axes of one name have one size
_BATCH = "batch"


class OnnxError(Exception):
    """The module is well formed, but has something that an ONNX graph of ours does not hold."""


@dataclass(frozen=True)
class Lowered:
    """``counts``: ragged dim -> the input that says how many entries an event has."""

    model: ModelProto
    counts: Mapping[str, str]
    opset: int = OPSET


def lower(
    module: Module, weights: Mapping[str, np.ndarray[Any, Any]], schema: EventSchema | None = None,
    derived: Derived | None = None,
) -> Lowered:  # fmt: skip
    """With a ``schema``, its branches are the inputs, and what the runtime does with events is part of the graph:
    conversion of units, policies, order, cutting. Where the runtime would stop with an error, outputs are NaN.
    ``derived``: what the schema's ``policy.nan`` holds for beside the branches.

    Raises OnnxError for circuits, for operations of event programs, for outputs over dims that the event makes, and for
    names that collide.
    """
    if any(node.op in QUANTUM for node in module.walk()):
        raise OnnxError("a circuit")
    if counted := next((node.op for node in module.walk() if node.op in COUNTING), None):
        raise OnnxError(f"`{counted}`, which is for events that are counted")
    made = made_dims(module)
    if odd := next((n for n, o in module.outputs.items() if any(d.name in made for d in o.type.dims)), None):
        raise OnnxError(f"an output, `{odd}`, over a dim whose entries the program chooses")
    module, _ = run_pipeline(LEGALISE, module, {})
    graph = Graph()
    source = columns(module, schema)
    counts = _count_names(source)
    if derived is not None:
        derived = replace(derived, module=run_pipeline(LEGALISE, derived.module, {})[0])
    events = Events(graph, source, counts, schema, derived, partial(_lowered, weights={}))
    values: dict[Node, Value] = {}
    for node in module.walk():
        values[node] = _lowered(node, values, events.inputs, events.batch, weights)
    outputs = {name: events.finish(values[node], node.type.dims) for name, node in module.outputs.items()}
    if taken := outputs.keys() & {*counts.values(), *(s.name for s in source)}:
        raise OnnxError(f"an input and an output of one name, `{min(taken)}`")
    shapes = {s.name: s.dims for s in source}
    if twice := next((s.name for s in source if shapes[s.name] != s.dims), None):
        raise OnnxError(f"two inputs of different dims from one branch, `{twice}`")
    whole = whole_inputs(source)
    infos = [_info(name, dims, name in whole) for name, dims in shapes.items()]
    infos += [_info(n, (), False) for n in counts.values()]
    results = [_info(n, module.outputs[n].type.dims, module.outputs[n].type.elem == "int") for n in outputs]
    return Lowered(_assembled(module.name, graph, infos, results, outputs), counts)


def _lowered(
    node: Node, values: Mapping[Node, Value], inputs: Mapping[str, Value], batch: Batch, weights: Mapping[str, Any]
) -> Value:
    if node.op == "input":
        return inputs[node["name"]]
    if node.op == "param":
        return Value(batch.graph.constant(weights[node["path"]], DTYPES["real"], node["path"]), node.type.dims)
    return RULES[node.op](node, [values[o] for o in node.operands], batch)


def _count_names(source: tuple[Source, ...]) -> dict[str, str]:
    taken = {s.name for s in source}
    counts: dict[str, str] = {}
    for dim in (d for s in source for d in s.dims if d.ragged):
        name = f"n_{dim.name}"
        while name in taken and dim.name not in counts:
            name += "_"
        counts.setdefault(dim.name, name)
    return counts


def _info(name: str, dims: tuple[Dim, ...], whole: bool) -> ValueInfoProto:
    axes = [d.size if d.size is not None else d.name if d.name != _BATCH else f"{_BATCH}_" for d in dims]
    return helper.make_tensor_value_info(name, TensorProto.INT64 if whole else TensorProto.FLOAT, [_BATCH, *axes])


def _assembled(
    name: str, graph: Graph, inputs: list[ValueInfoProto], results: list[ValueInfoProto], outputs: Mapping[str, str]
) -> ModelProto:
    nodes, initializers = graph.used(list(outputs.values()))
    nodes += [helper.make_node("Identity", [made], [output]) for output, made in outputs.items()]
    made = helper.make_graph(nodes, name, inputs, results, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="hepq")
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    checker.check_model(inferred, full_check=True)
    return model
