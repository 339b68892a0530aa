# SPDX-License-Identifier: Apache-2.0
"""Seeded random circuits: gates of OpenQASM's stdgates with angles open and constant, and Ising models in layers.

Peers: Qiskit's level 3 of the same circuit with open angles, and with one event's numbers in it, each the best of its
seeds. On a device that couples all with all they see as many qubits as there are wires (all are alike, and of all
Qiskit takes minutes to choose), once with cx and once with rzz as the native gate.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.quantum.circuit_peers import SEEDS, qiskit_o3
from benchmarks.quantum.quantum_circuits import filled, pairs
from benchmarks.shared.kept import kept
from hepq.compiler.circuits.check import verify_native
from hepq.compiler.circuits.portfolio.search import compile_circuit
from hepq.compiler.circuits.score import score
from hepq.compiler.targets.quantum import device
from hepq.core.circuits import Angle, Circuit, Gate, Op

#: on ions, whose gates fail once in a thousand, all compilers reach the same ESP within half a per cent
DEVICES = ("ibm:fez", "ibm:kingston", "ibm:berlin", "full:10")
#: the shares of circuits whose ESP is not below a peer's, and the geometric mean of ESP over the first peer's
OPEN, RATIO, FILLED = 0.95, 1.05, 0.85

_FIXED = ("h", "s", "t", "sx", "x", "y", "sdg")
_TURNS = ("rx", "ry", "rz", "p")
_TWO = ("cx", "cz", "cy", "swap", "ch")
_TWO_ODDS = (0.5, 0.25, 0.1, 0.05, 0.1)
_TWO_TURNS = ("cp", "crx", "cry", "crz", "rxx", "ryy", "rzz")
#: of fixed gates, turns, u, fixed gates on two wires, turns of two wires; the rest are ccx
_KINDS = (0.2, 0.3, 0.08, 0.18, 0.22)


def stdgates(n: int, gates: int, seed: int) -> Circuit:
    """``gates`` random ones on ``n`` wires; a third of the angles constant, the others affine in one of n slots."""
    rng = np.random.default_rng(seed)
    ops: list[Op] = []
    for _ in range(gates):
        kind = int(np.searchsorted(np.cumsum(_KINDS), rng.random(), side="right"))
        wires = tuple(int(q) for q in rng.permutation(n)[: (1, 1, 1, 2, 2, 3)[kind]])
        name = (
            rng.choice(_FIXED), rng.choice(_TURNS), "u", rng.choice(_TWO, p=_TWO_ODDS), rng.choice(_TWO_TURNS), "ccx",
        )[kind]  # fmt: skip
        ops.append(Gate(str(name), wires, tuple(_angle(rng, n) for _ in range((0, 1, 3, 0, 1, 0)[kind]))))
    return Circuit(n, n, tuple(ops))


def ising(n: int, layers: int, seed: int) -> Circuit:
    """Each pair coupled with probability ½; an angle of its own for each coupling, field and turn of each layer."""
    rng = np.random.default_rng(seed)
    coupled = [pair for pair in pairs(n, "full") if rng.random() < 0.5]
    ops: list[Op] = [Gate("h", (q,)) for q in range(n)]
    for _ in range(layers):
        ops += [Gate("rzz", pair, (_angle(rng, n),)) for pair in coupled]
        for q in range(n):
            ops += [Gate("rz", (q,), (_angle(rng, n),)), Gate("rx", (q,), (_angle(rng, n),))]
    return Circuit(n, n, tuple(ops))


def _angle(rng: np.random.Generator, slots: int) -> Angle:
    if rng.integers(3) == 0:
        return Angle(float(rng.uniform(-3.1, 3.1)))
    return Angle(float(rng.uniform(-2, 2)), ((int(rng.integers(slots)), float(rng.uniform(-2, 2))),))


def circuits() -> dict[str, tuple[Circuit, str]]:
    """Name -> circuit, and the device it is compiled for."""
    found: dict[str, tuple[Circuit, str]] = {}
    for i in range(30):
        n = 5 + i % 6
        found[f"random stdgates n{n} #{i}"] = (
            stdgates(n, (30, 45, 60)[i % 3] if n < 7 else (40, 50, 60)[i % 3], 1000 + i),
            DEVICES[i % 4],
        )
    for i in range(15):
        n = 5 + i % 6
        found[f"random Ising n{n} #{i}"] = (ising(n, 2 if n < 8 else 1, 2000 + i), DEVICES[i % 4])
    return found


@dataclass(frozen=True)
class Random:
    """ESP of ours, compiled once, and of the peers. ``problem``: what is wrong with our circuit."""

    circuit: str
    device: str
    ours: float
    open: float
    filled: float
    recipe: str
    seconds: float
    problem: str

    def reaches(self, peer: float) -> bool:
        return not self.problem and self.ours >= peer * (1 - 1e-9)


def measure(name: str, seed: int, effort: str = "normal") -> Random:
    """One circuit on its device by all compilers, on one core."""
    circuit, chip = circuits()[name]
    on = device(chip)
    numbers = filled(circuit, np.random.default_rng(seed).uniform(-2, 2, circuit.slots))
    with warnings.catch_warnings(), threadpool_limits(1), tempfile.TemporaryDirectory() as empty:
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        made = compile_circuit(circuit, on, effort=effort, seed=seed, processes=1, cache=Path(empty))
        seconds = time.perf_counter() - start
        peers = [max(score(n, on).esp for s in SEEDS for n in qiskit_o3(c, on, s)) for c in (circuit, numbers)]
    problem = verify_native(made.native, circuit, on, seed=seed + 1).problem
    recipe = next(r.recipe for r in made.rows if r.chosen)
    return Random(name, chip, score(made.native, on).esp, peers[0], peers[1], recipe, seconds, problem)


def results(names: Sequence[str], seed: int, keep: Path | None, effort: str = "normal") -> Iterator[Random]:
    """As they come; those in the file ``keep`` are not made again, new ones are added to it."""
    return kept(names, lambda name: measure(name, seed, effort), Random, keep)


def missed(rows: Sequence[Random], whole: bool) -> list[str]:
    """The bars that are missed: of all circuits, or (not ``whole``) of a few, none of which may be below O3."""
    out = [f"{row.circuit}: {row.problem}" for row in rows if row.problem]
    above_open, above_filled = (
        sum(row.reaches(peer) for row, peer in zip(rows, peers, strict=True)) / len(rows)
        for peers in ([row.open for row in rows], [row.filled for row in rows])
    )
    if above_open < (OPEN if whole else 1.0):
        out.append(f"only {above_open:.0%} reach O3 with open angles")
    if whole and (mean := ratio(rows)) < RATIO:
        out.append(f"ESP is {mean:.3f} times that of O3 with open angles")
    if whole and above_filled < FILLED:
        out.append(f"only {above_filled:.0%} reach O3 with filled-in angles")
    return out


def ratio(rows: Sequence[Random]) -> float:
    """The geometric mean of our ESP over that of O3 with open angles."""
    return float(np.exp(np.mean([np.log(r.ours / r.open) for r in rows])))


def show(rows: Sequence[Random]) -> None:
    """A table of all, and the figures that the bars are of."""
    table = Table("circuit", "device", "ours", "recipe", "s", "O3 open", "O3 filled", "", title="ESP, random circuits")
    for r in rows:
        below = "below filled" if not r.reaches(r.filled) else ""
        verdict = r.problem or ("BELOW" if not r.reaches(r.open) else below)
        figures = (f"{r.open:.4f}", f"{r.filled:.4f}")
        table.add_row(r.circuit, r.device, f"[bold]{r.ours:.4f}[/]", r.recipe, f"{r.seconds:.0f}", *figures, verdict)
    Console().print(table)
    opened, numbered = (sum(r.reaches(peer) for r, peer in of) for of in (
        [(r, r.open) for r in rows], [(r, r.filled) for r in rows]))  # fmt: skip
    print(
        f"random circuits: {opened} of {len(rows)} reach O3 with open angles, {numbered} O3 with filled-in angles; "
        f"ESP of ours over O3 with open angles: geometric mean {ratio(rows):.3f}"
    )
