# SPDX-License-Identifier: Apache-2.0
"""Values of a program's quantum steps: exactly, or as fractions of shots on whatever runs circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Circuit
from hepq.core.ops.table import OPS
from hepq.runtime.program import Context, Dim, Program, Step, aligned, wires_of
from hepq.runtime.quantum.backends.backend import Backend, Outcomes, Task
from hepq.runtime.quantum.backends.exact import Exact, Sampled
from hepq.runtime.quantum.measure import Observable, expectation_circuits, expectations, fidelity_circuit, marginal
from hepq.runtime.quantum.native import Native

Array = NDArray[Any]
DEFAULT_SHOTS = 1024


@dataclass(frozen=True)
class Measurer:
    """``natives``: compiled circuits by the digest of what they run. ``Exact`` and ``Sampled`` simulate the source."""

    backend: Backend
    natives: Mapping[str, Native] = field(default_factory=dict)
    shots: int = DEFAULT_SHOTS
    seed: int | None = 0

    def __call__(self, step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context) -> Array:
        circuits = ctx.program.compiled
        exact = self.backend if isinstance(self.backend, Exact) else None
        if step.op == "fidelity" and isinstance(self.backend, Sampled):
            left, right = (circuits[_int(step, side)] for side in ("left", "right"))
            chances = _exact_fidelity(self.backend.simulator, left, right, step, operands, args, ctx)
            return self.backend.successes(chances, self.shots, self.seed)
        if step.op == "fidelity":
            left, right = (circuits[_int(step, side)] for side in ("left", "right"))
            if exact is not None:
                return _exact_fidelity(exact, left, right, step, operands, args, ctx)
            return self._fidelity(left, right, step, operands, args, ctx)
        circuit, rows = circuits[_int(step, "circuit")], args[0].reshape(-1, args[0].shape[-1])
        if step.op == "expect":
            observables = _observables(step)
            means = (exact.means if exact else self._means)(circuit, rows, observables)
            return means.reshape(*args[0].shape[:-1], *(() if step.attrs["single"] else (len(observables),)))
        shots = _int(step, "shots") if step.op == "sample" else self.shots
        found = exact.probabilities(circuit, rows) if exact else self._run(circuit, rows, shots).probabilities()
        wires = wires_of(step, circuit.qubits)
        return np.asarray(marginal(found, wires, circuit.qubits)).reshape(*args[0].shape[:-1], 1 << len(wires))

    def _run(self, circuit: Circuit, rows: Array, shots: int | None = None) -> Outcomes:
        task = Task(circuit, self.natives.get(circuit.digest))
        return self.backend.run(task, rows, shots or self.shots, self.seed)

    def _means(self, circuit: Circuit, rows: Array, observables: Sequence[Observable]) -> Array:
        outcomes = [self._run(c, rows) for c in expectation_circuits(circuit, observables)]
        return expectations(observables, outcomes, len(rows))

    def _fidelity(
        self, left: Circuit, right: Circuit, step: Step, operands: Sequence[Step], args: Sequence[Array], ctx: Context
    ) -> Array:
        """One circuit for each pair of angle sets."""
        sides = [aligned(a, o.dims, (*step.dims, o.dims[-1])) for a, o in zip(args, operands, strict=True)]
        shape = (max(map(len, sides)), *ctx.shape(step.dims))
        filled = [np.broadcast_to(s, (*shape, s.shape[-1])).reshape(-1, s.shape[-1]) for s in sides]
        return self._run(fidelity_circuit(left, right), np.concatenate(filled, axis=1)).zero().reshape(shape)


def to_run(program: Program) -> dict[str, Circuit]:
    """The circuits that a device must run for a program, by digest.

    Raises ValueError, KeyError or TypeError where a step does not fit its circuit.
    """
    circuits, found = program.compiled, list[Circuit]()
    for step in (program.steps[i] for i in program.quantum):
        measured = [circuits[_int(step, side)] for side in OPS[step.op].circuits]
        operands = [program.steps[a] for a in step.args]
        if [c.slots for c in measured] != [o.dims[-1][1] if o.dims else None for o in operands]:
            raise ValueError(f"step {step.op}: its operands do not fill its circuits' slots")
        if step.op == "fidelity":
            found.append(fidelity_circuit(*measured))
        elif step.op == "expect":
            observables = _observables(step)
            wires = {w for terms in observables for _, pauli in terms for w, _ in pauli}
            names = {p for terms in observables for _, pauli in terms for _, p in pauli}
            if not isinstance(step.attrs["single"], bool) or not wires <= set(range(measured[0].qubits)):
                raise ValueError("step expect: an observable beyond its circuit's wires")
            if not names <= set("XYZ") or (step.attrs["single"] and len(observables) != 1):
                raise ValueError("step expect: no such observable")
            found += expectation_circuits(measured[0], observables)
        else:
            if step.op == "sample" and _int(step, "shots") < 1:
                raise ValueError("step sample: no shots")
            asked = wires_of(step, measured[0].qubits)
            if len({*asked}) != len(asked) or not {*asked} <= set(range(measured[0].qubits)):
                raise ValueError(f"step {step.op}: a wire beyond its circuit's, or one twice")
            found.append(measured[0])
    return {c.digest: c for c in found}


def _exact_fidelity(
    exact: Exact, left: Circuit, right: Circuit, step: Step, operands: Sequence[Step], args: Sequence[Array],
    ctx: Context,
) -> Array:  # fmt: skip
    """One state for each set of angles, then one product for all pairs."""
    from hepq.runtime.quantum.simulate import state

    (a, b), (x, y) = args, (o.dims[:-1] for o in operands)
    shared = [d for d in x if d in y]
    rows, cols = [d for d in x if d not in y], [d for d in y if d not in x]
    batch, n, m = (prod(ctx.shape(dims)) for dims in (shared, rows, cols))
    first = _folded(exact, left, a, x, [*shared, *rows], (batch, n))
    alike = len(a) == batch == 1 and left.digest == right.digest and np.array_equal(a, b)
    second = first if alike else _folded(exact, right, b, y, [*shared, *cols], (batch, m))
    if len(second) == batch == 1:  # the same columns for every event: one product for all
        columns = None if alike else second.flatten(0, -2)
        made = state.fidelities(first.flatten(0, -2), columns).reshape(len(first), 1, n, m).cpu().numpy()
    else:
        made = state.fidelities(first, second).cpu().numpy()
    shape = (len(made), *ctx.shape([*shared, *rows, *cols]))
    return aligned(made.reshape(shape), [*shared, *rows, *cols], step.dims)


def _folded(
    exact: Exact, circuit: Circuit, angles: Array, dims: Sequence[Dim], order: Sequence[Dim], shape: tuple[int, int]
) -> Any:
    """States as [events, shared, own, amplitudes]."""
    slots = ("", angles.shape[-1])
    moved = aligned(angles, [*dims, slots], [*order, slots])
    states = exact.states(circuit, moved.reshape(-1, moved.shape[-1]))
    return states.reshape(len(moved), *shape, 1 << circuit.qubits)


def _int(step: Step, key: str) -> int:
    value: Any = step.attrs[key]
    return int(value)


def _observables(step: Step) -> tuple[Observable, ...]:
    given: Any = step.attrs["observables"]
    return tuple(tuple((float(c), tuple((int(w), str(p)) for w, p in pauli)) for c, pauli in terms) for terms in given)
