# SPDX-License-Identifier: Apache-2.0
"""Models of unusual interfaces, from source to scores: compiled, verified, called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options


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
        ("count(p)", [2.0, np.nan, 1.0]),
        ("3.5 + 0 * count(p)", [3.5, np.nan, 3.5]),
        ("position(p)", [[0.0, 1.0], [], [0.0]]),
        ("int(x)", [[2.0, -1.0], [], [3.0]]),
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
