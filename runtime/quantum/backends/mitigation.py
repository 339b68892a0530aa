# SPDX-License-Identifier: Apache-2.0
"""Errors of a device taken back, on average: readout inverted, gates' noise extrapolated to none.

Readout: every measured qubit's two chances of being misread are measured with two circuits, all qubits in |0⟩ and all
in |1⟩; what was seen is then solved for what was there, among the strings that were seen (M3, arXiv:2108.12518; its
columns are normalised among these). Gates: circuits folded to three times their length are measured too, and the line
through both is read at none (zero-noise extrapolation, arXiv:1612.02058): 3/2 of the one less 1/2 of the other. Of a
circuit's shots the first takes three quarters: that has the least variance, four times that of one measurement with all
of them. Fractions may come out negative or above one; means of them are unbiased where noise is linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hepq.core.errors import DataError
from hepq.runtime.arguments import one_of
from hepq.runtime.quantum.backends.backend import Backend, Outcomes, Task, native_of
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.folding import flips, folded
from hepq.runtime.quantum.native import Native

if TYPE_CHECKING:
    from hepq.runtime.quantum.jobs.budget import Estimate

Array = NDArray[np.float64]
#: measured qubits, and with how many shots
Calibrated = tuple[tuple[int, ...], int]
READOUT, ZNE = "readout", "zne"
MITIGATIONS = (READOUT, ZNE)
#: strings seen whose readout is inverted at once: a matrix of 128 MiB
SUPPORT = 4096


@runtime_checkable
class Costly(Protocol):
    """A backend that says what running would cost."""

    def estimate(self, task: Task, rows: int, shots: int) -> Estimate: ...


@dataclass(frozen=True)
class Mitigated:
    """What ``backend`` gives of circuits of ``device``, mitigated as ``by`` says: of ``MITIGATIONS``.

    Shots of a circuit stay as many as asked for; readout takes as many again for each of two circuits, once for each
    set of measured qubits, drawn by ``seed``: in every process the same. Raises DataError HQ0889 for an unknown word,
    fewer than four shots to extrapolate from, more strings than ``SUPPORT``, gates that cannot be undone.
    """

    backend: Backend
    device: Device
    by: tuple[str, ...]
    seed: int | None = 0
    _known: dict[Calibrated, Array] = field(default_factory=dict, init=False, compare=False, repr=False)

    exact = False

    def __post_init__(self) -> None:
        if not self.by:
            raise DataError("HQ0889", "mitigation of nothing", f"known are: {', '.join(MITIGATIONS)}")
        for word in self.by:
            one_of("mitigate", word, MITIGATIONS)

    @property
    def name(self) -> str:
        return f"mitigated-{'-'.join(sorted(set(self.by)))}-{self.seed}:{self.backend.name}"

    def run(self, task: Task, values: Array, shots: int, seed: int | None = None) -> Outcomes:
        native = native_of(task, self.device, self.name)
        seeds = [None] * 2 if seed is None else np.random.SeedSequence(seed).generate_state(2).tolist()
        measured = []
        for (longer, weight, count), own in zip(self._tasks(task, native, shots), seeds, strict=False):
            found = self.backend.run(longer, values, count, None if own is None else own >> 1)
            if READOUT in self.by:
                found = inverted(found, self._misread(native, shots))
            measured.append((weight, found))
        return _added(measured)

    def _tasks(self, task: Task, native: Native, shots: int) -> list[tuple[Task, float, int]]:
        """Circuits to run in place of one, the weight of what each gives, and its shots."""
        if ZNE not in self.by:
            return [(Task(task.circuit, native), 1.0, shots)]
        if shots < 4:
            raise DataError("HQ0889", f"shots={shots} are too few for zne", "a quarter measures longer circuits")
        few = shots // 4
        line = ((1, 1.5, shots - few), (3, -0.5, few))
        return [(Task(task.circuit, folded(native, self.device, n)), weight, count) for n, weight, count in line]

    def _misread(self, native: Native, shots: int) -> Array:
        """The chances that each bit's |0⟩ is read as 1, and |1⟩ as 0, [bits, 2]: measured once."""
        key = native.measured, shots
        if key not in self._known:
            chances = []
            for state, circuit in enumerate(flips(native, self.device)):
                seed = None if self.seed is None else 2 * self.seed + state
                seen = self.backend.run(Task(circuit.circuit, circuit), np.zeros((1, 0)), shots, seed)
                means = [seen.parity((bit,))[0] for bit in range(len(native.measured))]
                chances.append([(1 - mean) / 2 if state == 0 else (1 + mean) / 2 for mean in means])
            self._known[key] = np.array(chances).T
        return self._known[key]

    def calibration_shots(self, natives: Iterable[Native], shots: int) -> int:
        """What readout takes beside the shots of circuits: of two for each set of measured qubits."""
        return 2 * shots * len({native.measured for native in natives}) if READOUT in self.by else 0

    def estimate(self, task: Task, rows: int, shots: int) -> Estimate:
        """What running ``rows`` rows would cost, without calibration. Raises what ``run`` raises."""
        from hepq.runtime.quantum.jobs.budget import Estimate

        if not isinstance(self.backend, Costly):
            return Estimate()
        native = native_of(task, self.device, self.name)
        parts = [self.backend.estimate(longer, rows, count) for longer, _, count in self._tasks(task, native, shots)]
        return sum(parts, Estimate())

    def calibration(self, tasks: Sequence[Task], shots: int) -> Estimate:
        """What calibrating readout for these would cost."""
        from hepq.runtime.quantum.jobs.budget import Estimate

        if not isinstance(self.backend, Costly) or READOUT not in self.by:
            return Estimate()
        natives = {n.measured: n for n in (native_of(task, self.device, self.name) for task in tasks)}
        circuits = [circuit for native in natives.values() for circuit in flips(native, self.device)]
        return sum((self.backend.estimate(Task(c.circuit, c), 1, shots) for c in circuits), Estimate())


def inverted(outcomes: Outcomes, misread: Array) -> Outcomes:
    """What was there, of what was seen; ``misread`` [bits, 2]: the chances of each bit, of |0⟩ as 1 and |1⟩ as 0.

    Of strings that were seen; fractions still add up to one. Raises DataError HQ0889 for too many of them, and where
    readout tells nothing.
    """
    rows = []
    for strings, fractions in zip(outcomes.strings, outcomes.fractions, strict=True):
        if len(strings) > SUPPORT:
            title = f"{len(strings):,} different strings were seen, too many to invert their readout"
            raise DataError("HQ0889", title, f"at most {SUPPORT:,} may be", "fewer shots, or leave readout out")
        chances = np.ones((len(strings), len(strings)))
        for bit, (zero, one) in enumerate(misread):
            value = ((strings >> np.uint64(bit)) & np.uint64(1)).astype(int)
            read = np.array([[1 - zero, one], [zero, 1 - one]])  # [seen, there]
            chances *= read[value[:, None], value]
        try:
            rows.append(np.linalg.solve(chances / chances.sum(axis=0), fractions))
        except np.linalg.LinAlgError:
            why = "a qubit is read the same whatever it holds"
            raise DataError("HQ0889", "readout cannot be inverted", why, "leave readout out") from None
    return Outcomes(outcomes.qubits, outcomes.strings, tuple(rows))


def _added(measured: Sequence[tuple[float, Outcomes]]) -> Outcomes:
    """The weighted sum of fractions, string by string."""
    qubits, strings, fractions = measured[0][1].qubits, list[NDArray[np.uint64]](), list[Array]()
    for row in range(len(measured[0][1].strings)):
        seen = np.concatenate([found.strings[row] for _, found in measured])
        parts = np.concatenate([weight * found.fractions[row] for weight, found in measured])
        distinct, where = np.unique(seen, return_inverse=True)
        strings.append(distinct)
        fractions.append(np.bincount(where, parts, len(distinct)).astype(np.float64))
    return Outcomes(qubits, tuple(strings), tuple(fractions))
