# SPDX-License-Identifier: Apache-2.0
"""Particle Transformer against weaver-core's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.taggers import tagger_programs as programs
from hepq.compiler.ir.build import Built
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.tvm_call import Compiled

weaver = pytest.importorskip("weaver.nn.model.ParticleTransformer", reason="weaver-core is not installed")

PARAMETERS = {"ParT": "p: p4[part], x: real[part, feat]", "ParTPlain": "x: real[part, feat]"}
COUNTS = (0, 1, 2, 3, 17, 40)
SLOTS = 48
#: small enough to be quick, with blocks of every kind
SMALL: dict[str, Any] = {"embed_dims": (16, 24, 16), "num_heads": 4, "num_layers": 2, "num_cls_layers": 2}
OURS = "[cls, embed=[16, 24, 16], layers=2, heads=4{more}]"


def ours(name: str, more: str = "", sizes: str = OURS, **dims: int) -> Built:
    arguments = "p, x" if name == "ParT" else "x"
    return programs.built("part", PARAMETERS[name], f"{name}{sizes.format(more=more)}({arguments})", **dims)


def theirs(features: int = 7, classes: int = 10, **config: Any) -> torch.nn.Module:
    settings = {"use_pre_activation_pair": False, "trim": False, **config}
    module: torch.nn.Module = weaver.ParticleTransformer(features, classes, fc_params=[], **settings)
    return module


def probabilities(module: torch.nn.Module, events: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    dtype = next(module.parameters()).dtype
    x, p = (programs.padded(events, name, SLOTS).to(dtype) for name in ("x", "p"))
    with torch.no_grad():
        logits: torch.Tensor = module(x, v=p, mask=programs.mask(events, SLOTS))
    return logits.softmax(-1).numpy()


@pytest.mark.parametrize(
    ("name", "features", "classes", "config", "number"),
    [
        ("ParT", 17, 10, {}, 2_143_486),
        ("ParT", 7, 2, {}, 2_141_134),
        ("ParT", 17, 45, {}, 2_148_001),
        ("ParTPlain", 17, 10, {"pair_embed_dims": None}, 2_133_918),
    ],
)
def test_number_of_weights(name: str, features: int, classes: int, config: dict[str, Any], number: int) -> None:
    module = ours(name, sizes="[cls]", features=features, classes=classes).module
    assert programs.trained(module) == number
    assert sum(p.numel() for p in theirs(features, classes, **config).parameters()) == number


@pytest.mark.parametrize(
    ("name", "more", "config", "compile"),
    [
        ("ParT", ", pair_embed=[12, 8, 20]", {"pair_embed_dims": (12, 8, 20)}, True),
        ("ParT", ", last_gelu=false", {"use_pre_activation_pair": True}, False),
        ("ParTPlain", "", {"pair_embed_dims": None}, False),
    ],
)
def test_probabilities_are_weavers(name: str, more: str, config: dict[str, Any], compile: bool, tmp_path: Path) -> None:
    """Slots without a particle, of which weaver-core has some in every jet, change nothing there."""
    built, module = ours(name, more), programs.moved(theirs(**SMALL, **config), seed=1)
    weights = programs.imported(built, module, tmp_path, "mod.").weights
    exact = {path: value.astype(np.float64) for path, value in weights.items()}
    events = programs.jets(COUNTS, 7, seed=2)
    expected = probabilities(module, events)
    assert np.ptp(expected, axis=0).min() > 1e-3
    reference = np.stack(run(built.module, events, exact)["output"])
    np.testing.assert_allclose(reference, expected, rtol=0, atol=1e-9)
    batched = to_torch(built.module, exact).eval()(*pad_events(events, built.module, torch.float64))["output"]
    np.testing.assert_allclose(batched.detach(), expected, rtol=0, atol=1e-9)
    if compile:
        compiled = Compiled(*run_pipeline(INFERENCE, built.module, weights))(events)["output"]
        np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5)


def test_older_names_of_attentions_weights(tmp_path: Path) -> None:
    """Checkpoints made before weaver-core 0.5, those of the paper among them, have torch's own names."""
    built, module = ours("ParTPlain"), theirs(**SMALL, pair_embed_dims=None)
    new = programs.imported(built, module, tmp_path, "mod.")
    old = programs.imported(built, module, tmp_path, "mod.", **{"in_proj.": "in_proj_"})
    assert all("in_proj_" in name for name in old.mapping.values() if "in_proj" in name)
    assert all((old.weights[path] == value).all() for path, value in new.weights.items())


@pytest.mark.parametrize("seed", [0, 2])
def test_light_particles_cancel_no_worse_than_weavers(seed: int, tmp_path: Path) -> None:
    """The mass of a pair is E^2 - p^2: in single precision nothing is left of a pair of one particle with itself."""
    torch.manual_seed(seed)
    built, module = ours("ParT"), programs.moved(theirs(**SMALL), seed=1)
    weights = programs.imported(built, module, tmp_path, "mod.").weights
    events = programs.jets([20] * 40, 7, seed=5, mass=(1e-3, 1e-2))
    exact = probabilities(module, events)
    in_single = np.stack(run(built.module, events, weights, np.float32)["output"])
    theirs_in_single = probabilities(module.float(), events)
    ours_off, theirs_off = (np.abs(found - exact).max(axis=1) for found in (in_single, theirs_in_single))
    assert theirs_off.mean() > 2e-6
    assert ours_off.mean() < 1.2 * theirs_off.mean()


@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_do_not_see_padding(name: str) -> None:
    """Alone and beside a larger jet, in training: one loss, one gradient, both finite."""
    module = ours(name, ", drop=0.0").module
    # statistics of a batch differ with the batch; of fixed ones, not
    model = to_torch(module, seed=3).double().eval()
    events = programs.jets((3, 40, 0, 9), 7, seed=6)
    scale = torch.linspace(1, 2, 10, dtype=torch.float64)

    def gradient(which: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        model.zero_grad()
        (model(*pad_events(which, module, torch.float64))["output"] @ scale).sum().backward()
        return {path: weight.grad.clone() for path, weight in model.named_parameters() if weight.grad is not None}

    together, alone = gradient(events), [gradient([event]) for event in events]
    assert set(together) == set(dict(model.named_parameters()))
    for path, found in together.items():
        np.testing.assert_allclose(found, sum(each[path] for each in alone), rtol=1e-7, atol=1e-10, err_msg=path)


@pytest.mark.parametrize("name", PARAMETERS)
def test_what_lies_in_padding_does_not_matter_in_training(name: str) -> None:
    module = ours(name, ", drop=0.0").module
    found = []
    for junk in (0.0, 7.0, np.nan):
        model = to_torch(module, seed=3).double().train()
        inputs, counts = pad_events(programs.jets((3, 40, 0, 9), 7, seed=6), module, torch.float64)
        for tensor in inputs.values():
            for row, n in zip(tensor, counts["part"], strict=True):
                row[n:] = junk
        model(inputs, counts)["output"][:, 0].sum().backward()
        found.append({path: weight.grad for path, weight in model.named_parameters()})
    for path, value in found[0].items():
        assert value is not None
        assert value.isfinite().all()
        for other in found[1:]:
            np.testing.assert_array_equal(value, other[path], err_msg=path)
