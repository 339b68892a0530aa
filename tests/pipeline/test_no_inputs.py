# SPDX-License-Identifier: Apache-2.0
"""A model that uses none of its inputs scores every event that it is given."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.events.formats import root
from hepq.runtime.model import Model

CLASSICAL = "model M(x: real[4]) -> real = 3.0\n"
ALONE = "model M() -> real = 3.0\n"
RAGGED = """
dim part <= 8

dataset D {
  source events = root("none.root")
  branch pt: GeV[part]
  input x = pt / 1 GeV
}

model M(x: real[part]) -> real = 3.0
"""
QUANTUM = """
dim wire = 2

circuit Turn(x: real[wire]) on q: qubit[wire] {
  ry(x[0], q[0])
  cx(q[0], q[1])
}

model M(x: real[4]) -> real {
  param w: real[wire] ~ constant(0.5)
  return expect(Z[0], Turn(w))
}
"""


def compiled(text: str, folder: Path) -> Model:
    source = folder / "m.hepq"
    source.write_text(text)
    compile_file(source, folder / "m.hepqx", Options(init=0))
    model = hepq.load(folder / "m.hepqx")
    assert model.verify().ok
    return model


@pytest.mark.parametrize(
    ("text", "value"), [(CLASSICAL, 3.0), (ALONE, 3.0), (RAGGED, 3.0), (QUANTUM, np.cos(0.5))],
    ids=["classical", "no parameter", "ragged", "quantum"],
)  # fmt: skip
def test_as_many_scores_as_events(text: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiled(text, tmp_path)
    wanted = np.full(5, value)
    np.testing.assert_allclose(model({"x": np.zeros((5, 4)), "pt": np.zeros(5)}), wanted, rtol=1e-6)
    np.testing.assert_allclose(model(ak.Array({"x": np.zeros((5, 4))})), wanted, rtol=1e-6)
    assert model({"x": np.zeros((0, 4))}).shape == model({}).shape == (0,)
    monkeypatch.setattr(root, "BLANK_STEP", 2)
    with uproot.recreate(tmp_path / "events.root") as file:
        file["tree"] = {"other": np.arange(5.0)}
    np.testing.assert_allclose(model(str(tmp_path / "events.root")), wanted, rtol=1e-6)
    summary = model.predict(tmp_path / "events.root", tmp_path / "out.root", progress=False, keep=["other"])
    with uproot.open(summary.out) as file:
        np.testing.assert_allclose(file["tree"]["output"].array(), wanted, rtol=1e-6)
