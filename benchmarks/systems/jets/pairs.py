# SPDX-License-Identifier: Apache-2.0
"""45 classes of events, pairs of nine kinds of jets: by constituents, beside boosted trees of masses and subjettiness.

Events that are judged are pairs of jets that none of those for training has.
"""

from __future__ import annotations

import tempfile
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import fitted, given, write_lists

PROGRAM = Path(__file__).with_suffix(".hepq")
Array = np.ndarray[Any, Any]
KINDS = [name for name in data.CLASSES if name != "Tbl"]
CLASSES = list(combinations_with_replacement(KINDS, 2))
#: jets of each kind: for training, in all; events of each class; particles of each jet
TRAINED, JETS, EVENTS, JUDGED, PARTICLES = 650, 1000, 400, 60, 40
SEEDS = 3
BRANCHES = {
    **{name: f"part_{name}" for name in ("px", "py", "pz", "energy", "charge")},
    "electron": "part_isElectron", "muon": "part_isMuon",
}  # fmt: skip


def jets(kind: str) -> ak.Array:
    """The hardest particles of each, and what is known of the whole."""
    found = data.jets(kind, JETS)
    order = ak.argsort(np.hypot(found["part_px"], found["part_py"]), ascending=False)[:, :PARTICLES]
    lists = {name: found[branch][order] for name, branch in BRANCHES.items()}
    for name in ("d0", "dz"):
        error = found[f"part_{name}err"][order]
        lists[name] = ak.where(error > 0, found[f"part_{name}val"][order] / ak.where(error > 0, error, 1), 0)
    tau = [np.maximum(ak.to_numpy(found[f"jet_tau{i}"]), 1e-3) for i in (1, 2, 3)]
    whole = np.column_stack([(ak.to_numpy(found["jet_sdmass"]) - 100) / 50, tau[1] / tau[0], tau[2] / tau[1]])
    return ak.zip({**lists, "whole": ak.from_regular(ak.Array(whole.astype("f4")))}, depth_limit=1)


def events(kinds: dict[str, ak.Array], each: int, rng: np.random.Generator) -> ak.Array:
    """So many of each class, in random order: both jets' particles in one list, either jet first."""
    made = []
    for number, names in enumerate(CLASSES):
        a, b = (kinds[name][rng.integers(len(kinds[name]), size=each)] for name in names)
        for one, two in ((a[::2], b[::2]), (b[1::2], a[1::2])):
            lists = {name: ak.concatenate([one[name], two[name]], axis=1) for name in one.fields if name != "whole"}
            side = ak.concatenate([0.0 * one["px"], 0.0 * two["px"] + 1], axis=1)
            both = {"one_whole": one["whole"], "two_whole": two["whole"], "pair": np.full(len(one), number)}
            made.append(ak.zip({**lists, "of": side, **both}, depth_limit=1))
    found = ak.concatenate(made)
    return found[rng.permutation(len(found))]


def heights(found: ak.Array) -> Array:
    """What is known of whole jets, the heavier one first."""
    a, b = (ak.to_numpy(ak.to_regular(found[name])) for name in ("one_whole", "two_whole"))
    swap = (a[:, 0] < b[:, 0])[:, None]
    return np.hstack([np.where(swap, b, a), np.where(swap, a, b)])


def accuracies(seed: int) -> tuple[float, float]:
    """The network's, and that of trees."""
    rng = np.random.default_rng(seed)
    all_jets = {kind: jets(kind) for kind in KINDS}
    train = events({kind: of[:TRAINED] for kind, of in all_jets.items()}, EVENTS, rng)
    judged = events({kind: of[TRAINED:] for kind, of in all_jets.items()}, JUDGED, rng)
    truth = ak.to_numpy(judged["pair"])
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "events.root"
        write_lists(file, train)
        weights = fitted(PROGRAM, "Fit", file, Path(name) / "w.safetensors", seed).weights
    columns = {field: [np.asarray(x) for x in judged[field]] for field in judged.fields}
    ours = given(PROGRAM, "Pairs", "Events", weights, columns).argmax(axis=1)
    trees = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    theirs = trees.fit(heights(train), ak.to_numpy(train["pair"])).predict(heights(judged))
    return float((ours == truth).mean()), float((theirs == truth).mean())


def classified(seed: int) -> Reached:
    ours, theirs = zip(*map(accuracies, seeds(SEEDS, seed)), strict=True)
    reference = float(np.mean(theirs))
    quantity = f"accuracy, {SEEDS} trainings; chance {1 / len(CLASSES):.3f}"
    return Reached(quantity, *over_seeds(ours), "trees of masses and subjettiness", reference, ">=", reference)


ROWS = [Row(f"{len(CLASSES)} classes of events", "pairs.hepq", classified)]
