# SPDX-License-Identifier: Apache-2.0
"""Curves of generative models: what they measure, and that the trainings run, with few showers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.training.generators import SUBJECTS, Showers, distance, measure, unrestored
from hepq.compiler.driver.compilation import build_file
from hepq.compiler.driver.options import Options
from hepq.compiler.lower.torch.module import TorchModule, to_torch
from tests.stdlib.generative.showers import EXAMPLES, make, read


def untrained(program: str, model: str) -> TorchModule:
    return to_torch(build_file(EXAMPLES / f"{program}.hepq", Options(model=model, use_dataset=False)).module).eval()


@pytest.fixture
def true(tmp_path: Path) -> Showers:
    return Showers(*read(make(tmp_path / "true.root", 200, seed=0)))


def test_a_distance_is_in_fractions_of_the_energy(true: Showers) -> None:
    net = untrained("vae", "Sample")
    near = distance(net, true)
    far = distance(net, true._replace(fractions=true.fractions + 1.0))
    assert far == pytest.approx(9 - near, abs=2 * near)


def test_the_mean_shower_is_the_unit_of_errors(true: Showers) -> None:
    """A network whose weights are all 0 restores its last layer's bias."""
    net = untrained("autoencoder", "Shower")
    mean = (10 * np.sqrt(true.fractions)).reshape(200, 72).mean(axis=0)
    state = {k: v.zero_() for k, v in net.state_dict().items()}
    (bias,) = (k for k, v in state.items() if v.shape == (72,))
    state[bias] += torch.from_numpy(mean)
    net.load_state_dict(state)
    assert unrestored(net, true) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_epoch_is_scored(name: str) -> None:
    ratios = measure(name, 0, showers=40, held_out=20, epochs=2).ratios
    assert len(ratios) == 2
    assert all(0 < r < np.inf for r in ratios)
