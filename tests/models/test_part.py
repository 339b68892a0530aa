# SPDX-License-Identifier: Apache-2.0
"""Particle Transformer against weaver-core's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hepq.compiler.build import Built
from hepq.compiler.interpret import run
from hepq.compiler.lower.torch import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.standard import INFERENCE
from tests.compiler.tvm_call import Compiled
from tests.models import programs

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
    x, p = (programs.padded(events, name, SLOTS) for name in ("x", "p"))
    with torch.no_grad():
        return module(x, v=p, mask=programs.mask(events, SLOTS)).softmax(-1).numpy()


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
    ("name", "more", "config"),
    [
        ("ParT", ", pair_embed=[12, 8, 20]", {"pair_embed_dims": (12, 8, 20)}),
        ("ParT", ", last_gelu=false", {"use_pre_activation_pair": True}),
        ("ParTPlain", "", {"pair_embed_dims": None}),
    ],
)
def test_probabilities_are_weavers(name: str, more: str, config: dict[str, Any], tmp_path: Path) -> None:
    built, module = ours(name, more), programs.moved(theirs(**SMALL, **config).float(), seed=1).float().double()
    weights = programs.imported(built, module, tmp_path, "mod.").weights
    exact = {path: value.astype(np.float64) for path, value in weights.items()}
    events = programs.jets(COUNTS, 7, seed=2)
    expected = probabilities(module, events)
    assert np.ptp(expected, axis=0).min() > 1e-3
    reference = np.stack(run(built.module, events, exact)["output"])
    np.testing.assert_allclose(reference, expected, rtol=0, atol=1e-9)
    batched = to_torch(built.module, exact).eval()(*pad_events(events, built.module, torch.float64))["output"]
    np.testing.assert_allclose(batched.detach(), expected, rtol=0, atol=1e-9)
    compiled = Compiled(*run_pipeline(INFERENCE, built.module, weights))(events)["output"]
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5)
