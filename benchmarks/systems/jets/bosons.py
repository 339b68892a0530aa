# SPDX-License-Identifier: Apache-2.0
"""W or Z by a jet's constituents, with 1,000 jets of each: beside its groomed mass and its charge alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import fitted, write_lists
from hepq.runtime.report.metrics import auc

PROGRAM = Path(__file__).with_suffix(".hepq")
CLASSES = ("Zqq", "Wqq")
BRANCHES = ["part_px", "part_py", "part_pz", "part_energy", "part_charge", *(f"label_{name}" for name in CLASSES)]
SEEDS, HELD = 5, 0.4


def simple(jets: ak.Array) -> np.ndarray[Any, Any]:
    """W's are lighter, and charged: a likelihood ratio of groomed masses, and the size of a jet's charge."""
    pt = np.hypot(jets["part_px"], jets["part_py"])
    charge = np.abs(ak.sum(jets["part_charge"] * np.sqrt(pt / ak.sum(pt, axis=1)), axis=1))
    mass = np.clip(ak.to_numpy(jets["jet_sdmass"]), 60, 110)
    return np.asarray(((mass - 91.2) ** 2 - (mass - 80.4) ** 2) / (2 * 8**2) + 0.8 * ak.to_numpy(charge))


def tagged(seed: int) -> Reached:
    jets = [data.jets(label) for label in CLASSES]
    alone = float(auc(np.concatenate([simple(of) for of in jets]), np.repeat([0, 1], [len(of) for of in jets]) == 1))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "jets.root"
        write_lists(file, ak.concatenate([of[BRANCHES] for of in jets]))
        out = Path(name) / "w.safetensors"
        found = [fitted(PROGRAM, "Fit", file, out, i, validation=HELD).auc for i in seeds(SEEDS, seed)]
    return Reached(f"AUC, {SEEDS} trainings", *over_seeds(found), "groomed mass and charge", alone, ">=", alone)


ROWS = [Row("W or Z by constituents", "bosons.hepq", tagged)]
