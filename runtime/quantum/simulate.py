# SPDX-License-Identifier: Apache-2.0
"""Exact simulation of one circuit for many events at once, in torch: on any device, differentiable.

Runs the layers of ``fuse``: amplitudes are kept as real and imaginary parts, [2, N, 2^wires], so that turns
are products with small real matrices; phases are one matrix product, one cosine and one sine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hepq.runtime.quantum.circuit import Circuit
from hepq.runtime.quantum.observables import cone, means
from hepq.runtime.quantum.products import gram, overlaps
from hepq.runtime.quantum.tables import Key, PhaseTable, Tables, TurnTable, kron, tables, turned

__all__ = ["Values", "expectations", "gram", "overlaps", "probabilities", "states"]

#: Numbers that fill the slots: [N, slots], or several [N, k] and [1, k] that fill them in order. A single row
#: stands for every event, and gates that only such slots turn cost next to nothing: weights beside inputs.
Values = Tensor | Sequence[Tensor]
Observable = Sequence[tuple[float, Sequence[tuple[int, str]]]]
#: amplitudes that are worked on at a time where nothing is differentiated: they stay in cache
BLOCK = 1 << 16


def states(circuit: Circuit, values: Values, *, dtype: torch.dtype = torch.complex128) -> Tensor:
    """``circuit`` run on |0…0>: [N, 2^wires], on the values' device, differentiable in them.

    Phases are those of the circuit's gates as Qiskit defines them and of ``Diagonal``. Angles, in radians, are
    computed in float64 and reduced to one turn before anything is rounded to ``dtype``.
    """
    found = _run(circuit, values, dtype, phases_too=True)
    return torch.complex(found[0], found[1])


def probabilities(circuit: Circuit, values: Values, *, dtype: torch.dtype = torch.complex128) -> Tensor:
    """Of each bit string at the end, real [N, 2^wires]."""
    return _run(circuit, values, dtype, phases_too=False).square().sum(0)


def expectations(
    circuit: Circuit, values: Values, observables: Sequence[Observable], *, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """Means of ``observables`` at the end, real [N, observables]; each is a sum of (coefficient, Pauli string)."""
    small, measured = cone(circuit, observables)
    found = _run(small, values, dtype, phases_too=any(p != "Z" for o in measured for _, s in o for _, p in s))
    return means(found, measured)


def _run(circuit: Circuit, values: Values, dtype: torch.dtype, phases_too: bool) -> Tensor:
    """Real and imaginary parts, [2, N, 2^wires]; without ``phases_too``, right up to a phase of each amplitude."""
    full, common, shared = _filled(values, circuit.slots)
    real = dtype.to_real()
    plan = tables(Key(circuit.digest, shared, real, full.device, circuit))
    rows, size = len(full), max(1, BLOCK >> circuit.qubits)
    if rows <= size or (torch.is_grad_enabled() and full.requires_grad):
        state = _layers(plan, full, common, real, phases_too)
        parts = state if len(state) == 2 else torch.cat((state, torch.zeros_like(state)))
        return parts.expand(2, rows, -1)
    out = torch.zeros(2, rows, 1 << circuit.qubits, dtype=real, device=full.device)
    for i in range(0, rows, size):
        state = _layers(plan, full[i : i + size], common, real, phases_too)
        out[: len(state), i : i + size] = state
    return out


def _filled(values: Values, slots: int) -> tuple[Tensor, Tensor, frozenset[int]]:
    """Values [N, slots], those of one event [1, slots], and the slots that are the same in all events."""
    parts = (values,) if isinstance(values, Tensor) else tuple(values)
    if any(p.dim() != 2 for p in parts) or sum(p.shape[1] for p in parts) != slots:
        raise ValueError(f"values of shapes {[tuple(p.shape) for p in parts]} do not fill {slots} slots")
    rows = next((len(p) for p in parts if len(p) != 1), 1)
    if any(len(p) not in (1, rows) for p in parts):
        raise ValueError(f"values of {sorted({len(p) for p in parts})} events")
    parts = tuple(p.to(torch.float64) for p in parts)
    one = [len(p) == 1 for p in parts for _ in range(p.shape[1])]
    full = parts[0] if len(parts) == 1 else torch.cat([p.expand(rows, -1) for p in parts], 1)
    common = full[:1] if len(parts) == 1 else torch.cat([p[:1] for p in parts], 1)
    return full, common, frozenset(i for i, shared in enumerate(one) if shared)


def _layers(plan: Tables, values: Tensor, common: Tensor, real: torch.dtype, phases_too: bool) -> Tensor:
    """[2, rows, 2^wires]; rows is 1 where all events are alike, and [1, rows, 2^wires] holds real amplitudes."""
    waves: dict[int, Tensor | None] = {}
    state = torch.zeros(1, 1, 1 << plan.qubits, dtype=real, device=values.device)
    state[..., plan.start] = 1.0
    for i, (turn, phases) in enumerate(plan.layers):
        state = _turn(state, turn, values, common)
        if phases_too or i + 1 < len(plan.layers):
            if phases.number not in waves:
                waves[phases.number] = _wave(phases, values, common, real)
            wave = waves[phases.number]
            state = state if wave is None else _multiplied(state, wave)
        if phases.gather is not None:
            state = _permuted(state, phases.gather, phases.scatter)
    return state


def _wave(phases: PhaseTable, values: Tensor, common: Tensor, real: torch.dtype) -> Tensor | None:
    """Cosine and sine of the phases, [2, rows, 2^wires]."""
    turns = phases.turns(values, common)
    if turns is None:
        return None
    angles = torch.frac(turns).to(real) * (2 * torch.pi)
    return torch.stack((torch.cos(angles), torch.sin(angles)))


def _multiplied(state: Tensor, wave: Tensor) -> Tensor:
    if len(state) == 1:
        return state * wave
    (re, im), (c, s) = state.unbind(), wave.unbind()
    return torch.stack((torch.addcmul(re * c, im, s, value=-1), torch.addcmul(re * s, im, c)))


def _turn(state: Tensor, table: TurnTable, values: Tensor, common: Tensor) -> Tensor:
    shape = state.shape
    angles = None if table.angles is None else table.angles(values, common)[0]
    used = 0
    for low, mirrors, fixed in table.windows:
        matrix = fixed
        if matrix is None and angles is not None:
            matrix = kron(turned(angles[used : used + len(mirrors)], mirrors)).to(state.dtype)
            used += len(mirrors)
        assert matrix is not None
        if low == 0:
            state = state.reshape(-1, len(matrix)) @ matrix.T
        else:
            state = matrix @ state.reshape(-1, len(matrix), 1 << low)
    return state.reshape(shape)


class _Permuted(torch.autograd.Function):
    """state[..., gather]; its derivative is a gather, too."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, gather: Tensor, scatter: Tensor) -> Tensor:
        ctx.save_for_backward(gather, scatter)
        return state.index_select(-1, gather)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        gather, scatter = ctx.saved_tensors
        return _permuted(grad, scatter, gather), None, None


def _permuted(state: Tensor, gather: Tensor, scatter: Tensor | None) -> Tensor:
    moved: Tensor = _Permuted.apply(state, gather, scatter)  # type: ignore[no-untyped-call]
    return moved
