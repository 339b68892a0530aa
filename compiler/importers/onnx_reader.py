# SPDX-License-Identifier: Apache-2.0
"""An ONNX file as a network, if it is a feed-forward one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from hepq.compiler.importers.network import Array, Network, Operation, Unfit

_STANDARD = ("", "ai.onnx")


class Unreadable(Exception):
    """The file is no ONNX model, in words."""


def read(path: Path) -> Network:
    """Raises Unreadable, or Unfit for inputs that are no vectors. Operators are not looked at: see ``unknown``."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(_without_shapes(model), check_type=True, strict_mode=True)
    except Exception as error:  # protobuf's and the checker's, of many kinds
        raise Unreadable(str(error).strip().splitlines()[0]) from error
    graph = model.graph
    constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    operations: list[Operation] = []
    opsets = {o.domain: o.version for o in model.opset_import}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(node)
        elif node.input and all(i in constants or not i for i in node.input) and len(node.output) == 1:
            constants[node.output[0]] = _folded(node, constants, opsets)
        else:
            operations.append(_operation(node))
    given = [i for i in graph.input if i.name not in constants]
    inputs = {i.name: _axes(i) for i in given}
    batch = next((n for i in given if (n := i.type.tensor_type.shape.dim[0].dim_value) > 0), None)
    name, outputs = graph.name or path.stem, tuple(o.name for o in graph.output)
    return Network(name, inputs, outputs, tuple(operations), constants, batch)


def _without_shapes(model: ModelProto) -> ModelProto:
    """A copy that says no shapes but those of inputs and constants: what others claim, onnxruntime only warns of."""
    bare = ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    return bare


def _folded(node: NodeProto, constants: dict[str, Array], opsets: dict[str, int]) -> Array:
    """What a node makes of constants alone: exporters put Identity or Transpose between a weight and its layer."""
    from onnx.reference import ReferenceEvaluator

    given = {i: constants[i] for i in node.input if i}
    try:
        (made,) = ReferenceEvaluator(node, opsets=opsets).run(None, given)
        return np.asarray(made)
    except Exception as error:  # an operator that the evaluator lacks, or refuses
        raise Unfit(f"{node.op_type} `{node.output[0]}` of constants, which cannot be computed") from error


def _operation(node: NodeProto) -> Operation:
    kind = node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return Operation(kind, tuple(node.input), node.output[0], attributes)


def _constant(node: NodeProto) -> Array:
    (attribute,) = node.attribute
    if attribute.name == "value":
        return numpy_helper.to_array(attribute.t)
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if attribute.name not in kinds:
        raise Unfit(f"constant `{node.output[0]}` is no number")
    return np.asarray(helper.get_attribute_value(attribute), kinds[attribute.name])


def _axes(info: ValueInfoProto) -> tuple[int, ...]:
    tensor = info.type.tensor_type
    sizes: list[int] = [d.dim_value for d in tensor.shape.dim]
    if tensor.elem_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
        raise Unfit(f"input {info.name} is no tensor of floats")
    axes = tuple(sizes[1:])
    single = len(sizes) == 1 and sizes[0] == 0  # a number for each event, of any batch
    if not (single or axes) or max(axes, default=1) != math.prod(axes) or 0 in axes:
        shape = ", ".join(d.dim_param or str(d.dim_value or "?") for d in tensor.shape.dim)
        raise Unfit(f"input {info.name} is [{shape}], not [batch, size]")
    return axes
