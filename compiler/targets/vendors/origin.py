# SPDX-License-Identifier: Apache-2.0
"""Origin's chip configuration: ``QuantumChipArch`` of Pilot OS, or the cloud's ``adjJSON`` and ``gateJSON``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hepq.compiler.targets.vendors.table import (
    Lenient,
    Unfit,
    assembled,
    day_of,
    infidelity,
    mean,
    number,
    pair,
    seconds,
)
from hepq.runtime.quantum.device import Coupling, Device, Qubit

#: figures that are not known are empty text in the cloud's files
_Figure = Annotated[float | None, BeforeValidator(lambda value: None if value == "" else value)]
_GATES = ("r", "rz")  # RPhi; phases are kept by the cloud's compiler


class _Neighbour(Lenient):
    v: int
    w: _Figure = None


class _Parameters(Lenient):
    """Times in microseconds."""

    t1: _Figure = Field(default=None, alias="T1")
    t2: _Figure = Field(default=None, alias="T2")
    gate: _Figure = Field(default=None, alias="SingleGateFidelity")
    readout: _Figure = Field(default=None, alias="ReadoutFidelity")


class _Clock(Lenient):
    """Nanoseconds."""

    cz: float | None = Field(default=None, alias="CZ")
    turn: float | None = Field(default=None, alias="RPhi")


class _Arch(Lenient):
    count: int = Field(default=0, alias="QubitCount")
    neighbours: dict[int, tuple[_Neighbour, ...]] = Field(alias="AdjMatrix")
    parameters: dict[int, _Parameters] = Field(default={}, alias="QubitParams")
    available: tuple[int, ...] | None = Field(default=None, alias="AvailableQubits")
    clock: _Clock = Field(default=_Clock(), alias="QGateClock")
    updated: float | str | None = Field(default=None, alias="LastUpdateTime")
    max_shots: int | None = Field(default=None, alias="MaxShots")


class _CloudQubit(Lenient):
    """Times in microseconds; ``readFidelity``: of 0 and of 1, ``0.95/0.91``."""

    gate: _Figure = Field(default=None, alias="averageFidelity")
    readout: str | float = Field(default="", alias="readFidelity")
    t1: _Figure = Field(default=None, alias="T1")
    t2: _Figure = Field(default=None, alias="T2")


class _CloudGate(Lenient):
    fidelity: _Figure = None


class _Cloud(Lenient):
    qubits: dict[int, _CloudQubit] = Field(alias="adjJSON")
    gates: dict[str, _CloudGate] = Field(alias="gateJSON")
    updated: float | str | None = Field(default=None, alias="updateTime")


def read(data: Mapping[str, Any], name: str) -> Device:
    if "QuantumChipArch" in data:
        return _of_arch(_Arch.model_validate(data["QuantumChipArch"]), name)
    if "adjJSON" in data:
        return _of_cloud(_Cloud.model_validate(data), name)
    raise Unfit("it has neither QuantumChipArch nor adjJSON")


def _of_arch(arch: _Arch, name: str) -> Device:
    links = {pair(q, n.v): n.w for q, found in arch.neighbours.items() for n in found}
    working = set(arch.neighbours if arch.available is None else arch.available)
    qubits = {q: _qubit(p.gate, p.readout, p.t1, p.t2, usable=q in working) for q, p in arch.parameters.items()}
    duration = seconds(arch.clock.cz, 1e-9)
    return assembled(
        name=name, vendor="Origin Quantum", one_qubit=_GATES, qubits={q: Qubit() for q in working} | qubits,
        couplings=[_link(a, b, w, duration) for (a, b), w in sorted(links.items())], size=arch.count,
        durations={"gate": seconds(arch.clock.turn, 1e-9)}, day=day_of(arch.updated), max_shots=arch.max_shots,
        source="Origin Quantum, QuantumChipArch",
    )  # fmt: skip


def _of_cloud(cloud: _Cloud, name: str) -> Device:
    qubits = {
        q: _qubit(info.gate, _both(info.readout), info.t1, info.t2, usable=info.gate is not None)
        for q, info in cloud.qubits.items()
    }
    links = [
        _link(*pair(*(number(q) for q in ends)), gate.fidelity, None)
        for ends, gate in ((key.split("_"), gate) for key, gate in cloud.gates.items())
        if len(ends) == 2
    ]
    return assembled(
        name=name, vendor="Origin Quantum", one_qubit=_GATES, qubits=qubits, couplings=links,
        day=day_of(cloud.updated), source="Origin Quantum cloud, chip configuration",
    )  # fmt: skip


def _link(a: int, b: int, fidelity: float | None, duration: float | None) -> Coupling:
    return Coupling(a=a, b=b, gate="cz", error=infidelity(fidelity), duration=duration)


def _qubit(gate: float | None, readout: float | None, t1: float | None, t2: float | None, *, usable: bool) -> Qubit:
    return Qubit(
        error=infidelity(gate), readout_error=infidelity(readout), t1=seconds(t1, 1e-6), t2=seconds(t2, 1e-6),
        usable=usable,
    )  # fmt: skip


def _both(readout: str | float) -> float | None:
    try:
        return mean(*(float(part) for part in str(readout).split("/") if part.strip()))
    except ValueError:
        raise Unfit(f"readFidelity {readout!r}, not two numbers such as 0.95/0.91") from None
