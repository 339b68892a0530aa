# SPDX-License-Identifier: Apache-2.0
"""Every jet tagger of the library is trained by hepqc train on the example's jets, and learns.

`learning.hepq` has a training for each. The bar: on jets held out, the area under the ROC curve is five standard errors
above chance. `--picture` draws the areas after each epoch, as `docs/models.md` shows them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.shared.curves import draw, learned, measured
from benchmarks.training.training import auc_error

PROGRAM = Path(__file__).with_suffix(".hepq")
EVENTS = Path(__file__).resolve().parents[2] / "examples/data/train.root"
#: epochs, jets, jets a batch and learning rate; large networks see fewer jets, and those of the Lorentz group small
#: batches, as their authors train them
SMALL, LARGE, LORENTZ = (8, 2400, 64, 2e-3), (4, 1200, 64, 1e-3), (4, 1200, 16, 2e-3)
TAGGERS = {
    **dict.fromkeys("EFN EventShapeMLP PCNN PFN RPCN SPCT".split(), SMALL),
    **dict.fromkeys("ABCNet JEDINet ParT ParTPlain ParticleNet ParticleNetLite PCT".split(), LARGE),
    **dict.fromkeys("LGN LorentzNet".split(), LORENTZ),
}
QUICK = ("PFN", "EventShapeMLP")
SIGMAS = 5


@dataclass(frozen=True)
class Result:
    tagger: str
    areas: tuple[float, ...]
    error: float
    seconds: float

    @property
    def met(self) -> bool:
        return max(self.areas) > 0.5 + SIGMAS * self.error


def measure(tagger: str, seed: int) -> Result:
    epochs, jets, batch, rate = TAGGERS[tagger]
    start = time.perf_counter()
    areas, trained = learned(
        PROGRAM, EVENTS, f"{tagger}_", "auc", rate, epochs=epochs, events=jets, batch=batch, seed=seed
    )
    signal = trained.fitted.is_signal
    error = auc_error(0.5, int(signal.sum()), len(signal))
    return Result(tagger, areas, error, time.perf_counter() - start)


def main(argv: list[str]) -> int:
    found, picture = measured(argv, "learning", __doc__, TAGGERS, QUICK, measure, Result)
    table = Table("tagger", "jets", "epochs", "AUC after each epoch", "chance, σ", "seconds", "")
    for r in found:
        areas = " ".join(f"{a:.3f}" for a in r.areas)
        jets = str(TAGGERS[r.tagger][1])
        table.add_row(
            r.tagger, jets, str(len(r.areas)), areas, f"{r.error:.3f}", f"{r.seconds:.0f}", "" if r.met else "MISSED"
        )
    Console(width=130).print(table)
    if picture is not None:
        label = "Area under the ROC curve, jets held out"
        draw({r.tagger: r.areas for r in found}, label, 0.5, "lower right", picture)
    return 0 if all(r.met for r in found) else 1
