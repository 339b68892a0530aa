# SPDX-License-Identifier: Apache-2.0
"""A canonical circuit seen as layers of two-body phases with gates on single wires (and cx) between them."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.core.circuits import Angle, Circuit, Diagonal, Gate, Op


@dataclass(frozen=True)
class Layer:
    """Phases on parities of one or two wires, by bit mask."""

    phases: dict[int, Angle]

    @property
    def pairs(self) -> tuple[int, ...]:
        return tuple(m for m in self.phases if m.bit_count() == 2)


@dataclass(frozen=True)
class LayeredCircuit:
    """``items`` in order: layers, gates on one wire and cx. ``outputs[i]``: the wire that ends as the source's i."""

    qubits: int
    slots: int
    items: tuple[Layer | Gate, ...]
    outputs: tuple[int, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those that need two-qubit gates."""
        return tuple(item for item in self.items if isinstance(item, Layer) and item.pairs)

    @property
    def uniform_start(self) -> bool:
        """Whether every wire is in |+> before the first layer of pairs: linear maps of basis states do not touch it."""
        before = self.items[: self.items.index(self.layers[0])]
        return sorted((g.name, g.qubits) for g in before if isinstance(g, Gate)) == [
            ("h", (q,)) for q in range(self.qubits)
        ] and not any(isinstance(item, Layer) for item in before)

    @property
    def cx(self) -> tuple[tuple[int, int], ...]:
        return tuple((g.qubits[0], g.qubits[1]) for g in self.items if isinstance(g, Gate) and len(g.qubits) == 2)


def layered(circuit: Circuit) -> LayeredCircuit | None:
    """``circuit`` (canonical) in layers; None without a layer of pairs, or with barriers or gates that fit in none."""
    wire = list(range(circuit.qubits))
    items: list[Layer | Gate] = []
    for op in circuit.ops:
        if isinstance(op, Gate) and op.name == "swap":
            a, b = op.qubits
            wire[a], wire[b] = wire[b], wire[a]
            continue
        moved: Op = op.on(wire)
        if isinstance(moved, Diagonal):
            if any(len(s) > 2 for s, _ in moved.terms):
                return None
            items.append(Layer({sum(1 << q for q in s): a for s, a in moved.terms}))
        elif isinstance(moved, Gate) and (len(moved.qubits) == 1 or moved.name == "cx"):
            items.append(moved)
        else:
            return None
    found = LayeredCircuit(circuit.qubits, circuit.slots, tuple(items), tuple(wire))
    return found if found.layers else None
