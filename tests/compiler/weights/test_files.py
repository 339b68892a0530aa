# SPDX-License-Identifier: Apache-2.0
"""Weights of others: the content tells the format, and wrappers' names may be in the table, the file, or both."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from safetensors.numpy import save_file

from hepq.compiler.backends.artifact import Hybrid, add_program
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.compiler.weights.files import import_checkpoint, load_weights, read_tensors
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.types import Dim, Type

TENSORS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.ones(2, np.float32)}


def written(path: Path, kind: str, tensors: dict[str, np.ndarray] = TENSORS) -> Path:
    held = {name: torch.from_numpy(value) for name, value in tensors.items()}
    match kind:
        case "safetensors":
            save_file(tensors, path)
        case "zip":
            torch.save(held, path)
        case "legacy":
            torch.save(held, path, _use_new_zipfile_serialization=False)
        case "npz":
            arrays: dict[str, Any] = {**tensors}
            with path.open("wb") as file:
                np.savez(file, **arrays)
    return path


@pytest.mark.case("weights_suffix")
@pytest.mark.parametrize("suffix", ["pt", "safetensors", "npz", "ckpt"])
@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy", "npz"])
def test_the_content_tells_the_format(kind: str, suffix: str, tmp_path: Path) -> None:
    found = read_tensors(written(tmp_path / f"w.{suffix}", kind))
    assert found.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.case("weights_suffix")
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_what_is_no_file_of_weights_is_told(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{suffix}"
    whole = written(tmp_path / "whole", "zip").read_bytes()
    safe = written(tmp_path / "safe", "safetensors").read_bytes()
    objects = pickle.dumps({"a": Path("x")})
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"0" * 40, b"PK\x03\x04", whole[:200], safe[:-3], objects):
        path.write_bytes(content)
        with pytest.raises(HepqError, match="HQ0702"):
            read_tensors(path)


def test_bfloat16_and_nested_dictionaries(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "model_state_dict": {"a": torch.ones(2, dtype=torch.bfloat16)}}, tmp_path / "w.pt")
    np.testing.assert_array_equal(read_tensors(tmp_path / "w.pt")["a"], np.ones(2, np.float32))


NET = """from std.nn import Linear

model Net(x: real[3]) -> real[2] = x |> Linear[2, name="head"]

checkpoint theirs for Net {{
  "{theirs}" -> "head.weight"
}}
"""


@pytest.mark.case("module_prefix")
@pytest.mark.parametrize("table", ["", "module.", "_orig_mod.", "model."])
@pytest.mark.parametrize("file", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod.", "model."])
def test_wrappers_may_be_in_the_table_or_the_file(file: str, table: str, tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(NET.format(theirs=f"{table}out.weight"))
    path = written(tmp_path / "w.pt", "zip", {f"{file}out.weight": TENSORS["a.weight"]})
    imported = import_checkpoint(build_file(tmp_path / "m.hepq"), path)
    np.testing.assert_array_equal(imported.weights["head.weight"], TENSORS["a.weight"])


def test_compiled_submodules_and_one_weight_twice(tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(NET.format(theirs="net.out.weight"))
    built = build_file(tmp_path / "m.hepq")
    weight = TENSORS["a.weight"]
    path = written(tmp_path / "w.pt", "zip", {"net._orig_mod.out.weight": weight})
    np.testing.assert_array_equal(import_checkpoint(built, path).weights["head.weight"], weight)
    written(path, "zip", {"net.out.weight": weight, "module.net.out.weight": weight})
    with pytest.raises(HepqError, match="HQ0704"):
        import_checkpoint(built, path)


def test_own_names_behind_a_wrapper(tmp_path: Path) -> None:
    (tmp_path / "m.hepq").write_text(NET.format(theirs="x"))
    path = written(tmp_path / "w.pt", "zip", {"module.head.weight": TENSORS["a.weight"]})
    assert load_weights(path, build_file(tmp_path / "m.hepq").module).keys() == {"head.weight"}


@pytest.mark.parametrize("kind", ["zip", "npz"])
def test_weights_that_lie_in_another_order(kind: str, tmp_path: Path) -> None:
    """Of a transposed tensor, or from Fortran: what is written of them is what was read."""
    (tmp_path / "m.hepq").write_text(NET.format(theirs="x"))
    weight = np.arange(6, dtype=np.float32).reshape(3, 2).T
    path = written(tmp_path / "w.pt", kind, {"head.weight": weight})
    found = load_weights(path, build_file(tmp_path / "m.hepq").module)
    np.testing.assert_array_equal(found["head.weight"], weight)
    np.testing.assert_array_equal(safetensors.numpy.load(safetensors.numpy.save(found))["head.weight"], weight)


def test_no_table_and_tables_of_other_names(tmp_path: Path) -> None:
    path = written(tmp_path / "w.pt", "zip", {"x": TENSORS["a.weight"]})
    (tmp_path / "m.hepq").write_text(NET.format(theirs="x").partition("checkpoint")[0])
    (tmp_path / "n.hepq").write_text(NET.format(theirs="x"))
    for name, known in (("m.hepq", "none"), ("n.hepq", "theirs")):
        with pytest.raises(HepqError) as caught:
            import_checkpoint(build_file(tmp_path / name), path, "Other")
        (problem,) = caught.value.diagnostics
        assert problem.code == "HQ0707"
        assert known in f"{problem.title} {problem.help}"


def test_weights_of_a_program_for_circuits_that_lie_in_another_order() -> None:
    dims = (Dim("out", 2), Dim("in", 3))
    param = make("param", type=Type("real", dims), path="w", init=("constant", 0.0), trainable=True)
    hybrid, weight = Hybrid("simulator"), np.arange(6.0).reshape(3, 2).T
    add_program(hybrid, Module("m", (), {"y": param}), {"w": weight}, "program.json")
    np.testing.assert_array_equal(safetensors.numpy.load(hybrid.members["program.safetensors"])["w"], weight)
