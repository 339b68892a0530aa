# SPDX-License-Identifier: Apache-2.0
"""Feed-forward networks from ONNX: the program gives onnxruntime's numbers, also once it is compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner

import hepq
from hepq.cli import app
from hepq.compiler.importers import onnx as importer
from hepq.compiler.importers.onnx import difference, import_onnx
from hepq.compiler.importers.onnx_rules import RULES
from hepq.core.diagnostics.diagnostic import HepqError
from tests.support.networks import Node, save, tagger

PROGRAM = """\
# Imported from jet.onnx by hepqc.

from std.nn import BatchNorm, Dense, Linear

model JetTagger(x: real[6]) -> real[3] {
  buffer mean: real[6] ~ zeros()
  buffer std: real[6] ~ zeros()
  h = (x - mean) / std
    |> Dense[16, name="fc1"]
    |> BatchNorm[eps=0.001, name="bn1"]
    |> leaky_relu(0.2)
  return concat(h + (h |> Dense[16, name="dense_2"] |> elu(1.0)), x)
    |> Linear[3, name="fc3"]
    |> softmax
}
"""


def test_a_tagger_becomes_a_readable_program(tmp_path: Path) -> None:
    imported = import_onnx(tagger(tmp_path / "jet.onnx"))
    assert imported.text == PROGRAM
    assert {n: v.shape for n, v in imported.weights.items() if n.startswith(("fc", "bn1.running_v"))} == {
        "fc1.weight": (16, 6), "fc1.bias": (16,), "bn1.running_var": (16,), "fc3.weight": (3, 22),
    }  # fmt: skip


@pytest.mark.parametrize("target", ["cpu", "onnx"])
def test_the_command_and_then_each_target_give_the_same_numbers(target: str, tmp_path: Path) -> None:
    source = tagger(tmp_path / "jet.onnx")
    program, weights = tmp_path / "ours.hepq", tmp_path / "ours.safetensors"
    done = CliRunner().invoke(app, ["import", str(source), "-o", str(program)])
    assert done.exit_code == 0, done.output
    assert "from onnxruntime" in done.output
    out = tmp_path / ("ours.onnx" if target == "onnx" else "ours.hepqx")
    done = CliRunner().invoke(app, ["compile", str(program), "--weights", str(weights), "--target", target])
    assert done.exit_code == 0, done.output
    x = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    wanted = onnxruntime.InferenceSession(source).run(None, {"x": x})[0]
    got = onnxruntime.InferenceSession(out).run(None, {"x": x})[0] if target == "onnx" else hepq.load(out)({"x": x})
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    again = CliRunner().invoke(app, ["import", str(source), "-o", str(program)])
    assert again.exit_code == 1
    assert "HQ0817" in again.output


#: what the operators need beside ``x``: other inputs, attributes, constants
ALONE: dict[str, tuple[str, dict[str, Any]]] = {
    "Gemm": ("w v", {"alpha": 0.5, "beta": 2.0}), "MatMul": ("w", {}), "BatchNormalization": ("v v v p", {}),
    "LeakyRelu": ("", {}), "Elu": ("", {"alpha": 0.7}), "Selu": ("", {}), "HardSigmoid": ("", {"alpha": 0.3}),
    "Clip": ("low high", {}), "Concat": ("x", {"axis": 1}), "Reshape": ("same", {}), "Cast": ("", {"to": 1}),
    "Add": ("v", {}), "Sum": ("v x", {}), "Sub": ("one", {}), "Mul": ("v", {}), "Div": ("p", {}), "Pow": ("two", {}),
    "Min": ("v", {}), "Max": ("one x", {}), "Softmax": ("", {"axis": -1}),
    "PRelu": ("v", {}), "LogSoftmax": ("", {"axis": 1}), "LayerNormalization": ("v v", {"epsilon": 1e-3}),
    "Transpose": ("", {"perm": [0, 1]}),
}  # fmt: skip
#: these give or take other axes: see test_axes.py
OTHER_AXES = ("Conv", "Squeeze", "Unsqueeze")


KINDS = (
    "Abs Acos Add Asin Asinh Atan Atanh BatchNormalization Cast Ceil Clip Concat Cos Cosh Div Dropout Elu Erf Exp "
    "Flatten Floor Gelu Gemm HardSigmoid HardSwish Identity LayerNormalization LeakyRelu Log LogSoftmax MatMul Max Min "
    "Mish Mul Neg PRelu Pow Reciprocal Relu Reshape Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Sub Sum "
    "Tan Tanh Transpose"
).split()


def test_all_operators_are_tested() -> None:
    assert sorted(RULES) == sorted([*KINDS, *OTHER_AXES])


@pytest.mark.parametrize("kind", KINDS)
def test_each_operator(kind: str, tmp_path: Path) -> None:
    others, attributes = ALONE.get(kind, ("", {}))
    rng = np.random.default_rng(2)
    v = rng.normal(size=6).astype(np.float32)
    constants: dict[str, Any] = {
        "w": rng.normal(size=(6, 6)).astype(np.float32), "v": v, "p": np.abs(v) + np.float32(0.5),
        "low": np.float32(-0.5), "high": np.float32(0.75), "one": np.array([1.5], np.float32),
        "two": np.array([[2.0]], np.float32), "same": np.array([0, 6]),
    }  # fmt: skip
    # the operator twice, so that one reads a value that is read elsewhere too
    nodes: list[Node] = [
        ("Tanh", "x -> t"), (kind, f"t {others.replace('x', 't')} -> y", attributes), ("Neg", "y -> z"),
        ("Mul", "y z -> out"),
    ]  # fmt: skip
    path = save(tmp_path / "one.onnx", nodes, {"out": 12 if kind == "Concat" else 6}, constants, opset=20)
    found = difference(import_onnx(path), path)
    assert found is not None
    assert found < (1e-5 if kind == "Atanh" else 2e-6)  # steep where tanh ends


def test_several_inputs_outputs_and_numbers_beside_vectors(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Mul", "exp half -> scale"), ("Mul", "scale jet/x -> y"), ("Softmax", "y -> p"), ("Reciprocal", "scale -> r"),
    ]  # fmt: skip
    inputs = {"jet/x": ["batch", 4], "exp": ["batch", 1]}
    path = save(tmp_path / "two.onnx", nodes, {"p": 4, "r": 1}, {"half": np.float32(-0.5)}, inputs)
    imported = import_onnx(path)
    assert imported.inputs == {"jet/x": "jet_x", "exp": "exp1"}
    found = difference(imported, path)
    assert found is not None
    assert found < 1e-6


@pytest.mark.case("import_fixed_batch")
@pytest.mark.parametrize("batch", [1, 5])
def test_a_fixed_batch(batch: int, tmp_path: Path) -> None:
    nodes: list[Node] = [("Gemm", "x w b -> h", {"transB": 1}), ("Reshape", "h same -> r"), ("Relu", "r -> out")]
    rng = np.random.default_rng(0)
    constants = {"w": rng.normal(size=(3, 6)), "b": rng.normal(size=3)}
    held: dict[str, Any] = {k: v.astype(np.float32) for k, v in constants.items()} | {"same": np.array([batch, 3])}
    path = save(tmp_path / "fixed.onnx", nodes, {"out": 3}, held, {"x": [batch, 6]})
    assert difference(import_onnx(path), path) < 1e-6  # type: ignore[operator]
    held["same"] = np.array([batch + 1, -1])
    with pytest.raises(HepqError, match="to another shape"):
        import_onnx(save(tmp_path / "odd.onnx", nodes, {"out": 3}, held))


@pytest.mark.case("import_bn")
def test_weights_behind_operators_on_constants(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    constants: dict[str, Any] = {"w": rng.normal(size=(6, 6)).astype(np.float32), "one": np.ones(6, np.float32),
                                 "zero": np.zeros(6, np.float32), "axis": np.array([2])}  # fmt: skip
    nodes: list[Node] = [
        ("Identity", "one -> var"), ("Transpose", "w -> wt"), ("Identity", "zero -> bias"),
        ("Gemm", "x wt bias -> h"), ("Unsqueeze", "h axis -> u"),
        ("BatchNormalization", "u one zero zero var -> n", {"training_mode": 0}), ("Squeeze", "n axis -> out"),
    ]  # fmt: skip
    path = save(tmp_path / "bn.onnx", nodes, {"out": 6}, constants)
    imported = import_onnx(path)
    assert "BatchNorm" in imported.text
    assert difference(imported, path) < 1e-6  # type: ignore[operator]


@pytest.mark.parametrize(
    ("code", "nodes", "options", "words"),
    [
        ("HQ0763", [("Einsum", "x -> a", {"equation": "bi->bi"}), ("Relu", "a -> b"), ("Einsum", "b -> c",
         {"equation": "bi->bi"}), ("Round", "c -> out")], {}, "Einsum (2 times), Round"),
        ("HQ0764", [("Relu", "x -> out")], {"inputs": {"x": ["batch", "part", 6]}}, "input x is [batch, part, 6]"),
        ("HQ0764", [("Softmax", "x -> out", {"axis": 0})], {}, "over the batch"),
        ("HQ0764", [("Reshape", "x s -> out")], {"constants": {"s": np.array([-1, 3])}}, "to another shape"),
        ("HQ0764", [("MatMul", "x x -> out")], {"inputs": {"x": [6, 6]}}, "weights that are computed"),
    ],
)  # fmt: skip
def test_what_is_no_feed_forward_network_is_told(
    code: str, nodes: list[Node], options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "odd.onnx", nodes, {"out": 6}, **options)
    with pytest.raises(HepqError) as caught:
        import_onnx(path)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert words in found.title


def test_what_is_no_onnx_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    for content in (b"", b"not a model at all"):
        path.write_bytes(content)
        with pytest.raises(HepqError, match="HQ0762"):
            import_onnx(path)
    with pytest.raises(HepqError, match="no such file"):
        import_onnx(tmp_path / "none.onnx")


def test_what_is_apart_by_the_tolerance_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tagger(tmp_path / "jet.onnx")
    imported = import_onnx(path)
    found = difference(imported, path)
    assert found is not None
    assert 0 < found <= importer.TOLERANCE
    monkeypatch.setattr(importer, "TOLERANCE", found)
    assert difference(imported, path) == found
    monkeypatch.setattr(importer, "TOLERANCE", float(np.nextafter(found, 0)))
    with pytest.raises(HepqError, match="HQ0761"):
        difference(imported, path)


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        ([1.0, 2.0], [1.0, 3.0], 1 / 3), ([0.0, 1.5], [0.5, 1.5], 0.5), ([-4.0], [-2.0], 1.0), ([2.0], [4.0], 0.5),
        ([np.nan, 1.0], [np.nan, 1.0], 0.0), ([np.nan], [1.0], np.inf), ([1.0], [np.nan], np.inf),
        ([np.inf], [np.inf], 0.0), ([np.inf], [-np.inf], np.inf), ([1.0], [1.0, 1.0], np.inf), ([], [], 0.0),
        (3.0, [[3.0]], 0.0),
    ],
)  # fmt: skip
def test_how_far_results_are_apart(a: Any, b: Any, apart: float) -> None:
    assert importer._apart(a, b) == pytest.approx(apart)
