# SPDX-License-Identifier: Apache-2.0
"""A kernel entry from a circuit compiled once, against transpiling it anew: at least 300 times faster, values equal.

The circuits are fidelity kernels of fully entangled ZZ feature maps, two repetitions. Ours: angles from features, then
all of the circuit's rotations, for all pairs of events in one call; that and one circuit are what SamplerV2 takes.
Beside it, circuits filled one by one. The peer: Qiskit's level 3 on each pair's own circuit.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.quantum.circuit_peers import qiskit_o3
from benchmarks.quantum.quantum_circuits import angles, filled, kernel
from benchmarks.shared.interleaved import need
from hepq.compiler.circuits.portfolio.search import compile_circuit
from hepq.compiler.targets.quantum import device
from hepq.runtime.quantum.bind import bound, pub
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native
from hepq.runtime.quantum.simulate import state

BAR = 300.0
TOLERANCE = 1e-6
CHIP = "ibm:torino"


@dataclass(frozen=True)
class Result:
    """Seconds per kernel entry, and the largest difference of ours and of the peer's value from the source's.

    Qiskit drops rotations that are nearly none, so that its value may differ.
    """

    wires: int
    compiling: float
    batch: float
    single: float
    peer: float
    apart: float
    peer_apart: float

    @property
    def ratio(self) -> float:
        return self.peer / self.batch


def pairs_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slots of the kernel's circuit for all pairs of events x [N, n]: [N (N - 1) / 2, slots]."""
    phases = angles(x, "full")
    first, second = np.triu_indices(len(x), 1)
    return np.concatenate([phases[first], phases[second]], axis=1)


def entry(native: Native, values: NDArray[np.float64]) -> float:
    """The chance of all zeros: the kernel's entry."""
    small, place = native.compact
    chances = state.states(small, _tensor(values[None])).abs().square().numpy()[0]
    mask = sum(1 << place[q] for q in native.measured)
    return float(chances[np.arange(len(chances)) & mask == 0].sum())


def _tensor(values: NDArray[np.float64]) -> Any:
    import torch

    return torch.from_numpy(values)


def measure(wires: int, on: Device, events: int, rounds: int) -> Result:
    circuit = kernel(wires, 2, "full")
    x = np.random.default_rng(wires).uniform(0, 2 * np.pi, (events, wires))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as empty:
        native = compile_circuit(circuit, on, effort="quick", processes=1, cache=Path(empty)).native
    compiling = time.perf_counter() - start
    values = pairs_of(x)
    pub(native, values), bound(native, values[0]), qiskit_o3(filled(circuit, values[0]), on, 0)[0]
    batch, single, peer, apart, peer_apart = [], [], [], [], []
    for i in range(rounds):
        start = time.perf_counter()
        _, made = pub(native, pairs_of(x))
        batch.append((time.perf_counter() - start) / len(made))
        start = time.perf_counter()
        bound(native, values[i])
        single.append(time.perf_counter() - start)
        start = time.perf_counter()
        theirs = qiskit_o3(filled(circuit, values[i]), on, 0)[0]
        peer.append(time.perf_counter() - start)
        exact = float(state.states(circuit, _tensor(values[i][None])).abs().square()[0, 0])
        apart.append(abs(entry(native, values[i]) - exact))
        peer_apart.append(abs(entry(theirs, np.zeros(0)) - exact))
    whole, one, theirs_one = (float(np.median(t)) for t in (batch, single, peer))
    return Result(wires, compiling, whole, one, theirs_one, max(apart), max(peer_apart))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks binding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--events", type=int, default=200)
    options = parser.parse_args(argv)
    need("qiskit")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [measure(n, device(CHIP), options.events, 5 if options.quick else 15) for n in (4, 8)]
    count = options.events * (options.events - 1) // 2
    table = Table(
        "wires", "compiled once, s", "batch, µs", "one by one, µs", "qiskit O3, µs", "ratio", "one by one",
        "ours differs", "qiskit's differs",
        title=f"per kernel entry on {CHIP}, {count} entries",
    )  # fmt: skip
    for r in found:
        table.add_row(
            str(r.wires), f"{r.compiling:.1f}", f"{r.batch * 1e6:.2f}", f"{r.single * 1e6:.0f}", f"{r.peer * 1e6:.0f}",
            f"{r.ratio:.0f}", f"{r.peer / r.single:.0f}", f"{r.apart:.0e}", f"{r.peer_apart:.0e}",
        )  # fmt: skip
    Console().print(table)
    least, apart = min(r.ratio for r in found), max(r.apart for r in found)
    print(
        f"smallest ratio {least:.0f}, must be at least {BAR:.0f}; "
        f"our values differ by {apart:.0e}, at most {TOLERANCE:.0e}"
    )
    return 0 if least >= BAR and apart <= TOLERANCE else 1
