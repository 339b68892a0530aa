# SPDX-License-Identifier: Apache-2.0
"""Quafu's chip information: of QuarkStudio (``couplers_info``) or of pyquafu's ``get_chip_info()["full_info"]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from hepq.compiler.targets.vendors.table import (
    Lenient,
    Unfit,
    assembled,
    both,
    day_of,
    infidelity,
    mean,
    number,
    pair,
    seconds,
)
from hepq.runtime.quantum.device import Coupling, Device, Qubit


class _QubitInfo(Lenient):
    """T1, T2 in microseconds."""

    index: int | None = None
    t1: float | None = Field(default=None, alias="T1")
    t2: float | None = Field(default=None, alias="T2")
    fidelity: float | None = None
    ground: float | None = Field(default=None, alias="readout g_fidelity")
    excited: float | None = Field(default=None, alias="readout e_fidelity")


class _CouplerInfo(Lenient):
    qubits_index: tuple[int, int]
    fidelity: float | None = None


class _Global(Lenient):
    """Lengths in seconds."""

    basis: str = Field(default="cz", alias="two_qubit_gate_basis")
    one: float | None = Field(default=None, alias="one_qubit_gate_length")
    two: float | None = Field(default=None, alias="two_qubit_gate_length")


class _Link(Lenient):
    fidelity: float | None = None


class _ChipInfo(Lenient):
    calibration_time: str | None = None
    qubits_info: dict[str, _QubitInfo] = Field(default={})
    couplers_info: dict[str, _CouplerInfo] | None = None
    topological_structure: dict[str, dict[str, _Link]] | None = None
    global_info: _Global = Field(default=_Global())


def read(data: Mapping[str, Any], name: str) -> Device:
    """Qubits are numbered as their names are with ``couplers_info``, else by their place among the names, as
    pyquafu does."""
    chip = _ChipInfo.model_validate(data.get("full_info", data))
    if chip.global_info.basis.lower() != "cz":
        raise Unfit(f"its two-qubit gate is {chip.global_info.basis}, not cz")
    duration = chip.global_info.two or None
    if chip.couplers_info is not None:
        places = {q: number(q) if info.index is None else info.index for q, info in chip.qubits_info.items()}
        links = [(*pair(*c.qubits_index), c.fidelity) for c in chip.couplers_info.values()]
    elif chip.topological_structure is not None:
        names = {q for link in chip.topological_structure for q in _ends(link)} | set(chip.qubits_info)
        places = {q: i for i, q in enumerate(sorted(names, key=number))}
        links = _worse(chip.topological_structure, places)
    else:
        raise Unfit("it has neither couplers_info nor topological_structure")
    known = {at: _qubit(chip.qubits_info[q]) if q in chip.qubits_info else Qubit() for q, at in places.items()}
    return assembled(
        name=name, vendor="Quafu, BAQIS", one_qubit=("rx", "ry", "rz"), qubits=known,
        couplings=[Coupling(a=a, b=b, gate="cz", error=infidelity(f), duration=duration) for a, b, f in links],
        durations={"gate": chip.global_info.one}, day=day_of(chip.calibration_time), source="Quafu, chip information",
    )  # fmt: skip


def _ends(link: str) -> tuple[str, str]:
    ends = link.split("_")
    if len(ends) != 2:
        raise Unfit(f"topological_structure: {link!r} does not name two qubits, as Q1_Q2 does")
    return ends[0], ends[1]


def _worse(structure: Mapping[str, Mapping[str, _Link]], places: Mapping[str, int]) -> list[tuple[int, int, Any]]:
    """Each pair once, with the lower fidelity of its two directions."""
    found: dict[tuple[int, int], float | None] = {}
    for link, gates in structure.items():
        one, other = _ends(link)
        key, fidelity = pair(places[one], places[other]), next((g.fidelity for g in gates.values()), None)
        known = found.get(key)
        found[key] = fidelity if known is None else min(known, fidelity) if fidelity is not None else known
    return [(a, b, fidelity) for (a, b), fidelity in found.items()]


def _qubit(info: _QubitInfo) -> Qubit:
    return Qubit(
        error=infidelity(info.fidelity), readout_error=infidelity(mean(info.ground, info.excited)),
        t1=seconds(info.t1, 1e-6), t2=seconds(info.t2, 1e-6),
        readout_errors=both(infidelity(info.ground), infidelity(info.excited)),
    )  # fmt: skip
