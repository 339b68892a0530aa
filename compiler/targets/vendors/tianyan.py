# SPDX-License-Identifier: Apache-2.0
"""The configuration of a machine on Tianyan, as cqlib's ``download_config()`` gives it. Errors are in percent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from hepq.compiler.targets.vendors.table import Lenient, assembled, day_of, number, pair, seconds
from hepq.runtime.quantum.device import Coupling, Device, Qubit


class _Figures(Lenient):
    """One figure of many qubits or couplers."""

    names: tuple[str, ...] = Field(default=(), alias="qubit_used")
    values: tuple[float, ...] = Field(default=(), alias="param_list")

    @property
    def by_name(self) -> dict[str, float]:
        return dict(zip(self.names, self.values, strict=False))


class _Errors(Lenient):
    gate: _Figures = Field(default=_Figures(), alias="gate error")


class _Times(Lenient):
    """Microseconds."""

    t1: _Figures = Field(default=_Figures(), alias="T1")
    t2: _Figures = Field(default=_Figures(), alias="T2")


class _Qubits(Lenient):
    times: _Times = Field(default=_Times(), alias="relatime")
    single: _Errors = Field(default=_Errors(), alias="singleQubit")


class _Pairs(Lenient):
    cz: _Errors = Field(default=_Errors(), alias="czGate")


class _Readouts(Lenient):
    error: _Figures = Field(default=_Figures(), alias="Readout Error")


class _Readout(Lenient):
    array: _Readouts = Field(default=_Readouts(), alias="readoutArray")


class _Overview(Lenient):
    qubits: tuple[str, ...] = ()
    coupler_map: dict[str, tuple[str, str]]


class _Config(Lenient):
    overview: _Overview
    calibrated: str | None = Field(default=None, alias="calibrationTime")
    disabled_qubits: str | tuple[str, ...] = Field(default=(), alias="disabledQubits")
    disabled_couplers: str | tuple[str, ...] = Field(default=(), alias="disabledCouplers")
    qubit: _Qubits = Field(default=_Qubits())
    pairs: _Pairs = Field(default=_Pairs(), alias="twoQubitGate")
    readout: _Readout = Field(default=_Readout())


def read(data: Mapping[str, Any], name: str) -> Device:
    config = _Config.model_validate(data)
    off_qubits, off_couplers = (
        {name.strip() for name in (off.split(",") if isinstance(off, str) else off)}
        for off in (config.disabled_qubits, config.disabled_couplers)
    )
    couplers = config.overview.coupler_map
    names = dict.fromkeys([*config.overview.qubits, *(q for ends in couplers.values() for q in ends)])
    error, readout = config.qubit.single.gate.by_name, config.readout.array.error.by_name
    t1, t2 = config.qubit.times.t1.by_name, config.qubit.times.t2.by_name
    qubits = {
        number(q): Qubit(error=_percent(error.get(q)), readout_error=_percent(readout.get(q)),
                         t1=seconds(t1.get(q), 1e-6), t2=seconds(t2.get(q), 1e-6), usable=q not in off_qubits)
        for q in names
    }  # fmt: skip
    errors = config.pairs.cz.gate.by_name
    links = {
        pair(number(one), number(other)): (_percent(errors.get(coupler)), coupler not in off_couplers)
        for coupler, (one, other) in couplers.items()
    }
    return assembled(
        name=name, vendor="Tianyan, China Telecom Quantum", one_qubit=("rz", "sx", "sxdg", "x"), qubits=qubits,
        couplings=[Coupling(a=a, b=b, gate="cz", error=e, usable=on) for (a, b), (e, on) in sorted(links.items())],
        day=day_of(config.calibrated), source="Tianyan, machine configuration",
    )  # fmt: skip


def _percent(value: float | None) -> float | None:
    return None if value is None else min(value / 100, 1.0)
