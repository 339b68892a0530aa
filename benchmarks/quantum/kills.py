# SPDX-License-Identifier: Apache-2.0
"""Kernel jobs killed at random moments (SIGKILL): the matrix is that of an uninterrupted run, nothing is redone.

Jobs compute the exact fidelity kernel of a ZZ feature map of 4 qubits in small tiles. The kernel function writes the
name of each tile to an append-only log as it begins it. After each kill the parent lists the stored tiles, then notes
where the log ends: a name of the list beyond that place is a tile computed again after it was stored.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from math import pi
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.kernel.gram import gram
from hepq.runtime.quantum.kernel.kernel import content
from hepq.runtime.quantum.kernel.store import Store, tile_key
from hepq.runtime.quantum.simulate import state

WIRES, EVENTS, TILE = 4, 80, 4
#: seconds that each tile takes beside its computing: about as long as storing it, so that kills hit both
PAUSE = 0.002
PAIRS = list(combinations(range(WIRES), 2))
Array = NDArray[Any]


def feature_map() -> Circuit:
    """Havlíček et al., arXiv:1804.11326, two repetitions; phases e^{iφ} on odd parities, up to a global phase."""
    sets = [*((q,) for q in range(WIRES)), *PAIRS]
    layer = Diagonal(tuple((s, Angle.slot(i)) for i, s in enumerate(sets)))
    hadamards: tuple[Op, ...] = tuple(Gate("h", (q,)) for q in range(WIRES))
    return Circuit(WIRES, len(sets), (*hadamards, layer) * 2)


@dataclass(frozen=True)
class Fidelity:
    """|<x|y>|²."""

    log: Path | None = None
    circuit: Circuit = field(default_factory=feature_map)
    symmetric: bool = True
    exact: bool = True

    @property
    def digest(self) -> str:
        return self.circuit.digest

    def block(self, x: Array, y: Array) -> NDArray[np.float64]:
        if self.log is not None:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, tile_key(self.digest, content(x), content(y)).encode() + b"\n")
            os.close(descriptor)
        time.sleep(PAUSE)
        found: NDArray[np.float64] = state.fidelities(self._states(x), self._states(y)).numpy()
        return found

    def _states(self, x: Array) -> torch.Tensor:
        products = [2 * (pi - x[:, i]) * (pi - x[:, j]) for i, j in PAIRS]
        return state.states(self.circuit, torch.from_numpy(np.stack([*(2 * x.T), *products], axis=1)))


def job(x: Array, folder: Path, name: str) -> None:
    """In a child process: the whole matrix, then a file of it."""
    np.save(folder / f"{name}.npy", gram(Fidelity(folder / "log"), x, tile=TILE, store=folder / "tiles"))


@dataclass
class Outcome:
    """``redone``: tiles computed after they were stored. ``lost``: computations that a kill cut short."""

    workers: int
    kills: int = 0
    jobs: int = 0
    tiles: int = 0
    computed: int = 0
    redone: int = 0
    different: int = 0
    damaged: int = 0

    @property
    def lost(self) -> int:
        return self.computed - self.tiles

    @property
    def ok(self) -> bool:
        """A kill may cut short the one tile that its victim computes."""
        return self.redone == self.different == self.damaged == 0 and 0 <= self.lost <= self.kills


def measure(kills: int, workers: int, seed: int, progress: bool = True) -> Outcome:
    """Kill ``kills`` times one of ``workers`` processes that compute one matrix; start it again; until all are done."""
    torch.set_num_threads(1)  # children are forked, and OpenMP's threads are not
    x, dice, out = np.random.default_rng(seed).uniform(0, 1, (EVENTS, WIRES)), random.Random(seed), Outcome(workers)
    with (
        tempfile.TemporaryDirectory(prefix="hepq-kills-") as scratch,
        Progress(console=Console(stderr=True), disable=not progress) as bar,
    ):
        task = bar.add_task(f"{workers} at once", total=kills)
        start = time.perf_counter()
        whole = gram(Fidelity(), x, tile=TILE, store=Path(scratch) / "whole")
        length = (time.perf_counter() - start) / workers
        while out.kills < kills:
            folder = Path(scratch) / str(out.jobs)
            folder.mkdir()
            _one_matrix(x, folder, out, kills, lambda: dice.uniform(0, length / 2), dice)
            made = [np.load(folder / f"{i}.npy") for i in range(workers)]
            out.different += any(not np.array_equal(m, whole) for m in made)
            bar.update(task, completed=out.kills)
    return out


def _one_matrix(
    x: Array, folder: Path, out: Outcome, kills: int, moment: Callable[[], float], dice: random.Random
) -> None:
    """One matrix, killed at random moments until it is complete; what was found is added to ``out``."""
    context = multiprocessing.get_context("fork")
    log, stored, redone, place = folder / "log", set[str](), set[tuple[str, int]](), 0
    log.touch()

    def start(i: int) -> BaseProcess:
        process = context.Process(target=job, args=(x, folder, str(i)))
        process.start()
        return process

    def look() -> None:
        names = log.read_text().split()
        redone.update((name, i) for i, name in enumerate(names) if i >= place and name in stored)

    running = [start(i) for i in range(out.workers)]
    while out.kills < kills and any(p.is_alive() for p in running):
        time.sleep(moment())
        victim = dice.randrange(out.workers)
        if not running[victim].is_alive():
            continue
        os.kill(running[victim].pid or 0, signal.SIGKILL)
        running[victim].join()
        look()
        stored.update(p.name for p in (folder / "tiles").glob("tiles/??/*"))
        place = len(log.read_text().split())
        if running[victim].exitcode == -signal.SIGKILL:
            out.kills += 1
            running[victim] = start(victim)
    for i, process in enumerate(running):
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"job {i} ended with status {process.exitcode}")
    look()
    with Store(folder / "tiles") as store:
        out.tiles += sum(1 for _ in store.headers())
        out.damaged += store.damaged()
    out.jobs += 1
    out.computed += len(log.read_text().split())
    out.redone += len(redone)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks kills", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 kills of each kind instead of 100")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    kills = 15 if options.quick else 100
    outcomes = [measure(kills, workers, options.seed + workers) for workers in (1, 2)]
    columns = ("at once", "kills", "jobs", "tiles", "computed", "lost", "redone", "damaged", "differ")
    table = Table(*columns, title=f"kernel of {EVENTS} events, tiles of {TILE}")
    for o in outcomes:
        row = (o.workers, o.kills, o.jobs, o.tiles, o.computed, o.lost, o.redone, o.damaged, o.different)
        table.add_row(*map(str, row))
    Console().print(table)
    print(
        "lost: tiles that a kill cut short; redone: computed again after they were stored; "
        "differ: matrices that are not, bit for bit, that of an uninterrupted run"
    )
    return 0 if all(o.ok for o in outcomes) else 1
