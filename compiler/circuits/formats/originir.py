# SPDX-License-Identifier: Apache-2.0
"""OriginIR, what Origin Quantum's chips (Wuyuan, Wukong) take: https://qpanda-tutorial.readthedocs.io (OriginIR)."""

from __future__ import annotations

import re
from math import pi

import numpy as np
from numpy.typing import NDArray

from hepq.compiler.circuits.formats.flat import Flat, Format, angles, flat, number
from hepq.core.circuits import Angle, Barrier, Gate
from hepq.runtime.quantum.native import Native

_NAMES = {
    "id": "I", "x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "t": "T", "rx": "RX", "ry": "RY", "rz": "RZ",
    "p": "U1", "u": "U3", "r": "RPHI", "cx": "CNOT", "cz": "CZ", "swap": "SWAP", "iswap": "ISWAP", "cp": "CR",
    "rxx": "RXX", "ryy": "RYY", "rzz": "RZZ", "ccx": "TOFFOLI",
}  # fmt: skip
_OURS = {name: ours for ours, name in _NAMES.items()}
#: gates without a name of their own, as others with an angle; equal up to a phase
_AS = {"sx": ("rx", pi / 2), "sxdg": ("rx", -pi / 2), "sdg": ("p", -pi / 2), "tdg": ("p", -pi / 4)}
_LINE = re.compile(r"(\w+) ((?:q\[\d+\],?)+)(?:\((.*)\))?")


def spelled(gate: Gate) -> Gate | None:
    """The gate as this format writes it; None: it cannot."""
    if gate.name in _AS:
        name, angle = _AS[gate.name]
        return Gate(name, gate.qubits, (Angle(angle),))
    if gate.name in ("gpi", "gpi2"):
        return Gate("r", gate.qubits, (Angle(pi if gate.name == "gpi" else pi / 2), *gate.angles))
    return gate if gate.name in _NAMES else None


def write_originir(native: Native, values: NDArray[np.float64] | None) -> str:
    found = flat(native, values)
    lines = [f"QINIT {found.size}", f"CREG {len(found.measured)}"]
    for op in found.gates:
        wires = ",".join(f"q[{q}]" for q in op.qubits)
        if isinstance(op, Barrier):
            lines.append(f"BARRIER {wires}")
            continue
        gate = spelled(op)
        assert gate is not None
        numbers = f",({','.join(map(number, gate.angles))})" if gate.angles else ""
        lines.append(f"{_NAMES[gate.name]} {wires}{numbers}")
    lines += [f"MEASURE q[{q}],c[{bit}]" for bit, q in enumerate(found.measured)]
    return "\n".join(lines) + "\n"


def read_originir(text: str, size: int) -> Flat:
    """Gates and terminal measurements; no DAGGER or CONTROL blocks. Raises ValueError for anything else."""
    gates: list[Gate | Barrier] = []
    measured: dict[int, int] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith(("QINIT", "CREG")):
            continue
        if found := re.fullmatch(r"MEASURE q\[(\d+)\],c\[(\d+)\]", line):
            measured[int(found[2])] = int(found[1])
            continue
        parts = _LINE.fullmatch(line)
        if parts is None or parts[1] not in (*_OURS, "BARRIER"):
            raise ValueError(f"OriginIR: {line!r}")
        wires = tuple(map(int, re.findall(r"\d+", parts[2])))
        if parts[1] == "BARRIER":
            gates.append(Barrier(wires))
            continue
        gates.append(Gate(_OURS[parts[1]], wires, angles(parts[3].split(",") if parts[3] else [])))
    return Flat(size, tuple(gates), tuple(measured[bit] for bit in sorted(measured)))


FORMAT = Format(".ir", write_originir, read_originir, False, spelled)
