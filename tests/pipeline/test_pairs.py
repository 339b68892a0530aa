# SPDX-License-Identifier: Apache-2.0
"""Results over two ragged dims, pairs of one or entries of two: lists of lists, and axes in ONNX graphs."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.bisect import bisect
from hepq.compiler.driver.compilation import Compilation, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.vectors import reference
from hepq.compiler.lower.cpu import mathfn
from hepq.compiler.lower.cpu.tir import const
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.errors import DataError
from hepq.runtime.engine import cpu
from hepq.runtime.engine.onnx_model import OnnxModel

HEAD = "dim part <= 5\ndim sv <= 3\n"
INPUTS = "x: real[part], n: int[part], y: real[sv], z: real"
#: results of several kinds
RESULTS = """(adj=tanh(x - 2 * prime(x, part)), turned=prime(x, part) - y / 2, both=stack(x * y, x + z),
  whole=n * 3 - prime(n, part), near=x < prime(x, part), s=sum(x * prime(x, part), over=part'))"""
DATASET = """dataset D {
  source files = root("*.root")
  branch x: real[part]
  branch n: int[part]
  branch y: real[sv]
  branch z: real
  policy nan = drop
  order part by x desc
  order sv by y asc
  input x = x
  input n = n
  input y = y
  input z = z
}
"""


def compiled(folder: Path, source: str, target: str = "cpu") -> Path:
    (folder / "pairs.hepq").write_text(source)
    out = folder / ("pairs.onnx" if target == "onnx" else "pairs.hepqx")
    compile_file(folder / "pairs.hepq", out, Options(target=target, init=0, verify_each=True))
    return out


def model(result: str = RESULTS, inputs: str = INPUTS) -> str:
    return f"{HEAD}@equivariant(permute(part), permute(sv))\nmodel M({inputs}) = {result}\n"


def drawn(events: int, seed: int, most: int = 8) -> ak.Array:
    """Events with nothing, with more than the bounds, with NaN."""
    rng = np.random.default_rng(seed)
    counts = {"part": rng.integers(0, most, events), "sv": rng.integers(0, most - 2, events)}

    def jagged(dim: str, values: np.ndarray) -> ak.Array:
        return ak.unflatten(values, counts[dim])

    total = {dim: int(n.sum()) for dim, n in counts.items()}
    x, y = (rng.normal(size=total[d]).astype(np.float32) for d in ("part", "sv"))
    x[rng.random(len(x)) < 0.1] = np.nan
    n = rng.integers(-9, 9, total["part"])
    z = np.where(rng.random(events) < 0.1, np.nan, rng.normal(size=events)).astype(np.float32)
    return ak.Array({"x": jagged("part", x), "n": jagged("part", n), "y": jagged("sv", y), "z": z})


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> hepq.Model:
    return hepq.load(compiled(tmp_path_factory.mktemp("pairs"), model() + DATASET), threads=2)


def test_the_reference_gives_the_same(loaded: hepq.Model) -> None:
    raw = loaded.raw(drawn(200, 1))
    program = Compilation(loaded.artifact.path.with_suffix(".hepq"), Options(init=0)).check()
    wanted = reference(program.source, program.weights, loaded.manifest, raw, np.float64)
    found = loaded.score_raw(raw).arrays
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, wanted[name], rtol=2e-5, atol=1e-5, err_msg=name)
    assert loaded.verify().ok
    assert {c.check for c in loaded.verify().checks} == {"golden", "permute(part)", "permute(sv)"}


def test_the_graph_gives_the_same(loaded: hepq.Model, tmp_path: Path) -> None:
    graph = OnnxModel(compiled(tmp_path, model() + DATASET, "onnx"))
    assert graph.verify().ok
    raw = loaded.raw(drawn(300, 2))
    wanted, found = loaded.score_raw(raw).arrays, graph.score(raw)
    for name, value in found.items():
        np.testing.assert_allclose(value, wanted[name], rtol=2e-5, atol=1e-5, err_msg=name)


def test_the_order_is_that_in_which_entries_were_given(loaded: hepq.Model) -> None:
    """The fifth-largest x is cut, the NaN is dropped: in both dims."""
    x = [1.0, 4.0, np.nan, -2.0, 3.0, 0.5, 7.0]
    events = {"x": [x, [], [2.0]], "n": [list(range(7)), [], [5]], "y": [[2.0, 1.0], [3.0], []], "z": [1.0, 2.0, 3.0]}
    found, report = loaded.score(events)
    gone = np.isin(np.arange(7), [2, 3])
    wanted = np.tanh(np.subtract.outer(x, np.multiply(2, x)))
    wanted[gone], wanted[:, gone] = np.nan, np.nan
    np.testing.assert_allclose(np.array(found["adj"][0].to_list()), wanted, rtol=1e-5)
    whole = np.array(found["whole"][0].to_list())
    assert whole[1].tolist() == [3, 2, -(2**63), -(2**63), -1, -2, -3]
    assert (whole[gone] == -(2**63)).all()
    turned = np.where(gone[:, None], np.nan, np.subtract.outer(x, [1.0, 0.5]))
    np.testing.assert_allclose(np.array(found["turned"][0].to_list()), turned, rtol=1e-6)
    assert found["adj"][1].to_list() == [] == found["turned"][1].to_list()
    assert found["turned"][2].to_list() == [[]] == found["both"][2].to_list()
    assert str(found["both"].type) == "3 * var * var * 2 * float32"
    assert report.entries["part"].cut == report.entries["part"].dropped == 1


def test_events_that_are_not_scored_are_nan_in_every_pair(loaded: hepq.Model) -> None:
    events = {"x": [[1.0, 2.0]], "n": [[1, 2]], "y": [[1.0]], "z": [np.nan]}
    found, report = loaded.score(events)
    assert np.isnan(ak.to_numpy(found["adj"])).all()
    assert ak.to_numpy(found["adj"]).shape == (1, 2, 2)
    assert report.unscored == 1


def test_what_the_model_makes_nan_is_counted(tmp_path: Path) -> None:
    out = compiled(tmp_path, model("sqrt(x - prime(x, part) + 1)", "x: real[part]"))
    found, report = hepq.load(out, threads=1).score({"x": [[1.0, 1.5], [1.0, 5.0], []]})
    assert np.isnan(ak.to_numpy(ak.flatten(found["output"], axis=None))).sum() == 1
    assert report.nan_scores == 1


def test_no_events(loaded: hepq.Model) -> None:
    found, _ = loaded.score(drawn(1, 0)[:0])
    assert str(found["both"].type) == "0 * var * var * 2 * float32"


def test_pairs_of_a_few_events_at_a_time(loaded: hepq.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = loaded.raw(drawn(50, 5))
    wanted = loaded.score_raw(raw).arrays
    for most in (1, 1000, 3000):
        monkeypatch.setattr(cpu, "MOST_OF_PAIRS", most)
        for name, value in loaded.score_raw(raw).arrays.items():
            np.testing.assert_array_equal(value, wanted[name], err_msg=name)


def test_primes_of_results_do_not_matter(tmp_path: Path) -> None:
    swapped = "(a=rename(prime(x, part), part', part'') - 2 * prime(x, part), b=prime(y, sv) + x)"
    out = compiled(tmp_path, model(swapped, "x: real[part], y: real[sv]"))
    scorer = hepq.load(out, threads=1)
    assert [o.dims for o in scorer.manifest.outputs] == [("part", "part'"), ("sv", "part")]
    found, _ = scorer.score({"x": [[1.0, 3.0]], "y": [[10.0]]})
    assert found["a"].to_list() == [[[-1.0, -5.0], [1.0, -3.0]]]
    assert found["b"].to_list() == [[[11.0, 13.0]]]


def test_in_files(loaded: hepq.Model, tmp_path: Path) -> None:
    events = drawn(60, 3)
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("t", {"x": "var * float32", "n": "var * int64", "y": "var * float32", "z": "float32"})
        file["t"].extend({name: events[name] for name in events.fields})
    loaded.predict([tmp_path / "in.root"], tmp_path / "out.parquet", step=7, progress=False)
    written, (wanted, _) = ak.from_parquet(tmp_path / "out.parquet"), loaded.score(events)
    assert written.fields == list(wanted)
    for name in written.fields:
        np.testing.assert_equal(written[name].to_list(), wanted[name].tolist(), err_msg=name)
    with pytest.raises(DataError, match="lists of lists") as caught:
        loaded.predict([tmp_path / "in.root"], tmp_path / "out.root", progress=False)
    assert caught.value.code == "HQ0817"
    assert f"cannot write {tmp_path / 'out.root'}" in str(caught.value)
    assert "name it out.parquet" in str(caught.value)
    assert {p.name for p in tmp_path.iterdir()} == {"in.root", "out.parquet"}


def test_a_promise_of_pairs_that_does_not_hold_is_found(tmp_path: Path) -> None:
    out = compiled(tmp_path, model("cumsum(x, over=part) + prime(x, part)", "x: real[part]"))
    assert {c.check for c in hepq.load(out, threads=1).verify().checks if not c.ok} == {"permute(part)"}


@pytest.mark.parametrize("target", ["cpu", "onnx"])
def test_bisection(tmp_path: Path, target: str) -> None:
    (tmp_path / "m.hepq").write_text(model())
    options = Options(init=0, golden_events=3, target=target)
    assert bisect(Compilation(tmp_path / "m.hepq", options).check()).difference is None


def test_a_fault_in_pairs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.hepq").write_text(model("tanh(x - prime(x, part)) + 1", "x: real[part]"))
    monkeypatch.setitem(mathfn.FUNCTIONS, "tanh", lambda *args: args[0] * const(0.5))
    made = bisect(Compilation(tmp_path / "m.hepq", Options(init=0, golden_events=4)).check()).difference
    assert made is not None
    assert made.found.startswith("`tanh`")


EACH = """collection Jet = "Jet_*" {
  pt: GeV
}
collection Cand of Jet = "Cand_*" {
  pt: GeV
}
dim part <= 3
dataset D {
  source events = parquet("events.parquet")
  object part <= 3 = Cand by Cand.pt desc
  each Jet
  input x = part.pt / 1 GeV
}
model M(x: real[part]) = x - prime(x, part)
"""


def test_of_each_entry(tmp_path: Path) -> None:
    jets = {"Jet_pt": [[3.0, 4.0], [], [5.0]], "Cand_pt": [[[1.0, 2.0], [3.0]], [], [[]]]}
    ak.to_parquet(ak.Array(jets), tmp_path / "in.parquet")
    scorer = hepq.load(compiled(tmp_path, EACH), threads=1)
    scorer.predict(tmp_path / "in.parquet", tmp_path / "out.parquet", progress=False)
    for found in (scorer(jets), ak.from_parquet(tmp_path / "out.parquet").output):
        assert found.to_list() == [[[[0.0, 1.0], [-1.0, 0.0]], [[0.0]]], [], [[]]]


def test_of_circuits(tmp_path: Path) -> None:
    turn = "circuit Turn(x: real) on q: qubit[1] {\n  ry(x, q[0])\n}\n"
    source = turn + model("expect(Z[0], Turn(x)) + prime(x, part)", "x: real[part]")
    found, _ = hepq.load(compiled(tmp_path, source, "sim"), threads=1).score({"x": [[0.0, 1.0], [], [3.0]]})
    wanted = [np.add.outer(np.cos(x), x).tolist() for x in ([0.0, 1.0], [3.0])]
    np.testing.assert_allclose(found["output"][0].to_list(), wanted[0], atol=1e-6)
    np.testing.assert_allclose(found["output"][2].to_list(), wanted[1], atol=1e-6)
    assert found["output"][1].to_list() == []


def test_too_large_for_memory(tmp_path: Path) -> None:
    source = model("x * prime(x, part)", "x: real[part]").replace("<= 5", "<= 5000")
    with pytest.raises(HepqError, match="HQ0709") as caught:
        compiled(tmp_path, source)
    assert "95 MiB of memory for an event" in str(caught.value)


@pytest.mark.parametrize(
    "result", ["prime(x, part)", "x * y * prime(y, sv)", "x * prime(x, part) * rename(x, part, part'')"]
)
def test_what_is_no_result(tmp_path: Path, result: str) -> None:
    with pytest.raises(HepqError, match="HQ0629"):
        compiled(tmp_path, model(result, "x: real[part], y: real[sv]"))
