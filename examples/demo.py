# SPDX-License-Identifier: Apache-2.0
"""The main road, end to end: compile the example tagger, score jets it was not trained on, show how well it does.

    python examples/demo.py [--out FOLDER]

What it does is what these commands do, with the picture on top:

    hepqc compile examples/tagger.hepq --weights examples/tagger.safetensors -o out/tagger.hepqx
    hepqc verify out/tagger.hepqx
    hepqc predict out/tagger.hepqx examples/data/test.root -o out/scores.root
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from rich.console import Console
from rich.table import Table

import hepq
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.report.metrics import auc, binary_score, rejection, roc_picture

HERE = Path(__file__).parent
SIGNAL, BACKGROUND = "Tbqq", "QCD"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the artifact, scores and picture")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, soft_wrap=True)

    with console.status("compiling") as status:
        options = Options(weights=HERE / "tagger.safetensors", command="examples/demo.py")
        artifact = args.out / "tagger.hepqx"
        report = compile_file(
            HERE / "tagger.hepq", artifact, options, lambda stage: status.update(f"compiling: {stage}")
        )
    seconds = sum(s for stage, s in report.seconds.items() if not stage.startswith("pass "))
    console.print(f"compiled examples/tagger.hepq, {report.params:,} weights, to {artifact} in {seconds:.0f} s")

    tagger = hepq.load(artifact)
    checked = tagger.verify()
    largest = max(check.largest for check in checked.checks)
    console.print(f"verified: {largest:.1e} from the float64 reference at most, on {checked.events} events")

    events = uproot.open(HERE / "data/test.root")["tree"].arrays()
    start = time.perf_counter()
    scores = tagger(events)
    rate = len(events) / (time.perf_counter() - start)
    console.print(
        f"scored {len(events)} jets of examples/data/test.root, {rate:,.0f} a second, none of them trained on\n"
    )

    truth = ak.to_numpy(events[f"label_{SIGNAL}"])
    curves = {
        "ParticleNet in hepq": binary_score(scores[SIGNAL], scores[BACKGROUND]),
        "τ3/τ2": -ak.to_numpy(events["jet_tau3"] / events["jet_tau2"]),
        "soft-drop mass": -np.abs(ak.to_numpy(events["jet_sdmass"]) - 172.5),
    }
    table = Table(f"{SIGNAL} against {BACKGROUND}", "AUC", "background rejection at 70 % efficiency", box=None)
    for name, values in curves.items():
        cut = rejection(values, truth, 0.7)
        table.add_row(name, f"{auc(values, truth):.4f}", f"{cut.value:.0f} ± {cut.error:.0f}")
    console.print(table)
    picture = roc_picture({name: (values, truth) for name, values in curves.items()}, args.out / "roc.png")
    console.print(f"\nROC curves: {picture}")


if __name__ == "__main__":
    main()
