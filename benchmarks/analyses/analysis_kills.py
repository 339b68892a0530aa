# SPDX-License-Identifier: Apache-2.0
"""Runs of an analysis killed at random moments (SIGKILL), and their workers: the result has the bits of a whole run.

Each chunk is named in an append-only log as it is begun. After each kill of a run the parent lists what is stored, then
notes where the log ends: a chunk beyond that place of which all was stored is one that was computed twice. A run that
lost a worker must go on and end well.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from hepq.compiler.driver.running import compiled_program
from hepq.runtime.analysis.engine import Options, run
from hepq.runtime.analysis.program import Compiled
from hepq.runtime.analysis.results import Result
from hepq.runtime.analysis.tasks import Compute
from hepq.runtime.executors import Executor, executor

FILES, EVENTS, CHUNK = 2, 2000, 200
PROGRAM = """from std.nanoaod import Jet, MET

analysis Kills {
  source run = data("run_*.root", tree="Events")
  source top = mc("top_*.root", tree="Events", xsec=3 pb)

  weight norm = 100 pb^-1 * source.xsec / source.events
  noise smear: real[Jet] ~ normal(1, 0.1)
  object good = Jet where Jet.pt > 30 GeV and abs(Jet.eta) < 2.4
  vary res { up { Jet.pt = smear * Jet.pt } }

  region sr {
    cut two = count(good) >= 2
    weight soft = 1 / (1 + MET.pt / 100 GeV)
    hist ht = sum(good.pt, over=good) in bins(50, 0 GeV, 500 GeV)
    save kept = met=MET.pt
  }
}
"""


def made_up(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    jets = rng.poisson(4, EVENTS)
    columns: dict[str, Any] = {
        "run": np.ones(EVENTS, np.uint32), "luminosityBlock": np.full(EVENTS, seed, np.uint32),
        "event": np.arange(EVENTS, dtype=np.uint64), "MET_pt": rng.exponential(40, EVENTS).astype(np.float32),
    }  # fmt: skip
    lists = {"Jet_pt": rng.exponential(40, jets.sum()), "Jet_eta": rng.normal(0, 2, jets.sum())}
    lists = {name: ak.unflatten(values.astype(np.float32), jets) for name, values in lists.items()}
    types = {n: v.dtype for n, v in columns.items()} | {n: v.type.content for n, v in lists.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types, counter_name=lambda name: "nJet").extend({**columns, **lists})


class Logged:
    """Submits to another executor, and names each chunk in a log before."""

    def __init__(self, to: Executor, log: Path) -> None:
        self._to, self._log = to, log

    @property
    def slots(self) -> int:
        return self._to.slots

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        if isinstance(function, Compute):
            task = args[0]
            line = f"{task.file.opened.path} {task.first} {task.end}\n"
            descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, line.encode())
            os.close(descriptor)
        return self._to.submit(function, *args)

    def close(self) -> None:
        self._to.close()


def job(compiled: Compiled, data: Path, folder: Path, workers: int | None) -> None:
    """In a child process: the run, then a file of its result."""
    where = Logged(executor(workers), folder / "log")
    try:
        run(compiled, options(data, folder), where).result.save(folder / "result.hepqr")
    finally:
        where.close()


def options(data: Path, folder: Path) -> Options:
    return Options(folder=data, store=folder / "chunks", chunk=CHUNK, skims=folder)


@dataclass
class Outcome:
    """``kills``: of runs; ``workers``: of their workers. ``redone``: chunks computed after they were stored."""

    kind: str
    kills: int = 0
    workers: int = 0
    runs: int = 0
    chunks: int = 0
    computed: int = 0
    redone: int = 0
    different: int = 0
    failed: int = 0

    @property
    def ok(self) -> bool:
        return self.redone == self.different == self.failed == 0


def stored(folder: Path) -> set[tuple[str, int, int]]:
    """Path and entries of each record that is whole."""
    found = set()
    for place in (folder / "chunks" / "accounts").glob("*.*-*"):
        if not place.name.startswith("."):
            with place.open("rb") as file:
                file.readline()
                path = json.loads(file.readline())["path"]
            first, _, end = place.name.partition(".")[2].partition("-")
            found.add((path, int(first), int(end)))
    return found


def begun(folder: Path) -> list[tuple[str, int, int]]:
    log = folder / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(path, int(first), int(end)) for path, first, end in (line.rsplit(" ", 2) for line in lines)]


def workers_of(pid: int) -> list[int]:
    """Processes that were spawned to work."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    except OSError:
        return []


def measure(compiled: Compiled, data: Path, whole: Result, kills: int, workers: int | None, dice: random.Random,
            tell: Callable[[int], None], seconds: float) -> Outcome:  # fmt: skip
    out = Outcome("serial" if workers is None else f"{workers} workers")
    with tempfile.TemporaryDirectory(prefix="hepq-kills-") as scratch:
        for number in range(10**6):
            if out.kills + out.workers >= kills:
                return out
            folder = Path(scratch) / str(number)
            folder.mkdir()
            _one_result(compiled, data, folder, out, kills, workers, dice, seconds)
            made = Result.load(folder / "result.hepqr")
            out.different += any(made.read[n].sums.to_bytes() != whole.read[n].sums.to_bytes() for n in whole.read)
            tell(out.kills + out.workers)
    raise AssertionError("kills never end")


def _one_result(compiled: Compiled, data: Path, folder: Path, out: Outcome, kills: int, workers: int | None,
                dice: random.Random, seconds: float) -> None:  # fmt: skip
    """Runs that are killed until one is complete."""
    context = multiprocessing.get_context("fork")
    done, place, redone = set[tuple[str, int, int]](), 0, set[int]()
    lost = 0  # workers of this run

    def start() -> BaseProcess:
        process = context.Process(target=job, args=(compiled, data, folder, workers))
        process.start()
        out.runs += 1
        return process

    def look() -> None:
        for i, (path, first, end) in enumerate(begun(folder)):
            if i >= place and any(p == path and a <= first and end <= b for p, a, b in done):
                redone.add(i)

    running = start()
    while running.is_alive() and out.kills + out.workers < kills:
        while running.is_alive() and len(begun(folder)) <= place:  # not while workers start, which takes longest
            time.sleep(seconds / 50)
        time.sleep(dice.uniform(0, seconds))
        spawned = workers_of(running.pid or 0)
        if spawned and dice.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(spawned), signal.SIGKILL)
            out.workers, lost = out.workers + 1, lost + 1
            continue
        running.kill()
        running.join()
        if running.exitcode == -signal.SIGKILL:
            look()
            done, place = stored(folder), len(begun(folder))
            out.kills, lost = out.kills + 1, 0
            running = start()
    running.join()
    look()
    if running.exitcode != 0:
        out.failed += lost < 2  # a chunk may have lost two
        done, place = stored(folder), len(begun(folder))
        running = start()
        running.join()
        look()
    out.chunks += 2 * FILES * -(-EVENTS // CHUNK)
    out.computed += len(begun(folder))
    out.redone += len(redone)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks analysis-kills", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="16 kills instead of 100")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(argv)
    dice = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="hepq-kills-") as scratch, Progress(console=Console(stderr=True)) as bar:
        data = Path(scratch)
        (data / "kills.hepq").write_text(PROGRAM)
        for i, name in enumerate(f"{kind}_{i}.root" for kind in ("run", "top") for i in range(FILES)):
            made_up(data / name, i)
        compiled = compiled_program(data / "kills.hepq")
        start = time.perf_counter()
        whole = run(compiled, Options(folder=data, chunk=CHUNK, skims=data)).result
        length = time.perf_counter() - start
        outcomes = []
        for kills, workers in _series(chosen.quick):
            task = bar.add_task("killed" if workers is None else "killed, or a worker", total=kills)
            outcomes.append(measure(compiled, data, whole, kills, workers, dice, partial(_tell, bar, task), length / 2))
    columns = ("", "kills", "of workers", "runs", "chunks", "computed", "redone", "differ")
    table = Table(*columns, title=f"{2 * FILES} files of {EVENTS:,} events, chunks of {CHUNK}")
    for o in outcomes:
        row = (o.kind, o.kills, o.workers, o.runs, o.chunks, o.computed, o.redone, o.different)
        table.add_row(*map(str, row))
    Console().print(table)
    print("redone: computed again after they were stored; differ: results that have not the bits of a whole run")
    return 0 if all(o.ok for o in outcomes) else 1


def _tell(bar: Progress, task: TaskID, kills: int) -> None:
    bar.update(task, completed=kills)


def _series(quick: bool) -> Iterator[tuple[int, int | None]]:
    """Kills, and workers."""
    yield 12 if quick else 70, None
    yield 4 if quick else 30, 2
