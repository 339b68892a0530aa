# SPDX-License-Identifier: Apache-2.0
"""Figures of a native circuit under a device's calibration."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log1p

from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: an error is taken to be no larger, so that one dead coupling does not hide all else
_WORST = 1 - 1e-6


@dataclass(frozen=True)
class Score:
    """``log_esp``: of the estimated success probability, the product of 1 - error over gates and measurements.

    ``depth``: of two-qubit gates. ``duration``: seconds to the last gate, readout not counted; None where the
    device does not state durations. Errors that the device does not state count as 0.
    """

    two_qubit: int
    one_qubit: int
    depth: int
    duration: float | None
    log_esp: float

    @property
    def esp(self) -> float:
        return exp(self.log_esp)


def score(native: Native, device: Device) -> Score:
    """Figures of ``native`` on ``device``; gates must be on its couplings."""
    links = {(c.a, c.b, c.gate): c for c in device.couplings}
    log_esp, two, one = 0.0, 0, 0
    depth, clock = dict.fromkeys(range(device.size), 0), dict.fromkeys(range(device.size), 0.0)
    timed = bool(device.durations)
    for op in native.circuit.ops:
        assert not hasattr(op, "terms")
        if len(op.qubits) == 1:
            if op.name in device.free:
                continue
            error, took = device.qubits[op.qubits[0]].error, device.durations.get("gate")
            one += 1
        else:
            a, b = op.qubits
            link = links.get((a, b, op.name)) or links[b, a, op.name]
            error, took = link.error, link.duration
            depth[a] = depth[b] = max(depth[a], depth[b]) + 1
            two += 1
        log_esp += log1p(-min(error or 0.0, _WORST))
        timed = timed and took is not None
        done = max(clock[q] for q in op.qubits) + (took or 0.0)
        clock.update(dict.fromkeys(op.qubits, done))
    for q in native.measured:
        log_esp += log1p(-min(device.qubits[q].readout_error or 0.0, _WORST))
    return Score(two, one, max(depth.values(), default=0), max(clock.values(), default=0.0) if timed else None, log_esp)
