# SPDX-License-Identifier: Apache-2.0
"""Training goes on from other weights: some start anew, some stay, some move slowly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hepq.compiler.train import Recipe, Trained, train_file
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.lang.declarations.train_settings import OPTIMISERS, Spec
from tests.compiler.train.programs import EVENTS, TAG, written

SGD = Spec.default("sgd", OPTIMISERS, lr=0.05, momentum=0.0)


def run(program: Path, out: Path, **recipe: object) -> Trained:
    return train_file(program, [EVENTS], out, Recipe(**{"epochs": 1, "optimiser": SGD} | recipe))  # type: ignore[arg-type]


@pytest.fixture
def start(tmp_path: Path) -> Path:
    out = tmp_path / "start.safetensors"
    run(written(tmp_path, TAG), out, seed=7)
    return out


def test_frozen_weights_stay_and_others_move(tmp_path: Path, start: Path) -> None:
    run(written(tmp_path, TAG), tmp_path / "out.safetensors", start=str(start), freeze=("body",))
    before, after = load_file(start), load_file(tmp_path / "out.safetensors")
    assert all((after[p] == before[p]).all() == p.startswith("body") for p in before)


def test_statistics_of_a_frozen_block_stay(tmp_path: Path) -> None:
    program = written(tmp_path, TAG.replace("|> tanh", '|> BatchNorm[name="norm"]'))
    run(program, tmp_path / "start.safetensors")
    run(program, tmp_path / "out.safetensors", start=str(tmp_path / "start.safetensors"), freeze=("body", "norm"))
    before, after = (load_file(tmp_path / f"{n}.safetensors") for n in ("start", "out"))
    assert all((after[p] == before[p]).all() == (not p.startswith("head")) for p in before)


def test_a_head_for_other_classes_starts_anew(tmp_path: Path, start: Path) -> None:
    more = written(tmp_path, TAG.replace("Dense[cls", "Dense[3").replace("real[cls]", "real[3]"))
    more.write_text(more.read_text().replace("[qqyy, ZH]", "[qqyy, ZH, WW]").replace('"label_*"', '"label_ZH"'))
    with pytest.raises(HepqError, match="HQ0705"):
        run(more, tmp_path / "out.safetensors", start=str(start))
    found = run(more, tmp_path / "out.safetensors", start=str(start), replace=("head",), freeze=("body",))
    assert found.fitted.weights["head.weight"].shape == (3, 8)
    assert (found.fitted.weights["body.weight"] == load_file(start)["body.weight"]).all()


def test_a_factor_slows_weights_down(tmp_path: Path) -> None:
    program, moves = written(tmp_path, TAG), []
    for factor in (1.0, 0.01):
        found = run(program, tmp_path / "w.safetensors", batch=10_000, scale=(("head.weight", factor),))
        first = initial_weights(found.data.module)
        moves.append({p: found.fitted.weights[p] - first[p] for p in first})
    np.testing.assert_allclose(moves[1]["head.weight"], 0.01 * moves[0]["head.weight"], rtol=1e-2, atol=1e-7)
    np.testing.assert_allclose(moves[1]["body.weight"], moves[0]["body.weight"], rtol=1e-5)


def test_a_name_of_no_weight_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HepqError, match="HQ0739") as caught:
        run(written(tmp_path, TAG), tmp_path / "w.safetensors", freeze=("boddy",))
    assert caught.value.diagnostics[0].help == "did you mean `body`?"
