# SPDX-License-Identifier: Apache-2.0
"""`correction` in a dataset: its numbers are correctionlib's, what is outside is counted, what has no value is NaN."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import correctionlib
import numpy as np
import pytest

import hepq
from hepq.compiler.driver.compilation import Compilation
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.diagnostics.render import render_text
from hepq.core.errors import DataError
from hepq.lang.checker import check
from hepq.lang.format.program import format_source
from hepq.lang.modules import load


def binned(name: str, flow: str) -> dict[str, object]:
    return {
        "name": name, "version": 1, "output": {"name": "w", "type": "real"}, "inputs": [{"name": "pt", "type": "real"}],
        "data": {
            "nodetype": "binning", "input": "pt", "edges": [20.0, 50.0, 100.0], "content": [1.5, 0.5], "flow": flow,
        },
    }  # fmt: skip


PROGRAM = """dim part <= 8

dataset Jets {
  source events = root("jets.root")
  branch pt: GeV[part]
  branch lead: GeV
  correction scale(pt: GeV) = correctionlib("scale.json", "clamped")
  correction strict(pt: GeV) = correctionlib("scale.json", "strict")
  policy nan = drop
  input pt = scale(pt) * pt
  input factor = strict(lead)
}

model Sum(pt: GeV[part], factor: real) -> real = factor * sum(pt, over=part) / 1 GeV
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kinds = [binned("clamped", "clamp"), binned("strict", "error")]
    (tmp_path / "scale.json").write_text(json.dumps({"schema_version": 2, "corrections": kinds}))
    (tmp_path / "jets.hepq").write_text(PROGRAM)
    return tmp_path


def test_numbers_and_counts(folder: Path) -> None:
    assert format_source(PROGRAM) == PROGRAM
    Compilation(folder / "jets.hepq").write(folder / "jets.hepqx")
    rng = np.random.default_rng(2)
    pt = ak.unflatten(rng.uniform(5, 150, 300).astype(np.float32), rng.multinomial(300, np.full(100, 0.01)))[:, :8]
    lead = rng.uniform(10, 110, 100).astype(np.float32)
    found, report = hepq.load(folder / "jets.hepqx").score({"pt": pt, "lead": lead})
    scale = correctionlib.CorrectionSet.from_file(str(folder / "scale.json"))["clamped"]
    inside = (lead >= 20) & (lead < 100)
    factor = np.where(inside, np.where(lead < 50, 1.5, 0.5), np.nan)
    sums = [summed(scale, event) for event in pt]
    some = ak.num(pt) > 0
    expected = np.where(np.asarray(some), factor * sums, np.nan)
    np.testing.assert_allclose(found["output"], expected, rtol=1e-6)
    flat = np.asarray(ak.flatten(pt))
    assert report.outside == {"scale": int(((flat < 20) | (flat >= 100)).sum())}
    assert report.unscored >= int((~inside).sum()) > 0


def summed(scale: correctionlib.highlevel.Correction, event: ak.Array) -> float:
    return float(sum(scale.evaluate(float(p)) * float(p) for p in event))


def test_without_a_value_and_without_a_policy(folder: Path) -> None:
    (folder / "jets.hepq").write_text(PROGRAM.replace("  policy nan = drop\n", ""))
    Compilation(folder / "jets.hepq").write(folder / "jets.hepqx")
    model = hepq.load(folder / "jets.hepqx")
    with pytest.raises(DataError, match="factor") as refused:
        model({"pt": ak.Array([[30.0], [40.0]]), "lead": np.array([30.0, 500.0])})
    assert refused.value.code == "HQ0808"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('correction other(pt: GeV) = correctionlib("scale.json", "clampet")', "HQ0943"),
        ('correction other(eta: real) = correctionlib("scale.json", "clamped")', "HQ0944"),
        ('correction scale(pt: GeV) = correctionlib("scale.json", "clamped")', "HQ0102"),
    ],
)
def test_mistakes(folder: Path, line: str, code: str) -> None:
    sink = Sink()
    check(load(folder / "a.hepq", PROGRAM.replace("  policy", f"  {line}\n  policy"), sink), sink)
    assert [d.code for d in sink.items] == [code], render_text(sink.items)
