# SPDX-License-Identifier: Apache-2.0
"""Means of Pauli strings: the part of a circuit that they see, and sums over amplitudes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hepq.runtime.quantum.circuit import Circuit, Diagonal, Op, remapped
from hepq.runtime.quantum.tables import signs

Observable = Sequence[tuple[float, Sequence[tuple[int, str]]]]


def cone(circuit: Circuit, observables: Sequence[Observable]) -> tuple[Circuit, list[Observable]]:
    """The gates that ``observables`` can depend on, on the wires that these touch, and the observables there.

    Every other gate meets its inverse in <0|U† O U|0>. Slots keep their numbers.
    """
    seen = {wire for o in observables for _, string in o for wire, _ in string}
    kept: list[Op] = []
    for op in reversed(circuit.ops):
        if isinstance(op, Diagonal):
            op = Diagonal(tuple((s, a) for s, a in op.terms if not seen.isdisjoint(s)))
        if not seen.isdisjoint(op.qubits):
            seen.update(op.qubits)
            kept.append(op)
    wires = {wire: i for i, wire in enumerate(sorted(seen))}
    small = Circuit(len(wires), circuit.slots, tuple(remapped(op, qubits=wires) for op in reversed(kept)))
    return small, [[(c, [(wires[w], p) for w, p in string]) for c, string in o] for o in observables]


def means(state: Tensor, observables: Sequence[Observable]) -> Tensor:
    """Of each observable, [N, observables], from real and imaginary parts [2, N, 2^wires]."""
    re, im = state[0], state[1]
    n = state.shape[-1].bit_length() - 1
    weights: dict[tuple[int, bool], np.ndarray] = {}  # flipped wires, imaginary -> [2^n, observables]
    for column, observable in enumerate(observables):
        for coefficient, string in observable:
            flips = sum(1 << w for w, p in string if p in "XY")
            mask = sum(1 << w for w, p in string if p in "YZ")
            ys = sum(p == "Y" for _, p in string)
            # Y = i X Z: P|z> = i^ys (-1)^parity(z & mask) |z ^ flips>
            sign = (1, -1, -1, 1)[ys % 4]
            table = weights.setdefault((flips, ys % 2 == 1), np.zeros((1 << n, len(observables))))
            table[:, column] += coefficient * sign * signs([mask], range(n))[0]
    total = re.new_zeros(len(re), len(observables))
    for (flips, imaginary), table in weights.items():
        a, b = re, im
        if flips:
            order = torch.from_numpy(np.arange(1 << n) ^ flips).to(re.device)
            a, b = re[:, order], im[:, order]
        seen = a * im - b * re if imaginary else a * re + b * im
        total = total + seen @ torch.from_numpy(table).to(re)
    return total
