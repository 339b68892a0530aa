# SPDX-License-Identifier: Apache-2.0
"""IQM's quality metrics of a calibration: observations such as ``metrics.irb.cz.tgss.QB1__QB2.fidelity``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hepq.compiler.targets.vendors.table import Lenient, Unfit, assembled, both, infidelity, mean, pair
from hepq.runtime.quantum.device import Coupling, Device, Qubit

_METRIC = re.compile(r"metrics\.(\w+)\.(\w+)\.\w+\.(QB\d+)(?:__(QB\d+))?\.(\w+)(?::.*)?")
_TIME = re.compile(r"characterization\.model\.(QB\d+)\.(t1_time|t2_time)(?::.*)?")
#: (method, gate, metric) -> ours; the standard method of each, as in iqm-client
_WANTED = {
    ("rb", "prx", "fidelity"): "gate", ("ssro", "measure", "fidelity"): "readout",
    ("ssro", "measure", "error_0_to_1"): "readout0", ("ssro", "measure", "error_1_to_0"): "readout1",
    ("ssro", "measure_fidelity", "error_0_to_1"): "spare0", ("ssro", "measure_fidelity", "error_1_to_0"): "spare1",
    ("irb", "cz", "fidelity"): "cz",
}  # fmt: skip


class _Observation(Lenient):
    dut_field: str
    value: Any = None
    invalid: bool = False


class _Set(Lenient):
    observations: tuple[_Observation, ...]
    dut_label: str | None = None
    created_timestamp: datetime | None = None
    end_timestamp: datetime | None = None


def read(data: Mapping[str, Any], name: str) -> Device:
    """Qubit QB1 is number 0. Only Crystal chips: couplings between qubits."""
    found = _Set.model_validate(data)
    day = found.end_timestamp or found.created_timestamp
    if day is None:
        raise Unfit("it has no created_timestamp or end_timestamp")
    singles: dict[int, dict[str, float]] = {}
    links: dict[tuple[int, int], float] = {}
    for seen in found.observations:
        if seen.invalid or isinstance(seen.value, bool) or not isinstance(seen.value, (int, float)):
            continue
        if match := _TIME.fullmatch(seen.dut_field):
            singles.setdefault(_index(match[1]), {})[match[2][:2]] = float(seen.value)
        elif match := _METRIC.fullmatch(seen.dut_field):
            figure = _WANTED.get((match[1], match[2], match[5]))
            if figure == "cz" and match[4]:
                key = pair(_index(match[3]), _index(match[4]))
                links[key] = max(float(seen.value), links.get(key, 0.0))  # of several implementations, the best
            elif figure is not None and not match[4]:
                singles.setdefault(_index(match[3]), {})[figure] = float(seen.value)
    return assembled(
        name=name, vendor="IQM", one_qubit=("r",), free=(), qubits={q: _qubit(f) for q, f in singles.items()},
        couplings=[Coupling(a=a, b=b, gate="cz", error=infidelity(f)) for (a, b), f in sorted(links.items())],
        day=day.date(), source=f"IQM, quality metrics{f' of {found.dut_label}' if found.dut_label else ''}",
    )  # fmt: skip


def _index(name: str) -> int:
    return int(name.removeprefix("QB")) - 1


def _qubit(figures: Mapping[str, float]) -> Qubit:
    flips = both(figures.get("readout0"), figures.get("readout1"))
    flips = flips or both(figures.get("spare0"), figures.get("spare1"))
    readout = mean(*(flips or (figures.get("readout0"), figures.get("readout1"))))
    if readout is None:
        readout = mean(figures.get("spare0"), figures.get("spare1"))
    if readout is None:
        readout = infidelity(figures.get("readout"))
    return Qubit(
        error=infidelity(figures.get("gate")), readout_error=readout, t1=figures.get("t1") or None,
        t2=figures.get("t2") or None, readout_errors=flips,
    )  # fmt: skip
