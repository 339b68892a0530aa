# SPDX-License-Identifier: Apache-2.0
"""A circuit's distribution for one set of numbers, gate by gate: the checks' own simulator, in memory of one state.

The runtime's simulator (``runtime/quantum/simulate/state.py``) is made for many events of one circuit and keeps
tables of each layer. Here each circuit runs once; gates on few wires are multiplied out to one matrix first, as qsim
does (Isakov et al., arXiv:2111.02396).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Barrier, Circuit, Gate, plain
from hepq.runtime.quantum.matrices import matrix
from hepq.runtime.quantum.simulate.memory import ask

#: most wires of one matrix
WIDE = 5


@dataclass
class Block:
    """Gates in order that touch ``wires`` alone."""

    wires: list[int]
    gates: list[Gate] = field(default_factory=list)

    def matrix(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        """[2^wires, 2^wires], the first wire the most significant bit."""
        n = len(self.wires)
        out = np.eye(1 << n, dtype=complex)
        for gate in self.gates:
            axes = [self.wires.index(q) for q in reversed(gate.qubits)]
            unitary = matrix(gate.name, *(a.value(values) for a in gate.angles))
            moved = np.moveaxis(out.reshape([2] * n + [-1]), axes, range(len(axes)))
            done = (unitary @ moved.reshape(len(unitary), -1)).reshape(moved.shape)
            out = np.moveaxis(done, range(len(axes)), axes).reshape(out.shape)
        return out


def blocks(circuit: Circuit) -> list[Block]:
    """The circuit as few blocks, in order: each gate joins the first block that it may, at most ``WIDE`` wires each."""
    found: list[Block] = []
    last: dict[int, int] = {}  # the last block of each wire: any later one commutes with a gate on it
    for gate in plain(circuit.ops):
        if isinstance(gate, Barrier):
            continue
        first = max((last.get(q, 0) for q in gate.qubits), default=0)
        fits = (i for i in range(first, len(found)) if len({*found[i].wires, *gate.qubits}) <= WIDE)
        if (at := next(fits, len(found))) == len(found):
            found.append(Block([]))
        found[at].wires += [q for q in gate.qubits if q not in found[at].wires]
        found[at].gates.append(gate)
        last |= dict.fromkeys(gate.qubits, at)
    return found


def probabilities(
    circuit: Circuit, values: NDArray[np.float64], wires: Sequence[int], *, single: bool = False
) -> NDArray[np.floating[Any]]:
    """Of each bit string of ``wires`` at the end, [2^wires], bit i read from wire ``wires[i]``; ``values`` [slots].

    ``single``: in single precision; about 20 bytes for each basis state are held at once, twice that otherwise.
    Raises DataError HQ0850 where that is more than there is.
    """
    kind, n = np.dtype(np.complex64 if single else np.complex128), circuit.qubits
    ask(n, size=20 if single else 40, copies=0)
    order = list(range(n))  # the wires of the state's axes, as they come to stand
    state = np.zeros(1 << n, kind)
    state[0] = 1.0
    for block in blocks(circuit):
        rest = [q for q in order if q not in block.wires]
        axes = [order.index(q) for q in (*block.wires, *rest)]
        state = state.reshape([2] * n).transpose(axes).reshape(1 << len(block.wires), -1)
        state = block.matrix(values).astype(kind) @ state
        order = [*block.wires, *rest]
    chances: NDArray[np.floating[Any]] = np.square(state.real) + np.square(state.imag)
    lost = tuple(i for i, q in enumerate(order) if q not in set(wires))
    read = [q for q in order if q in set(wires)]
    chances = chances.reshape([2] * n).sum(axis=lost)
    return chances.transpose([read.index(q) for q in reversed(wires)]).reshape(-1)
