# SPDX-License-Identifier: Apache-2.0
"""Toy events of three selections, with features of the kind that are published; each of the order of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Maker = Callable[[int, np.random.Generator], tuple[Array, Array]]


def muon_pion(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Muons among pions (arXiv:2408.13812: nine features of a track). Muons reach deep into the muon counter and leave
    little in the calorimeter; a third of the pions do not shower there, and some decay or punch through."""
    muon = rng.integers(0, 2, count)
    p, cosine = rng.uniform(0.5, 1.5, count), rng.uniform(-0.8, 0.8, count)
    showers = (muon == 0) & (rng.random(count) < 0.65)
    through = (muon == 0) & (rng.random(count) < 0.12)
    energy = np.where(showers, rng.gamma(2.5, 0.12 * p), rng.normal(0.2, 0.03, count))
    depth = np.where((muon == 1) | through, rng.normal(10 + 30 * p, 8), rng.exponential(9, count)).clip(0, 55)
    layers = np.rint(depth / 8 + rng.normal(0, 0.7, count)).clip(0, 8)
    hits = rng.poisson(np.where(showers, 3, 1.3) * (1 + layers) / 2)
    spread = np.where(showers, rng.gamma(3, 1.2, count), rng.gamma(3, 0.6, count))
    seeds = np.where(showers, rng.normal(0.6, 0.15, count), rng.normal(0.85, 0.1, count))
    flight, ionised = (rng.normal(0.4 * muon / p, 1) for _ in range(2))
    x = [(p - 1) * 3, 2 * cosine, (energy - 0.25) * 6, (depth - 20) / 15, (layers - 3) / 2, (hits - 3) / 3,
         (spread - 2.5) / 2, (seeds - 0.75) * 5, (flight + ionised) / 2]  # fmt: skip
    return np.stack(x, axis=1), muon


def higgs_beauty(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """H to b quarks among other pairs of jets, by six features: of each jet how displaced and how massive its vertex
    is, of the pair mass and angle."""
    beauty = rng.integers(0, 2, count)
    features = []
    for _ in range(2):
        tagged = rng.random(count) < np.where(beauty == 1, 0.75, 0.15)
        features += [np.where(tagged, rng.gamma(4, 0.5, count), rng.gamma(1.5, 0.4, count)) - 1,
                     np.where(tagged, rng.normal(2.5, 0.8, count), rng.normal(1.2, 0.6, count)) - 1.8]  # fmt: skip
    mass = np.where(beauty == 1, rng.normal(0, 0.8, count), rng.exponential(1.5, count) - 1.5)
    angle = rng.normal(0, 1, count) - 0.3 * mass
    return np.stack([*features, mass, angle], axis=1), beauty


def charged_charmonium(count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Zc(3900) among pairs of pions and a J/psi, by four features: the larger and the smaller mass of J/psi and a pion,
    the pions' mass, the angle in the resonance's frame, which is flat for signal."""
    signal = rng.integers(0, 2, count)
    mass = np.where(signal == 1, rng.normal(3.9, 0.035, count), 3.5 + 0.5 * rng.beta(3, 2, count))
    other = np.where(signal == 1, 3.55 + 0.25 * rng.random(count), mass - 0.35 * rng.random(count))
    cosine = np.where(signal == 1, rng.uniform(-1, 1, count), 2 * rng.beta(2, 1, count) - 1)
    pions = 0.35 + 0.6 * rng.random(count) - 0.1 * cosine
    return np.stack([(mass - 3.85) * 10, (other - 3.6) * 8, (pions - 0.65) * 4, 1.5 * cosine], axis=1), signal


TOYS: dict[str, Maker] = {"muons": muon_pion, "higgs": higgs_beauty, "charmonium": charged_charmonium}
