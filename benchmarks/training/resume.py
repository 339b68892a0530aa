# SPDX-License-Identifier: Apache-2.0
"""Trainings killed at random moments (SIGKILL) and resumed: the weights are, bit for bit, those of an unbroken run.

`resume.hepq` has two trainings on `examples/data/train.root`. Each is run once unbroken; then again and again in a
process that is killed after a random time and started anew with its checkpoint, until it ends by itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hepq.compiler.train import Recipe, train_file

PROGRAM = Path(__file__).with_suffix(".hepq")
EVENTS = Path(__file__).resolve().parents[2] / "examples/data/train.root"
TRAININGS = ("Tagging", "Gan")
RECIPE = {"epochs": 8, "batch": 64, "events": 600}


@dataclass
class Outcome:
    """``ended``: trainings that ended after kills. ``early``: kills before the first checkpoint."""

    training: str
    kills: int = 0
    ended: int = 0
    early: int = 0
    different: int = 0


def job(training: str, folder: Path) -> None:
    """In a child process: go on from the checkpoint, if there is one, to the end."""
    recipe = Recipe(**RECIPE, checkpoint=folder / "run", resume=True)  # type: ignore[arg-type]
    train_file(PROGRAM, [EVENTS], folder / "weights.safetensors", recipe, train=training)


def measure(training: str, kills: int, seed: int, progress: bool = True) -> Outcome:
    """Kill ``training`` so often; compare each time that it comes to its end."""
    torch.set_num_threads(1)  # children are forked, and OpenMP's threads are not
    dice, out = random.Random(f"{training} {seed}"), Outcome(training)
    with (
        tempfile.TemporaryDirectory(prefix="hepq-resume-") as scratch,
        Progress(console=Console(stderr=True), disable=not progress) as bar,
    ):
        task = bar.add_task(training, total=kills)
        whole, start = Path(scratch) / "whole", time.perf_counter()
        whole.mkdir()
        job(training, whole)
        length = time.perf_counter() - start
        wanted = (whole / "weights.safetensors").read_bytes()
        while out.kills < kills:
            folder = Path(scratch) / str(out.ended)
            folder.mkdir()
            while not _survived(training, folder, dice.uniform(0, length) if out.kills < kills else None):
                out.kills += 1
                out.early += not (folder / "run/training.pt").exists()
                bar.update(task, completed=out.kills)
            out.ended += 1
            out.different += (folder / "weights.safetensors").read_bytes() != wanted
    return out


def _survived(training: str, folder: Path, seconds: float | None) -> bool:
    """Whether the job ended before it was killed, after ``seconds``."""
    process = multiprocessing.get_context("fork").Process(target=job, args=(training, folder))
    process.start()
    process.join(seconds)
    if process.is_alive():
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a training ended with status {process.exitcode}")
    return process.exitcode == 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks resume", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 kills of each training instead of 50")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    outcomes = [measure(training, 5 if options.quick else 50, options.seed) for training in TRAININGS]
    table = Table("training", "kills", "before a checkpoint", "ended", "differ")
    for o in outcomes:
        table.add_row(o.training, *map(str, (o.kills, o.early, o.ended, o.different)))
    Console().print(table)
    print("differ: weights that are not, bit for bit, those of an unbroken run")
    return 0 if not any(o.different for o in outcomes) and all(o.ended for o in outcomes) else 1
