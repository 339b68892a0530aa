# SPDX-License-Identifier: Apache-2.0
"""What one core of this machine can do at most, measured in a moment: float32 matrix products, copies in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hepq.runtime.engine.threads import limited

#: rows, depth and columns of products that fit in the second-level cache, as a layer of particles is
SHAPES = ((128, 128, 128), (128, 256, 256), (256, 256, 256))
#: seconds that each limit takes to measure
MOMENT = 0.15
#: seconds of a turn
TURN = 1e-3
#: bytes that are copied at least, and at most
_LEAST, _MOST = 1 << 15, 1 << 28


@dataclass(frozen=True)
class Limits:
    """``flops`` a second; bytes read and written a second, together, of copies within ``memory`` bytes."""

    flops: float
    bandwidth: float
    memory: int

    def seconds(self, flops: float, moved: float) -> float:
        """The least that work takes: arithmetic and copies may overlap."""
        return max(flops / self.flops, moved / self.bandwidth)


def measured(memory: int, moment: float = MOMENT) -> Limits:
    """Limits of one thread, where ``memory`` bytes are in use. The least of many times, of the process's CPU."""
    rng = np.random.default_rng(0)
    memory = min(max(memory, _LEAST), _MOST)
    source = np.zeros(memory // 2, np.uint8)
    target = source.copy()
    with limited(1):
        speeds = []
        for rows, depth, columns in SHAPES:
            a, b = (rng.random(shape, np.float32) for shape in ((rows, depth), (depth, columns)))
            multiply = partial(np.matmul, a, b, out=np.empty((rows, columns), np.float32))
            speeds.append(2 * rows * depth * columns / _least(multiply, moment / len(SHAPES)))
        copied = _least(lambda: np.copyto(target, source), moment)
    return Limits(max(speeds), 2 * len(source) / copied, memory)


def _least(run: Callable[[], object], seconds: float) -> float:
    """Seconds of a call, the least of as many turns as ``seconds`` have room for; a turn is long beside the clock."""
    start = time.perf_counter()
    run()
    calls = max(1, int(TURN / max(time.perf_counter() - start, 1e-9)))
    least, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.process_time()
        for _ in range(calls):
            run()
        least = min(least, (time.process_time() - start) / calls)
    return least
