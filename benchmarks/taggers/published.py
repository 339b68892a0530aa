# SPDX-License-Identifier: Apache-2.0
"""Published ParticleNet weights, golden events of every jet file: each artifact verifies, no more than half left out.

Two sets of weights (kinematic inputs; these with charge and particle identification) and ten files of jets give twenty
artifacts. The bars: each compiles, which includes that its code gives what the reference gives, and `verify` agrees.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

import hepq
from benchmarks.shared import data
from hepq.compiler.driver.compilation import build_file, compile_file
from hepq.compiler.driver.options import Options
from hepq.compiler.weights.files import import_checkpoint, save_weights
from hepq.core.diagnostics.diagnostic import HepqError

HERE = Path(__file__).parent
#: published weights -> the program that reads them
PROGRAMS = {"ParticleNet_kin": HERE / "particlenet.hepq", "ParticleNet_kinpid": HERE / "particlenet_pid.hepq"}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks published", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one file of jets for each of the weights")
    parser.add_argument("--golden-events", type=int, default=16, metavar="N", help="golden events of each artifact")
    chosen = parser.parse_args(argv)
    files = sorted((data.SHARED / "jets").glob("*.root"))
    checkpoints = {name: data.SHARED / f"weights/{name}.pt" for name in PROGRAMS}
    if not files or not all(path.exists() for path in checkpoints.values()):
        raise data.Absent("../shared/data has no jets or no published weights")
    table = Table("weights", "jets", "golden", "left out", "largest difference", "seconds", "", box=None)
    missed = 0
    with TemporaryDirectory() as folder:
        for name, checkpoint in checkpoints.items():
            weights = Path(folder, f"{name}.safetensors")
            built = build_file(PROGRAMS[name], Options(model="Published"))
            save_weights(weights, import_checkpoint(built, checkpoint).weights)
            for jets in files[:1] if chosen.quick else files:
                row, ok = _one(PROGRAMS[name], weights, jets, Path(folder, "a.hepqx"), chosen.golden_events)
                table.add_row(name, jets.stem, *row, "" if ok else "[bold red]missed[/]")
                missed += not ok
    Console(width=160).print(table)
    print(f"{missed} of {table.row_count} artifacts do not hold" if missed else f"all {table.row_count} verify")
    return 1 if missed else 0


def _one(program: Path, weights: Path, jets: Path, out: Path, events: int) -> tuple[list[str], bool]:
    start = time.perf_counter()
    options = Options(model="Published", weights=weights, golden=jets, golden_events=events)
    try:
        compile_file(program, out, options)
    except HepqError as error:
        return ["", "", str(error).splitlines()[0], f"{time.perf_counter() - start:.1f}"], False
    model = hepq.load(out, threads=1)
    found, info = model.verify(), model.manifest.golden
    largest = f"{max(c.relative for c in found.checks):.1e}"
    row = [str(info.events), str(info.rounding + info.unfit), largest, f"{time.perf_counter() - start:.1f}"]
    return row, found.ok and info.events == events
