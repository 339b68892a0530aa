# SPDX-License-Identifier: Apache-2.0
"""The quantum ops in torch: exact, batched, differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import prod

import torch
from torch import Tensor

from hepq.compiler.ir.node import Node
from hepq.compiler.lower.torch.values import Batch, Value, with_batch
from hepq.core.circuits import Circuit
from hepq.core.types import Dim
from hepq.runtime.quantum.measure import marginal
from hepq.runtime.quantum.simulate import state

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}


def fidelity(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    a, b = (_states(node[side], x, batch) for side, x in zip(("left", "right"), args, strict=True))
    left, right = {d.key for d in a.dims}, {d.key for d in b.dims}
    shared = [d for d in a.dims if d.key in right]
    rows = [d for d in a.dims if d.key not in right]
    cols = [d for d in b.dims if d.key not in left]
    found = state.fidelities(_folded(a, shared, rows, batch), _folded(b, shared, cols, batch))
    return batch.value(found, (*shared, *rows, *cols), with_batch(node.type.dims, a, b))


def expect(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    angles, dims = _rows(args[0], batch)
    found = state.expectations(node["circuit"], angles, node["observables"], dtype=_dtype(args[0]))
    shape = batch.extents(dims)
    found = found.to(batch.dtype).expand(prod(shape), -1)
    if node["dim"] is None:
        return Value(found.reshape(shape), dims)
    return Value(found.reshape(*shape, found.shape[-1]), (*dims, node["dim"]))


def probs(node: Node, args: Sequence[Value], batch: Batch) -> Value:
    angles, dims = _rows(args[0], batch)
    circuit = node["circuit"]
    found = marginal(state.probabilities(circuit, angles, dtype=_dtype(args[0])), node["wires"], circuit.qubits)
    shape = batch.extents(dims)
    return Value(found.expand(prod(shape), -1).reshape(*shape, found.shape[-1]), (*dims, node["dim"]))


def _dtype(angles: Value) -> torch.dtype:
    return _COMPLEX[angles.tensor.dtype]


def _rows(angles: Value, batch: Batch) -> tuple[state.Values, tuple[Dim, ...]]:
    """Angles as rows of slots, those that all rows share apart; and the dims that the rows stand for."""
    dims = angles.dims[:-1]
    if not angles.parts or not dims:
        return angles.tensor.reshape(-1, angles.tensor.shape[-1]), dims
    groups: list[Tensor] = []
    for shared, parts in groupby(angles.parts, lambda p: not p.dims):
        columns = [p.tensor if shared else batch.full(p, dims).reshape(-1) for p in parts]
        groups.append(torch.stack(columns, -1).reshape(1 if shared else -1, len(columns)))
    return groups, dims


def _states(circuit: Circuit, angles: Value, batch: Batch) -> Value:
    """``tensor`` has one axis more than ``dims``: the amplitudes, last."""
    rows, dims = _rows(angles, batch)
    shape = batch.extents(dims)
    states = state.states(circuit, rows, dtype=_dtype(angles)).expand(prod(shape), -1)
    return Value(states.reshape(*shape, states.shape[-1]), dims)


def _folded(states: Value, shared: Sequence[Dim], own: Sequence[Dim], batch: Batch) -> Tensor:
    """[shared (if any), own, amplitudes]"""
    keys = [d.key for d in states.dims]
    order = [keys.index(d.key) for d in (*shared, *own)]
    tensor = states.tensor.permute(*order, states.tensor.dim() - 1)
    return tensor.reshape(*batch.extents(shared), prod(batch.extents(own)), tensor.shape[-1])
