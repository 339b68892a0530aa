# SPDX-License-Identifier: Apache-2.0
"""A detector of liquid scintillator: photo-electrons are counted, directions of tracks found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row
from benchmarks.systems.trained import columns, given, trained

Array = np.ndarray[Any, Any]

PROGRAM = Path(__file__).with_suffix(".hepq")
#: events trained on; the others are held out
COUNTED, POINTED = 2000, 1500
#: how far above the reference an accuracy must be, in standard errors of the difference
SIGMAS = 5
#: degrees: a twentieth below the 6.1 that a linear fit has on all events
ANGLE = 5.8


def split(values: dict[str, Array], first: int) -> tuple[dict[str, Array], dict[str, Array]]:
    return {k: v[:first] for k, v in values.items()}, {k: v[first:] for k, v in values.items()}


def rounded_integral(train: dict[str, Array], test: dict[str, Array]) -> Array:
    """Counts, of the waveform's sum by the best scale on the events trained on."""
    area, truth = train["wave"].sum(axis=1), train["pe"]
    scales = np.linspace(0.5, 1.5, 201) * truth.sum() / area.sum()
    right = [(np.rint(scale * area).clip(0, 6) == truth).mean() for scale in scales]
    found: Array = np.rint(scales[int(np.argmax(right))] * test["wave"].sum(axis=1)).clip(0, 6)
    return found


def counting(seed: int) -> Reached:
    train, test = split(columns(data.shared("systems/toys/pmt.root")), COUNTED)
    weights = trained(PROGRAM, "Counting", train, seed)
    ours = given(PROGRAM, "Photons", "Waves", weights, test).argmax(axis=1) == test["pe"]
    theirs = rounded_integral(train, test) == test["pe"]
    difference = np.std(ours.astype(float) - theirs, ddof=1) / np.sqrt(len(ours))
    error = np.sqrt(ours.mean() * (1 - ours.mean()) / len(ours))
    bar = theirs.mean() + SIGMAS * difference
    return Reached(
        "accuracy", float(ours.mean()), float(error), "rounded integral", float(theirs.mean()), ">=", float(bar)
    )


def pooled(seen: Array, n: Array) -> Array:
    """Sums over sensors of features, alone and times each sensor's direction."""
    x = np.einsum("esf,sx->efx", seen, n).reshape(len(seen), -1)
    return np.concatenate([x, seen.sum(axis=1), np.ones((len(seen), 1))], axis=1)


def angles(found: Array, truth: Array) -> Array:
    """Between directions, in degrees."""
    cosine = (found * truth).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(truth, axis=1)
    return np.asarray(np.degrees(np.arccos(cosine.clip(-1, 1))))


def pointing(seed: int) -> Reached:
    train, test = split(columns(data.shared("systems/toys/direction.root")), POINTED)
    sensors = np.load(data.shared("systems/toys/pmt_positions.npy"))
    n = sensors / np.linalg.norm(sensors, axis=1)[:, None]
    fit = np.linalg.lstsq(pooled(train["pmt"], n), train["direction"], rcond=None)[0]
    linear = float(np.median(angles(pooled(test["pmt"], n) @ fit, test["direction"])))
    weights = trained(PROGRAM, "Pointing", train, seed)
    found = angles(given(PROGRAM, "Direction", "Tracks", weights, test), test["direction"])
    drawn = np.random.default_rng(0).choice(found, (200, len(found)))
    error = float(np.median(drawn, axis=1).std())
    return Reached("median angle, degrees", float(np.median(found)), error, "linear fit", linear, "<=", ANGLE)


ROWS = [
    Row("Photo-electron counting (JUNO)", "std.photons", counting, quick=True),
    Row("Direction (JUNO)", "std.sphere", pointing),
]
