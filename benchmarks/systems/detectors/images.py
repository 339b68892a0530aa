# SPDX-License-Identifier: Apache-2.0
"""Electron or photon by the image of a shower: a residual network, beside the shower's first moments.

100 labelled images to learn from, each turned and mirrored; 100 others judge. The moments are those that identification
is made of: how wide the shower is along both axes, and which part of its energy is in the hardest cell and around it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row, no_worse, seeds
from benchmarks.systems.trained import given, trained
from hepq.runtime.report.metrics import auc

PROGRAM = Path(__file__).with_suffix(".hepq")
Array = np.ndarray[Any, Any]
SEEDS = 5


def images(part: str) -> tuple[Array, Array]:
    """Parts of the energy [image, row, col], and whether it is a photon's."""
    with np.load(data.shared("images/electron-photon.npz")) as file:
        x, y = np.maximum(file[f"x_{part}"], 0), file[f"y_{part}"]
    return x / np.maximum(x.sum(axis=(1, 2), keepdims=True), 1e-12), y.astype("i4")


def turned(x: Array) -> Array:
    """Each of the eight ways to lay a square, one after the other."""
    ways = [np.rot90(x, k, axes=(1, 2)) for k in range(4)]
    return np.concatenate([*ways, *(way[:, ::-1] for way in ways)])


def moments(x: Array) -> Array:
    """Widths along both axes, the smaller first; energy in the hardest cell, and in squares of 3 and 5 cells on it."""
    place = np.arange(x.shape[1])
    found = []
    for image in x:
        widths = []
        for profile in (image.sum(axis=0), image.sum(axis=1)):
            mean = (profile * place).sum()
            widths.append(np.sqrt(max((profile * (place - mean) ** 2).sum(), 0)))
        row, col = np.unravel_index(image.argmax(), image.shape)
        around = [image[max(row - n, 0) : row + n + 1, max(col - n, 0) : col + n + 1].sum() for n in (0, 1, 2)]
        found.append([*sorted(widths), *around])
    return np.array(found)


def told(seed: int) -> Reached:
    (x, y), (held, truth) = images("train"), images("test")
    simple = make_pipeline(StandardScaler(), LogisticRegression()).fit(moments(x), y)
    alone = float(auc(simple.decision_function(moments(held)), truth == 1))
    values = {"cells": turned(x).astype("f4"), "label": np.tile(y, 8)}
    found = []
    for i in seeds(SEEDS, seed):
        weights = trained(PROGRAM, "Fit", values, i)
        scores = given(PROGRAM, "Network", "Images", weights, {"cells": held.astype("f4")})
        found.append(float(auc(scores[:, 1], truth == 1)))
    quantity = f"AUC of 100 images, {SEEDS} trainings of 100 others"
    return no_worse(quantity, found, [alone] * SEEDS, "moments of the shower", larger=True)


ROWS = [Row("End-to-end images, electron or photon", "std.image", told)]
