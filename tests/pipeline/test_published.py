# SPDX-License-Identifier: Apache-2.0
"""Published weights through weaver-core's own module and through ours: one probability, to rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import hepq
from benchmarks.shared import data
from benchmarks.taggers import weaver
from benchmarks.taggers.parity import PROGRAM
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.golden.vectors import reference
from hepq.compiler.schema.events import read_inputs
from hepq.compiler.weights.files import import_checkpoint, save_weights
from hepq.runtime.engine.onnx_model import OnnxModel
from hepq.runtime.events.columns import collect

pytest.importorskip("weaver.nn.model.ParticleNet", reason="weaver-core is not installed")
CHECKPOINT = data.SHARED / "weights/ParticleNet_kin.pt"
pytestmark = pytest.mark.skipif(not CHECKPOINT.exists(), reason="../shared/data is not here")
JETS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the published weights as ``w.safetensors``."""
    folder = tmp_path_factory.mktemp("published")
    weights = import_checkpoint(build_file(PROGRAM, Options(model="Published")), CHECKPOINT).weights
    save_weights(folder / "w.safetensors", weights)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> hepq.Model:
    compile_file(PROGRAM, folder / "p.hepqx", Options(model="Published", weights=folder / "w.safetensors"))
    return hepq.load(folder / "p.hepqx", threads=1)


@pytest.mark.parametrize("label", ["QCD", "Tbqq", "Hcc"])
def test_particlenet_is_weavers(model: hepq.Model, label: str) -> None:
    jets = data.jets(label, JETS)
    theirs = weaver.run(
        weaver.load(CHECKPOINT, torch.float64), weaver.prepare(jets, np.float64), search=weaver.exact_search
    ).probabilities
    module = read_inputs(build_file(PROGRAM, Options(model="Published")).module)
    weights = model.artifact.weights
    raw = collect(model.manifest, jets)
    exact = reference(module, weights, model.manifest, raw, np.float64)["output"]
    np.testing.assert_allclose(exact, theirs, rtol=0, atol=1e-12)
    rounded = reference(module, weights, model.manifest, raw, np.float32)["output"]
    compiled = model.score_raw(raw).arrays["output"]
    same_neighbours = np.abs(rounded - exact).max(axis=1) < 2e-6
    assert same_neighbours.sum() >= JETS // 2
    np.testing.assert_allclose(compiled[same_neighbours], theirs[same_neighbours], rtol=0, atol=1e-5)


def test_particlenet_in_onnx_is_weavers(folder: Path) -> None:
    options = Options(model="Published", weights=folder / "w.safetensors", target="onnx")
    compile_file(PROGRAM, folder / "p.onnx", options)
    model, jets = OnnxModel(folder / "p.onnx"), data.jets("Hbb", 2 * JETS)
    theirs = weaver.run(
        weaver.load(CHECKPOINT, torch.float64), weaver.prepare(jets, np.float64), search=weaver.exact_search
    ).probabilities
    apart = np.abs(model.score(collect(model.manifest, jets))["output"] - theirs).max(axis=1)
    assert (apart < 1e-5).sum() >= JETS  # of the others, a near-tie between neighbours may be decided by rounding


def test_every_tensor_of_the_checkpoint_is_accounted_for() -> None:
    built = build_file(PROGRAM, Options(model="Published"))
    imported = import_checkpoint(built, CHECKPOINT)
    assert set(imported.weights) == set(built.module.params)
    assert all(name.endswith("num_batches_tracked") for name in imported.ignored)
