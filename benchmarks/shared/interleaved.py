# SPDX-License-Identifier: Apache-2.0
"""Timing of contestants side by side: in turns, in one process, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from rich.progress import Progress

from benchmarks.shared.data import Absent


@dataclass(frozen=True)
class Contestant:
    """``run`` does the work and returns its result; ``rounds``: how many times it is timed, ``warm``: once before."""

    run: Callable[[], Any]
    rounds: int = 5
    warm: bool = True


def measure(contestants: Mapping[str, Contestant], title: str) -> tuple[dict[str, float], dict[str, Any]]:
    """(least seconds of the process's CPU, last result) of each, by name."""
    times, results = turns(contestants, title)
    return {name: min(each) for name, each in times.items()}, results


def turns(contestants: Mapping[str, Contestant], title: str) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """(seconds of the process's CPU in each round, last result) of each, by name.

    CPU time, since what else a machine does then counts against nobody; with one thread it is wall time otherwise.
    """
    results = {name: c.run() for name, c in contestants.items() if c.warm}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    rounds = max(c.rounds for c in contestants.values())
    with Progress(transient=True) as progress:
        bar = progress.add_task(title, total=sum(c.rounds for c in contestants.values()))
        for i in range(rounds):
            for name, contestant in contestants.items():
                if i < contestant.rounds:
                    start = time.process_time()
                    results[name] = contestant.run()
                    times[name].append(time.process_time() - start)
                    progress.advance(bar)
    return times, results


def need(*packages: str) -> None:
    """Raise ``Absent`` unless they can be imported."""
    for package in packages:
        if find_spec(package) is None:
            raise Absent(f"{package} is not installed (pip install --group peers)")


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS, OpenMP and torch on one thread."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
