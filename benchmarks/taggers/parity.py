# SPDX-License-Identifier: Apache-2.0
"""ParticleNet with published weights: weaver-core's probabilities from our compiled artifact.

Three bars. With the same neighbour lists, probabilities agree to 1e-5. End to end, no more jets differ from
weaver-core in float64, and none by more, than between weaver-core's own float32 and float64. On the full files,
Tbqq is told from QCD with an AUC of at least 0.99.

End to end, neighbours decide. weaver-core searches k + 1 neighbours and drops the first in the belief that it is the
particle itself. Where two particles coincide (one calorimeter cell), which of them is dropped depends on their order
in the list and on the batch: weaver-core's float64 answer is then not one number. For such jets the reference is
weaver-core with a search that never returns the particle itself and breaks ties by index, as hepq defines it; for all
others it is weaver-core untouched. Differences from untouched weaver-core on all jets are printed too, and how far
weaver-core is from itself when such jets list their particles in the opposite order.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import awkward as ak
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import hepq
from benchmarks.shared import data
from benchmarks.taggers import weaver
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.weights.files import import_checkpoint, save_weights
from hepq.runtime.report.metrics import auc, binary_score

PROGRAM = Path(__file__).with_suffix(".hepq").with_stem("particlenet")
GIVEN, AUC = 1e-5, 0.99
THRESHOLDS = (1e-5, 1e-4, 1e-3)
#: jets from which on the one largest difference is a bar too; among fewer it is luck
TAIL = 10_000


@dataclass(frozen=True)
class Drift:
    """Fractions of jets whose largest difference exceeds each threshold, its mean, and the largest of all."""

    fractions: tuple[float, ...]
    mean: float
    largest: float

    @classmethod
    def between(cls, a: NDArray[Any], b: NDArray[Any]) -> Drift:
        difference = np.abs(a.astype(np.float64) - b).max(axis=1, initial=0.0)
        return cls(
            tuple(float((difference > t).mean()) for t in THRESHOLDS), float(difference.mean()), float(difference.max())
        )

    def within(self, other: Drift, *, tail: bool) -> bool:
        """No larger, in fraction and in mean; and in the one largest, if ``tail``."""
        fractions = zip(self.fractions, other.fractions, strict=True)
        bulk = all(a <= b for a, b in fractions) and self.mean <= other.mean
        return bulk and (self.largest <= other.largest or not tail)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks parity", description=__doc__)
    parser.add_argument("--jets", type=int, default=1000, help="jets of each class (default 1000)")
    parser.add_argument("--quick", action="store_true", help="40 jets of each class, 1000 for the AUC")
    args = parser.parse_args(argv)
    count, full = (40, 1000) if args.quick else (args.jets, None)
    checkpoint = data.shared("weights/ParticleNet_kin.pt")
    console = Console(highlight=False, width=140)
    with TemporaryDirectory() as folder, console.status("") as status:
        published, traced = _compile(checkpoint, Path(folder), status.update)
        jets = ak.concatenate([data.jets(label, count) for label in data.CLASSES])
        status.update(f"scoring {len(jets)} jets with hepq")
        ours = _probabilities(published(jets))
        traces = traced(jets)
        neighbours = _neighbours(traces, len(jets))
        runs = _weaver(checkpoint, jets, neighbours, status.update)
        status.update("scoring the full files of QCD and Tbqq")
        area = _auc(published, full)
    return _report(console, ours, _probabilities(traces["output0"]), runs, area)


def _compile(checkpoint: Path, folder: Path, tell: Callable[[str], None]) -> tuple[hepq.Model, hepq.Model]:
    """The published model, and the one that also tells its neighbours."""
    tell("importing weights")
    weights = import_checkpoint(build_file(PROGRAM, Options(model="Published")), checkpoint).weights
    models = []
    for name, prefix in (("Published", ""), ("Traced", "net.")):
        tell(f"compiling {name}")
        file = folder / f"{name}.safetensors"
        save_weights(file, {path.removeprefix(prefix): value for path, value in weights.items()})
        compile_file(PROGRAM, folder / f"{name}.hepqx", Options(model=name, weights=file))
        models.append(hepq.load(folder / f"{name}.hepqx"))
    return models[0], models[1]


def _probabilities(scores: Any) -> NDArray[Any]:
    return np.stack([ak.to_numpy(scores[label]) for label in data.CLASSES], axis=1)


def _neighbours(traces: dict[str, Any], jets: int) -> NDArray[np.int32]:
    """Neighbours as weaver-core numbers them, [jet, layer, slot, k]; -1 for none."""
    number = ak.to_numpy(ak.flatten(traces["output1"]))
    jet = np.repeat(np.arange(jets), ak.to_numpy(ak.num(traces["output1"])))
    kept = ~np.isnan(number)
    slot = number[kept].astype(np.int64) - 1
    out = np.full((jets, weaver.LAYERS, weaver.SLOTS, weaver.K), -1, np.int32)
    for layer in range(weaver.LAYERS):
        graph = ak.to_numpy(ak.flatten(traces[f"output{layer + 2}"]))
        out[jet[kept], layer, slot] = graph[kept].astype(np.int32) - 1
    return out


@dataclass(frozen=True)
class Runs:
    """weaver-core's probabilities [jet, class]: with our neighbours, in float32, in float64, and the reference.

    ``turned``: in float64, jets with coincident particles, their particles in the opposite order.
    """

    given: NDArray[Any]
    single: NDArray[Any]
    double: NDArray[Any]
    reference: NDArray[Any]
    turned: NDArray[Any]
    coincident: NDArray[np.bool_]


def _weaver(checkpoint: Path, jets: ak.Array, neighbours: NDArray[np.int32], tell: Callable[[str], None]) -> Runs:
    single, double = weaver.prepare(jets, np.float32), weaver.prepare(jets, np.float64)
    model32, model64 = weaver.load(checkpoint, torch.float32), weaver.load(checkpoint, torch.float64)
    tell("weaver-core with our neighbours, float32")
    given = weaver.run(model32, single, given=neighbours).probabilities
    tell("weaver-core, float32")
    own32 = weaver.run(model32, single).probabilities
    tell("weaver-core, float64")
    own64 = weaver.run(model64, double).probabilities
    coincident = weaver.coincident(single)
    tell("weaver-core, float64, where particles coincide")
    reference = own64.copy()
    reference[coincident] = weaver.run(model64, double[coincident], search=weaver.exact_search).probabilities
    tell("weaver-core, float64, the same with the particles turned round")
    turned = weaver.run(model64, weaver.turned_round(double[coincident])).probabilities
    return Runs(given, own32, own64, reference, turned, coincident)


def _auc(model: hepq.Model, count: int | None) -> float:
    scores, truth = [], []
    for label in ("QCD", "Tbqq"):
        found = model(data.jets(label, count))
        scores.append(binary_score(ak.to_numpy(found["Tbqq"]), ak.to_numpy(found["QCD"])))
        truth.append(np.full(len(found), label == "Tbqq"))
    return auc(np.concatenate(scores), np.concatenate(truth))


def _report(console: Console, ours: NDArray[Any], traced: NDArray[Any], runs: Runs, area: float) -> int:
    given = Drift.between(traced, runs.given)
    mine, theirs = Drift.between(ours, runs.reference), Drift.between(runs.single, runs.double)
    clear = ~runs.coincident
    mine_clear, theirs_clear = (Drift.between(a[clear], runs.double[clear]) for a in (ours, runs.single))
    mine_coincident, turned = (Drift.between(a, runs.double[~clear]) for a in (ours[~clear], runs.turned))
    tail = len(ours) >= TAIL
    columns = [f"> {t:g}" for t in THRESHOLDS]
    table = Table("largest |difference| of a jet's probabilities", *columns, "mean", "largest", box=None)
    for title, drift in (
        ("same neighbours: hepq, weaver-core float32", given),
        ("all jets: hepq, reference", mine),
        ("all jets: weaver-core float32, float64", theirs),
        ("no coincident particles: hepq, weaver-core float64", mine_clear),
        ("no coincident particles: weaver-core float32, float64", theirs_clear),
        ("coincident particles: hepq, untouched weaver-core float64", mine_coincident),
        ("coincident particles: weaver-core float64, itself with particles turned round", turned),
        ("for the record, all jets: hepq, untouched weaver-core float64", Drift.between(ours, runs.double)),
        ("for the record: traced model, published model", Drift.between(traced, ours)),
    ):
        table.add_row(
            title, *(f"{100 * f:.2f} %" for f in drift.fractions), f"{drift.mean:.1e}", f"{drift.largest:.1e}"
        )
    console.print(f"{len(ours)} jets, {100 * runs.coincident.mean():.1f} % of them with coincident particles")
    console.print(table)
    bars = {
        f"same neighbours: within {GIVEN:g}": given.largest <= GIVEN,
        "end to end: no further from float64 than weaver-core's float32": mine.within(theirs, tail=tail),
        "the same, on jets without coincident particles, against untouched weaver-core": mine_clear.within(
            theirs_clear, tail=tail
        ),
        f"AUC Tbqq against QCD {area:.4f}, at least {AUC}": area >= AUC,
    }
    for bar, met in bars.items():
        console.print(f"{'[green]met[/]   ' if met else '[bold red]MISSED[/]'} {bar}")
    return 0 if all(bars.values()) else 1
