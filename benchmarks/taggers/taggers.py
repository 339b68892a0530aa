# SPDX-License-Identifier: Apache-2.0
"""Taggers on one thread, on real jets: ours beside ONNX Runtime, torch and torch.compile, and beside sgemm.

The same weights for all. Peers get whole batches: ONNX Runtime padded to 128 particles and trimmed to the longest jet
of the batch, torch trimmed (P-CNN, which is defined on padded slots, always padded). First their probabilities are
compared with ours: within 1e-5 on nine of ten made-up jets of as many particles, whose masses and distances float32
tells apart; the share of real jets is printed, where it does not (ParT's pairs, neighbours). Then they take turns. A
ratio is the median over turns of a peer's time over ours. The share of sgemm is that of the FLOPs that our code
executes, after all rewrites, by what NumPy's BLAS does in the same run, the best of both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.shared.data import Absent
from benchmarks.shared.interleaved import Contestant, need, one_thread, turns
from benchmarks.taggers.tagger_contestants import TAGGERS, Array, Bar, Entrant, made_up_jets, memory, real_jets
from benchmarks.taggers.tagger_parity import SLOTS

BATCHES = (1, 16, 64, 512)
#: turns of each contestant, by the size of the batch
ROUNDS = {1: 25, 16: 7, 64: 5, 512: 3}
#: from which batch on bars of speed and share hold; a batch of one jet is never slower than the best peer
LARGE = 16
FULL = 16
AGREE, AGREEING = 1e-5, 0.9
QUICK = ("PFN",)
QUICK_BATCHES = (16,)


@dataclass(frozen=True)
class Row:
    """``times``: seconds of each turn, by contestant, ours first. ``agreeing``, ``real``: by peer, the share of made-up
    jets and of these ones whose probabilities are within ``AGREE`` of ours. ``share``: of sgemm; ``memory``: bytes
    that one run adds, at most."""

    tagger: str
    batch: int
    full: bool
    entries: float
    times: Mapping[str, Sequence[float]]
    agreeing: Mapping[str, float]
    real: Mapping[str, float]
    share: float
    memory: Mapping[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """The median of a peer's time over ours, in the same turn."""
        ours = np.array(self.times["hepq"])
        return {name: float(np.median(np.array(t) / ours)) for name, t in self.times.items() if name != "hepq"}

    def missed(self, bar: Bar) -> list[str]:
        """What it should have reached, in words."""
        best = min(self.ratios.values())
        wanted = 1.0 if self.batch < LARGE else bar.full if self.full else bar.real
        found = [f"best peer {best:.2f} × ours, at least {wanted}"] if wanted is not None and best < wanted else []
        if not self.full and self.batch >= LARGE and bar.share is not None and self.share < bar.share:
            found.append(f"{self.share:.0%} of sgemm, at least {bar.share:.0%}")
        found += [f"{name} agrees on {n:.0%} of made-up jets" for name, n in self.agreeing.items() if n < AGREEING]
        return found


@dataclass
class Measured:
    """Of one tagger; ``seconds``: to compile, ``bytes``: of what was made."""

    rows: list[Row] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


def measure(name: str, batches: Sequence[int], jets: Sequence[Mapping[str, Array]], seed: int) -> Measured:
    from hepq.compiler.targets.limits import measured as limits_of

    entrant = Entrant(name, jets[:64], seed)
    found = Measured(seconds=entrant.seconds, bytes=entrant.bytes)
    for batch, full in [*((b, False) for b in batches), *([(FULL, True)] if TAGGERS[name].bar.full else [])]:
        events = made_up_jets([SLOTS] * batch, seed) if full else jets[:batch] if batch > 1 else [_middle(jets)]
        runs = entrant.contestants(events)
        start = time.process_time()
        runs["torch.compile"]()
        found.seconds["torch.compile"] = max(found.seconds.get("torch.compile", 0.0), time.process_time() - start)
        held = {one: memory(run) for one, run in runs.items()}
        made_up = events if full else made_up_jets([len(event["x"]) for event in events], seed)
        agreeing, real = _agreeing(entrant.contestants(made_up)), _agreeing(runs)
        rounds = ROUNDS.get(batch, min(ROUNDS.values()))
        times, _ = turns({one: Contestant(run, rounds) for one, run in runs.items()}, f"{name}, batch {batch}")
        done = entrant.flops(events) / min(times["hepq"])
        entries = float(np.mean([len(event["x"]) for event in events]))
        share = done / limits_of(1 << 20).flops
        found.rows.append(Row(name, batch, full, entries, times, agreeing, real, share, held))
    return found


def _agreeing(runs: Mapping[str, Callable[[], Array]]) -> dict[str, float]:
    """By peer, the share of jets whose probabilities are within ``AGREE`` of ours."""
    scores = {one: np.array(run()) for one, run in runs.items()}
    apart = {one: np.abs(value - scores["hepq"]).max(1) for one, value in scores.items() if one != "hepq"}
    return {one: float((found <= AGREE).mean()) for one, found in apart.items()}


def _middle(jets: Sequence[Mapping[str, Array]]) -> Mapping[str, Array]:
    """The jet of the median number of particles."""
    return sorted(jets, key=lambda jet: len(jet["x"]))[len(jets) // 2]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks taggers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK[0]} only, in batches of {QUICK_BATCHES[0]}")
    parser.add_argument("--only", nargs="+", choices=list(TAGGERS), help="these taggers")
    parser.add_argument("--batches", nargs="+", type=int, metavar="N", help="these sizes of batches")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    need("onnxruntime", "onnx", "weaver")
    _need_compiler()
    batches = options.batches or (QUICK_BATCHES if options.quick else BATCHES)
    with one_thread():
        jets = real_jets(max(*batches, 64), options.seed)
        names = options.only or (QUICK if options.quick else tuple(TAGGERS))
        found = {name: measure(name, batches, jets, options.seed) for name in names}
    return report(found)


def _need_compiler() -> None:
    """torch.compile writes C++. Raises Absent."""
    from shutil import which

    if not any(map(which, ("g++", "c++", "clang++"))):
        raise Absent("no C++ compiler, which torch.compile needs")


def report(found: Mapping[str, Measured]) -> int:
    """Prints all; 1 if a bar is missed."""
    console = Console(highlight=False, width=150)
    table = Table(
        "tagger",
        "batch",
        "particles",
        "ms",
        "sgemm",
        "a peer's time / ours (made-up jets that agree, these, MB)",
        box=None,
    )
    missed = []
    for name, tagger in found.items():
        for row in tagger.rows:
            words = (
                f"{peer} {ratio:.2f} ({row.agreeing[peer]:.0%}, {row.real[peer]:.0%}, {row.memory[peer] / 1e6:.0f})"
                for peer, ratio in sorted(row.ratios.items(), key=lambda item: item[1])
            )
            ours = 1e3 * float(np.median(row.times["hepq"]))
            table.add_row(
                name, f"{row.batch}{', full' if row.full else ''}", f"{row.entries:.0f}", f"{ours:.3g}",
                f"{row.share:.0%}", f"{'; '.join(words)}; ours {row.memory['hepq'] / 1e6:.0f} MB",
            )  # fmt: skip
            missed += [f"{name}, batch {row.batch}: {one}" for one in row.missed(TAGGERS[name].bar)]
    console.print(table)
    for name, tagger in found.items():
        seconds = ", ".join(f"{peer} {s:.1f} s" for peer, s in tagger.seconds.items())
        sizes = ", ".join(f"{peer} {n / 1e6:.2f} MB" for peer, n in tagger.bytes.items())
        console.print(f"{name}: made in {seconds}; {sizes}")
    for one in missed:
        console.print(f"MISSED {one}", markup=False)
    return 1 if missed else 0
