# SPDX-License-Identifier: Apache-2.0
"""Generative models learn toy showers; at the examples' sizes, but for fewer events or epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

import hepq
from hepq.compiler.driver.check import check_path
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.core.diagnostics.render import render_text
from hepq.lang.format.program import format_source
from tests.stdlib.generative.showers import EXAMPLES, Array, assert_alike, computed, log_energy, make, read, trained

ENERGY = np.exp(np.random.default_rng(0).uniform(0, np.log(100), 1000))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("showers") / "photons.root", 3000, seed=2)


def roots(fractions: Array) -> Array:
    """What the examples' networks see of a shower's cells."""
    return 10 * np.sqrt(fractions)


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=(len(ENERGY), *shape))


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.hepq")), ids=lambda p: p.name)
def test_examples_check_and_are_in_canonical_format(program: Path) -> None:
    assert render_text(check_path(program)) == ""
    assert format_source(program.read_text(), str(program)) == program.read_text()


def test_showers_are_as_deep_as_photons_should_be(events: Path) -> None:
    """The maximum moves by one radiation length as E grows e-fold; the mean by less, as 24 of them end the longest."""
    energy, fractions = read(events)
    assert fractions.sum(axis=(1, 2)).mean() == pytest.approx(0.977, abs=0.005)
    depths = 3 * np.arange(8) + 1.5
    mean = (fractions.sum(axis=2) * depths).sum(axis=1) / fractions.sum(axis=(1, 2))
    slope, _ = np.polyfit(np.log(energy), mean, 1)
    assert slope == pytest.approx(0.9, abs=0.1)


def test_an_autoencoder_of_photons_finds_pions(events: Path, tmp_path: Path) -> None:
    weights, _ = trained("autoencoder", events, epochs=10, batch=32)
    _, photons = read(make(tmp_path / "photons.root", 500, seed=3))
    _, pions = read(make(tmp_path / "pions.root", 500, seed=4, pions=1))
    x = roots(np.concatenate([photons, pions])).reshape(1000, 72)
    scores = computed("autoencoder", "Shower", weights, x=x)
    assert scores[:500].mean() < 0.25 * x[:500].var(axis=0).mean()
    assert roc_auc_score(np.arange(1000) >= 500, scores) > 0.75


def test_a_variational_autoencoder_makes_showers(events: Path, tmp_path: Path) -> None:
    weights, _ = trained("vae", events, epochs=22, batch=32)
    given = {"z": normal(1, 8), "noise": normal(2, 72), "e": log_energy(ENERGY)}
    made = computed("vae", "Sample", weights, **given)
    _, true = read(events)
    assert_alike(made, true, total=0.12, layers=0.15)
    deep = made[ENERGY > 30].sum(axis=2).mean(axis=0), made[ENERGY < 3].sum(axis=2).mean(axis=0)
    assert deep[0][:2].sum() < deep[1][:2].sum()
    assert deep[0][4:].sum() > deep[1][4:].sum()

    compile_file(EXAMPLES / "vae.hepq", tmp_path / "vae.hepqx", Options(model="Sample", weights=weights))
    again = np.asarray(hepq.load(tmp_path / "vae.hepqx")({k: v.astype(np.float32) for k, v in given.items()}))
    np.testing.assert_allclose(again, made, atol=1e-5)


def test_an_adversarial_network_makes_showers(events: Path) -> None:
    weights, _ = trained("gan", events, epochs=16)
    made = computed("gan", "Sample", weights, z=normal(1, 16), e=log_energy(ENERGY))
    _, true = read(events)
    assert_alike(made, true, total=0.2, layers=0.25)
    assert made.sum(axis=2).std(axis=0).max() > 0.03  # not one shower again and again


def test_codes_and_their_prior_make_showers(events: Path) -> None:
    first, _ = trained("vq", events, "Codes", epochs=15, batch=32)
    second, prior = trained("vq", events, "Prior", epochs=10, start=str(first))
    before, after = load_file(first), load_file(second)
    assert all((after[name] == value).all() for name, value in before.items())
    assert any(name.startswith("prior.") for name in after)

    _, true = read(events)
    restored = computed("vq", "Restored", second, x=roots(true))
    assert ((restored - roots(true)) ** 2).mean() < 0.4 * roots(true).var(axis=0).mean()
    assert prior.loss < 0.5 * 8 * np.log(32)  # of eight codes, of which 32 are equally likely before training
    u = np.random.default_rng(3).random((len(ENERGY), 8))
    made = computed("vq", "Sample", second, u=u, e=log_energy(ENERGY))
    assert_alike(made, true, total=0.12, layers=0.18)


def test_diffusion_makes_showers(events: Path) -> None:
    weights, _ = trained("diffusion", events, epochs=30)
    made = computed("diffusion", "Sample", weights, z=normal(1, 72), noise=normal(2, 72, 40), e=log_energy(ENERGY))
    _, true = read(events)
    assert_alike(made, true, total=0.1, layers=0.12)


def test_mixed_samples_teach_nearly_what_labels_do(tmp_path: Path) -> None:
    events = make(tmp_path / "mixed.root", 3000, seed=5, pions=0.5)
    _, fractions = read(make(tmp_path / "test.root", 2000, seed=6, pions=0.5))
    layers = fractions.sum(axis=2)
    x = layers / layers.sum(axis=1, keepdims=True).clip(1e-6)
    pion = np.arange(2000) < 1000
    areas = [
        roc_auc_score(pion, computed("cwola", "Pion", trained("cwola", events, train, epochs=12)[0], x=x))
        for train in ("Cwola", "Supervised")
    ]
    assert areas[1] > 0.97
    assert areas[0] > areas[1] - 0.02
