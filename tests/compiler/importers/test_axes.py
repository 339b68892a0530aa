# SPDX-License-Identifier: Apache-2.0
"""Networks whose vectors have axes of one number beside them, convolutions to vectors, layer normalisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hepq.compiler.importers.onnx import difference, import_onnx
from hepq.core.diagnostics.diagnostic import HepqError
from tests.support.networks import Node, save

RNG = np.random.default_rng(5)


def some(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


P = np.abs(some(6)) + np.float32(0.5)
HELD: dict[str, Any] = {
    "p": P, "v": some(6), "column": some(6, 1), "one": np.array([1]), "two": np.array([2]),
    "kernel": some(4, 6, 1), "kernel2": some(4, 6, 1, 1), "grouped": some(4, 3, 1), "depth": some(6, 1, 1),
    "bias": some(4), "w": some(6, 4), "square": np.float32(2), "eps": np.float32(1e-3),
    "to_column": np.array([0, -1, 1]), "to_row": np.array([-1, 1, 6]), "flat": np.array([0, 6]),
    "wide": some(4, 6, 3), "whole": some(4, 1, 6), "filter": some(1, 1, 3), "even": some(1, 1, 4),
    "number": some(1),
    "matrix": np.array([0, 2, 3]), "batchless": np.array([0]),
}  # fmt: skip
BN = ("BatchNormalization", "u v v v p -> n")
SWAP = {"perm": [0, 2, 1]}
DECOMPOSED: list[Node] = [
    ("ReduceMean", "x -> m", {"axes": [-1]}), ("Sub", "x m -> d"), ("Pow", "d square -> q"),
    ("ReduceMean", "q -> s", {"axes": [-1]}), ("Add", "s eps -> e"), ("Sqrt", "e -> r"), ("Div", "d r -> z"),
]  # fmt: skip


def imported(path: Path, nodes: list[Node], **options: Any) -> str:
    """The program, which gives onnxruntime's numbers."""
    used = {i for n in nodes for i in n[1].split()}
    save(path, nodes, {}, {k: v for k, v in HELD.items() if k in used}, **options)
    with_inferred_output(path)
    made = import_onnx(path)
    found = difference(made, path)
    assert found is not None
    assert found < 1e-6
    return made.text


def with_inferred_output(path: Path) -> None:
    """The output ``out``, of the shape that the operators give it."""
    model = onnx.load(path)
    model.graph.output.append(onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None))
    onnx.save(onnx.shape_inference.infer_shapes(model), path)


@pytest.mark.case("import_bn")
@pytest.mark.parametrize(
    ("nodes", "layer"),
    [
        ([("Unsqueeze", "x two -> u"), BN, ("Squeeze", "n two -> out")], "BatchNorm"),
        ([("Unsqueeze", "x two -> u"), BN, ("Relu", "n -> a"), ("Squeeze", "a two -> out")], "BatchNorm"),
        ([("Unsqueeze", "x two -> u"), BN, ("Add", "n u -> s"), ("Squeeze", "s two -> out")], "BatchNorm"),
        ([("Unsqueeze", "x two -> u"), BN, ("Mul", "n column -> s"), ("Squeeze", "s two -> out")], "column"),
        ([("Unsqueeze", "x two -> u"), BN, ("PRelu", "n column -> s"), ("Squeeze", "s two -> out")], "min("),
        ([("Unsqueeze", "x two -> u"), BN, ("Flatten", "n -> out")], "BatchNorm"),
        ([("Unsqueeze", "x two -> u"), BN, ("Softmax", "n -> s", {"axis": 1}), ("Flatten", "s -> out")], "softmax"),
        ([("Unsqueeze", "x two -> u"), BN, ("Concat", "n u -> s", {"axis": 1}), ("Flatten", "s -> out")], "concat("),
        ([("Reshape", "x to_column -> u"), BN, ("Reshape", "n flat -> out")], "BatchNorm"),
        ([("Unsqueeze", "x one -> r"), ("Transpose", "r -> u", SWAP), BN, ("Transpose", "n -> t", SWAP),
          ("Squeeze", "t one -> out")], "BatchNorm"),
        ([("Reshape", "x to_row -> r"), ("Transpose", "r -> u", SWAP), BN, ("Transpose", "n -> t", SWAP),
          ("MatMul", "t w -> l"), ("Add", "l bias -> b"), ("Flatten", "b -> out")], "Dense[4"),
    ],
)  # fmt: skip
def test_axes_around_batch_normalisation(nodes: list[Node], layer: str, tmp_path: Path) -> None:
    text = imported(tmp_path / "bn.onnx", nodes)
    assert "BatchNorm" in text
    assert layer in text


@pytest.mark.case("import_bn")
@pytest.mark.parametrize(
    ("nodes", "layer"),
    [
        ([("Unsqueeze", "x two -> u"), ("Conv", "u kernel bias -> c"), ("Relu", "c -> a"), ("Squeeze", "a two -> out")],
         'Dense[4, name="kernel"]'),
        ([("Unsqueeze", "x one -> r"), ("Transpose", "r -> u", SWAP), ("Conv", "u kernel -> c"),
          ("Transpose", "c -> t", SWAP), ("Squeeze", "t one -> out")], "Linear[4"),
        ([("Unsqueeze", "x two -> u"), ("Conv", "u grouped bias -> c", {"group": 2}), ("Flatten", "c -> out")],
         "Dense[4"),
        ([("Unsqueeze", "x two -> u"), ("Conv", "u depth p -> c", {"group": 6}), ("Flatten", "c -> out")], "Dense[6"),
        ([("Unsqueeze", "x two -> t"), ("Unsqueeze", "t two -> u"), ("Conv", "u kernel2 bias -> c"),
          ("Flatten", "c -> out")], "Dense[4"),
        ([("Unsqueeze", "x two -> u"), ("Conv", "u wide bias -> out", {"pads": [1, 1]})], "Dense[4"),
        ([("Unsqueeze", "x two -> u"), ("Conv", "u wide -> out", {"auto_pad": "SAME_UPPER"})], "Linear[4"),
        ([("Unsqueeze", "x one -> u"), ("Conv", "u whole bias -> out")], "Dense[4"),
        ([("Unsqueeze", "x one -> u"), ("Conv", "u filter number -> out", {"pads": [2, 1], "strides": [2]})],
         "Dense[4"),
        ([("Unsqueeze", "x one -> u"), ("Conv", "u filter number -> out", {"dilations": [2]})], "Dense[2"),
        ([("Unsqueeze", "x one -> u"), ("Conv", "u even -> out", {"auto_pad": "SAME_LOWER", "strides": [3]})],
         "Linear[2"),
    ],
)  # fmt: skip
def test_convolutions_to_vectors_are_dense_layers(nodes: list[Node], layer: str, tmp_path: Path) -> None:
    assert layer in imported(tmp_path / "conv.onnx", nodes)


@pytest.mark.case("import_bn")
@pytest.mark.parametrize(
    ("nodes", "opset"),
    [
        ([("LayerNormalization", "x p v -> out", {"epsilon": 1e-3})], 17),
        ([("LayerNormalization", "x p -> out", {"axis": 1})], 17),
        ([*DECOMPOSED, ("Mul", "z p -> w1"), ("Add", "w1 v -> out")], 13),
        ([*DECOMPOSED, ("Mul", "p z -> w1"), ("Relu", "w1 -> out")], 13),
        ([*DECOMPOSED, ("Relu", "z -> out")], 13),
        ([*DECOMPOSED[:2], ("Mul", "d d -> q"), *DECOMPOSED[3:], ("Mul", "z p -> w1"), ("Add", "w1 z -> out")], 13),
    ],
)  # fmt: skip
def test_layer_normalisation_whole_and_in_steps(nodes: list[Node], opset: int, tmp_path: Path) -> None:
    text = imported(tmp_path / "ln.onnx", nodes, opset=opset)
    assert text.count("LayerNorm[") == 1
    assert "sqrt" not in text


@pytest.mark.parametrize("shape", [["batch", 6, 1], ["batch", 1, 6], ["batch"], [2, 6, 1]])
def test_inputs_with_other_axes(shape: list[Any], tmp_path: Path) -> None:
    text = imported(tmp_path / "in.onnx", [("Tanh", "x -> out")], inputs={"x": shape})
    assert f"(x: real[{max(shape[1:], default=1)}])" in text


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([("Unsqueeze", "x two -> u"), ("Conv", "u wide -> out", {"pads": [2, 2]})],
         "Conv `out` makes [4, 3] of [batch, 6, 1], which is no vector"),
        ([("Unsqueeze", "x one -> u"), ("BatchNormalization", "u one1 one1 one1 one1 -> n")],
         "BatchNormalization `n` is over axis 1 of [batch, 1, 6]"),
        ([("Unsqueeze", "x one -> u"), ("Conv", "u depth -> out")],
         "Conv `out` makes [6, 6] of [batch, 1, 6]"),
        ([("Add", "x column -> out")], "Add `out` of [batch, 6] and [6, 1]"),
        ([("Unsqueeze", "x two -> u"), ("Add", "x u -> out")], "Add `out` of [batch, 6] and [batch, 6, 1]"),
        ([("Unsqueeze", "x two -> u"), ("Softmax", "u -> out", {"axis": -1})], "along axis -1 of [batch, 6, 1]"),
        ([("Unsqueeze", "x two -> u"), ("Concat", "u u -> out", {"axis": 2})], "Concat `out` is along axis 2"),
        ([("Unsqueeze", "x two -> u"), ("LayerNormalization", "u p -> out")], "LayerNormalization `out` from axis -1"),
        ([("Transpose", "x -> out")], "Transpose `out` of the batch"),
        ([("Squeeze", "x -> out")], "Squeeze `out` of all axes of one number"),
        ([("Reshape", "x matrix -> out")], "Reshape `out` of [batch, 6] to another shape, [0, 2, 3]"),
        ([("Reshape", "x batchless -> out")], "Reshape `out` of [batch, 6] to another shape, [0]"),
        ([("Unsqueeze", "x eps0 -> out")], "Unsqueeze `out` before the batch"),
        ([*DECOMPOSED, ("Add", "z m -> out")], "ReduceMean"),
    ],
)  # fmt: skip
def test_what_makes_no_vector_is_told_by_name(nodes: list[Node], words: str, tmp_path: Path) -> None:
    held = HELD | {"eps0": np.array([0]), "one1": np.ones(1, np.float32)}
    path = save(tmp_path / "odd.onnx", nodes, {nodes[-1][1].split()[-1]: 6}, held, opset=13 if len(nodes) > 3 else 17)
    with pytest.raises(HepqError) as caught:
        import_onnx(path)
    (found,) = caught.value.diagnostics
    assert words in found.title


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([("Squeeze", "x one -> out")], "Squeeze"),
        ([("BatchNormalization", "x bias bias bias bias -> out")], "BatchNormalization"),
        ([("Add", "x two -> out")], "Add"),
        ([("LayerNormalization", "x p -> out", {"axis": 5})], "onnxruntime refuses it"),
    ],
)
def test_what_no_runtime_takes_is_no_model(nodes: list[Node], words: str, tmp_path: Path) -> None:
    path = save(tmp_path / "odd.onnx", nodes, {"out": 6}, HELD)
    with pytest.raises(HepqError, match=words) as caught:
        difference(import_onnx(path), path)
    assert [d.code for d in caught.value.diagnostics] == ["HQ0762"]


def test_a_convolution_too_long_to_be_unrolled_is_told(tmp_path: Path) -> None:
    nodes: list[Node] = [("Unsqueeze", "x one -> u"), ("Conv", "u filter -> out")]
    path = save(tmp_path / "long.onnx", nodes, {"out": 99_998}, HELD, {"x": ["batch", 100_000]})
    with pytest.raises(HepqError, match="Conv `out` of 100000 positions, which is too long"):
        import_onnx(path)
