# SPDX-License-Identifier: Apache-2.0
"""States: what circuits make of |0…0>, with gates whose angles are affine in values known at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hepq.core.circuits import Angle, Circuit, Op
from hepq.core.types import Dim, merge_dims
from hepq.lang.elaborate.builder import Tensor


@dataclass(frozen=True, eq=False)
class Slot:
    """A value that angles are made of; two slots are the same slot only if they are one object.

    None comes before another: sums keep the order in which they are written.
    """

    tensor: Tensor

    def __lt__(self, other: Slot) -> bool:
        return False


@dataclass(frozen=True)
class State:
    """What a circuit makes of |0…0>, one state for each entry of ``dims``. Measured as often as one likes.

    ``register``: the dim of its qubits. ``gates`` is None while the register has no size.
    """

    register: Dim
    gates: tuple[Op, ...] | None
    dims: tuple[Dim, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        """In order of first use."""
        return slots_of(self.gates or ())

    def with_slots(self, new: Mapping[Slot, Any]) -> tuple[Op, ...]:
        """The gates with other values for their angles, or with numbers of slots."""

        def moved(a: Angle) -> Angle:
            return Angle(a.constant, tuple(sorted((new[s], c) for s, c in a.terms)))

        return tuple(op.turned(moved) for op in self.gates or ())

    @property
    def circuit(self) -> Circuit:
        """As an attribute of the IR's quantum ops; it has at least one slot, which nothing uses if there is none."""
        number = {slot: i for i, slot in enumerate(self.slots)}
        assert self.register.size is not None
        return Circuit(self.register.size, max(1, len(number)), self.with_slots(number))


def slots_of(gates: Iterable[Op]) -> tuple[Slot, ...]:
    return tuple(dict.fromkeys(slot for op in gates for angle in op.angles for slot, _ in angle.terms))


def dims_of(gates: Iterable[Op]) -> tuple[Dim, ...]:
    """The dims that the angles differ over, ragged ones first."""
    return merge_dims([slot.tensor.type.dims for slot in slots_of(gates)])
