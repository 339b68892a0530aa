# SPDX-License-Identifier: Apache-2.0
"""Circuits and a tensor network as classifiers of toys, beside a dense network; also an RBF kernel's AUC.

Each is trained on 600 events of several seeds and judged on 3,000 others.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.systems.quantum.toys import TOYS
from benchmarks.systems.row import Reached, Row, no_worse, seeds
from benchmarks.systems.trained import given, sized, trained
from hepq.runtime.report.metrics import auc

Array = np.ndarray[Any, Any]
PROGRAM = Path(__file__).with_suffix(".hepq")
SEEDS, TRAINED, JUDGED = 5, 600, 3000
#: model -> its training
MODELS = {"Support": "SupportFit", "Variational": "VariationalFit", "Tensors": "TensorsFit", "Network": "NetworkFit"}
TWIN, RBF = "Network", "RBF-SVM of scikit-learn"


def area(model: str, x: Array, truth: Array, seed: int) -> float:
    """AUC of the events beyond those trained on."""
    train, held = slice(0, TRAINED), slice(TRAINED, None)
    if model == RBF:
        from sklearn.svm import SVC

        machine = SVC().fit(x[train], truth[train])
        return float(auc(machine.decision_function(x[held]), truth[held] == 1))
    values = {"features": x.astype("f4"), "is_signal": truth.astype("i4")}
    with tempfile.TemporaryDirectory() as folder:
        path = sized(PROGRAM, {"dim wire": x.shape[1]}, Path(folder))
        weights = trained(path, MODELS[model], {k: v[train] for k, v in values.items()}, seed)
        found = given(path, model, "Toy", weights, {k: v[held] for k, v in values.items()})
    return float(auc(found if found.ndim == 1 else found[:, 1], truth[held] == 1))


def compared(toy: str, ours: str, seed: int) -> Reached:
    areas: dict[str, list[float]] = {ours: [], TWIN: []}
    if ours == "Support":
        areas[RBF] = []
    for i in seeds(SEEDS, seed):
        x, truth = TOYS[toy](TRAINED + JUDGED, np.random.default_rng(i))
        for model, found in areas.items():
            found.append(area(model, x, truth, i))
    also = f"; RBF kernel {np.mean(areas[RBF]):.4f}" if RBF in areas else ""
    return no_worse(f"AUC, {SEEDS} seeds{also}", areas[ours], areas[TWIN], "dense network", True)


def _row(name: str, toy: str, ours: str, quick: bool = False) -> Row:
    return Row(name, "std.mps" if ours == "Tensors" else "std.quantum", partial(compared, toy, ours), quick)


ROWS = [
    _row("Muons and pions, quantum kernel", "muons", "Support"),
    _row("H to b quarks, quantum kernel", "higgs", "Support"),
    _row("H to b quarks, matrix product state", "higgs", "Tensors", quick=True),
    _row("Zc(3900), variational circuit", "charmonium", "Variational"),
    _row("Zc(3900), quantum kernel", "charmonium", "Support"),
]
