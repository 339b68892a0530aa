# SPDX-License-Identifier: Apache-2.0
"""Exact simulation of one circuit for many events at once, in torch: on any device, differentiable.

Runs the layers of ``fuse``. Amplitudes are kept as real and imaginary parts with events last, [2, 2^wires, N],
so that turns are products with small real matrices, permutations move whole rows, and phases are one matrix
product, one cosine and one sine. Events are taken a block at a time, so that all of this stays in cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import pi
from typing import Any

import torch
from torch import Tensor

from hepq.core.circuits import Circuit
from hepq.runtime.quantum.measure import Observable
from hepq.runtime.quantum.simulate.memory import ask
from hepq.runtime.quantum.simulate.observables import support
from hepq.runtime.quantum.simulate.tables import Key, PhaseTable, Tables, tables

#: Numbers that fill the slots: [N, slots], or several [N, k] and [1, k] that fill them in order. A single row
#: stands for every event, and gates that only such slots turn cost next to nothing: weights beside inputs.
Values = Tensor | Sequence[Tensor]
#: amplitudes at work in a thread of a CPU: what fits its cache; on other devices
BLOCK, DEVICE_BLOCK = 1 << 17, 1 << 26
#: rows multiplied at a time where nothing is differentiated: their products are squared while in cache
PANEL = 128


def states(circuit: Circuit, values: Values, *, dtype: torch.dtype = torch.complex128) -> Tensor:
    """``circuit`` run on |0…0>: [N, 2^wires], on the values' device, differentiable in them.

    Phases are those of the circuit's gates as Qiskit defines them and of ``Diagonal``. Angles, in radians, are
    computed in float64 and reduced to one turn before anything is rounded to ``dtype``.
    """

    def complex_(parts: Tensor) -> Tensor:
        return torch.complex(parts[0], parts[1] if len(parts) == 2 else torch.zeros_like(parts[0]))

    return _blocks(circuit, values, dtype, complex_, dtype.itemsize, phases_too=True)


def probabilities(circuit: Circuit, values: Values, *, dtype: torch.dtype = torch.complex128) -> Tensor:
    """Of each bit string at the end, real [N, 2^wires]."""
    size = dtype.to_real().itemsize
    return _blocks(circuit, values, dtype, lambda parts: parts.square().sum(0), size, phases_too=False)


def expectations(
    circuit: Circuit, values: Values, observables: Sequence[Observable], *, dtype: torch.dtype = torch.complex128
) -> Tensor:
    """Means of ``observables`` at the end, real [N, observables]; each is a sum of (coefficient, Pauli string)."""
    means = support(circuit, observables)
    return _blocks(means.circuit, values, dtype, means, 0, phases_too=means.phases_matter)


def _blocks(
    circuit: Circuit, values: Values, dtype: torch.dtype, finish: Callable[[Tensor], Tensor], kept: int,
    *, phases_too: bool,
) -> Tensor:  # fmt: skip
    """[N, m], where ``finish`` takes amplitudes [1 or 2, 2^wires, rows] (one part: real) to [m, rows].

    Without ``phases_too``, amplitudes are right up to a phase of each. ``kept``: bytes of the result for each
    amplitude. Raises DataError HQ0850 or HQ0852 for what does not fit in memory; derivatives keep every layer's states.
    """
    chunks, events = _chunks(values, circuit.slots)
    real, device = dtype.to_real(), chunks[0].device
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    ask(circuit.qubits, events, size=kept, free=free)
    plan = tables(Key(circuit.digest, tuple((c.shape[1], len(c) == 1) for c in chunks), real, device, circuit))
    if torch.is_grad_enabled() and any(c.requires_grad for c in chunks):
        ask(circuit.qubits, events, size=kept + dtype.itemsize * len(plan.layers), free=free)
    matrices = {wires: batch(chunks).to(real).unbind() for wires, batch in plan.stacks.items()}
    block = BLOCK * torch.get_num_threads() if device.type == "cpu" else DEVICE_BLOCK
    size, found = max(1, block >> circuit.qubits), []
    for i in range(0, max(1, events), size):
        rows = [c if len(c) == 1 else c[i : i + size] for c in chunks]
        parts = _layers(plan, matrices, rows, real, phases_too)
        found.append(finish(parts.expand(-1, -1, min(size, events - i))))
    return found[0].T if len(found) == 1 else torch.cat(found, 1).T


def _chunks(values: Values, slots: int) -> tuple[list[Tensor], int]:
    """``values`` as tensors [N or 1, some slots], and N."""
    parts = [values] if isinstance(values, Tensor) else list(values)
    if not parts or any(p.dim() != 2 for p in parts) or sum(p.shape[1] for p in parts) != slots:
        raise ValueError(f"values of shapes {[tuple(p.shape) for p in parts]} do not fill {slots} slots")
    events = next((len(p) for p in parts if len(p) != 1), 1)
    if any(len(p) not in (1, events) for p in parts):
        raise ValueError(f"values of {sorted({len(p) for p in parts})} events")
    return [p.to(torch.float64) for p in parts], events


def _layers(
    plan: Tables,
    matrices: Mapping[int, Sequence[Tensor]],
    chunks: Sequence[Tensor],
    real: torch.dtype,
    phases_too: bool,
) -> Tensor:
    """[2, 2^wires, rows]; rows is 1 where all events are alike, and [1, 2^wires, rows] holds real amplitudes."""
    waves: dict[int, Tensor | None] = {}
    state = torch.zeros(1, 1 << plan.qubits, 1, dtype=real, device=chunks[0].device)
    state[:, plan.start] = 1.0
    for i, (windows, phases) in enumerate(plan.layers):
        for window in windows:
            wires, number = window.place
            state = _turned(state, matrices[wires][number] if window.fixed is None else window.fixed, window.low)
        if phases_too or i + 1 < len(plan.layers):
            if phases.number not in waves:
                waves[phases.number] = _wave(phases, chunks, real)
            wave = waves[phases.number]
            state = state if wave is None else _multiplied(state, wave)
        if phases.gather is not None:
            state = _permuted(state, phases.gather, phases.scatter)
    return state


def _turned(state: Tensor, matrix: Tensor, low: int) -> Tensor:
    """``matrix`` [2^k, 2^k] on the k wires from ``low`` on."""
    parts, size, rows = state.shape
    copies = parts * size // len(matrix) >> low
    wide = state.reshape(copies, len(matrix), rows << low)
    return torch.bmm(matrix.expand(copies, -1, -1), wide).reshape(parts, size, rows)


def _wave(phases: PhaseTable, chunks: Sequence[Tensor], real: torch.dtype) -> Tensor | None:
    """Cosine and sine of the phases, [2, 2^wires, rows]."""
    angles = phases(chunks)
    if angles is None:
        return None
    turns = torch.round(angles.detach() / (2 * pi))
    angles = torch.sub(angles, turns, alpha=2 * pi).to(real)
    return torch.stack((torch.cos(angles), torch.sin(angles)))


def _multiplied(state: Tensor, wave: Tensor) -> Tensor:
    if len(state) == 1:
        return state * wave
    (re, im), (c, s) = state.unbind(), wave.unbind()
    return torch.stack((torch.addcmul(re * c, im, s, value=-1), torch.addcmul(re * s, im, c)))


class _Permuted(torch.autograd.Function):
    """state[:, gather]; its derivative is a gather, too."""

    @staticmethod
    def forward(ctx: Any, state: Tensor, gather: Tensor, scatter: Tensor) -> Tensor:
        ctx.save_for_backward(gather, scatter)
        return state.index_select(1, gather)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        gather, scatter = ctx.saved_tensors
        return _permuted(grad, scatter, gather), None, None


def _permuted(state: Tensor, gather: Tensor, scatter: Tensor | None) -> Tensor:
    moved: Tensor = _Permuted.apply(state, gather, scatter)  # type: ignore[no-untyped-call]
    return moved


def fidelities(left: Tensor, right: Tensor | None = None) -> Tensor:
    """|<right|left>|² of every pair of states: [..., N, 2^n], [..., M, 2^n] -> [..., N, M].

    Without ``right``, of ``left`` with itself: each pair multiplied once, symmetric to the last bit, its diagonal 1.
    """
    other = left if right is None else right
    derived = torch.is_grad_enabled() and (left.requires_grad or other.requires_grad)
    if derived or left.dim() > 2 or other.dim() > 2:
        product = left @ other.mH
        found = product.real.square() + product.imag.square()
        if right is not None:
            return found
        ones = torch.ones(found.shape[:-1], dtype=found.dtype, device=found.device)
        return ((found + found.mT) / 2).diagonal_scatter(ones, 0, -2, -1)
    adjoint = other.mH if other.stride(-1) == 1 else other.mH.resolve_conj()
    out = torch.empty(len(left), len(other), dtype=left.dtype.to_real(), device=left.device)
    for i in range(0, len(left), PANEL):
        end = min(i + PANEL, len(left))
        seen = end if right is None else len(other)
        parts = torch.view_as_real(left[i:end] @ adjoint[:, :seen])
        panel = out[i:end, :seen]
        torch.mul(parts[..., 0], parts[..., 0], out=panel)
        panel.addcmul_(parts[..., 1], parts[..., 1])
        if right is None:
            out[:i, i:end] = panel[:, :i].T
            corner = panel[:, i:]
            corner.copy_((corner + corner.T) / 2)
    return out if right is not None else out.fill_diagonal_(1.0)


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """|<right|left>|² row by row: [..., 2^n] each, broadcast -> [...]."""
    product: Tensor = torch.linalg.vecdot(right, left)
    return product.real.square() + product.imag.square()
