# SPDX-License-Identifier: Apache-2.0
"""Figures of a native circuit under a device's calibration."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log1p

from hepq.core.circuits import Barrier, Gate
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: an error is taken to be no larger, so that one dead coupling does not hide all else
_WORST = 1 - 1e-6


@dataclass(frozen=True)
class Score:
    """``log_esp``: of the estimated success probability, the product of 1 - error over gates and measurements.

    ``depth``: of two-qubit gates. ``duration``: seconds to the last gate, readout not counted; None where the
    device does not state durations. ``coherence``: Π exp(-t/T2) over qubits, t from a qubit's first gate to the end
    of the circuit; not part of the ESP, for calibrated errors hold some of it already; None where T2 is not stated.
    ``missing``: figures that the device does not state; errors among them count as 0.
    """

    two_qubit: int
    one_qubit: int
    depth: int
    duration: float | None
    log_esp: float
    coherence: float | None = None
    missing: tuple[str, ...] = ()

    @property
    def esp(self) -> float:
        return exp(self.log_esp)


def score(native: Native, device: Device) -> Score:
    """Figures of ``native`` on ``device``; gates must be on its couplings."""
    links = {(c.a, c.b, c.gate): c for c in device.couplings}
    log_esp, two, one = 0.0, 0, 0
    depth, clock = [0] * device.size, [0.0] * device.size
    first: dict[int, float] = {}
    missing: set[str] = set()

    def stated(figure: float | None, name: str) -> float:
        if figure is None:
            missing.add(name)
        return figure or 0.0

    for op in native.circuit.ops:
        if isinstance(op, Barrier):  # its qubits wait for each other
            level, now = max(depth[q] for q in op.qubits), max(clock[q] for q in op.qubits)
            for q in op.qubits:
                depth[q], clock[q] = level, now
            continue
        assert isinstance(op, Gate)
        if len(op.qubits) == 1:
            if op.name in device.free:
                continue
            error = stated(device.qubits[op.qubits[0]].error, "one-qubit errors")
            took = stated(device.durations.get("gate"), "durations")
            one += 1
        else:
            a, b = op.qubits
            link = links.get((a, b, op.name)) or links[b, a, op.name]
            error, took = stated(link.error, "two-qubit errors"), stated(link.duration, "durations")
            depth[a] = depth[b] = max(depth[a], depth[b]) + 1
            two += 1
        log_esp += log1p(-min(error, _WORST))
        start = max(clock[q] for q in op.qubits)
        for q in op.qubits:
            first.setdefault(q, start)
            clock[q] = start + took
    for q in native.measured:
        log_esp += log1p(-min(stated(device.qubits[q].readout_error, "readout errors"), _WORST))
    end, lives = max(clock), {q: device.qubits[q].t2 for q in first}
    timed = "durations" not in missing
    known = timed and all(lives.values())
    coherence = exp(-sum((end - t) / (lives[q] or 1.0) for q, t in first.items())) if known else None
    return Score(two, one, max(depth), end if timed else None, log_esp, coherence, tuple(sorted(missing)))
