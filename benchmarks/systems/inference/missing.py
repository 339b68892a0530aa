# SPDX-License-Identifier: Apache-2.0
"""Goodness of fit: does the simulation lack something? A two-sample test whose classifier was tuned, and as it was.

The simulation is right but for a resonance, 1 % of the data. The classifier is tuned on data of its own, and then tests
others. An AUC that tells 1 % apart is at most 0.505.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import Columns, write
from hepq.compiler.driver.options import Options
from hepq.compiler.train import Recipe
from hepq.compiler.train.two_sample import compare_files
from hepq.compiler.tune import tune_file

PROGRAM = Path(__file__).with_suffix(".hepq")
Array = np.ndarray[Any, Any]
#: events of data, and of simulation; experiments; what is tuned, and how often it is tried
EVENTS, SEEDS, TRIALS = 200_000, 5, 16
VARY = ["width=8..64 log", "train.lr=3e-4..3e-2 log", "train.batch=128..1024 log"]
OWN: Mapping[str, Any] = {"width": 8, "train.lr": 1e-3, "train.batch": 256}
EPOCHS, RESONANCE = 6, 0.01
#: standard deviations at which the resonance is found
FOUND = 2.0


def events(share: float, rng: np.random.Generator) -> dict[str, Array]:
    """A falling mass, features that hang on it, and so much of a resonance."""
    signal = rng.random(EVENTS) < share
    mass = np.where(signal, rng.normal(3.5, 0.05, EVENTS), 2.5 + rng.exponential(0.6, EVENTS))
    x = rng.normal(0, 1, (EVENTS, 4))
    x[:, 0] += 0.3 * (mass - 3)
    x[signal] = rng.normal([1.5, -1.5, 1, 1], 0.4, (signal.sum(), 4))
    return {"mass": mass.astype("f4"), "x": x.astype("f4"), "is_data": np.full(EVENTS, int(share > 0), "i4")}


def tuned(seed: int, folder: Path) -> Mapping[str, Any]:
    rng, file = np.random.default_rng([seed, 1]), folder / "tuned.root"
    data, simulation = events(RESONANCE, rng), events(0, rng)
    both: Columns = {name: np.concatenate([data[name], simulation[name]]) for name in data}
    write(file, both)
    how = Recipe(seed=seed, device="cpu", threads=1)
    found = tune_file(PROGRAM, [file], VARY, folder / "study", trials=TRIALS, recipe=how, train="Fit")
    return found.best.settings


def significance(settings: Mapping[str, Any], seed: int, folder: Path) -> float:
    """Of the AUC of a test, in standard deviations of what it is where there is nothing to find."""
    rng = np.random.default_rng([seed, 2])
    files = [folder / "simulation.root", folder / "data.root"]
    for file, share in zip(files, (0, RESONANCE), strict=True):
        write(file, events(share, rng))
    how = Recipe(
        epochs=EPOCHS, batch=settings["train.batch"], rate=settings["train.lr"], seed=seed, device="cpu", threads=1
    )
    options = Options(model="Which", statics={"width": settings["width"]})
    test = compare_files(PROGRAM, files[:1], files[1:], permutations=1, recipe=how, options=options)
    first, second = test.held
    return float((test.auc - 0.5) / np.sqrt((first + second + 1) / (12 * first * second)))


def found(seed: int) -> Reached:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        best = tuned(seed, folder)
        ours, own = ([significance(of, i, folder) for i in seeds(SEEDS, seed)] for of in (best, OWN))
    gap, error = over_seeds(np.subtract(ours, own).tolist())
    untuned = float(np.mean(own))
    chosen = ", ".join(f"{name} {value:.3g}" for name, value in best.items())
    quantity = f"standard deviations at which 1 % is found missing, {SEEDS} tests; tuned: {chosen}"
    return Reached(quantity, untuned + gap, error, "not tuned", untuned, ">=", max(untuned, FOUND))


ROWS = [Row("Goodness of fit, tuned", "missing.hepq", found)]
