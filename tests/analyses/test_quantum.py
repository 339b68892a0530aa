# SPDX-License-Identifier: Apache-2.0
"""A trained quantum support vector machine in an analysis, `examples/qsvm/mass.hepq`, against its artifact."""

from __future__ import annotations

import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/qsvm"
AXES = "px", "py", "pz", "energy"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("qsvm")
    for name in ("zh.hepq", "zh.safetensors", "mass.hepq", "train.root", "test.root"):
        shutil.copy(EXAMPLES / name, made)
    compile_file(made / "zh.hepq", made / "zh.hepqx", Options(weights=made / "zh.safetensors"))
    return made


def test_mass_of_what_the_machine_takes_for_signal(folder: Path) -> None:
    result = hepq.run(folder / "mass.hepq")
    scores = np.asarray(ak.to_numpy(hepq.load(folder / "zh.hepqx")(folder / "test.root")).tolist(), float).ravel()
    with uproot.open(folder / "test.root") as file:
        events = file["tree"].arrays(library="np")
    signal = events["label_ZH"].astype(bool)
    both = [events[f"photon1_{a}"].astype(float) + events[f"photon2_{a}"] for a in AXES]
    mass = np.sqrt(both[3] ** 2 - both[0] ** 2 - both[1] ** 2 - both[2] ** 2)
    edges = np.linspace(110, 140, 31)
    for higgs in (False, True):
        expected = np.histogram(mass[(scores > 0) & (signal == higgs)], edges)[0]
        found = result.cells("tagged.mass", "events").values[1:-1, int(higgs)]
        # scores are of single precision, sums of photons of double: an event on an edge may move
        assert np.abs(found - expected).sum() <= 2
    background, higgses = result.cells("tagged.mass", "events").values.sum(axis=0)
    assert higgses / (higgses + background) > 0.65
    assert set(result.varied("tagged.mass", "events")) == {"photon_scale_up", "photon_scale_down"}
