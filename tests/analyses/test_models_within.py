# SPDX-License-Identifier: Apache-2.0
"""Models that an analysis calls and nobody has compiled: a support vector machine with circuits, a kernel, a formula, a
network in ONNX; against states and onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import onnxruntime
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import Compilation, build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.interpret import run_event
from hepq.compiler.train import Recipe, train_file
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.lang.checker import check
from hepq.lang.modules import load
from tests.support.networks import tagger

MODELS = """
from std.quantum import ZZMap, svm

dim wire = [pt, eta]
dim cls = [low, high]

dataset Events {
  source events = root("train.root", tree="tree")
  branch pt, eta: real
  input x = stack(pt, eta, dim=wire)
  label truth: cls = "label_*"
}

fn K(a: real[wire], b: real[wire]) -> real = fidelity(ZZMap(a), ZZMap(b))
model Machine(x: real[wire]) -> real = svm[kernel=K](x)
"""
ANALYSIS = """
from std.quantum import ZZMap
from models import K, Machine, wire

model Overlap(a: real[wire], b: real[wire]) -> real = K(a, b)
model Ratio(pt: GeV, to: GeV) -> real = pt / (pt + to)

collection Jet = "Jet_*" {
  pt: GeV
  eta: real
}
record MET = "MET_*" { pt: GeV }

analysis Within {
  source top = mc("top.root", xsec=1 pb)
  object jet = Jet where Jet.pt > 20 GeV
  vary jes { up { Jet.pt = 1.2 * Jet.pt } }

  machine = artifact(Machine, weights="machine.safetensors")
  overlap = artifact(Overlap)
  ratio = artifact(Ratio)
  network = artifact("tagger.onnx")

  x = stack(jet.pt / 100 GeV, jet.eta, dim=wire)
  hist machine = machine(x=x) in bins(20, -2, 2)
  hist overlap = overlap(a=x, b=stack(MET.pt / 100 GeV, 0.5, dim=wire)) in bins(20, 0, 1)
  hist ratio = ratio(pt=jet.pt, to=MET.pt) in bins(20, 0, 1)
  six = stack(jet.pt / 100 GeV, jet.eta, MET.pt / 100 GeV, 0, 1, -1)
  hist network = network(x=six)[1] in bins(20, 0, 1)
  region tagged {
    cut some = any(machine(x=x) > 0, over=jet)
    hist jets = count(jet) in integers(0, 8)
  }
}
"""


def _event(rng: np.random.Generator) -> dict[str, Any]:
    jets = int(rng.integers(0, 4))
    return {"Jet_pt": rng.exponential(60, jets), "Jet_eta": rng.normal(0, 1, jets), "MET_pt": rng.exponential(60)}


EVENTS = [_event(rng) for rng in [np.random.default_rng(7)] for _ in range(60)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("within")
    rng = np.random.default_rng(1)
    pt, eta = rng.exponential(0.6, 60).astype("f4"), rng.normal(0, 1, 60).astype("f4")
    high = pt > 0.5
    with uproot.recreate(made / "train.root") as file:
        columns = {"pt": pt, "eta": eta, "label_high": high.astype("i4"), "label_low": (~high).astype("i4")}
        file.mktree("tree", {n: c.dtype for n, c in columns.items()}).extend(columns)
    with uproot.recreate(made / "top.root") as file:
        file["Events"] = {name: ak.Array([e[name] for e in EVENTS]) for name in EVENTS[0]}
    (made / "models.hepq").write_text(MODELS)
    (made / "analysis.hepq").write_text(ANALYSIS)
    tagger(made / "tagger.onnx")
    train_file(made / "models.hepq", [made / "train.root"], made / "machine.safetensors", Recipe(validation=0))
    return made


def same_but_for_edges(found: Any, values: list[float], low: float, high: float) -> None:
    expected = np.histogram(np.clip(values, low - 1, high + 1), [low - 2, *np.linspace(low, high, 21), high + 2])[0]
    assert np.abs(found - expected).sum() <= 2
    assert found.sum() == expected.sum() == len(values) > 30
    assert np.count_nonzero(expected) > 4


@pytest.mark.parametrize(("variation", "scale"), [("nominal", 1.0), ("jes_up", 1.2)])
def test_results_are_those_of_the_models_alone(folder: Path, variation: str, scale: float) -> None:
    result = hepq.run(folder / "analysis.hepq")
    chosen = [(scale * e["Jet_pt"] > 20, e) for e in EVENTS]
    pt = np.concatenate([scale * e["Jet_pt"][c] for c, e in chosen])
    eta = np.concatenate([e["Jet_eta"][c] for c, e in chosen])
    met = np.repeat([e["MET_pt"] for e in EVENTS], [int(c.sum()) for c, _ in chosen])
    options = Options(model="Machine", use_dataset=False, weights=folder / "machine.safetensors")
    machine = Compilation(folder / "models.hepq", options).check()
    scores = [
        float(run_event(machine.source, {"x": np.array(x)}, machine.weights)["output"])
        for x in zip(pt / 100, eta, strict=True)
    ]
    same_but_for_edges(result.cells("machine", "top", variation).entries, scores, -2, 2)
    alone = build_file(folder / "analysis.hepq", Options(model="Overlap", use_dataset=False)).module
    overlaps = [
        float(run_event(alone, {"a": np.array([p, e]), "b": np.array([m, 0.5])}, {})["output"])
        for p, e, m in zip(pt / 100, eta, met / 100, strict=True)
    ]
    same_but_for_edges(result.cells("overlap", "top", variation).entries, overlaps, 0, 1)
    same_but_for_edges(result.cells("ratio", "top", variation).entries, list(pt / (pt + met)), 0, 1)
    six = np.stack([pt / 100, eta, met / 100, 0 * pt, 0 * pt + 1, 0 * pt - 1], 1).astype(np.float32)
    session = onnxruntime.InferenceSession(folder / "tagger.onnx")
    same_but_for_edges(
        result.cells("network", "top", variation).entries, list(session.run(None, {"x": six})[0][:, 1]), 0, 1
    )
    ends = np.cumsum([int(c.sum()) for c, _ in chosen])[:-1]
    passing = sum(bool((part > 0).any()) for part in np.split(np.array(scores), ends))
    assert abs(result.cells("tagged.jets", "top", variation).entries.sum() - passing) <= 1


def test_what_was_compiled_is_used_again_and_what_changed_is_not(folder: Path, monkeypatch: Any) -> None:
    from hepq.compiler.driver import within
    from hepq.compiler.driver.running import compiled_program

    def models(compiled: Any) -> dict[str, str]:
        calls = [c for stage in compiled.analysis.programs["mc"].models for c in stage.calls]
        return {Path(c.path).name.partition("-")[0]: c.sha256 for c in calls}

    first = models(compiled_program(folder / "analysis.hepq"))
    assert set(first) == {"Machine", "Overlap", "Ratio", "tagger"}
    text = (folder / "analysis.hepq").read_text()
    within._of_program.cache_clear()
    (folder / "analysis.hepq").write_text(text.replace("pt / (pt + to)", "to / (pt + to)"))
    second = models(compiled_program(folder / "analysis.hepq"))
    (folder / "analysis.hepq").write_text(text)
    assert {name for name in first if first[name] != second[name]} >= {"Ratio"}
    assert first["tagger"] == second["tagger"]
    assert first["Machine"] == second["Machine"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x2 = artifact(Machine)", "weights"),
        ('x2 = artifact(Machine, weights="nothing.safetensors")', "nothing.safetensors"),
        ('x2 = artifact("nothing.onnx")', "no such file"),
        ('x2 = artifact("top.root")', "HQ0938"),
        ("x2 = artifact(K)", "HQ0404"),
        ("x2 = artifact(Ratio, weights=3)", "HQ0404"),
        ('x2 = artifact("tagger.onnx", weights="w.safetensors")', "HQ0403"),
        ("x2 = ratio(pt=jet.pt)", "HQ0939"),
    ],
)
def test_mistakes_are_told(folder: Path, line: str, said: str) -> None:
    sink = Sink()
    check(load(folder / "wrong.hepq", ANALYSIS.replace("  hist ratio", f"  {line}\n  hist ratio"), sink), sink)
    assert len(sink.items) == 1, render_text(sink.items)
    assert said in render_text(sink.items)
