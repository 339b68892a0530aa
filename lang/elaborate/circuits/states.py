# SPDX-License-Identifier: Apache-2.0
"""States: what circuits make of |0…0>, with gates whose angles are affine in values known at run time.

While a circuit's body is elaborated, each operation is looked up among those made before, so that
``x[i]`` written twice is one *slot*. A value that is an affine function of one other, ``2 * x[i] + pi``,
is kept as that slot with a coefficient and a constant.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hepq.core.circuits import Angle, Circuit, Op
from hepq.core.ops.table import GIVEN, RANDOM
from hepq.core.types import Dim, Type, merge_dims
from hepq.lang.elaborate.builder import Tensor

#: differ each time they are emitted, or are made once anyway
_UNIQUE = RANDOM | GIVEN
#: of a sum that may come to one slot again, as in ``x + y - y``
_MAX_TERMS = 64
Key = tuple[Any, ...]


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


class AngleTable:
    """One for each elaboration. Values are told apart by their handles, which it keeps alive."""

    def __init__(self) -> None:
        self._made: dict[Key, tuple[Sequence[Tensor], Tensor]] = {}
        self._forms: dict[int, tuple[Tensor, Angle]] = {}
        self._slots: dict[int, Slot] = {}
        self._stacked: dict[int, tuple[Tensor, tuple[Tensor, ...]]] = {}

    def recall(self, op: str, operands: Sequence[Tensor], type: Type, attrs: Mapping[str, Hashable]) -> Tensor | None:
        """What the same operation on the same values gave before; an entry of a stack is what was stacked."""
        stacked = self._stacked.get(id(operands[0].handle)) if op == "pick" and operands[0].handle is not None else None
        if stacked is not None and stacked[0].type.dims[-1] == attrs["dim"]:
            one = stacked[1][int(attrs["index"])]  # type: ignore[call-overload]
            if one.type == type:
                return one
        found = self._made.get(_key(op, operands, type, attrs))
        return None if found is None else found[1]

    def remember(self, op: str, operands: Sequence[Tensor], attrs: Mapping[str, Hashable], result: Tensor) -> None:
        if op not in _UNIQUE and all(x.handle is not None for x in (*operands, result)):
            self._made[_key(op, operands, result.type, attrs)] = (tuple(operands), result)
            if op == "stack":
                self._stacked[id(result.handle)] = (result, tuple(operands))
            form = self._affine(op, operands, attrs)
            if form is None or len(form.terms) > _MAX_TERMS:
                return
            # slots stand in one array: ``m / (2 GeV)`` is one, not a multiple of an ``m`` in GeV
            if all(slot.tensor.type.unit == result.type.unit for slot, _ in form.terms):
                self._forms[id(result.handle)] = (result, form)

    def angle(self, x: Tensor) -> Angle:
        """``x`` as a constant and a multiple of one slot, if it is that; else as a slot of its own."""
        form = self._form(x)
        return form if len(form.terms) < 2 else Angle.slot(self._slot(x))

    def _form(self, x: Tensor) -> Angle:
        known = self._forms.get(id(x.handle)) if x.handle is not None else None
        return known[1] if known is not None else Angle.slot(self._slot(x))

    def _slot(self, x: Tensor) -> Slot:
        return Slot(x) if x.handle is None else self._slots.setdefault(id(x.handle), Slot(x))

    def _affine(self, op: str, operands: Sequence[Tensor], attrs: Mapping[str, Hashable]) -> Angle | None:
        if op == "const":
            return Angle(float(attrs["value"]))  # type: ignore[arg-type]
        if op == "cast" and operands[0].type.elem == "int":
            return self._form(operands[0])
        if op == "neg":
            return -self._form(operands[0])
        if op not in ("add", "sub", "mul", "div"):
            return None
        a, b = map(self._form, operands)
        match op:
            case "add":
                return a + b
            case "sub":
                return a - b
            case "mul" if not a.terms or not b.terms:
                return a * b.constant if not b.terms else b * a.constant
            case "div" if not b.terms and b.constant:
                return a * (1 / b.constant)
        return None


def _key(op: str, operands: Sequence[Tensor], type: Type, attrs: Mapping[str, Hashable]) -> Key:
    """Operands, attributes, the element type and, of a constant, the unit decide the rest of a type."""
    given = tuple([(name, repr(value) if isinstance(value, float) else value) for name, value in sorted(attrs.items())])
    return op, tuple([id(x.handle) for x in operands]), type.elem, type.unit, given
