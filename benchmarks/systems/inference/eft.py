# SPDX-License-Identifier: Apache-2.0
"""A coefficient of new physics from event shapes: a learned score (SALLY, arXiv:1805.00013) beside single shapes.

Toy: four massless partons, more often close to each other than phase space has them. A contact term interferes: it
favours hard partons, and those in a plane. Each becomes seven particles. What a histogram says of the coefficient is
its Fisher information, from its contents at 0 and at 0.1 as an analysis fills them.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import hepq
from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import fitted, write

Array = np.ndarray[Any, Any]
HERE = Path(__file__).parent
SEEDS, TRAINED, JUDGED = 3, 10_000, 20_000
#: events that the limit is of, and the coefficient that the analysis varies to
EXPECTED, VARIED = 10_000, 0.1
ENERGY, CUT, PIECES = 91.2, 0.02, 7


def phase_space(count: int, rng: np.random.Generator) -> Array:
    """Four massless momenta [count, 4, (E, x, y, z)] at rest together, of energy 1 (RAMBO, CPC 40 (1986) 359)."""
    energy = -np.log(rng.random((count, 4)) * rng.random((count, 4)))
    cosine, phi = rng.uniform(-1, 1, (count, 4)), rng.uniform(0, 2 * np.pi, (count, 4))
    sine = np.sqrt(1 - cosine**2)
    q = energy[..., None] * np.stack([np.ones_like(phi), sine * np.cos(phi), sine * np.sin(phi), cosine], axis=-1)
    total = q.sum(axis=1, keepdims=True)
    mass = np.sqrt(total[..., :1] ** 2 - (total[..., 1:] ** 2).sum(axis=-1, keepdims=True))
    boost, gamma = -total[..., 1:] / mass, total[..., :1] / mass
    along = (boost * q[..., 1:]).sum(axis=-1, keepdims=True)
    energies = gamma * q[..., :1] + along
    momenta = q[..., 1:] + boost * q[..., :1] + along * boost / (1 + gamma)
    return np.asarray(np.concatenate([energies, momenta], axis=-1) / mass)


def interference(p: Array) -> Array:
    """Of each event of partons, what the contact term adds to its probability, for a coefficient of 1."""
    hardest = p[..., 0].max(axis=1)
    unit = p[..., 1:] / p[..., :1]
    volume = np.abs(np.einsum("na,na->n", unit[:, 0], np.cross(unit[:, 1], unit[:, 2])))
    return np.asarray(8 * (0.5 - hardest) - volume)


def partons(count: int, rng: np.random.Generator) -> Array:
    """Events of the standard model: pairs are drawn to each other, as gluons are."""
    found, have = [], 0
    while have < count:
        p = phase_space(4 * count, rng)
        first, second = np.triu_indices(4, 1)
        y = 2 * (p[:, first, 0] * p[:, second, 0] - (p[:, first, 1:] * p[:, second, 1:]).sum(axis=-1))
        weight = (CUT / (y + CUT)).sum(axis=1) / len(first)
        found.append(p[rng.random(len(p)) < weight])
        have += len(found[-1])
    return np.concatenate(found)[:count]


def events(count: int, seed: int) -> dict[str, Array]:
    """Branches of ``eft.hepq``: particles in GeV, and the score of the partons, of mean 0."""
    rng = np.random.default_rng(seed)
    p = partons(count, rng)
    share = rng.dirichlet(np.ones(PIECES), (count, 4))[..., None]
    kick = rng.normal(0, 0.4, (count, 4, PIECES, 3))
    momenta = (ENERGY * share * p[:, :, None, 1:] + kick).reshape(count, 4 * PIECES, 3)
    a = interference(p)
    values = {axis: momenta[..., i].astype("f4") for i, axis in enumerate(("px", "py", "pz"))}
    values["energy"] = np.sqrt((momenta**2).sum(axis=-1) + 0.14**2).astype("f4")
    return values | {"parton_score": (a - a.mean()).astype("f4")}


def limits(seed: int) -> dict[str, float]:
    """Expected standard error of the coefficient, by histogram; and "partons", of their score itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("eft.hepq", "limit.hepq"):
            shutil.copy(HERE / program, folder)
        write(folder / "eft.root", events(TRAINED, 2 * seed))
        fitted(folder / "eft.hepq", "Regression", folder / "eft.root", folder / "sally.safetensors", seed)
        judged = events(JUDGED, 2 * seed + 1)
        write(folder / "eft.root", judged)
        filled = hepq.run(folder / "limit.hepq", workers=1)
        contents = {name: np.array([h.values(flow=True) for h in _both(filled[name])]) for name in filled}
    found = {name: _error(known, (up - known) / VARIED) for name, (known, up) in contents.items()}
    score = judged["parton_score"]
    return found | {"partons": float(1 / np.sqrt(EXPECTED * (score**2).mean()))}


def _both(histogram: Any) -> tuple[Any, Any]:
    return histogram["events", "nominal", :], histogram["events", "physics_up", :]


def _error(known: Array, slope: Array) -> float:
    """Of a coefficient from Poisson counts whose means are a line: the inverse root of its Fisher information."""
    scale = EXPECTED / known.sum()
    return float(1 / np.sqrt(scale * (slope**2 / np.maximum(known, 1)).sum()))


def learned(seed: int) -> Reached:
    every = [limits(i) for i in seeds(SEEDS, seed)]
    value, error = over_seeds([one["SALLY"] for one in every])
    alone = {
        name: float(np.mean([one[name] for one in every])) for name in every[0] if name not in ("SALLY", "partons")
    }
    best = min(alone, key=lambda name: alone[name])
    ideal = np.mean([one["partons"] for one in every])
    quantity = f"error of the coefficient, {EXPECTED:,} events; partons would give {ideal:.4f}"
    return Reached(quantity, value, error, f"the best shape, {best}", alone[best], "<=", alone[best])


ROWS = [Row("EFT limit with event shapes (SALLY)", "std.shapes", learned)]
