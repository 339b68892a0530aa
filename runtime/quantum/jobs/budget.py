# SPDX-License-Identifier: Apache-2.0
"""What running circuits on a device will cost, and what it may cost: counted before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from hepq.core.errors import DataError, did_you_mean
from hepq.runtime.quantum.backends.components import gates
from hepq.runtime.quantum.clients.base import Costs
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native


@dataclass(frozen=True)
class Estimate:
    """Circuits, their shots in all, jobs that hold them, and seconds of the device's time."""

    circuits: int = 0
    shots: int = 0
    jobs: int = 0
    seconds: float = 0.0

    def __add__(self, other: Estimate) -> Estimate:
        mine, theirs = asdict(self), asdict(other)
        return Estimate(**{k: mine[k] + theirs[k] for k in mine})


@dataclass(frozen=True)
class Budget:
    """The most of each that may be sent by one backend object; None: any number."""

    circuits: float | None = None
    shots: float | None = None
    jobs: float | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, declared: Mapping[str, float]) -> Self:
        """As a program or a command declares it. Raises DataError HQ0873 for a name that is none of these."""
        known = [f.name for f in fields(cls)]
        for name in declared:
            if name not in known:
                raise DataError("HQ0873", f"a budget of {name!r} is not known", did_you_mean(name, known))
        return cls(**declared)

    def check(self, wanted: Estimate, spent: Estimate) -> None:
        """Raises DataError HQ0873, with the table, if ``wanted`` on top of ``spent`` is more than this."""
        total, allowed = asdict(wanted + spent), asdict(self)
        over = [k for k, most in allowed.items() if most is not None and total[k] > most]
        if over:
            why = table(wanted, spent, self).replace("\n", "\n  ")
            help = "fewer events or shots, packing, or a larger budget"
            raise DataError("HQ0873", f"the budget is exceeded: {', '.join(over)}", why, help)


def duration(native: Native, device: Device) -> float:
    """Seconds from the first gate to the last, each as soon as its qubits are free; unknown durations count as zero."""
    single = device.durations.get("gate", 0.0)
    double = {(c.a, c.b, c.gate): c.duration or 0.0 for c in device.couplings}
    free = dict.fromkeys(native.used, 0.0)
    for gate in gates(native):
        if len(gate.qubits) == 1:
            took = 0.0 if gate.name in device.free else single
        else:
            a, b = gate.qubits
            took = double.get((a, b, gate.name), double.get((b, a, gate.name), 0.0))
        end = max(free[q] for q in gate.qubits) + took
        free.update(dict.fromkeys(gate.qubits, end))
    return max(free.values(), default=0.0)


def estimate(native: Native, device: Device, rows: int, shots: int, jobs: int, costs: Costs) -> Estimate:
    """``rows`` fillings of ``native``, ``shots`` of each, in ``jobs`` jobs.

    Seconds: jobs × (the service's time for a job) + rows × shots × (circuit + readout + rest before the next shot);
    the rest is the service's, or an active reset if that takes longer.
    """
    rest = max(costs.rest, device.durations.get("reset", 0.0))
    shot = duration(native, device) + device.durations.get("readout", 0.0) + rest
    return Estimate(rows, rows * shots, jobs, jobs * costs.job + rows * shots * shot)


def table(wanted: Estimate, spent: Estimate, budget: Budget) -> str:
    """What is to be sent, was sent before, and may be sent, as lines of text."""
    lines = [f"{'':9}{'to send':>15}{'sent before':>14}{'allowed':>10}"]
    for name, most in asdict(budget).items():
        kind = ",.1f" if name == "seconds" else ",.0f"
        allowed = "-" if most is None else format(most, kind)
        new, old = (format(asdict(e)[name], kind) for e in (wanted, spent))
        lines.append(f"{name:9}{new:>15}{old:>14}{allowed:>10}")
    return "\n".join(lines)
