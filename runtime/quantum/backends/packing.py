# SPDX-License-Identifier: Apache-2.0
"""Several copies of one compiled circuit side by side on a large chip: as many events with every shot.

Copies stand on disjoint regions whose couplings the circuit can use as they are, and whose estimated success
probability is near the best (quantum multiprogramming: Das et al., MICRO 2019, doi:10.1145/3352460.3358287).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import rustworkx as rx
from numpy.typing import NDArray

from hepq.core.circuits import Circuit, Op
from hepq.core.errors import DataError
from hepq.runtime.quantum.backends.backend import Backend, Outcomes, Task, native_of
from hepq.runtime.quantum.backends.components import gates
from hepq.runtime.quantum.backends.noise import SYMMETRIC
from hepq.runtime.quantum.backends.remote import Remote
from hepq.runtime.quantum.device import Device
from hepq.runtime.quantum.jobs.budget import Estimate
from hepq.runtime.quantum.native import Native

#: bits of an outcome's string
BITS = 64
#: where the search for the most copies stops: no time limit, so that equal arguments give equal places
SEARCH = {"node_limit": 200, "mip_rel_gap": 0.02}
#: most embeddings looked at; dense lattices have more of larger circuits
CAP = 200_000
#: an error of one, as a logarithm
_DEAD = -30.0


@dataclass(frozen=True)
class Packed:
    """``places``: for each copy the qubits that it uses, in the order of ``native.used``; the best copy first.

    ``esp``: of each copy, readout included.
    """

    native: Native
    places: tuple[tuple[int, ...], ...]
    esp: tuple[float, ...]

    @property
    def copies(self) -> int:
        return len(self.places)

    @cached_property
    def natives(self) -> tuple[Native, ...]:
        """Each copy by itself."""
        return tuple(moved(self.native, place) for place in self.places)

    def together(self, copies: int | None = None) -> Native:
        """The first ``copies`` as one circuit; slots and classical bits of copy k stand after those of copy k - 1."""
        ops, layout, measured = list[Op](), list[int](), list[int]()
        chosen, slots = self.natives[:copies], self.native.circuit.slots
        for k, copy in enumerate(chosen):
            ops += copy.circuit.ops_with_slots_from(k * slots)
            layout += copy.layout
            measured += copy.measured
        circuit = Circuit(self.native.circuit.qubits, slots * len(chosen), tuple(ops))
        return Native(self.native.device, self.native.calibration, circuit, tuple(layout), tuple(measured))


def pack(
    native: Native, device: Device, *, copies: int | None = None, buffer: int = 1, keep: float = 0.9, cap: int = CAP
) -> Packed:
    """Place as many copies as can be, or ``copies``, each with at least ``keep`` of the best copy's ESP.

    ``buffer``: 1 keeps couplings between copies unused and a qubit between them; 0 lets copies be neighbours.
    Looks at ``cap`` embeddings. The same arguments give the same places. Raises DataError HQ0884 if ``copies`` do not
    fit, or none does.
    """
    if native.device != device.name or native.circuit.qubits != device.size:
        raise ValueError(f"a circuit for {native.device} cannot be packed on {device.name}")
    uses = Uses.of(native, device)
    places = embeddings(uses, device, cap)
    if not len(places):
        raise DataError("HQ0884", f"no region of {device.name} has the couplings that the circuit uses")
    places, logs = _best_of_regions(places, scores(uses, device, places))
    good = logs >= logs[0] + np.log(keep)
    places, logs = places[good], logs[good]
    chosen = _disjoint(places, np.exp(logs - logs[0]), device, buffer)
    if copies is not None and len(chosen) < copies:
        why = f"each with at least {100 * keep:.0f} % of the best one's ESP, {buffer} qubit apart"
        title = f"{copies} copies asked for, {len(chosen)} fit on {device.name}"
        raise DataError("HQ0884", title, why, "fewer copies, a smaller `keep`, or no buffer")
    kept = chosen[:copies]
    return Packed(native, tuple(tuple(map(int, places[i])) for i in kept), tuple(float(np.exp(logs[i])) for i in kept))


def moved(native: Native, place: tuple[int, ...]) -> Native:
    """``native`` on other qubits: ``place`` takes the places of ``native.used``."""
    return native.on(dict(zip(native.used, place, strict=True)))


@dataclass(frozen=True)
class PackedBackend:
    """Runs every task on ``backend`` as ``copies`` copies (None: as many as fit) of it side by side.

    Events are dealt to copies in turn, so that what copies differ by does not follow the order of events. The last
    filling is made up with events that ran already; what those give once more is dropped. A string of outcomes has
    64 bits: that bounds copies times measured qubits. Raises DataError HQ0877, HQ0884 and what ``backend`` raises.
    """

    backend: Backend
    device: Device
    copies: int | None = None
    buffer: int = 1
    keep: float = 0.9
    _packed: dict[Native, Packed] = field(default_factory=dict, init=False, compare=False, repr=False)

    exact = False

    @property
    def name(self) -> str:
        return f"packed-{self.copies or 'all'}-{self.buffer}-{self.keep}:{self.backend.name}"

    def run(self, task: Task, values: NDArray[np.float64], shots: int, seed: int | None = None) -> Outcomes:
        together, copies = self._together(task, len(values))
        bits, fillings = task.circuit.qubits, -(-len(values) // copies)
        dealt = np.resize(np.arange(len(values)), fillings * copies)
        found = self.backend.run(together, values[dealt].reshape(fillings, -1), shots, seed)
        alone = [[marginal(found, row, k * bits, bits) for k in range(copies)] for row in range(fillings)]
        each = [alone[i // copies][i % copies] for i in range(len(values))]
        return Outcomes(bits, tuple(s for s, _ in each), tuple(f for _, f in each))

    def estimate(self, task: Task, rows: int, shots: int) -> Estimate:
        """What running ``rows`` rows would cost where ``backend`` sends jobs."""
        if not isinstance(self.backend, Remote):
            return Estimate()
        together, copies = self._together(task, rows)
        return self.backend.estimate(together, -(-rows // copies), shots)

    def _together(self, task: Task, rows: int) -> tuple[Task, int]:
        """As many copies as fit and ``rows`` events need, as one task."""
        native = native_of(task, self.device, self.name)
        if native not in self._packed:
            self._packed[native] = pack(native, self.device, copies=self.copies, buffer=self.buffer, keep=self.keep)
        copies = max(1, min(self._packed[native].copies, BITS // len(native.measured), rows))
        together = self._packed[native].together(copies)
        wires = task.circuit.qubits * copies
        return Task(Circuit(wires, together.circuit.slots, _repeated(task.circuit, copies)), together), copies


def marginal(found: Outcomes, row: int, first: int, bits: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """What one row gave on ``bits`` bits from ``first`` on, whatever the others were: strings, fractions."""
    mask = np.uint64((1 << bits) - 1)
    strings, place = np.unique((found.strings[row] >> np.uint64(first)) & mask, return_inverse=True)
    fractions = np.zeros(len(strings))
    np.add.at(fractions, place, found.fractions[row])
    return strings, fractions


def _repeated(circuit: Circuit, copies: int) -> tuple[Op, ...]:
    """``circuit`` on as many sets of wires, each with its own slots."""
    n, s = circuit.qubits, circuit.slots
    return tuple(op.on(range(k * n, (k + 1) * n)) for k in range(copies) for op in circuit.ops_with_slots_from(k * s))


def _best_of_regions(
    places: NDArray[np.int64], logs: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best embedding on each set of qubits, best first; equal ones by their qubits."""
    order = np.lexsort((*places.T[::-1], -logs))
    places, logs = places[order], logs[order]
    _, first = np.unique(np.sort(places, axis=1), axis=0, return_index=True)
    first.sort()
    return places[first], logs[first]


def _disjoint(places: NDArray[np.int64], worth: NDArray[np.float64], device: Device, buffer: int) -> list[int]:
    """A largest set of regions that do not meet; the better of equally large ones, best region first.

    As an integer programme: each qubit, or with a buffer each coupling, touches one region at most. Where the search
    stops early at less than taking regions by worth gives, that is taken.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix

    edges = [(c.a, c.b) for c in device.couplings] if buffer else []
    edges += [(q, q) for q in range(device.size)]
    touches = np.zeros((len(places), device.size), bool)
    np.put_along_axis(touches, places, True, axis=1)
    meets = csr_matrix(np.array([touches[:, a] | touches[:, b] for a, b in edges]).astype(float))
    found = milp(
        -(1.0 + worth / (len(worth) + 1)), integrality=np.ones(len(worth)), bounds=Bounds(0, 1),
        constraints=LinearConstraint(meets, ub=1.0), options=SEARCH,
    )  # fmt: skip
    solved = [] if found.x is None else [int(i) for i in np.flatnonzero(found.x > 0.5)]
    greedy, taken = list[int](), np.zeros(meets.shape[0])
    for i in range(len(worth)):
        column = meets[:, [i]].toarray()[:, 0]
        if not (taken * column).any():
            greedy.append(i)
            taken += column
    return solved if len(solved) >= len(greedy) else greedy


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
