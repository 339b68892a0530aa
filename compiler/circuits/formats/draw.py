# SPDX-License-Identifier: Apache-2.0
"""A circuit as a picture or as text, angles written as functions of its slots."""

from __future__ import annotations

from math import pi
from pathlib import Path
from typing import Any

from hepq.core.circuits import Angle, Barrier, Circuit, Diagonal, Op
from hepq.runtime.files import replacing
from hepq.runtime.quantum.bind import instruction

#: beyond this, only the first and the last gates are drawn
MAX_OPS = 120


def text(circuit: Circuit, width: int = 110) -> str:
    """The circuit in characters."""
    return str(_drawn(circuit).draw("text", fold=width, cregbundle=True, idle_wires=False))


def picture(circuit: Circuit, path: Path) -> None:
    """Write ``.png``, ``.svg`` or ``.pdf``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = _drawn(circuit).draw("mpl", fold=24, idle_wires=False, style="iqp", scale=0.8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], bbox_inches="tight")
    pyplot.close(figure)


def _drawn(circuit: Circuit) -> Any:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Gate as Boxed
    from qiskit.circuit import Parameter

    out = QuantumCircuit(circuit.qubits)
    names: dict[str, Any] = {}
    for op in _shown(circuit.ops):
        if op is None:
            out.append(Boxed("…", circuit.qubits, []), range(circuit.qubits))
        elif isinstance(op, Diagonal):
            for wires, angle in op.terms:
                value = _parameter(angle, names, Parameter)
                if len(wires) <= 2:
                    (out.rz if len(wires) == 1 else out.rzz)(value, *wires)
                else:
                    out.append(Boxed(f"R{'Z' * len(wires)}", len(wires), [value]), wires)
        elif isinstance(op, Barrier):
            out.barrier(op.qubits)
        else:
            out.append(instruction(op.name, [_parameter(a, names, Parameter) for a in op.angles]), op.qubits)
    return out


def _shown(ops: tuple[Op, ...]) -> list[Op | None]:
    half = MAX_OPS // 2
    return list(ops) if len(ops) <= MAX_OPS else [*ops[:half], None, *ops[-half:]]


def _parameter(angle: Angle, names: dict[str, Any], parameter: Any) -> Any:
    if angle.fixed:
        return angle.constant
    words = formula(angle)
    return names.setdefault(words, parameter(words))


def formula(angle: Angle) -> str:
    """``2 s3 - s0 + 0.5 π``"""
    terms = [(c, f"s{slot}") for slot, c in angle.terms]
    terms += [(angle.constant / pi, "π")] if angle.constant else []
    out = ""
    for value, name in terms:
        size = "" if abs(value) == 1 else f"{abs(value):.4g} "
        sign = ("-" if value < 0 else "") if not out else " - " if value < 0 else " + "
        out += f"{sign}{size}{name}"
    return out
