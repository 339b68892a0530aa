# SPDX-License-Identifier: Apache-2.0
"""Attention whose queries, keys and values are circuits: of jets and toy sentences, beside classical twins."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from benchmarks.systems.row import Reached, Row, no_worse, over_seeds, seeds
from benchmarks.systems.trained import fitted

HERE = Path(__file__).parent
JETS = HERE.parents[2] / "examples/data/train.root"
#: 1 to 6: nouns and verbs, 7 to 12: praise, 13 to 18: blame, 19: not
WORDS, NOT = 20, 19


def sentences(count: int, rng: np.random.Generator) -> tuple[ak.Array, np.ndarray[Any, Any]]:
    """Numbers of words, three to six in any order, and whether they praise: one word does, or blames; three in ten
    have a not, which turns it."""
    truth, made = rng.integers(0, 2, count), []
    for praises in truth:
        turned = rng.random() < 0.3
        said = rng.integers(7, 13) if praises != turned else rng.integers(13, 19)
        words = [*rng.integers(1, 7, rng.integers(2, 5)), said, *([NOT] * int(turned))]
        made.append(rng.permutation(words))
    return ak.Array(made), truth


def areas(program: str, train: str, file: Path, count: int, seed: int, **recipe: Any) -> list[float]:
    """AUC of events held out, of trainings from several seeds."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for i in seeds(count, seed):
            out = Path(folder) / "weights.safetensors"
            found.append(fitted(HERE / f"{program}.hepq", train, file, out, i, **recipe).auc)
    return found


def jets(seed: int) -> Reached:
    """The paper's own bar: within two per cent of the twin."""
    ours, twin = (areas("transformers", f"{kind}Jets", JETS, 3, seed, validation=0.3, events=1600)
                  for kind in ("Quantum", "Classical"))  # fmt: skip
    reference = float(np.mean(twin))
    return Reached("AUC, 3 seeds", *over_seeds(ours), "classical twin", reference, ">=", reference - 0.02)


def text(seed: int) -> Reached:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sentences.root"
        token, truth = sentences(1200, np.random.default_rng(seed))
        with uproot.recreate(file) as out:
            out.mktree("tree", {"number": "var * int32", "praises": "int32"})
            out["tree"].extend({"number": ak.values_astype(token, "int32"), "praises": truth.astype("i4")})
        ours, twin = (areas("sentences", f"{kind}Text", file, 10, seed) for kind in ("Quantum", "Classical"))
    return no_worse("AUC, 10 seeds", ours, twin, "classical twin", True)


ROWS = [
    Row("Quantum particle transformer", "std.qpart", jets),
    Row("Quantum self-attention, sentences", "std.qsann", text),
]
