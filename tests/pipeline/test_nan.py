# SPDX-License-Identifier: Apache-2.0
"""NaN is the same to machine code, ONNX and torch, wherever among the entries it stands."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.schema.events import read_inputs

NAN = np.nan
EXTREMES = """dim part <= 6
dim three = 3
dataset D {
  source d = root("none/*.root")
  branch e: real[part]
  branch a, b: real
  input x = log(e)
  input y = log(a)
  input z = log(b)
}
model M(x: real[part], y: real, z: real) = (
  max(x, over=part), min(x, over=part), max(stack(y, z, 0.5, dim=three), over=three),
  min(stack(0.5, y, z, dim=three), over=three), max(y, z), min(y, z), max(2 * y, 1), min(1, 2 * y), clip(y, z, 9),
  sum(max(x, y), over=part))
"""
EVENTS: list[dict[str, Any]] = [
    *({"e": e, "a": 1.5, "b": 2.5} for e in permutations([-1.0, 2.0, 3.0, 4.0, 5.0])),
    {"e": [2.0], "a": -1.0, "b": 2.0}, {"e": [2.0], "a": 2.0, "b": -1.0}, {"e": [2.0], "a": -1.0, "b": -1.0},
    {"e": [3.0, 2.0], "a": 2.0, "b": 3.0}, {"e": [-1.0], "a": 2.0, "b": 3.0},
]  # fmt: skip
ORDER = """dim trk <= 2
dataset D {{
  source d = root("none/*.root")
  branch s, key, by: real[trk]
  order trk by key / by {direction}
  input x = s
}}
model M(x: real[trk]) -> real = sum(x / (1 + position(trk)), over=trk)
"""


def session(folder: Path, text: str) -> Any:
    ort = pytest.importorskip("onnxruntime")
    (folder / "m.hepq").write_text(text)
    compile_file(folder / "m.hepq", folder / "m.hepqx", Options(init=0, golden_events=1))
    compile_file(folder / "m.hepq", folder / "m.onnx", Options(init=0, target="onnx", golden_events=1))
    return ort.InferenceSession(folder / "m.onnx")


@pytest.mark.case("nan_max")
def test_extremes_are_nan_where_an_operand_is(tmp_path: Path) -> None:
    onnx = session(tmp_path, EXTREMES)
    events = ak.Array([{k: list(v) if k == "e" else v for k, v in event.items()} for event in EVENTS])
    found = hepq.load(tmp_path / "m.hepqx", threads=1)(events)
    n = ak.num(events.e)
    padded = ak.to_numpy(ak.fill_none(ak.pad_none(events.e, 5), 7.0)).astype(np.float32)
    one = {k: ak.to_numpy(events[k]).astype(np.float32) for k in "ab"}
    rows = onnx.run(None, {"e": padded, **one, "n_part": ak.to_numpy(n).astype(np.float32)})
    e, (y, z) = np.where(padded > 0, padded, NAN), (np.log(np.where(one[k] > 0, one[k], NAN)) for k in "ab")
    x, there = np.log(e), np.arange(5) < ak.to_numpy(n)[:, None]
    half, ones = np.full_like(y, 0.5), np.ones_like(y)
    expected = [
        np.where(there, x, -np.inf).max(1), np.where(there, x, np.inf).min(1), np.max([y, z, half], 0),
        np.min([y, z, half], 0), np.maximum(y, z), np.minimum(y, z), np.maximum(2 * y, ones), np.minimum(2 * y, ones),
        np.minimum(np.maximum(y, z), 9), np.where(there, np.maximum(x, y[:, None]), 0).sum(1),
    ]  # fmt: skip
    assert np.isnan(expected[0]).sum() == 121
    for i, wanted in enumerate(expected):
        np.testing.assert_allclose(np.asarray(found[f"output{i}"]), wanted, rtol=1e-6, err_msg=f"output{i}, cpu")
        np.testing.assert_allclose(rows[i], wanted, rtol=1e-6, err_msg=f"output{i}, ONNX")


@pytest.mark.case("nan_max")
def test_torch_has_nan_where_an_operand_is(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from hepq.compiler.lower.torch.module import to_torch

    (tmp_path / "m.hepq").write_text(EXTREMES)
    net = to_torch(read_inputs(build_file(tmp_path / "m.hepq", Options()).module), {})
    inputs = {
        "e": torch.tensor([[-1.0, 2.0], [2.0, -1.0]]),
        "a": torch.tensor([-1.0, 2.0]),
        "b": torch.tensor([2.0, -1]),
    }
    found = net(inputs, {"part": torch.tensor([2, 2])})
    for name in ("output0", "output1", "output2", "output3", "output4", "output5", "output8", "output9"):
        assert found[name].isnan().all(), name


@pytest.mark.case("onnx_order")
@pytest.mark.parametrize(("direction", "best"), [("desc", [2, 4, 5, 3, 1]), ("", [3, 5, 4, 2, 1])])
def test_nan_is_sorted_last_behind_infinity(tmp_path: Path, direction: str, best: list[int]) -> None:
    """Keys of the particles 1 to 5: NaN, inf, -inf, 5, -5."""
    onnx, model = session(tmp_path, ORDER.format(direction=direction)), hepq.load(tmp_path / "m.hepqx", threads=1)
    key, by = {1: 0, 2: 1, 3: -1, 4: 5, 5: -5}, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1}
    for some in [*permutations(range(1, 6), 3), *permutations(range(1, 6), 2)]:
        first, second = sorted(some, key=best.index)[:2]
        event = {"s": some, "key": [key[i] for i in some], "by": [by[i] for i in some]}
        given = {k: np.array([v], np.float32) for k, v in event.items()}
        counts = {"n_trk": np.array([len(some)], np.float32)}
        assert onnx.run(None, given | counts)[0].tolist() == [first + second / 2], some
        assert model({k: ak.Array(v.tolist()) for k, v in given.items()}).tolist() == [first + second / 2], some


def test_a_whole_key_of_nan_is_0(tmp_path: Path) -> None:
    text = ORDER.format(direction="desc").replace("key / by", "int(key / by)")
    onnx, model = session(tmp_path, text), hepq.load(tmp_path / "m.hepqx", threads=1)
    event = {"s": [1.0, 2.0, 3.0], "key": [-2.5, 0.0, 1.5], "by": [1.0, 0.0, 1.0]}  # keys -2, int(NaN), 1
    given = {k: np.array([v], np.float32) for k, v in event.items()}
    assert onnx.run(None, given | {"n_trk": np.array([3], np.float32)})[0].tolist() == [4.0]
    assert model({k: ak.Array(v.tolist()) for k, v in given.items()}).tolist() == [4.0]
