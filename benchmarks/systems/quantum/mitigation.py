# SPDX-License-Identifier: Apache-2.0
"""The example's kernel under the noise of two chips, mitigated and not, at the same number of shots in all."""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hepq
from benchmarks.systems.row import Reached, Row, over_seeds
from hepq.compiler.driver.compilation import compile_file
from hepq.compiler.driver.options import Options
from hepq.runtime.model import Model
from hepq.runtime.quantum.backends.mitigation import Mitigated
from hepq.runtime.quantum.backends.noise import Noisy
from hepq.runtime.quantum.device import Coupling, Device, Qubit
from hepq.runtime.quantum.engine import Compiled

Array = NDArray[np.float64]
EXAMPLE = Path(__file__).resolve().parents[3] / "examples/qsvm"
SHOTS, SEEDS, EVENTS = 4096, 10, 10
#: without noise, where errors are those of shots alone, and their ratio is to be told from 2.1
QUIET_SEEDS = 60
BY = ("readout", "zne")


def silent(device: Device) -> Device:
    """The same chip without errors."""
    qubits = tuple(Qubit(usable=q.usable) for q in device.qubits)
    couplings = tuple(Coupling(a=c.a, b=c.b, gate=c.gate, usable=c.usable) for c in device.couplings)
    return device.model_copy(update={"qubits": qubits, "couplings": couplings, "durations": {}})


def errors(model: Model, device: Device, x: Array, seed: int) -> tuple[float, float]:
    """Mean errors of the values of all pairs of events, without and with mitigation.

    The shots that calibrate readout, twice those of a value, are among the mitigated ones: in all they are as many.
    """
    first, second = (x[list(side)] for side in zip(*combinations(range(len(x)), 2), strict=True))
    pairs, noisy = len(first), Noisy(device)
    exact = model.kernel("exact").pairs(first, second)
    plain = model.kernel(noisy, SHOTS, seed)
    mended = model.kernel(Mitigated(noisy, device, BY, seed), SHOTS * pairs // (pairs + 2), seed)
    found = [np.abs(kernel.pairs(first, second) - exact).mean() for kernel in (plain, mended)]
    return float(found[0]), float(found[1])


def ratio(target: str, bar: float, quiet: bool, seed: int) -> Reached:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        options = Options(model="QSVM", dims={"sv": 1})
        compile_file(EXAMPLE / "zh.hepq", folder / "events.hepqx", options)
        x, _ = hepq.load(folder / "events.hepqx").kernel_inputs(EXAMPLE / "train.root", EVENTS * SEEDS)
        options = Options(model="K", target=target, effort="quick", cache=folder / "cache")
        compile_file(EXAMPLE / "zh.hepq", folder / "kernel.hepqx", options)
        model = hepq.load(folder / "kernel.hepqx")
        device = Compiled(model.artifact).device
        assert device is not None
        runs = silent(device) if quiet else device
        sets = np.random.default_rng(seed).permutation(len(x)).reshape(SEEDS, EVENTS)
        count = QUIET_SEEDS if quiet else SEEDS
        found = [errors(model, runs, x[sets[i % SEEDS]], count * seed + i) for i in range(count)]
    plain, mended = np.array(found).T
    value = mended.mean() / plain.mean()
    error = over_seeds((mended - value * plain).tolist())[1] / plain.mean()
    return Reached("mean error of kernel values, ratio", float(value), float(error), "unmitigated", 1.0, "<=", bar)


ROWS = [
    Row("Mitigation, ibm:torino", "zh.hepq", partial(ratio, "ibm:torino", 0.6, False)),
    Row("Mitigation, ibm:fez", "zh.hepq", partial(ratio, "ibm:fez", 0.6, False)),
    Row("Mitigation, no noise", "zh.hepq", partial(ratio, "ibm:torino", 2.1, True)),
]
