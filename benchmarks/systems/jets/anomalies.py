# SPDX-License-Identifier: Apache-2.0
"""Autoencoders that know ordinary jets: how well does their error find jets of top quarks?"""

from __future__ import annotations

import tempfile
from pathlib import Path

import awkward as ak
import numpy as np

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row, no_worse, seeds
from benchmarks.systems.trained import fitted, given, write_lists
from hepq.runtime.report.metrics import auc

PROGRAM = Path(__file__).with_suffix(".hepq")
BRANCHES = ["part_px", "part_py", "part_pz", "part_energy", "part_deta", "part_dphi"]
SEEDS, TRAINED, JUDGED, PARTICLES = 3, 2500, 1000, 24


def jets(label: str) -> ak.Array:
    """The hardest particles of each."""
    found = data.jets(label)[BRANCHES]
    order = ak.argsort(np.hypot(found["part_px"], found["part_py"]), ascending=False)
    return ak.zip({name: found[name][order][:, :PARTICLES] for name in BRANCHES}, depth_limit=1)


def areas(model: str, ordinary: ak.Array, strange: ak.Array, seed: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "jets.root"
        write_lists(file, ordinary[:TRAINED])
        weights = fitted(PROGRAM, f"{model}Fit", file, Path(name) / "w.safetensors", seed).weights
    judged = ak.concatenate([ordinary[TRAINED : TRAINED + JUDGED], strange[:JUDGED]])
    columns = {branch.removeprefix("part_"): [np.asarray(x) for x in judged[branch]] for branch in BRANCHES}
    errors = given(PROGRAM, model, "Jets", weights, columns)
    return float(auc(errors, np.arange(len(errors)) >= JUDGED))


def graphs(seed: int) -> Reached:
    ordinary, strange = jets("QCD"), jets("Tbqq")
    found = {model: [areas(model, ordinary, strange, i) for i in seeds(SEEDS, seed)] for model in ("Graph", "Alone")}
    return no_worse(f"AUC of tops among QCD, {SEEDS} seeds", found["Graph"], found["Alone"], "without messages", True)


ROWS = [Row("Graph autoencoder, anomalies", "anomalies.hepq", graphs)]
