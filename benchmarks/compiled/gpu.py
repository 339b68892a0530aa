# SPDX-License-Identifier: Apache-2.0
"""Code for GPUs against the reference: rehearsed on a CPU, or run and timed on a GPU.

Without ``--rehearse`` a GPU and NVRTC must be here: its results are compared too, and jets per second are measured.
Bars: within 1e-5 of the reference, or 10 times what float32 costs the interpreter; the same bits in every batch and,
rehearsed, whatever the order of threads.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.compiled.agreement import OWN_LOSS, TOLERANCE, difference, is_stable
from benchmarks.compiled.compile_time import CALLS
from benchmarks.shared.data import Absent
from benchmarks.shared.stdlib_programs import PROGRAMS, event_of, module_of, moved_weights
from benchmarks.taggers import tagger_programs as programs
from hepq.compiler.ir.interpret import run
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cuda import lower, nvrtc
from hepq.compiler.passes.base import run_pipeline
from hepq.compiler.passes.pipelines import INFERENCE
from hepq.compiler.weights.initialise import initial_weights
from hepq.core.errors import ArtifactError, DataError
from hepq.runtime.engine.cuda.driver import Driver
from tests.support.cuda.cuda_call import Loaded, fake_gpu
from tests.support.cuda.shim import SCHEDULES, cubin
from tests.support.flat import flat_outputs
from tests.support.generate import random_events, random_weights, seeded_module

Events = Sequence[Mapping[str, Any]]
QUICK = ("PFN", "PCNN")
#: particles of the events of taggers at their published sizes
COUNTS = (0, 1, 3, 24)
BATCHES = (1, 64, 512, 4096)
RANDOM = 20


@dataclass(frozen=True)
class Case:
    """``published``: it is of published size: rehearsed with optimised code, and timed on a GPU."""

    name: str
    module: Module
    weights: Mapping[str, Any]
    events: Events
    published: bool = False


@dataclass(frozen=True)
class Result:
    """``seconds``: to lower. ``size``, ``spills``: bytes of machine code for a GPU, and of registers kept in memory.
    ``rates``: events a second, by batch.
    """

    name: str
    kernels: int
    launches: int
    seconds: float
    largest: float
    allowed: float
    same: bool
    size: int | None = None
    spills: int | None = None
    rates: tuple[float, ...] = ()

    @property
    def met(self) -> bool:
        return self.largest <= self.allowed and self.same


def published() -> Iterator[Case]:
    for name, call in CALLS.items():
        module = programs.built(*call).module
        rng = np.random.default_rng(0)
        events = [event_of(module, n, rng) for n in COUNTS]
        yield Case(f"{name}, published size", module, initial_weights(module), events, published=True)


def library() -> Iterator[Case]:
    for part, names in PROGRAMS.items():
        for name in names:
            module, rng = module_of(part, name), np.random.default_rng(0)
            weights = moved_weights(module, rng)
            yield Case(f"{part}.{name}", module, weights, [event_of(module, n, rng) for n in (0, 1, 2, 5, 40)])


def random() -> Iterator[Case]:
    for seed in range(RANDOM):
        module, rng = flat_outputs(seeded_module(seed, 20)), np.random.default_rng(seed)
        yield Case(f"random {seed}", module, random_weights(module, rng), random_events(module, rng, 6))


def measure(case: Case, rehearse: bool) -> Result:
    module, weights = case.module, case.weights
    events = [e for e in case.events if is_stable(module, e, weights)]
    reference = run(module, events, weights)
    allowed = max(TOLERANCE["cpu f32"], OWN_LOSS * difference(run(module, events, weights, np.float32), reference))
    optimised, folded = run_pipeline(INFERENCE, module, weights)
    start = time.process_time()
    code = lower(optimised, folded)
    seconds = time.process_time() - start
    with fake_gpu() if rehearse else nullcontext():
        image = cubin(code.source, case.published) if rehearse else _image(code.source)
        loaded = Loaded(optimised, folded, code=code, image=image)
        first = loaded(events)
        turned = loaded(events[::-1])
        same = difference({n: v[::-1] for n, v in turned.items()}, first) == 0
        if rehearse:
            same = same and all(difference(loaded(events, s), first) == 0 for s in SCHEDULES[1:])
        rates = () if rehearse or not case.published else tuple(_rate(loaded, case, n) for n in BATCHES)
    size, spills = _assembled(code.source)
    launches = code.table.launches
    return Result(
        case.name, len({launch.kernel for launch in launches}), len(launches), seconds, difference(first, reference),
        allowed, same, size, spills, rates,
    )  # fmt: skip


def _image(source: str) -> bytes:
    """PTX, which the driver compiles for whatever GPU there is."""
    return nvrtc.assemble(source, ("compute_80",))["compute_80"]


def _assembled(source: str) -> tuple[int | None, int | None]:
    """Bytes of a cubin for Hopper, and of spills in it; None where NVRTC is not here."""
    try:
        nvrtc.installed()
    except DataError:
        return None, None
    said = nvrtc.report(source, "sm_90")
    return len(nvrtc.assemble(source, ("sm_90",))["sm_90"]), sum(map(int, re.findall(r"(\d+) bytes spill", said)))


def _rate(loaded: Loaded, case: Case, batch: int) -> float:
    """Events a second, copies included: the best of a few runs, of events of 20 to 80 particles."""
    rng = np.random.default_rng(0)
    few = [event_of(case.module, int(n), rng) for n in rng.integers(20, 81, min(batch, 64))]
    events = [few[i % len(few)] for i in range(batch)]
    return batch / min(_seconds(lambda: loaded(events)) for _ in range(5))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _print(results: Sequence[Result], rehearse: bool) -> None:
    headings = ["program", "kernels", "launches", "lowered in s", "largest difference", "allowed", "kB of sm_90",
                "spilt bytes", *([] if rehearse else [f"a second, batch {n}" for n in BATCHES])]  # fmt: skip
    table = Table(*headings, title_justify="left", title=f"on {'a CPU, rehearsed' if rehearse else 'the GPU'}")
    for r in results:
        machine = ("", "") if r.size is None else (f"{r.size / 1000:,.0f}", f"{r.spills:,}")
        table.add_row(
            r.name, str(r.kernels), str(r.launches), f"{r.seconds:.1f}", f"{r.largest:.1e}", f"{r.allowed:.1e}",
            *machine, *(f"{rate:,.0f}" for rate in r.rates),
        )  # fmt: skip
    Console(width=140 if rehearse else None).print(table)
    for r in results:
        if not r.met:
            print(f"MISSED {r.name}: {r.largest:.1e}" + ("" if r.same else ", and it depends on batch or order"))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="on a CPU, by the driver of the tests; needs g++")
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} and two random programs only")
    options = parser.parse_args(argv)
    if not options.rehearse:
        try:
            Driver()
        except ArtifactError as error:
            raise Absent(f"{error.why}; --rehearse needs no GPU") from error
    cases = [*published(), *library(), *random()]
    if options.quick:
        cases = [c for c in cases if c.name.startswith(QUICK) or c.name in ("random 0", "random 1")]
    start = time.perf_counter()
    results = [measure(c, options.rehearse) for c in track(cases, console=Console(stderr=True))]
    _print(results, options.rehearse)
    missed = [r for r in results if not r.met]
    print(f"{len(results)} programs, {time.perf_counter() - start:.0f} s: "
          + ("a bar was missed" if missed else "every bar met"))  # fmt: skip
    return 1 if missed else 0
