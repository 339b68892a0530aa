# SPDX-License-Identifier: Apache-2.0
"""Matrix products in compiled code against NumPy's BLAS, one core, interleaved: at least 0.7 of its speed.

Ours is a whole compiled model of one layer, 128 particles times a weight matrix, with its copies in and out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module
from hepq.compiler.lower.cpu.layout import LINE
from hepq.core.types import Dim, Type
from tests.support.tvm_call import Compiled, aligned

BAR = 0.7
ROWS = 128
SHAPES = ((64, 64), (128, 128), (256, 256), (128, 256), (256, 640))


def layer(depth: int, columns: int) -> Module:
    part, k, n = Dim("part", bound=ROWS), Dim("in", depth), Dim("out", columns)
    x = make("input", name="x", type=Type("real", (part, k)))
    w = make("param", path="w", init=("normal", 0.0, 1.0), trainable=True, type=Type("real", (n, k)))
    return Module("layer", (x,), {"y": make("contract", x, w, over=(k,))})


def contestants(depth: int, columns: int, target: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Ours and NumPy's, on the same numbers; their results are compared before any timing."""
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=s).astype(np.float32) for s in ((ROWS, depth), (columns, depth)))
    compiled = Compiled(layer(depth, columns), {"w": w}, target)
    right, out = np.ascontiguousarray(w.T), np.empty((ROWS, columns), np.float32)
    made, code = aligned(np.zeros(ROWS * columns + LINE)), compiled.code
    buffers = (
        aligned([0, ROWS], "int64"), aligned(x), compiled.packed, aligned(np.zeros(code.scratch_floats)),
        aligned(np.zeros(code.iscratch_ints), "int32"), aligned(np.zeros(code.lscratch_ints), "int64"), made,
    )  # fmt: skip

    def ours() -> None:
        compiled.function(0, 1, *buffers)

    def theirs() -> None:
        np.matmul(x, right, out=out)

    ours()
    theirs()
    np.testing.assert_allclose(made[: out.size].reshape(out.shape), out, 1e-4, 1e-4)
    return ours, theirs


def measure(depth: int, columns: int, target: str, rounds: int) -> tuple[float, float]:
    """GFLOP/s of ours and of NumPy: medians over interleaved rounds."""
    pair = contestants(depth, columns, target)
    flop = 2.0 * ROWS * depth * columns
    repeats = max(1, int(5e7 / flop))
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, record in zip(pair, speeds, strict=True):
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            record.append(flop * repeats / (time.perf_counter() - start) / 1e9)
    return float(np.median(speeds[0])), float(np.median(speeds[1]))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gemm", description=__doc__)
    parser.add_argument("--target", default="cpu")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args(argv)
    table = Table("depth", "columns", "ours, GFLOP/s", "NumPy, GFLOP/s", "ratio", title=f"{ROWS} rows, one core")
    ratios = []
    with threadpool_limits(1):
        for depth, columns in SHAPES:
            ours, theirs = measure(depth, columns, options.target, 15 if options.quick else 60)
            ratios.append(ours / theirs)
            table.add_row(str(depth), str(columns), f"{ours:.1f}", f"{theirs:.1f}", f"{ratios[-1]:.2f}")
    Console().print(table)
    print(f"smallest ratio {min(ratios):.2f}, must be at least {BAR}")
    return 0 if min(ratios) >= BAR else 1
