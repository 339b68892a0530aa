# SPDX-License-Identifier: Apache-2.0
"""Fidelity kernel matrices on one thread: compiled programs against qiskit-machine-learning and PennyLane.

`gram.hepq` is compiled to an artifact, its matrix computed as `hepqc kernel` does: with `--backend exact:single`, on
which the bars stand, and in double precision. FidelityStatevectorKernel runs whole, nothing is extrapolated. PennyLane:
all states in one broadcast run of default.qubit, then one product of matrices, the fastest way found.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.shared.interleaved import Contestant, measure, need, one_thread

EVENTS = 1000
PROGRAM = Path(__file__).with_suffix(".hepq")
#: wires -> least ratio to qiskit-machine-learning and to PennyLane
BARS = {8: (200.0, 5.0)}
#: largest difference of any matrix from qiskit-machine-learning's
AGREE = 1e-6

Array = NDArray[np.float64]


def compiled(wires: int, x: Array, backend: str, folder: Path) -> Callable[[], Array]:
    """What `hepqc compile` and `hepqc kernel` do; only the second is timed."""
    from hepq.compiler.driver.compilation import compile_file
    from hepq.compiler.driver.options import Options
    from hepq.runtime.artifact.artifact import Artifact
    from hepq.runtime.quantum.kernel.artifact_kernel import ArtifactKernel
    from hepq.runtime.quantum.kernel.gram import gram

    out = folder / f"{wires}.hepqx"
    if not out.exists():
        compile_file(PROGRAM, out, Options(target="sim", model="K", dims={"wire": wires}))
    kernel = ArtifactKernel(Artifact.open(out), backend)
    return lambda: gram(kernel, x)


def qiskit(wires: int, x: Array) -> Callable[[], Array]:
    from qiskit.circuit.library import zz_feature_map
    from qiskit_machine_learning.kernels import FidelityStatevectorKernel

    # a kernel keeps the states it has seen: a new one each time
    return lambda: FidelityStatevectorKernel(feature_map=zz_feature_map(wires, reps=2)).evaluate(x)


def pennylane(wires: int, x: Array) -> Callable[[], Array]:
    import pennylane as qml

    def states() -> Any:
        for _ in range(2):
            for i in range(wires):
                qml.Hadamard(i)
                qml.PhaseShift(2 * x[:, i], wires=i)
            for j in range(wires):
                for i in range(j):
                    qml.CNOT([i, j])
                    qml.PhaseShift(2 * (pi - x[:, i]) * (pi - x[:, j]), wires=j)
                    qml.CNOT([i, j])
        return qml.state()

    node = qml.QNode(states, qml.device("default.qubit", wires=wires))

    def run() -> Array:
        found = node()
        matrix: Array = np.abs(found @ found.conj().T) ** 2
        return matrix

    return run


def contest(wires: int, folder: Path) -> tuple[dict[str, float], float]:
    """Seconds of each contestant, and the largest difference of their matrices."""
    x = np.random.default_rng(0).uniform(0, 2 * pi, (EVENTS, wires))
    times, matrices = measure(
        {
            "hepq": Contestant(compiled(wires, x, "exact:single", folder), 9),
            "double": Contestant(compiled(wires, x, "exact", folder), 9),
            "pennylane": Contestant(pennylane(wires, x), 5),
            "qiskit": Contestant(qiskit(wires, x), 1, warm=False),
        },
        f"{wires} wires",
    )
    return times, max(float(np.abs(m - matrices["qiskit"]).max()) for m in matrices.values())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gram", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 wires only")
    options = parser.parse_args(argv)
    need("pennylane", "qiskit_machine_learning")
    table = Table(
        "wires", "hepq, single", "hepq, double", "PennyLane", "qiskit-ml", "PennyLane / single", "qiskit-ml / single",
        "PennyLane / double", "qiskit-ml / double", "difference",
        title=f"full ZZ map, 2 repetitions, {EVENTS} events, one thread; milliseconds and ratios",
    )  # fmt: skip
    missed = []
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        for wires in (8,) if options.quick else (4, 8, 10, 12):
            times, difference = contest(wires, Path(folder))
            ours, double, theirs, slowest = (times[k] for k in ("hepq", "double", "pennylane", "qiskit"))
            milliseconds = (f"{1e3 * t:.1f}" for t in (ours, double, theirs, slowest))
            ratios = (theirs / ours, slowest / ours, theirs / double, slowest / double)
            table.add_row(str(wires), *milliseconds, *(f"{r:.1f}" for r in ratios), f"{difference:.1e}")
            least = BARS.get(wires, (0.0, 0.0))
            if slowest / ours < least[0] or theirs / ours < least[1] or difference > AGREE:
                missed.append(wires)
    Console(width=130).print(table)
    bars = "; ".join(f"{n} wires: {a:.0f} x qiskit-ml, {b:.0f} x PennyLane" for n, (a, b) in BARS.items())
    print(f"hepq must be at least, {bars}; all matrices alike to {AGREE:g}: {'missed' if missed else 'met'}")
    return 1 if missed else 0
