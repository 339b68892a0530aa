# SPDX-License-Identifier: Apache-2.0
"""Taggers trained by hepqc train, and in PyTorch as weaver-core trains them, on the same 8,000 jets.

`training.hepq` has the taggers. Both sides have the same inputs, split, batches' size, optimiser (Ranger) and learning
rates, and large pages of memory; epochs take turns. Accuracy, AUC and background rejection are of 2,000 jets held out;
time is CPU time of the epochs, on one thread. Ours must be as accurate within three standard errors of the AUC, and at
least as fast. `--page` writes the table into a page of the documentation.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.shared import data
from benchmarks.shared.interleaved import one_thread
from benchmarks.shared.kept import kept
from benchmarks.training.training_peers import PEERS, PeerRun, tensors

PROGRAM = Path(__file__).with_suffix(".hepq")
LABELS = ("QCD", "Tbqq")
#: epochs of each tagger: enough to tell a good training from a bad one
EPOCHS = {"PFN": 20, "PCNN": 10, "ParticleNetLite": 10, "LorentzNet": 2, "ParT": 2}
BATCH, RATE = 128, 2e-3
EFFICIENCY = 50
COLUMNS = ["tagger", "jets", "epochs", "accuracy", "AUC", f"1/ε_b({EFFICIENCY} %)", "s an epoch", "peer's time / ours"]
MARKS = "<!-- table -->", "<!-- end -->"


@dataclass(frozen=True)
class Result:
    """``hepq`` and ``peer``: accuracy, AUC, rejection at half the signal, seconds an epoch. ``error``: of an AUC."""

    tagger: str
    jets: int
    epochs: int
    hepq: tuple[float, float, float, float]
    peer: tuple[float, float, float, float]
    error: float

    @property
    def met(self) -> bool:
        return self.hepq[1] >= self.peer[1] - 3 * math.sqrt(2) * self.error and self.hepq[3] <= self.peer[3]


def measure(tagger: str, jets: int, epochs: int, seed: int, bar: Progress) -> Result:
    """Train both, epoch by epoch in turn."""
    from hepq.compiler.driver.options import Options
    from hepq.compiler.train.data.events import labelled, read_events, resolved
    from hepq.compiler.train.fit.gradient import Run
    from hepq.compiler.train.fit.machine import Group
    from hepq.compiler.train.recipe import Recipe
    from hepq.compiler.train.report import Watch
    from hepq.lang.declarations.train_settings import OPTIMISERS, SCHEDULES, Spec

    files = [str(data.jets_file(label)) for label in LABELS]
    found = read_events(PROGRAM, files, Options(), f"{tagger}_")
    recipe = Recipe(
        epochs=epochs, batch=BATCH, seed=seed, events=jets, validation=0.2, device="cpu",
        optimiser=Spec.default("ranger", OPTIMISERS, lr=RATE), schedule=Spec.default("flat_decay", SCHEDULES),
    )  # fmt: skip
    events = labelled(found, resolved(recipe, found.built))
    ours = Run(events, resolved(recipe, found.built), Group())
    theirs_in = tensors(ak.concatenate([data.jets(label) for label in LABELS])[events.known])
    steps = epochs * math.ceil(len(events.training) / BATCH)
    theirs = PeerRun(tagger, theirs_in, events.truth, RATE, steps, seed)
    rng, seconds = np.random.default_rng(seed), [0.0, 0.0]
    task = bar.add_task(tagger, total=2 * epochs)
    for epoch in range(epochs):
        start = time.process_time()
        ours.epoch(epoch, Watch())
        seconds[0] += time.process_time() - start
        bar.advance(task)
        start = time.process_time()
        theirs.epoch(events.training, BATCH, rng)
        seconds[1] += time.process_time() - start
        bar.advance(task)
    scored = ours.scored(events.validation, "events held out").metrics
    mine = (scored["accuracy"], scored["auc"], scored[f"rejection{EFFICIENCY}"], seconds[0] / epochs)
    peer = (*_quality(theirs.probabilities(events.validation), events.truth[events.validation]), seconds[1] / epochs)
    signal = events.is_signal(events.validation)
    return Result(tagger, len(events.known), epochs, mine, peer, auc_error(peer[1], int(signal.sum()), len(signal)))


def _quality(p: NDArray[np.float64], truth: NDArray[np.int64]) -> tuple[float, float, float]:
    from hepq.runtime.report.metrics import accuracy, auc, discriminants, rejection

    signal, scores = truth == len(LABELS) - 1, discriminants(p)[:, -1]
    return accuracy(p, truth), auc(scores, signal), rejection(scores, signal, EFFICIENCY / 100).value


def auc_error(area: float, signal: int, events: int) -> float:
    """Hanley and McNeil, Radiology 143 (1982) 29."""
    q1, q2, background = area / (2 - area), 2 * area**2 / (1 + area), events - signal
    variance = area * (1 - area) + (signal - 1) * (q1 - area**2) + (background - 1) * (q2 - area**2)
    return math.sqrt(variance / (signal * background))


def row(r: Result) -> list[str]:
    """Cells of a table: ours, theirs."""
    pairs = [f"{a:.{d}f}, {b:.{d}f}" for a, b, d in zip(r.hepq, r.peer, (4, 4, 0, 1), strict=True)]
    return [r.tagger, str(r.jets), str(r.epochs), *pairs, f"{r.peer[3] / r.hepq[3]:.2f}"]


def fill(page: Path, rows: list[list[str]]) -> None:
    """Put a table between the two marks of a Markdown page."""
    before, _, rest = page.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    lines = "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
    page.write_text(f"{before}{MARKS[0]}\n{lines}{MARKS[1]}{after}")


def main(argv: list[str]) -> int:
    from hepq.compiler.train import large_pages

    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="PFN and P-CNN, 2 epochs of 1,000 jets")
    parser.add_argument("--only", nargs="+", choices=list(PEERS), help="these taggers")
    parser.add_argument("--jets", type=int, default=10_000, help="training and held out together")
    parser.add_argument("--epochs", type=int, help="instead of each tagger's own number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a file of results: taggers in it are not trained again")
    parser.add_argument("--page", type=Path, help="a page of the documentation to write the table into")
    options = parser.parse_args(argv)
    taggers = options.only or list(PEERS)
    if options.quick:
        taggers, options.jets, options.epochs = ["PFN", "PCNN"], 1000, 2
    data.jets_file(LABELS[0])
    large_pages()
    with one_thread(), Progress(console=Console(stderr=True)) as bar:
        found = list(
            kept(
                taggers,
                lambda t: measure(t, options.jets, options.epochs or EPOCHS[t], options.seed, bar),
                Result,
                options.keep,
            )
        )
    table = Table(*COLUMNS, "", title="hepq, PyTorch as weaver-core trains")
    for r in found:
        table.add_row(*row(r), "" if r.met else "MISSED")
    Console(width=140).print(table)
    if options.page is not None:
        fill(options.page, [COLUMNS, ["---"] * len(COLUMNS), *map(row, found)])
    ratio = np.exp(np.mean([np.log(r.peer[3] / r.hepq[3]) for r in found]))
    print(f"time of an epoch, peer over hepq: geometric mean {ratio:.2f}; standard error of an AUC about "
          f"{max(r.error for r in found):.4f}")  # fmt: skip
    return 0 if all(r.met for r in found) else 1
