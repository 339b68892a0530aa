# SPDX-License-Identifier: Apache-2.0
"""Numbers that trainings gave before: seeds, orders, splits and noise are the same on every day."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hepq.compiler.train import Recipe, train_file
from hepq.compiler.train.report import Watch
from tests.compiler.train.programs import EVENTS, GAN, TAG, written

PINNED = {
    "tag": (TAG, [(0.8254602, 0.8116550), (0.8102710, 0.8007623)]),
    "gan": (GAN.replace("|> Dropout[0.1]", ""), [(2.1134689, 2.1074967), (2.1008802, 2.0954914)]),
}


@pytest.mark.parametrize("which", PINNED)
def test_losses_of_a_seed(which: str, tmp_path: Path) -> None:
    """Mean losses of training and validation, epoch by epoch."""
    text, wanted = PINNED[which]
    program, log = written(tmp_path, text), tmp_path / "log.csv"
    recipe = Recipe(epochs=2, events=120, batch=16, seed=3)
    train_file(program, [EVENTS], tmp_path / "w.safetensors", recipe, watch=Watch(log))
    with log.open() as file:
        found = [(float(row["loss"]), float(row["validation"])) for row in csv.DictReader(file)]
    assert found == [pytest.approx(pair, rel=2e-6) for pair in wanted]
