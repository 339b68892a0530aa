# SPDX-License-Identifier: Apache-2.0
"""Jets without labels teach an encoder what jets are like (masked particles, arXiv:2401.13537): what is that worth
where labels are few? Beside the same network from scratch."""

from __future__ import annotations

import tempfile
from pathlib import Path

import awkward as ak
import numpy as np

from benchmarks.shared import data
from benchmarks.systems.row import Reached, Row, over_seeds, seeds
from benchmarks.systems.trained import fitted, write_lists

PROGRAM = Path(__file__).with_suffix(".hepq")
CLASSES = ("QCD", "Tbqq")
BRANCHES = ["part_px", "part_py", "part_pz", "part_energy", *(f"label_{name}" for name in CLASSES)]
#: jets of each class: without labels, with labels, held out; and tunings
UNLABELLED, LABELLED, HELD, SEEDS = 3500, 100, 1000, 5


def files(folder: Path, seed: int) -> tuple[Path, Path]:
    """Of jets in random order: those to learn from without labels, and those with labels before those held out."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[ak.Array]] = {"unlabelled": [], "labelled": []}
    for label in CLASSES:
        jets = data.jets(label)[BRANCHES]
        jets = jets[rng.permutation(len(jets))]
        parts["unlabelled"].append(jets[:UNLABELLED])
        parts["labelled"].append(jets[UNLABELLED:][: LABELLED + HELD])
    for name, of in parts.items():
        both = ak.concatenate(of)
        write_lists(folder / f"{name}.root", both[rng.permutation(len(both))])
    return folder / "unlabelled.root", folder / "labelled.root"


def learned(seed: int) -> Reached:
    areas: dict[bool, list[float]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unlabelled, labelled = files(folder, seed)
        codes, encoder, out = (folder / f"{what}.safetensors" for what in ("codes", "encoder", "tuned"))
        fitted(PROGRAM, "Codes", unlabelled, codes, seed)
        fitted(PROGRAM, "Pretraining", unlabelled, encoder, seed, start=str(codes))
        begun = {True: {"start": str(encoder), "replace": ("top",)}, False: {}}
        for i in seeds(SEEDS, seed):
            for pretrained, found in areas.items():
                share = HELD / (HELD + LABELLED)
                found.append(fitted(PROGRAM, "Tuning", labelled, out, i, validation=share, **begun[pretrained]).auc)
    gap, error = over_seeds(np.subtract(areas[True], areas[False]).tolist())
    scratch = float(np.mean(areas[False]))
    quantity = f"AUC with {len(CLASSES) * LABELLED} labels, {SEEDS} tunings"
    return Reached(quantity, scratch + gap, error, "from scratch", scratch, ">=", scratch)


ROWS = [Row("Masked-particle pre-training", "std.vq", learned)]
