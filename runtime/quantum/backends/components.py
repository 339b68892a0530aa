# SPDX-License-Identifier: Apache-2.0
"""Native circuits in parts that no gate joins, each on wires numbered from 0: what simulators need not know at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from hepq.core.circuits import Barrier, Circuit, Gate
from hepq.runtime.quantum.matrices import affine
from hepq.runtime.quantum.native import Native


@dataclass(frozen=True)
class Part:
    """Wire i of ``circuit`` is the device's ``qubits[i]``; ``measured`` are read into classical ``bits``."""

    circuit: Circuit
    qubits: tuple[int, ...]
    measured: tuple[int, ...]
    bits: tuple[int, ...]

    @cached_property
    def _affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return affine(self.circuit.angles, self.circuit.slots)

    def bind(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Every angle for N events: slots [N, slots] -> angles [N, angles], in order."""
        matrix, constants = self._affine
        return values @ matrix.T + constants

    @property
    def numbered(self) -> dict[int, int]:
        """The device's qubits -> wires of ``circuit``."""
        return {q: i for i, q in enumerate(self.qubits)}

    @property
    def wires(self) -> tuple[int, ...]:
        """The wires of ``measured``."""
        return tuple(self.numbered[q] for q in self.measured)


def parts(native: Native) -> tuple[Part, ...]:
    """Every part with a measured qubit, by the first bit that it holds."""
    joined = nx.Graph()
    joined.add_nodes_from(native.used)
    for gate in gates(native):
        joined.add_edges_from((gate.qubits[0], q) for q in gate.qubits[1:])
    found = [_part(native, tuple(sorted(group))) for group in nx.connected_components(joined)]
    return tuple(sorted((p for p in found if p.bits), key=lambda p: p.bits[0]))


def gates(native: Native) -> Iterator[Gate]:
    """Its ops, which are all gates, and barriers, left out. Raises ValueError otherwise."""
    for op in native.circuit.ops:
        if isinstance(op, Barrier):
            continue
        if not isinstance(op, Gate):
            raise ValueError(f"{op} is no native gate")
        yield op


def _part(native: Native, qubits: tuple[int, ...]) -> Part:
    wires = {q: i for i, q in enumerate(qubits)}
    ops = tuple(g.on(wires) for g in gates(native) if g.qubits[0] in wires)
    bits = tuple(i for i, q in enumerate(native.measured) if q in wires)
    return Part(Circuit(len(qubits), native.circuit.slots, ops), qubits, tuple(native.measured[i] for i in bits), bits)
