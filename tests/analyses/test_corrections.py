# SPDX-License-Identifier: Apache-2.0
"""Corrections and lists of good runs in analyses, by the reference interpreter, against correctionlib and loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import correctionlib
import numpy as np
import pytest
import uproot

from hepq.compiler.driver.running import compiled_program
from hepq.compiler.golden.sums import Violated
from hepq.core.errors import DataError
from hepq.runtime.analysis.engine import Options, Run, run
from hepq.runtime.chunks.run import ChunksFailed
from tests.analyses.made import Event, Made, made

CORRECTIONS = {
    "schema_version": 2,
    "corrections": [
        {
            "name": "btag", "version": 1, "output": {"name": "w", "type": "real"},
            "inputs": [{"name": "way", "type": "string"}, {"name": "flavour", "type": "int"},
                       {"name": "pt", "type": "real"}],
            "data": {"nodetype": "category", "input": "way", "content": [
                {"key": way, "value": {"nodetype": "category", "input": "flavour", "content": [
                    {"key": flavour, "value": {
                        "nodetype": "binning", "input": "pt", "edges": [20.0, 50.0, 100.0 + flavour], "flow": "clamp",
                        "content": [{"nodetype": "formula", "parser": "TFormula", "variables": ["pt"],
                                     "expression": f"{1 + shift + flavour / 100}+{slope}*x/100"} for slope in (1, -2)],
                    }} for flavour in (0, 4, 5)
                ]}} for way, shift in (("central", 0.0), ("up", 0.1), ("down", -0.1))
            ]},
        },
        {
            "name": "met", "version": 1, "output": {"name": "w", "type": "real"},
            "inputs": [{"name": "pt", "type": "real"}],
            "data": {"nodetype": "binning", "input": "pt", "edges": [0.0, 25.0, 60.0], "content": [1.5, 0.5],
                     "flow": "error"},
        },
    ],
}  # fmt: skip
GOOD = {"1": [[3, 8]], "4": [[1, 2], [5, 5]]}
PROGRAM = """
collection Jet = "Jet_*" {
  pt: GeV
  flavour: int
}
record MET = "MET_*" {
  pt: GeV
}

analysis A {
  source run = data("run.root")
  source top = mc("top.root", xsec=2 pb)
  correction btag(way: string, flavour: int, pt: GeV) = correctionlib("c.json", "btag")
  @mc correction met(pt: GeV) = correctionlib("c.json", "met")
  branch run_number = "run", block = "luminosityBlock": int

  @data cut good = golden_json("good.json", run_number, block)
  object jet = Jet where Jet.pt > 10 GeV take 3
  sf = btag("central", jet.flavour, pt=jet.pt)
  vary tags {
    up { sf = btag("up", jet.flavour, jet.pt) }
    down { sf = btag("down", jet.flavour, jet.pt) }
  }
  cut low = MET.pt < 60 GeV
  @mc weight own = met(MET.pt)
  hist sfs[weight=sf] = jet.pt in bins(10, 0 GeV, 200 GeV)
  hist pt = MET.pt in bins(10, 0 GeV, 100 GeV)
}
"""


def events(n: int, seed: int) -> list[Event]:
    rng = np.random.default_rng(seed)
    found: list[Event] = []
    for _ in range(n):
        jets = int(rng.integers(0, 6))
        found.append({
            "Jet_pt": rng.exponential(60, jets), "Jet_flavour": rng.choice([0, 4, 5], jets),
            "MET_pt": rng.exponential(30), "run": np.int64(rng.choice([1, 2, 4])),
            "luminosityBlock": np.int64(rng.integers(0, 10)),
        })  # fmt: skip
    return found


EVENTS = {"run": events(40, 1), "top": events(60, 2)}


def built(folder: Path, text: str = PROGRAM) -> Made:
    (folder / "c.json").write_text(json.dumps(CORRECTIONS))
    (folder / "good.json").write_text(json.dumps(GOOD))
    return made(text, str(folder / "analysis.hepq"))


def expected(way: str) -> tuple[Any, Any]:
    """Of simulated events: sums of weights by bins of pt of jets, and of MET."""
    known = correctionlib.CorrectionSet.from_string(json.dumps(CORRECTIONS))
    jets, met = np.zeros(12), np.zeros(12)
    for event in EVENTS["top"]:
        if event["MET_pt"] >= 60:
            continue
        weight = known["met"].evaluate(float(event["MET_pt"]))
        met[min(int(event["MET_pt"] // 10), 10) + 1] += weight
        some = [(p, f) for p, f in zip(event["Jet_pt"], event["Jet_flavour"], strict=True) if p > 10][:3]
        for pt, flavour in some:
            jets[min(int(pt // 20), 10) + 1] += weight * known["btag"].evaluate(way, int(flavour), float(pt))
    return jets, met


def test_weights_and_their_variations(tmp_path: Path) -> None:
    found = built(tmp_path).run(EVENTS)
    for variation, way in (("nominal", "central"), ("tags_up", "up"), ("tags_down", "down")):
        jets, met = expected(way)
        for name, wanted in (("sfs", jets), ("pt", met)):
            assert found.cells(name, "top", variation).values / found.cells(name, "top", variation).values.sum() == (
                pytest.approx(wanted / wanted.sum(), rel=1e-12)
            )


def test_good_runs_are_of_data(tmp_path: Path) -> None:
    found = built(tmp_path).run(EVENTS)
    kept = [
        e for e in EVENTS["run"]
        if any(a <= e["luminosityBlock"] <= b for a, b in GOOD.get(str(e["run"]), [])) and e["MET_pt"] < 60
    ]  # fmt: skip
    assert 0 < len(kept) < 40
    assert found.cells("pt", "run").entries.sum() == len(kept)


def test_what_is_outside_is_counted(tmp_path: Path) -> None:
    analysis = built(tmp_path)
    result = analysis.run(EVENTS)
    outside = sum(
        not 20 <= pt < 100 + flavour
        for e in EVENTS["top"]
        for pt, flavour in [p for p in zip(e["Jet_pt"], e["Jet_flavour"], strict=True) if p[0] > 10][:3]
    )
    assert outside > 0
    assert result.outside("top") == {"btag": outside}
    assert f"{outside} calls of correction btag are outside of its bins" in repr(result)
    with pytest.raises(DataError, match="HQ0966"):
        result.outside("tops")


def test_an_event_without_a_value_ends_the_run(tmp_path: Path) -> None:
    text = PROGRAM.replace("cut low = MET.pt < 60 GeV", "cut low = MET.pt < 70 GeV")
    far = [{**EVENTS["top"][0], "MET_pt": 65.0}]
    built(tmp_path).run({"run": [], "top": far})
    with pytest.raises(Violated, match="event 0"):
        built(tmp_path, text).run({"run": [], "top": far})


def test_files_are_part_of_the_digest(tmp_path: Path) -> None:
    first = built(tmp_path).analysis.digest
    assert built(tmp_path).analysis.digest == first
    (tmp_path / "good.json").write_text(json.dumps(GOOD | {"9": [[1, 1]]}))
    assert made(PROGRAM, str(tmp_path / "analysis.hepq")).analysis.digest != first


def in_files(folder: Path, given: dict[str, list[Event]], text: str = PROGRAM) -> Run:
    """Compiled, without the files of corrections, and run."""
    (folder / "analysis.hepq").write_text(text.replace('.root"', '.root", tree="Events"'))
    for name, some in given.items():
        columns = {b: [e[b] for e in some] for b in some[0]}
        with uproot.recreate(folder / f"{name}.root") as file:
            file["Events"] = {b: ak.Array(v) if b.startswith("Jet") else np.array(v) for b, v in columns.items()}
    compiled = compiled_program(folder / "analysis.hepq")
    (folder / "c.json").unlink()
    (folder / "good.json").unlink()
    return run(compiled, Options(folder=folder))


def test_compiled_code_fills_what_the_reference_does(tmp_path: Path) -> None:
    reference = built(tmp_path).run(EVENTS)
    done = in_files(tmp_path, EVENTS)
    for source in EVENTS:
        for variation in ("nominal", "tags_up", "tags_down")[: 3 if source == "top" else 1]:
            for name in ("sfs", "pt"):
                ours, theirs = (r.cells(name, source, variation) for r in (done.result, reference))
                assert (ours.entries == theirs.entries).all()
                assert ours.values == pytest.approx(theirs.values, rel=1e-13)
    outside = reference.outside("top")["btag"]
    assert f"{outside} calls of correction btag are outside of its bins, in top" in done.notes


def test_an_event_without_a_value_is_named(tmp_path: Path) -> None:
    built(tmp_path)
    low = [e for e in EVENTS["top"] if e["MET_pt"] < 60]
    text = PROGRAM.replace("MET.pt < 60 GeV", "MET.pt < 70 GeV")
    with pytest.raises(ChunksFailed) as failed:
        in_files(tmp_path, {"run": EVENTS["run"], "top": [*low[:3], {**low[3], "MET_pt": 65.0}]}, text)
    said = str(failed.value)
    assert "correction met has a value" in said
    assert "top.root" in said
