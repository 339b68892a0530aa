# SPDX-License-Identifier: Apache-2.0
"""Where else on its device a native circuit could run: every region with the same couplings, and how good it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray

from hepq.runtime.quantum.backends.components import gates
from hepq.runtime.quantum.backends.noise import SYMMETRIC
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.native import Native

#: most embeddings looked at; dense lattices have more of larger circuits
CAP = 200_000
#: an error of one, as a logarithm
_DEAD = -30.0


@dataclass(frozen=True)
class Uses:
    """What a native circuit uses: how often each gate on each pair, timed gates per qubit; its qubits, ascending."""

    qubits: tuple[int, ...]
    pairs: dict[tuple[int, int, str], int]
    single: dict[int, int]
    measured: frozenset[int]

    @staticmethod
    def of(native: Native, device: Device) -> Uses:
        pairs, single = Counter[tuple[int, int, str]](), Counter[int]()
        for gate in gates(native):
            if len(gate.qubits) == 2:
                a, b = sorted(gate.qubits) if gate.name in SYMMETRIC else gate.qubits
                pairs[a, b, gate.name] += 1
            elif gate.name not in device.free:
                single[gate.qubits[0]] += 1
        return Uses(native.used, dict(pairs), dict(single), frozenset(native.measured))


def embeddings(uses: Uses, device: Device, cap: int = CAP) -> NDArray[np.int64]:
    """Qubits that could take the places of ``uses.qubits``, one embedding a row; the first ``cap`` that VF2 finds."""
    numbers = {q: i for i, q in enumerate(uses.qubits)}
    pattern, graph = rx.PyDiGraph(), rx.PyDiGraph()
    pattern.add_nodes_from(uses.qubits)
    graph.add_nodes_from(range(device.size))
    for (a, b), names in _joined((a, b, g) for a, b, g in uses.pairs).items():
        pattern.add_edge(numbers[a], numbers[b], names)
    offered = [(c.a, c.b, c.gate) for c in device.usable]
    offered += [(b, a, gate) for a, b, gate in offered if gate in SYMMETRIC]
    for (a, b), names in _joined(offered).items():
        graph.add_edge(a, b, names)
    found = rx.vf2_mapping(
        graph, pattern, edge_matcher=lambda have, want: want <= have, subgraph=True, induced=False, id_order=False
    )
    rows = [[at[i] for i in range(len(numbers))] for at in map(_inverse, islice(found, cap))]
    usable = np.array([q.usable for q in device.qubits])
    made = np.array(rows, np.int64).reshape(len(rows), len(numbers))
    kept: NDArray[np.int64] = made[usable[made].all(1)]
    return kept


def scores(uses: Uses, device: Device, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """log ESP of the circuit in each of ``places`` [N, qubits], readout included; unknown errors count as none."""
    numbers = {q: i for i, q in enumerate(uses.qubits)}
    single = np.array([_log(q.error) for q in device.qubits])
    readout = np.array([_log(q.readout_error) for q in device.qubits])
    pair: dict[str, NDArray[np.float64]] = {}
    for c in device.usable:
        table = pair.setdefault(c.gate, np.full((device.size, device.size), _DEAD))
        table[c.a, c.b] = _log(c.error)
        if c.gate in SYMMETRIC:
            table[c.b, c.a] = table[c.a, c.b]
    total = np.zeros(len(places))
    for (a, b, gate), count in uses.pairs.items():
        total += count * pair[gate][places[:, numbers[a]], places[:, numbers[b]]]
    for qubit, count in uses.single.items():
        total += count * single[places[:, numbers[qubit]]]
    for qubit in uses.measured:
        total += readout[places[:, numbers[qubit]]]
    return total


def _joined(edges: Any) -> dict[tuple[int, int], frozenset[str]]:
    """Pair -> every gate on it."""
    found: dict[tuple[int, int], set[str]] = {}
    for a, b, gate in edges:
        found.setdefault((a, b), set()).add(gate)
    return {k: frozenset(v) for k, v in found.items()}


def _inverse(mapping: Any) -> dict[int, int]:
    return {small: big for big, small in mapping.items()}


def _log(error: float | None) -> float:
    return _DEAD if error is not None and error >= 1 else float(np.log1p(-(error or 0.0)))
