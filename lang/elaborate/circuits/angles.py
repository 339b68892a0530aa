# SPDX-License-Identifier: Apache-2.0
"""Angles of gates: equal expressions are one value, and static factors stay out of it.

While a circuit's body is elaborated, each operation is looked up among those made before, so that
``x[i]`` written twice is one *slot*. A value that is an affine function of one other, ``2 * x[i] + pi``,
is kept as that slot with a coefficient and a constant.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from hepq.core.circuits import Angle
from hepq.core.ops.table import RANDOM
from hepq.core.types import Type
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.circuits.states import Slot

#: differ each time they are emitted, or are made once anyway
_UNIQUE = RANDOM | {"param", "input"}
#: of a sum that may come to one slot again, as in ``x + y - y``
_MAX_TERMS = 64
Key = tuple[Any, ...]


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
