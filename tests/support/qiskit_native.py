# SPDX-License-Identifier: Apache-2.0
"""For tests: devices from IBM's snapshots, and native circuits made by Qiskit's transpiler instead of our compiler."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import ParameterVector

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op
from hepq.runtime.quantum.device import FIGURES, Coupling, Device, Qubit, Source
from hepq.runtime.quantum.native import Native


def device_of(fake: Any, name: str, day: date = date(2026, 4, 2)) -> Device:
    """A snapshot of an IBM backend as a device; couplers with errors above 0.1 are dead."""
    target = fake.target
    (gate,) = {"cz", "ecr", "cx"} & set(target.operation_names)
    qubits = tuple(
        Qubit(error=target["sx"][(q,)].error, readout_error=target["measure"][(q,)].error,
              t1=target.qubit_properties[q].t1, t2=target.qubit_properties[q].t2)
        for q in range(target.num_qubits)
    )  # fmt: skip
    couplings = tuple(
        Coupling(a=a, b=b, gate=gate, error=p.error, duration=p.duration, usable=p.error < 0.1)
        for (a, b), p in sorted(target[gate].items())
        if gate != "cz" or a < b
    )
    durations: dict[Any, float] = {"gate": target["sx"][(0,)].duration, "readout": target["measure"][(0,)].duration}
    source = Source(source=type(fake).__name__, date=day, status="calibrated")
    return Device(
        name=name, title=name, vendor="IBM", one_qubit=("id", "rz", "sx", "x"), free=("rz",), qubits=qubits,
        couplings=couplings, durations=durations, sources=dict.fromkeys(FIGURES, source),
    )  # fmt: skip


@cache
def torino() -> Device:
    from qiskit_ibm_runtime.fake_provider import FakeTorino

    return device_of(FakeTorino(), "ibm:torino")


def line(n: int, gate: str = "cz", error: float = 0.01) -> Device:
    """Qubits in a row."""
    source = Source(source="made up", date=date(2026, 1, 1), status="assumed")
    return Device(
        name=f"line:{n}", title="a line", vendor="us", one_qubit=("rz", "sx", "x"),
        qubits=tuple(Qubit(error=1e-3, readout_error=0.02, t1=1e-4, t2=8e-5) for _ in range(n)),
        couplings=tuple(Coupling(a=i, b=i + 1, gate=gate, error=error, duration=7e-8) for i in range(n - 1)),
        durations={"gate": 3e-8, "readout": 1e-6}, sources=dict.fromkeys(FIGURES, source),
    )  # fmt: skip


def zz_kernel(n: int, reps: int = 1) -> Circuit:
    """U†(y) U(x) of the full ZZ feature map (arXiv:1804.11326); slots: n + n (n-1)/2 phases of x, then of y."""
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    terms = [((i,), Angle.slot(i)) for i in range(n)] + [(p, Angle.slot(n + k)) for k, p in enumerate(pairs)]
    layer: tuple[Op, ...] = (*(Gate("h", (i,)) for i in range(n)), Diagonal(tuple(terms)))
    half = Circuit(n, n + len(pairs), layer * reps)
    return half.then(half.adjoint())


def compiled(circuit: Circuit, device: Device, layout: Sequence[int], seed: int = 0) -> Native:
    """Qiskit's O1 from the given layout; angles are read back as affine in the slots."""
    p = ParameterVector("p", max(1, circuit.slots))
    made = QuantumCircuit(circuit.qubits, circuit.qubits)
    for op in circuit.ops:
        assert isinstance(op, Gate | Diagonal)
        _append(made, op, p)
    made.measure(range(circuit.qubits), range(circuit.qubits))
    edges = [list(e) for c in device.usable for e in ((c.a, c.b), (c.b, c.a))]
    out = transpile(
        made, basis_gates=[*device.one_qubit, *device.two_qubit], coupling_map=edges, initial_layout=list(layout),
        optimization_level=1, seed_transpiler=seed,
    )  # fmt: skip
    ops, measured = [], dict[int, int]()
    for item in out.data:
        where = tuple(out.find_bit(q).index for q in item.qubits)
        if item.operation.name == "measure":
            measured[out.find_bit(item.clbits[0]).index] = where[0]
        elif item.operation.name != "barrier":
            angles = tuple(_affine(a, p, circuit.slots) for a in item.operation.params)
            ops.append(Gate(item.operation.name, where, angles))
    wires = tuple(measured[i] for i in range(circuit.qubits))
    native = Circuit(device.size, circuit.slots, tuple(ops))
    return Native(device.name, device.calibration, native, tuple(layout), wires)


def _append(made: QuantumCircuit, op: Gate | Diagonal, p: ParameterVector) -> None:
    def value(angle: Angle) -> Any:
        return angle.constant + sum(c * p[s] for s, c in angle.terms)

    if isinstance(op, Gate):
        getattr(made, op.name)(*map(value, op.angles), *op.qubits)
        return
    for qubits, angle in op.terms:
        getattr(made, "rz" if len(qubits) == 1 else "rzz")(value(angle), *qubits)


def _affine(expression: Any, p: ParameterVector, slots: int) -> Angle:
    if not getattr(expression, "parameters", ()):
        return Angle(float(expression))

    def at(point: np.ndarray) -> float:
        return float(expression.bind({v: x for v, x in zip(p, point, strict=False) if v in expression.parameters}))

    zero = at(np.zeros(slots))
    terms = tuple((i, at(row) - zero) for i, row in enumerate(np.eye(slots)) if p[i] in expression.parameters)
    return Angle(zero, tuple((i, c) for i, c in terms if abs(c) > 1e-12))
