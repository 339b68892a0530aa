# SPDX-License-Identifier: Apache-2.0
"""Devices that couple all qubits by rzz, rxx or ms: one gate for each pair of a layer, in rounds of disjoint pairs."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from hepq.compiler.circuits.canonical.layers import Layer, LayeredCircuit
from hepq.compiler.circuits.native.gates import natively, turns_any_angle
from hepq.core.circuits import Circuit, Gate
from hepq.runtime.quantum.device import Coupling, Device
from hepq.runtime.quantum.native import Native


def all_to_all(device: Device, couplings: Mapping[tuple[int, int], Coupling]) -> bool:
    """Whether every two usable qubits are coupled by an rzz, rxx or ms of any angle."""
    usable = sum(q.usable for q in device.qubits)
    return turns_any_angle(device) and len(couplings) == usable * (usable - 1) // 2


def scheduled(found: LayeredCircuit, device: Device, couplings: Mapping[tuple[int, int], Coupling]) -> Native | None:
    """The circuit on the qubits of least readout error; None where the device has too few."""
    usable = [q for q, qubit in enumerate(device.qubits) if qubit.usable]
    place = tuple(sorted(usable, key=lambda q: (device.qubits[q].readout_error or 0.0, q))[: found.qubits])
    if len(place) < found.qubits:
        return None
    gates: list[Gate] = []
    for item in found.items:
        if isinstance(item, Gate):
            gates.append(Gate(item.name, tuple(place[q] for q in item.qubits), item.angles))
            continue
        gates += [Gate("rz", (place[m.bit_length() - 1],), (a,)) for m, a in item.phases.items() if m.bit_count() == 1]
        for a, b in _rounds(item):
            gates.append(Gate("rzz", (place[a], place[b]), (item.phases[1 << a | 1 << b],)))
    return Native(
        device=device.name,
        calibration=device.calibration,
        circuit=Circuit(device.size, found.slots, natively(gates, device, couplings)),
        layout=place,
        measured=tuple(place[wire] for wire in found.outputs),
    )


def _rounds(layer: Layer) -> list[tuple[int, int]]:
    """Pairs in few rounds in which no wire stands twice: a colouring of the edges."""
    pairs = nx.Graph()
    pairs.add_edges_from((m.bit_length() - 1, (m & -m).bit_length() - 1) for m in layer.pairs)
    colours = nx.greedy_color(nx.line_graph(pairs), strategy="DSATUR")
    ordered = sorted((colour, min(e), max(e)) for e, colour in colours.items())
    return [(a, b) for _, a, b in ordered]
