# SPDX-License-Identifier: Apache-2.0
"""QCIS, what the chips of the Tianyan cloud (Zuchongzhi) take: https://qc.zdxlz.com/learn (QCIS instructions)."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, angles, flat, number
from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.native import Native

_NAMES = {
    "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "SD", "t": "T", "tdg": "TD", "sx": "X2P", "sxdg": "X2M",
    "rx": "RX", "ry": "RY", "rz": "RZ", "r": "RXY", "gpi": "XY", "gpi2": "XY2P", "cz": "CZ",
}  # fmt: skip
_OURS = {name: ours for ours, name in _NAMES.items()}
_LINE = re.compile(r"([A-Z0-9]+)((?: Q\d+)+)((?: [-+.\d]+)*)")


def spelled(gate: Gate) -> Gate | None:
    """The gate as this format writes it; None: it cannot. An idle gate would need a duration."""
    if gate.name == "p":
        return Gate("rz", gate.qubits, gate.angles)
    if gate.name == "id":
        return Gate("rz", gate.qubits, (Angle(0.0),))
    return gate if gate.name in _NAMES else None


def write_qcis(native: Native, values: NDArray[np.float64] | None) -> str:
    """Bits are read in the order of the M instructions."""
    found = flat(native, values)
    lines = []
    for op in found.gates:
        wires = [f"Q{q}" for q in op.qubits]
        if isinstance(op, Barrier):
            lines.append(" ".join(["B", *wires]))
            continue
        gate = spelled(op)
        assert gate is not None
        given = reversed(gate.angles) if gate.name == "r" else gate.angles
        lines.append(" ".join([_NAMES[gate.name], *wires, *map(number, given)]))
    lines += [f"M Q{q}" for q in found.measured]
    return "\n".join(lines) + "\n"


def read_qcis(text: str, size: int) -> Flat:
    """Gates with numbers, then measurements. Raises ValueError for anything else."""
    gates: list[Gate | Barrier] = []
    measured: list[int] = []
    for line in text.splitlines():
        parts = _LINE.fullmatch(line.strip())
        if parts is None or parts[1] not in (*_OURS, "M", "B") or (measured and parts[1] != "M"):
            raise ValueError(f"QCIS: {line!r}")
        wires = tuple(map(int, re.findall(r"\d+", parts[2])))
        if parts[1] == "M":
            measured += wires
            continue
        if parts[1] == "B":
            gates.append(Barrier(wires))
            continue
        given = angles(parts[3].split())
        gates.append(Gate(_OURS[parts[1]], wires, given[::-1] if parts[1] == "RXY" else given))
    return Flat(size, tuple(gates), tuple(measured))


FORMAT = Format(".qcis", write_qcis, read_qcis, False, spelled)
