# SPDX-License-Identifier: Apache-2.0
"""P-CNN against the same network in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.taggers import tagger_networks as networks
from benchmarks.taggers import tagger_programs as programs
from hepq.compiler.ir.interpret import run
from hepq.compiler.lower.torch.module import pad_events, to_torch
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from tests.support.tvm_call import Compiled

X = "x: real[part, feat]"
SMALL: dict[str, Any] = {"stem": 8, "stages": [[12, 12], [16, 12]], "hidden": [24]}
OURS = ", stem=8, stages=[[12, 12], [16, 12]], hidden=[24]"


def test_number_of_weights() -> None:
    """The 1-D convolutional network that arXiv:2202.03772 compares with has 354k weights, of JetClass inputs."""
    module = programs.built("pcnn", X, "PCNN[cls](x)", features=17).module
    assert programs.trained(module) == sum(p.numel() for p in networks.PCNN(17, 10).parameters()) == 354_540


@pytest.mark.parametrize("slots", [16, 33])
def test_probabilities_are_those_of_the_network_in_torch(slots: int, tmp_path: Path) -> None:
    built = programs.built("pcnn", X, f"PCNN[cls, slots={slots}{OURS}](x)")
    theirs = programs.moved(networks.PCNN(7, 10, **SMALL), seed=1)
    weights = programs.imported(built, theirs, tmp_path, "").weights
    exact = {path: value.astype(np.float64) for path, value in weights.items()}
    events = programs.jets((0, 1, 5, slots, slots + 9), 7, seed=2)
    cut = [{name: value[:slots] for name, value in event.items()} for event in events]
    with torch.no_grad():
        expected = theirs(programs.padded(cut, "x", slots), programs.mask(cut, slots)).softmax(-1).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-2
    np.testing.assert_allclose(np.stack(run(built.module, events, exact)["output"]), expected, rtol=0, atol=1e-9)
    batched = to_torch(built.module, exact).eval()(*pad_events(events, built.module, torch.float64))["output"]
    np.testing.assert_allclose(batched.detach(), expected, rtol=0, atol=1e-9)
    compiled = Compiled(*run_pipeline(INFERENCE, built.module, weights))(events)["output"]
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5)


def test_statistics_in_training_are_those_of_all_slots(tmp_path: Path) -> None:
    """As published: zeros beyond a jet's particles count."""
    built = programs.built("pcnn", X, f"PCNN[cls, slots=16, drop=0.0{OURS}](x)")
    theirs = programs.moved(networks.PCNN(7, 10, **SMALL), seed=1)
    weights = programs.imported(built, theirs, tmp_path, "").weights
    events = programs.jets((2, 5, 16), 7, seed=2)
    ours = to_torch(built.module, {path: value.astype(np.float64) for path, value in weights.items()}).train()
    logits = theirs.train()(programs.padded(events, "x", 16), programs.mask(events, 16))
    found = ours(*pad_events(events, built.module, torch.float64))["output"]
    np.testing.assert_allclose(found.detach(), logits.softmax(-1).detach(), rtol=0, atol=1e-9)
    (found * torch.arange(10)).sum().backward()
    (logits.softmax(-1) * torch.arange(10)).sum().backward()
    mine, other = ours.get_parameter("pcnn0.stem.weight").grad, theirs.get_parameter("fts_conv.1.weight").grad
    assert mine is not None
    assert other is not None
    torch.testing.assert_close(mine, other, rtol=0, atol=1e-9)
