# SPDX-License-Identifier: Apache-2.0
"""Small networks trained by hepqc train and in a plain PyTorch loop, alone and beside other work on every core.

`small_training.hepq` has an autoencoder of 8 numbers a jet, and PFN. Both sides have the same jets, batches, optimiser
and one thread, in one process, epoch by epoch in turn; an epoch is the training steps, and loss and AUC of what is held
out. Ours must take at most 1.5 times the loop's CPU time and wall time.

Beside a busy process on each core, two threads must take less than three times the wall time of one: what they took
when threads that wait kept spinning. They gain little on networks this small, and every operation that is split waits
for its later half, which has half a core as one thread alone has: what is above 1 is waiting for the scheduler.
Times are the least of all rounds, to which other work only adds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.shared import data
from hepq.runtime.engine.threads import available, limited, sleep_when_idle

if TYPE_CHECKING:
    from torch import Tensor, nn

    from hepq.compiler.train.fit.gradient import Run

PROGRAM = Path(__file__).with_suffix(".hepq")
LABELS = ("QCD", "Tbqq")
TRAININGS = ("autoencoder", "pfn")
BATCH, RATE = 64, 1e-3
#: largest ratios: to the loop; of two threads beside busy processes to one
BAR, FORCED = 1.5, 3.0
TWO = "busy: two threads / one, wall"
#: seconds of CPU and of wall
Times = tuple[float, float]


def ours(name: str, jets: int) -> Run:
    """A training of ours, ready to begin."""
    from hepq.compiler.driver.options import Options
    from hepq.compiler.train.data.events import labelled, read_events, resolved
    from hepq.compiler.train.fit.gradient import Run
    from hepq.compiler.train.fit.machine import Group
    from hepq.compiler.train.recipe import Recipe

    found = read_events(PROGRAM, [str(data.jets_file(label)) for label in LABELS], Options(), name)
    recipe = resolved(Recipe(batch=BATCH, rate=RATE, events=jets, device="cpu"), found.built)
    return Run(labelled(found, recipe), recipe, Group())


class Loop:
    """The same network, jets and batches, as one writes it in PyTorch."""

    def __init__(self, name: str, run: Run) -> None:
        import torch

        self.name, self.events = name, run.data
        (node,) = (n for n in run.net.ir.inputs if n["name"] in run.table.contents)
        inputs, counts = run.table.batch((node,), run.data.known, torch.float32)
        self.x, self.truth = inputs[node["name"]], torch.from_numpy(run.data.truth)
        self.counts = counts["part"] if run.table.dims[node["name"]] else None
        features = self.x.shape[-1]
        self.nets = [_mlp(features, 16, 3, 16, features, act=torch.nn.Tanh)]
        if name == "pfn":
            self.nets = [_mlp(features, 100, 100, 256, last=True), _mlp(256, 100, 100, 100, len(LABELS))]
        weights = [w for net in self.nets for w in net.parameters()]
        mine = sum(w.numel() for w in run.net.parameters())
        assert mine == sum(w.numel() for w in weights), "the two sides differ"
        self.optimiser = torch.optim.Adam(weights, lr=RATE)

    def losses(self, pick: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, score) of each jet."""
        import torch

        x = self.x[pick]
        if self.counts is None:
            loss = ((self.nets[0](x) - x) ** 2).mean(1)
            return loss, loss
        counts = self.counts[pick]
        longest = int(counts.max())
        real = torch.arange(longest) < counts[:, None]
        logits = self.nets[1]((self.nets[0](x[:, :longest]) * real[..., None]).sum(1))
        return torch.nn.functional.cross_entropy(logits, self.truth[pick], reduction="none"), logits[:, 1] - logits[
            :, 0
        ]

    def epoch(self, rng: np.random.Generator) -> float:
        """Training steps, then loss and AUC of the jets held out; the mean loss in training."""
        import torch
        from sklearn.metrics import roc_auc_score

        order, total = torch.from_numpy(rng.permutation(self.events.training)), 0.0
        for pick in torch.split(order, BATCH):
            loss = self.losses(pick)[0].mean()
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            total += float(loss.detach()) * len(pick)
        with torch.no_grad():
            held = torch.from_numpy(self.events.validation)
            found = [self.losses(pick) for pick in torch.split(held, 512)]
        loss, scores = (torch.cat(list(part)) for part in zip(*found, strict=True))
        roc_auc_score(self.truth[held].numpy(), scores.numpy())
        return total / len(order)


def _mlp(*widths: int, act: Any = None, last: bool = False) -> nn.Sequential:
    from torch import nn

    layers = [m for a, b in pairwise(widths) for m in (nn.Linear(a, b), (act or nn.ReLU)())]
    return nn.Sequential(*(layers if last else layers[:-1]))


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """That many processes that compute and do nothing else."""
    started = [multiprocessing.get_context("fork").Process(target=_spin, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def _spin() -> None:
    while True:
        pass


def least(contestants: Mapping[str, tuple[int, Callable[[int], object]]], rounds: int) -> dict[str, Times]:
    """Of each, run in turns with so many threads: its least CPU time and its least wall time."""
    found = dict.fromkeys(contestants, (np.inf, np.inf))
    for i in range(rounds + 2):
        for name, (threads, run) in contestants.items():
            with limited(threads):
                start = time.process_time(), time.perf_counter()
                run(i)
                end = time.process_time(), time.perf_counter()
            if i > 1:  # what is computed once, and recorded, is not of an epoch
                cpu, wall = (min(a, e - s) for a, s, e in zip(found[name], start, end, strict=True))
                found[name] = (cpu, wall)
    return found


def measure(name: str, jets: int, rounds: int) -> list[tuple[str, str, float]]:
    """(network, what, ratio) of one network."""
    from hepq.compiler.train.report import Watch

    run, rng = ours(name, jets), np.random.default_rng(0)
    loop, watch = Loop(name, run), Watch()

    def mine(number: int) -> NDArray[np.float64]:
        run.epoch(number, watch)
        return run.scored(run.held, run.data.held_words).scores

    sides = {"ours": (1, mine), "loop": (1, lambda _: loop.epoch(rng))}
    rows = [(name, "threads by default", float(run.threads))]
    for where, others in (("alone", 0), ("busy", available())):
        with busy(others):
            both = sides if not others else sides | {"two": (2, mine)}
            found = least(both, rounds)
        for i, what in enumerate(("CPU", "wall")):
            rows.append((name, f"{where}: ours / loop, {what}", found["ours"][i] / found["loop"][i]))
    return [*rows, (name, TWO, found["two"][1] / found["ours"][1])]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks small-training", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 jets, 4 rounds")
    parser.add_argument("--jets", type=int, default=4000, help="training and held out together")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args(argv)
    data.jets_file(LABELS[0])
    sleep_when_idle()
    jets, rounds = (1000, 4) if options.quick else (options.jets, options.rounds)
    table, met = Table("network", "", "ratio", "bar", ""), True
    for name in TRAININGS:
        for network, what, ratio in measure(name, jets, rounds):
            bar = 1.0 if what.startswith("threads") else FORCED if what == TWO else BAR
            met &= ratio <= bar
            table.add_row(network, what, f"{ratio:.2f}", f"{bar:g}", "" if ratio <= bar else "MISSED")
    Console(width=100).print(table)
    return 0 if met else 1
