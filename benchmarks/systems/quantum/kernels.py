# SPDX-License-Identifier: Apache-2.0
"""Kernels of many events from few circuits: by landmarks (Nyström, arXiv:2502.08225), and between points of a grid that
a QFT prepares (as in arXiv:2209.01958). Each beside the kernel itself: how well do machines on both classify?"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import hepq
from benchmarks.systems.quantum.toys import TOYS
from benchmarks.systems.row import Reached, Row, no_worse, seeds
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.report.metrics import auc

Array = np.ndarray[Any, Any]
#: K of every pair, [N, features], [M, features] -> [N, M]
Kernel = Callable[[Array, Array], Array]
#: features of events, so that the kernel is their product
Features = Callable[[Array], Array]
PROGRAM = Path(__file__).with_suffix(".hepq")
SEEDS, TRAINED, JUDGED, LANDMARKS, POINTS = 5, 300, 700, 40, 8


def kernel(name: str) -> Kernel:
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "kernel.hepqx"
        compile_file(PROGRAM, artifact, Options(model=name))
        return hepq.load(artifact).kernel("exact").block


def root(matrix: Array) -> Array:
    """R with R Rᵀ the inverse of a positive matrix; what rounding leaves of its zeros is left out."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-9 * values[-1]
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))


def nystrom(k: Kernel, landmarks: Array) -> Features:
    turned = root(k(landmarks, landmarks))
    return lambda x: np.asarray(k(x, landmarks) @ turned)


def grid(k: Kernel) -> Features:
    """Of two features from 0 to 7, between the four points around: linear in each."""
    points = np.stack(np.meshgrid(*[np.arange(POINTS)] * 2, indexing="ij"), axis=-1).reshape(-1, 2).astype(float)
    values, vectors = np.linalg.eigh(k(points, points))
    factor = vectors * np.sqrt(values.clip(0))

    def features(x: Array) -> Array:
        near = (1 - np.abs(x[:, None] - points[None])).clip(0).prod(axis=-1)
        return np.asarray(near @ factor)

    return features


def area(train: Array, test: Array, truth: Array) -> float:
    """AUC of a support vector machine on the kernel of events among themselves, and of others with them."""
    from sklearn.svm import SVC

    machine = SVC(kernel="precomputed").fit(train, truth[:TRAINED])
    return float(auc(machine.decision_function(test), truth[TRAINED:] == 1))


def compared(k: Kernel, features: Features, x: Array, truth: Array) -> tuple[float, float, float]:
    """AUC by few circuits and by all; the mean error of a kernel value."""
    train, test = x[:TRAINED], x[TRAINED:]
    exact = k(train, train), k(test, train)
    few = features(train)
    near = few @ few.T, features(test) @ few.T
    error = float(np.mean([np.abs(a - b).mean() for a, b in zip(near, exact, strict=True)]))
    return area(*near, truth), area(*exact, truth), error


def reached(circuits: int, found: list[tuple[float, float, float]]) -> Reached:
    few, exact, errors = zip(*found, strict=True)
    every = TRAINED * (TRAINED - 1) // 2 + TRAINED * JUDGED
    quantity = f"AUC, {SEEDS} seeds; {circuits:,} circuits, not {every:,}; values off by {np.mean(errors):.1g}"
    return no_worse(quantity, few, exact, "the whole kernel", True)


def by_landmarks(seed: int) -> Reached:
    k, found = kernel("Pairs"), []
    for i in seeds(SEEDS, seed):
        rng = np.random.default_rng(i)
        x, truth = TOYS["charmonium"](TRAINED + JUDGED, rng)
        found.append(compared(k, nystrom(k, x[rng.permutation(TRAINED)[:LANDMARKS]]), x, truth))
    circuits = LANDMARKS * (TRAINED - LANDMARKS + JUDGED) + LANDMARKS * (LANDMARKS - 1) // 2
    return reached(circuits, found)


def by_grid(seed: int) -> Reached:
    k, found = kernel("Grid"), []
    for i in seeds(SEEDS, seed):
        x, truth = TOYS["charmonium"](TRAINED + JUDGED, np.random.default_rng(i))
        inside = ((x[:, [0, 3]] + 3.5) / 7 * (POINTS - 1)).clip(0, POINTS - 1)
        found.append(compared(k, grid(k), inside, truth))
    return reached(POINTS**2 * (POINTS**2 - 1) // 2, found)


ROWS = [
    Row("Nyström kernel", "std.quantum", by_landmarks, quick=True),
    Row("Kernel on a grid by QFT", "std.quantum", by_grid, quick=True),
]
