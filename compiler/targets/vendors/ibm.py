# SPDX-License-Identifier: Apache-2.0
"""IBM's ``BackendProperties`` and ``BackendConfiguration`` as JSON, of the service or of a job's record."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from pydantic import Field

from hepq.compiler.targets.ibm import calibrated
from hepq.compiler.targets.vendors.table import Lenient, Unfit, both, day_of, pair
from hepq.runtime.quantum.device import Coupling, Device, Qubit, Source

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class _Parameter(Lenient):
    name: str
    value: float
    unit: str = ""


class _Gate(Lenient):
    gate: str
    qubits: tuple[int, ...]
    parameters: tuple[_Parameter, ...] = ()


class _Properties(Lenient):
    backend_name: str = ""
    last_update_date: str
    qubits: tuple[tuple[_Parameter, ...], ...]
    gates: tuple[_Gate, ...]


class _Configuration(Lenient):
    max_experiments: int | None = None
    max_shots: int | None = None


class _File(Lenient):
    properties: _Properties
    configuration: _Configuration = Field(default=_Configuration())


def read(data: Mapping[str, Any], name: str) -> Device:
    """``properties`` (and ``configuration``) under these names, or the properties alone."""
    file = _File.model_validate(data if "properties" in data else {"properties": data})
    found = file.properties
    two = next((g for g in ("cz", "ecr", "cx") if any(x.gate == g for x in found.gates)), None)
    if two is None:
        raise Unfit("it has no cz, ecr or cx gates")
    single = {g.qubits[0]: g for g in found.gates if g.gate == "sx"}
    links: dict[tuple[int, int], Coupling] = {}
    for gate in found.gates:
        if gate.gate == two:
            a, b = pair(*gate.qubits) if two == "cz" else (gate.qubits[0], gate.qubits[1])
            links.setdefault((a, b), Coupling(
                a=a, b=b, gate=two, error=_error(gate.parameters, "gate_error"), duration=_time(gate, "gate_length")
            ))  # fmt: skip
    qubits = [_qubit(figures, single.get(q)) for q, figures in enumerate(found.qubits)]
    reset = [g for g in found.gates if g.gate == "reset"]
    return calibrated(
        name=name, title=f"IBM {found.backend_name or name.partition(':')[2]}", qubits=qubits,
        couplings=[links[p] for p in sorted(links)],
        source=Source(source=f"{found.backend_name or 'IBM'}, properties from a file",
                      date=day_of(found.last_update_date), status="calibrated"),
        durations={
            "gate": _middle([_time(g, "gate_length") for g in single.values()]),
            "readout": _middle([_seconds(figures, "readout_length") for figures in found.qubits]),
            "reset": _middle([_time(g, "gate_length") for g in reset]),
        },
        jobs=(file.configuration.max_experiments, file.configuration.max_shots),
    )  # fmt: skip


def _qubit(figures: tuple[_Parameter, ...], sx: _Gate | None) -> Qubit:
    return Qubit(
        error=_error(sx.parameters, "gate_error") if sx else None, readout_error=_error(figures, "readout_error"),
        t1=_seconds(figures, "T1") or None, t2=_seconds(figures, "T2") or None, readout_errors=_flips(figures),
    )  # fmt: skip


def _flips(figures: tuple[_Parameter, ...]) -> tuple[float, float] | None:
    return both(*(_error(figures, name) for name in ("prob_meas1_prep0", "prob_meas0_prep1")))


def _error(parameters: tuple[_Parameter, ...], name: str) -> float | None:
    value = next((p.value for p in parameters if p.name == name), None)
    return None if value is None else min(value, 1.0)


def _seconds(parameters: tuple[_Parameter, ...], name: str) -> float | None:
    found = next((p for p in parameters if p.name == name), None)
    if found is None:
        return None
    if found.unit not in _UNITS:
        raise Unfit(f"{name} in unit {found.unit!r}; known are {', '.join(_UNITS)}")
    return found.value * _UNITS[found.unit]


def _time(gate: _Gate, name: str) -> float | None:
    return _seconds(gate.parameters, name)


def _middle(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return median(known) if known else None
