# SPDX-License-Identifier: Apache-2.0
"""Units, NaN, order, the bound and empty events inside the graph, as the runtime does them outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hepq.compiler.driver.compilation import build_file, compile_file, model_weights
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.vectors import reference
from hepq.compiler.schema.events import read_inputs
from hepq.core.errors import DataError
from hepq.runtime.engine.onnx_model import OnnxModel
from hepq.runtime.events.columns import Raw

PROGRAM = """
from std.nn import Dense

dim part <= 6
dim vertex <= 3
dim feat = 3

dataset Jets {{
  source jets = root("none.root", tree="tree")
  branch px = "part_px", py = "part_py": MeV[part]
  branch charge = "part_charge": int[part]
  branch muon = "is muon": bool[part]
  branch z = "vertex z": cm[vertex]
  branch jet_pt = "jet.pt": TeV
  branch rank: real[part]
  {items}
  input x = stack(px / 1 GeV, charge, if muon then 1.0 else py / jet_pt)
  input z = z / 1 mm
}}

# each result depends on which particles there are, and in which order
model M(x: real[part, feat], z: real[vertex]) {{
  h = x |> Dense[4] |> tanh
  by_place = sum(sum(x, over=feat) / (1 + position(part)), over=part)
  return (h, mean(h, over=part) |> Dense[2], by_place, sum(z / (1 + position(vertex)), over=vertex))
}}
"""
ITEMS = {
    "as_they_are": "",
    "ordered": "order part by hypot(px, py) desc",
    "ascending": "order part by py / 1 GeV + charge",
    "by_a_flag": "order part by if muon and charge > 0 then 1.0 else 0.0 desc",
    "in_single_precision": "order part by tanh(rank) desc",
    "partly_in_single_precision": "order part by tan(rank) + 2 * rank desc",
    "never_a_number": "order part by log(rank)",
    "drop": "policy nan = drop",
    "drop_and_order": "order part by px asc\n  policy nan = drop",
    "zero": "policy nan = zero\n  order vertex by z desc",
    "no_overflow": "policy overflow = error",
    "score_empty": "policy empty = score",
    "no_empty": "policy empty = error\n  order part by rank",
}


def written(folder: Path, items: str) -> Path:
    source = folder / "m.hepq"
    source.write_text(PROGRAM.format(items=items))
    return source


def events(rng: np.random.Generator, count: int) -> Raw:
    """More particles than the bound and none at all; numbers on a coarse grid, so that keys tie; some not numbers."""
    counts = {"part": rng.integers(0, 10, count), "vertex": rng.integers(0, 5, count)}
    counts["part"][:3], counts["vertex"][:3] = (0, 0, 7), (0, 2, 0)
    rows = {dim: int(n.sum()) for dim, n in counts.items()}
    part, vertex = rows["part"], rows["vertex"]
    contents: dict[str, Any] = {
        "px": rng.integers(-8, 9, part) * 500.0, "py": rng.integers(-8, 9, part) * 250.0,
        "charge": rng.integers(-1, 2, part), "muon": rng.integers(0, 2, part).astype(bool),
        "z": rng.integers(-9, 10, vertex) / 4, "jet_pt": rng.integers(1, 9, count) / 16,
        "rank": rng.integers(-2, 3, part) / 2,
    }  # fmt: skip
    for name, odd in (("px", np.nan), ("py", np.inf), ("z", -np.inf), ("jet_pt", np.nan)):
        contents[name][rng.random(len(contents[name])) < 0.05] = odd
    return Raw(count, {k: v.astype(np.int64) for k, v in counts.items()}, contents)


def one(raw: Raw, i: int) -> Raw:
    lo = {d: int(n[:i].sum()) for d, n in raw.counts.items()}
    slots = {name: "vertex" if name == "z" else "part" for name in raw.contents}
    contents = {
        name: v[i : i + 1] if name == "jet_pt" else v[lo[slots[name]] : lo[slots[name]] + raw.counts[slots[name]][i]]
        for name, v in raw.contents.items()
    }
    return Raw(1, {d: n[i : i + 1] for d, n in raw.counts.items()}, contents)


@pytest.mark.parametrize("name", ITEMS)
def test_the_graph_does_with_events_what_the_runtime_does(name: str, tmp_path: Path) -> None:
    source, out = written(tmp_path, ITEMS[name]), tmp_path / "m.onnx"
    report = compile_file(source, out, Options(init=1, target="onnx"))
    assert report.checked is not None
    model = OnnxModel(out)
    module = read_inputs(build_file(source).module)
    weights = model_weights(module, Options(init=1))
    raw = events(np.random.default_rng(5), 150)
    raw = Raw(
        raw.events, raw.counts, {k: v for k, v in raw.contents.items() if k in {c.name for c in model.manifest.columns}}
    )
    got = model.score(raw)
    stopped = 0
    first = 0
    for i in range(raw.events):
        single = one(raw, i)
        parts = int(single.counts["part"][0])
        found = {k: v[first : first + parts] if k == "output0" else v[i : i + 1] for k, v in got.items()}
        first += parts
        try:
            wanted = reference(module, weights, model.manifest, single, np.float64)
        except DataError:
            stopped += 1
            assert all(np.isnan(v).all() for v in found.values())
            continue
        for output, value in wanted.items():
            np.testing.assert_allclose(found[output], value, rtol=2e-6, atol=2e-6, err_msg=f"event {i}")
    assert (stopped > 0) == (name not in ("drop", "drop_and_order", "zero"))
    assert stopped < 130
    scored = np.isfinite(got["output2"])
    assert scored.sum() > 20
