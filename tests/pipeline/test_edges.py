# SPDX-License-Identifier: Apache-2.0
"""Graphs that come with the file: references from edges to hits, followed wherever hits are dropped, sorted or cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import hepq
from hepq.compiler.driver.check import check_path
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import to_torch
from hepq.compiler.train.data.events import training_set
from hepq.core.errors import DataError
from hepq.runtime.artifact.manifest import Value
from hepq.runtime.engine.onnx_model import OnnxModel

PROGRAM = """from std.nn import Dense, relu

dim hit <= 6
dim edge <= 9
dim xyz = 3
dim msg = 4
dim chan = 5
dim cls = [A, B]

dataset D {
  source s = parquet("none.parquet")
  branch src, dst: index[edge] of hit
  branch x, y, z: mm[hit]
  branch e: GeV[edge]
  policy nan = drop
  order hit by x desc
  input p: real[hit, xyz] = stack(x / 1 mm, y / 1 mm, z / 1 mm, dim=xyz)
  input w = e / 1 GeV
  input a = src
  input b = dst
  label truth: cls = "is_*"
}

@invariant(permute(hit))
model Interaction(
  p: real[hit, xyz], w: real[edge], a: index[edge] of hit, b: index[edge] of hit
) {
  message = relu(Dense[msg, name="message"](concat(gather(p, a), gather(p, b) - gather(p, a)))) * w
  node = relu(Dense[chan, name="node"](concat(p, sum(message, by=b))))
  kept = dot(gather(node, a), gather(node, b), over=chan) + sum(message, over=msg)
  return (kept, Dense[cls, name="head"](sum(node, over=hit)))
}
"""
RNG = np.random.default_rng(5)
#: hits and edges of each event: nothing at all, no hits, more than the bounds
HITS = np.array([3, 0, 4, 9, 6, 1, 8, 5])
EDGES = np.array([5, 3, 0, 9, 12, 2, 20, 1])


def made() -> ak.Array:
    def numbers(counts: NDArray[Any]) -> ak.Array:
        return ak.unflatten(RNG.normal(size=counts.sum()), counts)

    def references() -> ak.Array:
        each = [RNG.integers(-1, hits, edges) for hits, edges in zip(HITS, EDGES, strict=True)]
        return ak.unflatten(np.concatenate(each), EDGES)

    found = {name: numbers(HITS) for name in "xyz"} | {"e": numbers(EDGES), "src": references(), "dst": references()}
    flags = np.arange(len(HITS)) % 2 == 0
    events = ak.Array({**found, "is_A": flags, "is_B": ~flags})
    flat = ak.to_numpy(ak.flatten(events.y)).copy()
    flat[[4, 12, 30]] = np.nan
    energy = ak.to_numpy(ak.flatten(events.e)).copy()
    energy[[1, 10]] = np.nan
    events["y"], events["e"] = ak.unflatten(flat, HITS), ak.unflatten(energy, EDGES)
    return events


EVENTS = made()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("edges")
    (path / "m.hepq").write_text(PROGRAM)
    ak.to_parquet(EVENTS, path / "events.parquet")
    compile_file(path / "m.hepq", path / "m.hepqx", Options(init=0))
    return path


def expected(weights: Any, k: int) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Plain NumPy: each edge's score (NaN of those dropped or cut), the event's, and references to what is gone."""
    at = np.stack([ak.to_numpy(EVENTS[c][k]) for c in "xyz"], -1)
    energy, src, dst = (ak.to_numpy(EVENTS[c][k]) for c in ("e", "src", "dst"))
    hits = [i for i in np.argsort(-at[:, 0], kind="stable") if np.isfinite(at[i]).all()][:6]
    edges = np.flatnonzero(np.isfinite(energy))[:9]
    place = {int(old): new for new, old in enumerate(hits)} | {-1: -1}
    a, b = (np.array([place.get(int(r[i]), -1) for i in edges], int) for r in (src, dst))
    lost = sum(int(r[i]) >= 0 and place.get(int(r[i]), -1) < 0 for r in (src, dst) for i in edges)
    p = at[hits]

    def dense(name: str, x: NDArray[Any]) -> NDArray[Any]:
        w = np.asarray(weights[f"{name}.weight"], np.float64)
        made: NDArray[Any] = x @ (w if w.shape[0] == x.shape[-1] else w.T) + weights[f"{name}.bias"]
        return made

    def gather(x: NDArray[Any], i: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = np.concatenate([x, np.zeros((1, x.shape[1]))])[i]
        return found

    message = np.maximum(dense("message", np.concatenate([gather(p, a), gather(p, b) - gather(p, a)], -1)), 0)
    message *= energy[edges][:, None]
    into = np.zeros((len(hits) + 1, 4))
    np.add.at(into, b, message)
    node = np.maximum(dense("node", np.concatenate([p, into[:-1]], -1)), 0)
    scores = np.full(len(energy), np.nan)
    scores[edges] = (gather(node, a) * gather(node, b)).sum(-1) + message.sum(-1)
    return scores, dense("head", node.sum(0)), lost


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float64), wanted, rtol=2e-5, atol=2e-5)


def test_compiled_against_numpy(folder: Path) -> None:
    model = hepq.load(folder / "m.hepqx", threads=1)
    found, report = model.score(folder / "events.parquet")
    verified = model.verify()
    assert verified.ok
    assert any("permute(hit)" in c.check for c in verified.checks)
    lost = 0
    for k in range(len(HITS)):
        scores, event, gone = expected(model.artifact.weights, k)
        lost += gone
        close(found["output0"][k], scores)
        close([found["output1"][c][k] for c in "AB"], event)
    assert sum(report.references.values()) == lost > 0
    assert set(report.references) == {"src", "dst"}
    assert "src: index[edge] of hit" in model.schema


def test_in_training(folder: Path) -> None:
    """What training reads is what the model is given, and torch gives what NumPy does."""
    found = training_set(folder / "m.hepq", [folder / "events.parquet"])
    weights = hepq.load(folder / "m.hepqx", threads=1).artifact.weights
    net = to_torch(found.module, {n: torch.from_numpy(np.array(v)) for n, v in weights.items()}).double().eval()
    read, counts = found.table.batch(found.module.inputs, np.arange(len(HITS)), torch.float64)
    assert read["src"].dtype == torch.int64
    with torch.no_grad():
        made = net(read, counts)
    for k in range(len(HITS)):
        scores, event, _ = expected(weights, k)
        kept = scores[np.isfinite(scores)]
        close(made["output0"][k][: len(kept)], kept)
        close(made["output1"][k], event)


def test_onnx(folder: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    compile_file(folder / "m.hepq", folder / "m.onnx", Options(init=0, target="onnx"))
    assert OnnxModel(folder / "m.onnx").verify().ok
    weights = hepq.load(folder / "m.hepqx", threads=1).artifact.weights
    session = ort.InferenceSession(folder / "m.onnx")

    def padded(name: str, filler: float, kind: type) -> NDArray[Any]:
        longest = int(ak.max(ak.num(EVENTS[name])))
        found: NDArray[Any] = ak.to_numpy(ak.fill_none(ak.pad_none(EVENTS[name], longest), filler)).astype(kind)
        return found

    feed = {n: padded(n, np.nan, np.float32) for n in "xyze"} | {n: padded(n, 77, np.int64) for n in ("src", "dst")}
    feed |= {"n_hit": HITS.astype(np.float32), "n_edge": EDGES.astype(np.float32)}
    names = [o.name for o in session.get_outputs()]
    made = dict(zip(names, session.run(None, feed), strict=True))
    for k in range(len(HITS)):
        scores, event, _ = expected(weights, k)
        close(made["output0"][k][: EDGES[k]], scores)
        close(made["output1"][k], event)
    feed["src"][0, 2] = HITS[0]
    out_of_range = dict(zip(names, session.run(None, feed), strict=True))
    assert np.isnan(out_of_range["output1"][0]).all()
    np.testing.assert_array_equal(out_of_range["output1"][1:], made["output1"][1:])


def test_a_model_of_its_own(tmp_path: Path) -> None:
    """References of hits to hits, two of each, and of the event; to a dim of fixed size, too."""
    (tmp_path / "m.hepq").write_text("""
dim hit <= 5
dim two = 2
dim layer = 3
dim node, slot
fn difference(x: real[node], link: index[node, slot] of node) -> real[node, slot] = gather(x, link) - x
model M(near: index[hit, two] of hit, x: real[hit], on: index[hit] of layer) =
  (difference(x, near), sum(x, by=on))
""")
    assert compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(init=0)) is not None
    model = hepq.load(tmp_path / "m.hepqx", threads=1)
    assert model.verify().ok
    near, x, on = [[[1, 2], [-1, 0], [2, 2]], [], [[0, -1]]], [[1.0, 2.0, 5.0], [], [3.0]], [[2, 0, 2], [], [-1]]
    events = {"near": ak.values_astype(near, np.int32), "x": ak.Array(x), "on": ak.values_astype(on, np.float64)}
    found, _ = model.score(events)
    assert ak.to_list(found["output0"]) == [[[1, 4], [-2, -1], [0, 0]], [], [[0, -3]]]
    np.testing.assert_array_equal(found["output1"], [[2, 0, 6], [np.nan] * 3, [0, 0, 0]])
    wrong: dict[str, tuple[str, Any, str]] = {
        "HQ0845": ("on", [[2, 3, 2], [], [-1]], "in event 0, entry 1, it is 3; the event has 3"),
        "HQ0807": ("near", [[[1, 2], [-1, 0.5], [2, 2]], [], [[0, -1]]], "in event 0, entry 1, it is 0.5"),
        "HQ0812": ("on", [[2, 0], [], [-1]], "2"),
    }
    for code, (name, values, why) in wrong.items():
        with pytest.raises(DataError) as raised:
            model.score({**events, name: ak.Array(values)})
        assert raised.value.code == code
        assert why in raised.value.why


def test_parents_in_another_order(tmp_path: Path) -> None:
    """References of a dim to itself, of which entries are dropped, sorted and cut; a default for files without."""
    (tmp_path / "m.hepq").write_text("""
dim part <= 3
dataset D {
  source s = parquet("none.parquet")
  branch mother: index[part] of part
  branch other: index[part] of part else 0
  branch pt: GeV[part]
  policy nan = drop
  order part by pt desc
  input m = mother
  input o = other
  input x = pt / 1 GeV
}
@equivariant(permute(part))
model M(m: index[part] of part, o: index[part] of part, x: real[part]) = (gather(x, m), gather(x, o), count(by=m))
""")
    compile_file(tmp_path / "m.hepq", tmp_path / "m.hepqx", Options(init=0))
    compile_file(tmp_path / "m.hepq", tmp_path / "m.onnx", Options(init=0, target="onnx"))
    model = hepq.load(tmp_path / "m.hepqx", threads=1)
    assert OnnxModel(tmp_path / "m.onnx").verify().ok
    pt = ak.Array([[1.0, 4.0, 3.0, 2.0, 9.0], [5.0, np.nan, 6.0]])
    events = {"pt": pt, "mother": ak.Array([[3, 3, 4, 1, 0], [-1, 0, 1]])}
    found, report = model.score(events)
    assert ak.to_list(ak.nan_to_num(found["output0"], nan=-9)) == [[-9, 0, 9, -9, 0], [0, -9, 0]]
    assert ak.to_list(ak.nan_to_num(found["output1"], nan=-9)) == [[-9, 0, 0, -9, 0], [5, -9, 5]]
    assert report.references == {"mother": 3, "other": 3}
    assert ak.to_list(found["output2"])[0][4] == 1


@pytest.mark.parametrize(("entry", "value"), [(0, 9), (3, -2), (3, 2**40)])
def test_out_of_range(folder: Path, tmp_path: Path, entry: int, value: int) -> None:
    """The message names file, event, entry and branch."""
    rows = EVENTS["dst"].to_list()
    rows[3][entry] = value
    events = ak.copy(EVENTS)
    events["dst"] = ak.Array(rows)
    ak.to_parquet(events, tmp_path / "bad.parquet")
    with pytest.raises(DataError) as raised:
        hepq.load(folder / "m.hepqx", threads=1).score(tmp_path / "bad.parquet")
    assert raised.value.code == "HQ0845"
    assert '"dst" in' in raised.value.title
    assert "bad.parquet" in raised.value.title
    assert raised.value.why == f"in event 3, entry {entry}, it is {value}; the event has 9"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("e: index[edge] of cell, y: real[cell]) = gather(y, e)", ("HQ0626", "it numbers entries of `hit`")),
        ("e: index[edge] of hit, y: real[cell]) = f(y, e)", ("HQ0309", "it numbers entries of `hit`")),
    ],
)
def test_of_another_dim(tmp_path: Path, wrong: str, said: tuple[str, str]) -> None:
    (tmp_path / "m.hepq").write_text(f"""
dim hit <= 5
dim edge <= 6
dim cell <= 7
dim node, link
fn f(x: real[node], i: index[link] of node) -> real[link] = gather(x, i)
dataset D {{
  source s = parquet("none.parquet")
  branch link: index[edge] of hit
  branch x: real[hit]
  branch energy: GeV[cell]
  input e = link
  input y = energy / 1 GeV
}}
model M({wrong}
""")
    found = [(d.code, d.help) for d in check_path(tmp_path / "m.hepq")]
    assert said in found


def test_inputs_of_the_code(folder: Path) -> None:
    manifest = hepq.load(folder / "m.hepqx", threads=1).manifest
    references = {v.name: (v.elem, v.into, v.kind) for v in manifest.inputs if v.into}
    assert references == dict.fromkeys(("src", "dst"), ("index", "hit", np.int64))
    assert Value(name="x").into == ""
    built = build_file(folder / "m.hepq", Options())
    assert {n["name"]: n.type.elem for n in built.module.inputs}["src"] == "int"
