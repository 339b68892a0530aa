# SPDX-License-Identifier: Apache-2.0
"""Generators of particle clouds against their authors' formulas in NumPy, in every back end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.shared import data
from benchmarks.shared.stdlib_programs import module_of, moved_weights
from benchmarks.systems.jets import clouds
from benchmarks.systems.row import Row
from hepq.compiler.ir.interpret import run
from hepq.compiler.weights.files import import_checkpoint
from hepq.compiler.weights.initialise import initial_weights


@pytest.mark.parametrize(("model", "number"), [("Gluons", 361_123), ("Epic", 422_217)])
def test_number_of_weights(model: str, number: int) -> None:
    assert sum(v.size for v in initial_weights(clouds.built(model).module).values()) == number


@pytest.mark.parametrize("row", clouds.ROWS, ids=lambda row: row.name)
def test_the_authors_formula_gives_the_same(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    if "released" in row.name and not (data.SHARED / clouds.RELEASED).exists():
        pytest.skip("../shared/data is not here")
    monkeypatch.setattr(clouds, "EVENTS", 8)
    assert row.measure(0).met


def test_particles_that_are_not_there_are_not_heard() -> None:
    """What the others are given does not hang on their noise; a jet of all particles is one of fewer without them."""
    module = clouds.built("Gluons").module
    rng = np.random.default_rng(0)
    weights, z = moved_weights(module, rng), rng.normal(0, 0.2, (12, 32))
    z[:, 0] = np.arange(12)
    other = np.concatenate([z[:7], z[7:] * rng.uniform(1, 2, (5, 32))])
    events = [{"z": z, "count": np.array(7.0)}, {"z": other, "count": np.array(7.0)},
              {"z": z[:7], "count": np.array(7.0)}]  # fmt: skip
    first, second, alone = run(module, events, weights)["features"]
    np.testing.assert_allclose(second[:7], first[:7], atol=1e-12)
    np.testing.assert_allclose(alone, first[:7], atol=1e-12)
    assert np.abs(second[7:] - first[7:]).max() > 1e-3


def test_the_smallest_are_counted_and_ties_go_to_the_earlier() -> None:
    module, x = module_of("mpgan", "smallest"), np.zeros((6, 6))
    x[:, 0] = [2, 1, 1, 0, 1, 5]
    (found,) = run(module, [{"x": x}], {})["output"]
    assert found.tolist() == [0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(("library", "name"), [("mpgan", "MPCritic"), ("epic", "EpicCritic")])
def test_critics_do_not_see_the_order_of_particles(library: str, name: str) -> None:
    module, rng = module_of(library, name), np.random.default_rng(1)
    weights, x = moved_weights(module, rng), rng.normal(size=(9, 6))
    straight, shuffled, other = run(module, [{"x": v} for v in (x, x[rng.permutation(9)], 1.1 * x)], weights)["output"]
    assert shuffled == pytest.approx(straight, abs=1e-12)
    assert abs(other - straight) > 1e-4


def theirs(seed: int) -> dict[str, torch.Tensor]:
    """A state_dict of random numbers under the released names."""
    generator, state = torch.Generator().manual_seed(seed), {}
    for layer, out in ((0, 32), (1, 3)):
        for net, widths in (("fe", [64, 96, 160, 192]), ("fn", [224, 256, 256, out])):
            for i in range(3):
                name, shape = f"mp_layers.{layer}.{net}.net.{i}", (widths[i + 1], widths[i])
                state[f"{name}.weight"] = torch.randn(shape, generator=generator) / widths[i] ** 0.5
                state[f"{name}.bias"] = torch.randn(shape[:1], generator=generator) / 3
    return state


def test_the_checkpoint_table_reads_the_published_names(tmp_path: Path) -> None:
    state, program, rng = theirs(2), clouds.built("Gluons"), np.random.default_rng(3)
    torch.save(state, tmp_path / "theirs.pt")
    weights = import_checkpoint(program, tmp_path / "theirs.pt").weights
    z = rng.normal(0, 0.2, (9, 32))
    features, there = clouds.mpgan({k: v.numpy() for k, v in state.items()}, z, 5)
    found = run(program.module, [{"z": z, "count": np.array(5.0)}], weights)
    np.testing.assert_allclose(found["features"][0], features, atol=1e-6)
    assert found["there"][0].tolist() == there.tolist()
