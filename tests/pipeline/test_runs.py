# SPDX-License-Identifier: Apache-2.0
"""Events of good runs that a trigger kept, from files that lack one: from the program's text to what is scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.runtime.events.report import words

PROGRAM = """
dataset D {
  source events = FORMAT("all.FORMAT"TREE)
  branch run, luminosityBlock: int
  branch MET_pt: GeV
  branch HLT_Mu50: bool
  branch HLT_IsoMu24: bool else false
  select good = golden_json("good/runs.json", run, luminosityBlock)
  select trigger = HLT_IsoMu24 or HLT_Mu50
  input met = MET_pt / GeV
}

model M(met: real) -> real = met
"""
GOOD = {"193093": [[1, 33], [35, 40]], "7": [[5, 5]], "8": [[3, 9], [12, 20]]}


def columns(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "run": rng.choice([7, 8, 9, 193093], 300).astype(np.uint32),
        "luminosityBlock": rng.integers(0, 45, 300).astype(np.uint32),
        "MET_pt": np.arange(300, dtype=np.float32) + 1000 * seed,
        "HLT_Mu50": rng.random(300) < 0.4,
        "HLT_IsoMu24": rng.random(300) < 0.4,
    }


def kept(found: dict[str, Any]) -> list[float]:
    listed = [
        any(first <= b <= last for first, last in GOOD.get(str(r), []))
        for r, b in zip(found["run"].tolist(), found["luminosityBlock"].tolist(), strict=True)
    ]
    fired = found["HLT_Mu50"] | found.get("HLT_IsoMu24", False)
    return [float(pt) for pt in found["MET_pt"][np.array(listed) & fired]]


def write(path: Path, found: dict[str, Any]) -> Path:
    if path.suffix == ".root":
        with uproot.recreate(path) as file:
            file.mktree("Events", {k: v.dtype for k, v in found.items()}).extend(found)
    else:
        ak.to_parquet(ak.Array(found), path)
    return path


@pytest.mark.parametrize(("format", "tree"), [("root", ', tree="Events"'), ("parquet", "")])
def test_good_runs_and_triggers(format: str, tree: str, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "runs.json").write_text(json.dumps(GOOD))
    every, fewer = columns(1), {k: v for k, v in columns(2).items() if k != "HLT_IsoMu24"}
    files = [write(tmp_path / f"all.{format}", every), write(tmp_path / f"fewer.{format}", fewer)]
    program = tmp_path / "m.hepq"
    program.write_text(PROGRAM.replace("FORMAT", format).replace("TREE", tree))
    compile_file(program, tmp_path / "m.hepqx")
    (tmp_path / "good" / "runs.json").unlink()  # what it says is in the artifact
    model = hepq.load(tmp_path / "m.hepqx")
    assert model.verify().ok
    summary = model.predict(files, tmp_path / "s.parquet", progress=False, step=70)
    wanted = kept(every) + kept(fewer)
    assert 0 < len(wanted) < 400
    scores = ak.to_numpy(ak.from_parquet(tmp_path / "s.parquet")["output"])
    assert scores[~np.isnan(scores)].tolist() == wanted
    assert summary.report.events - sum(summary.report.left_out.values()) == len(wanted)
    (said,) = [line for line in words(summary.report) if "HLT" in line]
    assert said.startswith(f"no branch HLT_IsoMu24 in {files[1]}")
    assert said.endswith(": 0 for 300 events")
