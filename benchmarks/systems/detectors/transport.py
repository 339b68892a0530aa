# SPDX-License-Identifier: Apache-2.0
"""Missing momentum under pile-up: weights of particles learned by optimal transport, beside PUPPI's (arXiv:1407.6013).

Toy events: an invisible boson recoils against two jets; the particles of 45 other collisions lie over them. Tracks say
which collision they are of, the rest does not. The network learns from events that are simulated twice, with pile-up
and without; in each a detector of its own measures them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from scipy.stats import chi2

from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import fitted, given, write_lists

PROGRAM = Path(__file__).with_suffix(".hepq")
Array = np.ndarray[Any, Any]
SEEDS, TRAINED, JUDGED, MOST = 3, 3000, 1000, 96
COLLISIONS, EDGE, SOFTEST = 45, 2.5, 0.5
#: of particles with a track; relative errors of momenta of these, and of the others
TRACKS, ERRORS = 0.6, (0.02, 0.12)
#: PUPPI's cone, without its core; weights below this are none
CONE, CORE, NONE = 0.4, 0.02, 0.01
FIELDS = "pt", "eta", "phi", "vertex"


def hard(rng: np.random.Generator) -> Array:
    """Particles of two jets that recoil against what is not seen: [particle, (pt, eta, phi)]."""
    total, phi, share = 30 + rng.exponential(60), rng.uniform(-np.pi, np.pi), rng.uniform(0.3, 0.7)
    made = []
    for pt, away in ((share * total, -0.5), ((1 - share) * total, 0.5)):
        n = 3 + rng.poisson(9)
        towards = np.array([rng.uniform(-1.8, 1.8), phi + away * rng.uniform(0, 1)])
        where = towards + rng.normal(0, 0.12, (n, 2))
        made.append(np.column_stack([pt * rng.dirichlet(np.ones(n)), where]))
    return _seen(np.concatenate(made))


def pile_up(rng: np.random.Generator) -> Array:
    n = rng.poisson(COLLISIONS)
    pt = SOFTEST + rng.exponential(1.2, n)
    return np.column_stack([pt, rng.uniform(-EDGE, EDGE, n), rng.uniform(-np.pi, np.pi, n)])


def _seen(particles: Array) -> Array:
    return particles[(particles[:, 0] > SOFTEST) & (np.abs(particles[:, 1]) < EDGE)]


def measured(particles: Array, tracks: Array, rng: np.random.Generator) -> Array:
    error = np.where(tracks, *ERRORS)
    found: Array = particles.copy()
    found[:, 0] *= 1 + error * rng.normal(size=len(particles))
    return found


def events(count: int, seed: int) -> ak.Array:
    """With pile-up and, ``clean_…``, without; ``px``, ``py``: the truth of what is visible of the hard collision."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        true, other = hard(rng), pile_up(rng)
        both, vertex = np.concatenate([true, other]), np.repeat([1.0, -1.0], [len(true), len(other)])
        tracks = rng.random(len(both)) < TRACKS
        found = np.column_stack([measured(both, tracks, rng), np.where(tracks, vertex, 0.0)])
        found = found[np.argsort(-found[:, 0])][:MOST]
        clean = measured(true, tracks[: len(true)], rng)
        pt, _, phi = true.T
        made.append({
            **dict(zip(FIELDS, found.T, strict=True)),
            **{f"clean_{name}": x for name, x in zip(FIELDS[:3], clean.T, strict=True)},
            "px": float((pt * np.cos(phi)).sum()), "py": float((pt * np.sin(phi)).sum()),
        })  # fmt: skip
    return ak.Array(made)


def puppi(event: ak.Record) -> Array:
    """Weights by how much a particle has of the hard collision's tracks around it, and others of pile-up have."""
    pt, eta, phi, vertex = (np.asarray(event[name]) for name in FIELDS)
    near = vertex > 0
    turn = (phi[:, None] - phi[near] + np.pi) % (2 * np.pi) - np.pi
    apart = np.hypot(eta[:, None] - eta[near], turn)
    inside = (apart > CORE) & (apart < CONE)
    around = (np.where(inside, pt[near] / np.maximum(apart, CORE), 0) ** 2).sum(axis=1)
    alpha = np.where(around > 0, np.log(np.maximum(around, 1e-300)), -np.inf)
    of_others = alpha[(vertex < 0) & (around > 0)]
    if len(of_others) == 0:
        return np.where(vertex == 0, (around > 0) * 1.0, near * 1.0)
    middle = np.median(of_others)
    below = of_others[of_others <= middle] - middle
    width = max(float(np.sqrt((below**2).mean())), 1e-3)
    weight = np.where(alpha > middle, chi2.cdf(((alpha - middle) / width) ** 2, 1), 0.0)
    weight[weight < NONE] = 0
    return np.where(vertex == 0, weight, near * 1.0)


def resolution(judged: ak.Array, weights: list[Array]) -> float:
    """Half of the width of the middle 68 % of errors of both components, GeV."""
    errors = []
    for event, weight in zip(judged, weights, strict=True):
        pt, phi = weight * np.asarray(event["pt"]), np.asarray(event["phi"])
        errors += [(pt * np.cos(phi)).sum() - event["px"], (pt * np.sin(phi)).sum() - event["py"]]
    low, high = np.percentile(errors, [16, 84])
    return float(high - low) / 2


def learned(judged: ak.Array, seed: int) -> list[Array]:
    with tempfile.TemporaryDirectory() as name:
        file, out = Path(name) / "events.root", Path(name) / "w.safetensors"
        write_lists(file, events(TRAINED, 2 * seed + 1))
        weights = fitted(PROGRAM, "Fit", file, out, seed).weights
    columns = {field: [np.asarray(x) for x in judged[field]] for field in judged.fields}
    found = given(PROGRAM, "Weights", "Events", weights, columns)
    return [row[: len(event)] for row, event in zip(found, judged["pt"], strict=True)]


def compared(seed: int) -> Reached:
    judged = events(JUDGED, 2 * seed)
    simple: dict[str, Callable[[ak.Record], Array]] = {
        "PUPPI": puppi,
        "all": lambda event: (np.asarray(event["vertex"]) >= 0) * 1.0,
        "tracks": lambda event: (np.asarray(event["vertex"]) > 0) * 1.0,
    }
    theirs = {name: resolution(judged, [of(event) for event in judged]) for name, of in simple.items()}
    ours = [resolution(judged, learned(judged, i)) for i in seeds(SEEDS, seed)]
    others = f"all but pile-up's tracks {theirs['all']:.1f}, tracks alone {theirs['tracks']:.1f}"
    quantity = f"resolution of missing momentum, GeV, {SEEDS} trainings; {others}"
    return Reached(quantity, *over_seeds(ours), "PUPPI", theirs["PUPPI"], "<=", theirs["PUPPI"])


ROWS = [Row("Pile-up by optimal transport (ABCNet)", "std.abcnet", compared)]
