# SPDX-License-Identifier: Apache-2.0
"""Hostile files, programs and command lines: no traceback, no internal error, no crash, no hang over 10 s.

Each input is made and used in a fork of one process that has everything imported, within 2 GiB beyond what that has
mapped and 10 s. Numbers and seed decide an input: ``--only N`` runs that one again, with its output. Machine code runs
only as hepq compiled it: of forged artifacts every member changes but the code.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from benchmarks.robustness import hostile_material
from benchmarks.robustness.hostile_child import Child, Result, pause, start
from benchmarks.robustness.hostile_inputs import KINDS
from benchmarks.shared.kept import Keep

OUTCOMES = ("accepted", "refused", "traceback", "internal error", "crash", "hang", "wrong")
#: failures whose text is printed
_SHOWN = 20
#: of a quick run: artifacts that are made
QUICK = ("jets.hepqx", "kernel.hepqx")


def kind_of(seed: int, number: int) -> str:
    return Random(f"{seed} {number}").choices(list(KINDS), [share for _, share in KINDS.values()])[0]


def begun(good: Path, seed: int, number: int, show: bool = False) -> Child:
    kind = kind_of(seed, number)
    make = KINDS[kind][0]
    return start(number, kind, lambda work: make(Random(f"{seed} {number} {kind}"), good, work), show)


def results(good: Path, seed: int, numbers: list[int], at_once: int) -> Iterator[Result]:
    """What became of each input, as they end."""
    waiting, running = list(reversed(numbers)), list[Child]()
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(begun(good, seed, waiting.pop()))
        for child in list(running):
            if (result := child.poll()) is not None:
                running.remove(child)
                yield result
        pause(running)


def table(found: list[Result]) -> Table:
    shown = Table(
        "inputs", "tried", *OUTCOMES, "slowest (s)", "codes", title="hostile inputs (bar: only accepted or refused)"
    )
    for kind in [*KINDS, "all"]:
        rows = [r for r in found if kind in (r.kind, "all")]
        counts, codes = Counter(r.outcome for r in rows), Counter(r.code for r in rows if r.outcome == "refused")
        most = ", ".join(f"{code} {count}" for code, count in codes.most_common(6))
        slowest = max((r.seconds for r in rows), default=0.0)
        cells = [str(counts[o] or "") for o in OUTCOMES]
        shown.add_row(kind, str(len(rows)), *cells, f"{slowest:.1f}", "" if kind == "all" else most)
    return shown


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile", description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="how many inputs (default: 10000)")
    parser.add_argument("--quick", action="store_true", help="40 inputs, fewer artifacts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="input N alone, with all that it prints")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="results go here; those in it are not tried again")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at once (default: one a core)")
    options = parser.parse_args(argv)
    began, console = time.monotonic(), Console()
    hostile_material.imported()
    with tempfile.TemporaryDirectory(prefix="hepq-good-") as folder:
        good = Path(folder)
        hostile_material.make_apart(good, QUICK if options.quick else tuple(hostile_material.ARTIFACTS))
        if options.only is not None:
            child = begun(good, options.seed, options.only, show=True)
            while (one := child.poll()) is None:
                pause([child])
            console.print(f"input {one.number}, {one.kind}: {one.outcome} {one.code} {one.text}", markup=False)
            return int(one.failed)
        wanted = range(40 if options.quick else options.n)
        keep = Keep(options.keep, Result)
        found = [r for r in keep.read() if r.number in wanted]
        known = {r.number for r in found}
        for result in results(good, options.seed, [n for n in wanted if n not in known], options.jobs):
            keep.add(result)
            found.append(result)
            if result.failed:
                console.print(f"input {result.number}, {result.kind}: {result.outcome}", markup=False)
    failures = [r for r in found if r.failed]
    for result in failures[:_SHOWN]:
        console.print(f"\n--only {result.number}: {result.kind}, {result.outcome}\n{result.text}", markup=False)
    console.print(table(found))
    console.print(f"{len(found):,} inputs of seed {options.seed} in {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if failures else 0
