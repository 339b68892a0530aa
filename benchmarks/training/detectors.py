# SPDX-License-Identifier: Apache-2.0
"""Every detector model of the library is trained by hepqc train on toy events, and learns.

`detectors.hepq` has a training for each, `detector_events.py` makes the events. The bar: on events held out, the loss
is below 0.8 of what the best constant answer has. `--picture` draws that ratio after each epoch, as `docs/models.md`
shows it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.shared.curves import draw, learned, measured
from benchmarks.training.detector_events import Events, write

PROGRAM = Path(__file__).with_suffix(".hepq")
BAR = 0.8


def _entropy(values: Any) -> float:
    """Of the frequencies of ``values``: the cross entropy of the best constant probabilities."""
    p = np.unique(np.asarray(values), return_counts=True)[1] / len(values)
    return float(-(p * np.log(p)).sum())


def _mean_entropy(per_event: Any) -> float:
    """Events count alike, however many entries they have."""
    kinds = np.unique(ak.to_numpy(ak.flatten(per_event)))
    p = np.array([ak.mean(ak.mean(per_event == k, axis=1)) for k in kinds])
    return float(-(p * np.log(p)).sum())


@dataclass(frozen=True)
class Subject:
    """Of which events, how many; how long; and the loss of the best constant answer."""

    kind: str
    events: int
    epochs: int
    constant: Callable[[Events], float]


SUBJECTS = {
    "ABCPileup": Subject("collisions", 400, 6, lambda e: _mean_entropy(e["part"]["primary"])),
    "EndToEnd": Subject("images", 400, 12, lambda e: _entropy(e["label_one"])),
    "HitGNN": Subject("chamber", 400, 12, lambda e: _mean_entropy(e["part"]["kind"] > 0)),
    "HitPointNet": Subject("chamber", 1000, 12, lambda e: _mean_entropy(e["part"]["kind"])),
    "PileupGNN": Subject("collisions", 800, 8, lambda e: float(np.var(e["vertices"]))),
    "PulseCNN": Subject("pulses", 1000, 12, lambda e: _entropy(e["label_single"])),
}
QUICK = ("PulseCNN",)


@dataclass(frozen=True)
class Result:
    """``ratios``: the loss held out after each epoch, over that of the best constant answer."""

    model: str
    ratios: tuple[float, ...]
    seconds: float

    @property
    def met(self) -> bool:
        return min(self.ratios) < BAR


def measure(model: str, seed: int) -> Result:
    subject = SUBJECTS[model]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{subject.kind}.root"
        events = write(subject.kind, file, subject.events, seed)
        losses, _ = learned(PROGRAM, file, f"{model}_", "validation", 2e-3, epochs=subject.epochs, batch=32, seed=seed)
    constant = subject.constant(events)
    return Result(model, tuple(loss / constant for loss in losses), time.perf_counter() - start)


def main(argv: list[str]) -> int:
    found, picture = measured(argv, "detectors", __doc__, SUBJECTS, QUICK, measure, Result)
    table = Table("model", "events", "loss over that of the best constant, after each epoch", "seconds", "")
    for r in found:
        ratios = " ".join(f"{x:.2f}" for x in r.ratios)
        table.add_row(r.model, str(SUBJECTS[r.model].events), ratios, f"{r.seconds:.0f}", "" if r.met else "MISSED")
    Console(width=130).print(table)
    if picture is not None:
        label = "Loss over that of the best constant answer, events held out"
        draw({r.model: r.ratios for r in found}, label, 1.0, "upper right", picture)
    return 0 if all(r.met for r in found) else 1
