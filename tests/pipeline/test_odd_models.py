# SPDX-License-Identifier: Apache-2.0
"""Models of unusual interfaces, from source to scores: compiled, verified, called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.engine.outputs import NO_NUMBER


def scored(folder: Path, text: str, events: dict[str, Any]) -> list[Any]:
    source, out = folder / "odd.hepq", folder / "odd.hepqx"
    source.write_text(text)
    compile_file(source, out, Options(init=0, verify_each=True))
    model = hepq.load(out, threads=1)
    assert model.manifest.golden.events > 0
    assert model.verify().ok
    found, _ = model.score(events)
    return [v.to_list() if isinstance(v, ak.Array) else v.tolist() for v in found.values()]


def test_a_pooled_dim_keeps_its_name_and_has_another_size(tmp_path: Path) -> None:
    text = "from std.nn import max_pool1d\ndim seq = 8\ndim c = 2\nmodel M(x: real[seq, c]) = max_pool1d[2](x)"
    (got,) = scored(tmp_path, text, {"x": np.arange(32.0).reshape(2, 8, 2)})
    assert got[0] == [[2, 3], [6, 7], [10, 11], [14, 15]]


def test_a_dim_of_a_body_may_share_a_name_with_one_of_the_program(tmp_path: Path) -> None:
    block = "block B(x: real[f]) {\n  dim head = 2\n  dim sub = 4\n  return unflatten(x, f, [head, sub])\n}\n"
    text = f"dim head = 4\ndim f = 8\n{block}model M(x: real[f], y: real[head]) {{\n  return (B(x), y)\n}}"
    first, second = scored(tmp_path, text, {"x": np.arange(8.0)[None], "y": np.arange(4.0)[None]})
    assert first == [[[0, 1, 2, 3], [4, 5, 6, 7]]]
    assert second == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("x > 1", [[1.0, 0.0], [], [1.0]]),
        ("any(x > 1, over=p)", [1.0, np.nan, 1.0]),
        ("count(p)", [2, NO_NUMBER, 1]),
        ("3.5 + 0 * count(p)", [3.5, np.nan, 3.5]),
        ("position(p)", [[0, 1], [], [0]]),
        ("int(x)", [[2, -1], [], [3]]),
    ],
)
def test_results_that_are_truth_values_or_whole_numbers(tmp_path: Path, result: str, expected: list[Any]) -> None:
    text = f"dim p <= 3\nmodel M(x: real[p]) = {result}"
    (got,) = scored(tmp_path, text, {"x": [[2.5, -1.5], [], [3.0]]})
    assert str(got) == str(expected)


def test_a_key_of_whole_numbers_drops_fractions_as_the_language_does(tmp_path: Path) -> None:
    text = """
dim p <= 2
dataset D {
  source s = root("none.root")
  branch pt: GeV[p]
  order p by int(pt / 10 GeV) desc
  input x = pt / 1 GeV
}
model M(x: real[p]) = x
"""
    (got,) = scored(tmp_path, text, {"pt": [[-5.0, 3.0, 2.0, -15.0], [1.0, 25.0, 29.0, 10.0]]})
    assert str(got) == str([[-5.0, 3.0, np.nan, np.nan], [np.nan, 25.0, 29.0, np.nan]])


def test_results_are_called_as_the_model_names_them_everywhere(tmp_path: Path) -> None:
    text = """
dim part <= 4
dim cls = [QCD, Tbqq]
fn heads(x: real[part]) {
  m = mean(x, over=part)
  return (cls=stack(m, 1 - m, dim=cls), weight=x * 2)
}
model M(x: real[part]) {
  r = heads(x)
  return (score=r.cls, weight=r.weight, n=count(part))
}
"""
    source, out, onnx = (tmp_path / f"m.{end}" for end in ("hepq", "hepqx", "onnx"))
    source.write_text(text)
    events = {"x": ak.Array([[0.25, 0.75], [1.0]])}
    compile_file(source, out, Options(init=0, verify_each=True))
    compile_file(source, onnx, Options(init=0, target="onnx"))
    model = hepq.load(out, threads=1)
    found = model(events)
    assert list(found) == ["score", "weight", "n"]
    assert found["score"].tolist() == [{"QCD": 0.5, "Tbqq": 0.5}, {"QCD": 1.0, "Tbqq": 0.0}]
    assert found["weight"].tolist() == [[0.5, 1.5], [2.0]]
    assert found["n"].tolist() == [2, 1]
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx.read_bytes())
    assert [o.name for o in session.get_outputs()] == ["score", "weight", "n"]
    with uproot.recreate(tmp_path / "e.root") as file:
        file["tree"] = events
    columns = model.predict([tmp_path / "e.root"], tmp_path / "s.root").columns
    assert columns == ("score_QCD", "score_Tbqq", "weight", "n")
