# SPDX-License-Identifier: Apache-2.0
"""ONNX files of feed-forward networks, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Node = tuple[Any, ...]


def save(
    path: Path, nodes: Sequence[Node], outputs: dict[str, int], constants: dict[str, Any] | None = None,
    inputs: Mapping[str, Sequence[Any]] | None = None, opset: int = 17,
) -> Path:  # fmt: skip
    """A node: (operator, inputs and outputs "a b -> c", attributes). Inputs: by default ``x`` of 6 numbers."""
    made = []
    for kind, names, *attributes in nodes:
        takes, gives = (part.split() for part in names.split("->"))
        made.append(helper.make_node(kind, takes, gives, **(attributes[0] if attributes else {})))
    shapes: Mapping[str, Sequence[Any]] = inputs or {"x": ["batch", 6]}
    graph = helper.make_graph(
        made, "jet_tagger",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", s]) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def tagger(path: Path) -> Path:
    """As exported taggers are: normalised inputs, layers by Gemm and by MatMul and Add, BatchNorm, Softmax."""
    rng = np.random.default_rng(0)

    def some(*shape: int) -> Any:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    constants = {
        "mean": some(1, 6), "std": np.abs(some(6)) + 0.5,
        "fc1.weight": some(16, 6), "fc1.bias": some(16),
        "bn1.weight": some(16), "bn1.bias": some(16), "bn1.mean": some(16), "bn1.var": np.abs(some(16)) + 0.1,
        "dense_2/kernel": some(16, 16), "dense_2/bias": some(16), "fc3.weight": some(22, 3), "shape": np.array([-1, 3]),
    }  # fmt: skip
    nodes: list[Node] = [
        ("Sub", "x mean -> centred"), ("Div", "centred std -> scaled"),
        ("Gemm", "scaled fc1.weight fc1.bias -> h1", {"transB": 1}),
        ("BatchNormalization", "h1 bn1.weight bn1.bias bn1.mean bn1.var -> n1", {"epsilon": 1e-3}),
        ("LeakyRelu", "n1 -> a1", {"alpha": 0.2}), ("Dropout", "a1 -> d1"),
        ("MatMul", "d1 dense_2/kernel -> m2"), ("Add", "m2 dense_2/bias -> h2"), ("Elu", "h2 -> a2"),
        ("Add", "a1 a2 -> sum"), ("Concat", "sum x -> both", {"axis": -1}), ("Flatten", "both -> flat"),
        ("MatMul", "flat fc3.weight -> logits"), ("Reshape", "logits shape -> shaped"),
        ("Softmax", "shaped -> probabilities", {"axis": 1}),
    ]  # fmt: skip
    return save(path, nodes, {"probabilities": 3}, constants)
