# SPDX-License-Identifier: Apache-2.0
"""Formulas of numbers without units, emitted operation by operation: what built-ins compute of their own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from hepq.core.ops.table import OPS
from hepq.core.source import Span
from hepq.core.types import Elem, Type, merge_dims
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context

Operand = Tensor | bool | int | float


class Algebra:
    """``f("mul", x, 2.0)``: an elementwise operation on values and constants, whose dims are aligned by name."""

    def __init__(self, ctx: Context, span: Span) -> None:
        self.ctx, self.span = ctx, span

    def tensor(self, value: Operand) -> Tensor:
        """Whole numbers of up to 64 bits stay whole."""
        if isinstance(value, Tensor):
            return value
        elem: Elem = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
        return self.ctx.emit("const", (), Type(elem), self.span, value=value)

    def __call__(self, op: str, *operands: Operand, **attrs: Hashable) -> Tensor:
        given = [self.tensor(o) for o in operands]
        dims = merge_dims([o.type.dims for o in given])
        return self.ctx.emit(op, given, Type(_elem(op, given, attrs), dims), self.span, **attrs)

    def real(self, x: Operand) -> Tensor:
        return self.ctx.cast(self.tensor(x), "real", self.span)

    def polynomial(self, coefficients: Sequence[float], x: Tensor) -> Tensor:
        """Highest power first, by Horner's rule."""
        y: Operand = coefficients[0]
        for c in coefficients[1:]:
            y = self("add", self("mul", y, x), c)
        return self.tensor(y)


def _elem(op: str, operands: Sequence[Tensor], attrs: dict[str, Hashable]) -> Elem:
    row, elems = OPS[op], [o.type.elem for o in operands]
    if row.gives is not None:
        return row.gives
    match op:
        case "bin" | "cut":
            return "int"
        case "noise":
            return "real"
        case "lookup":
            values = attrs["values"]
            assert isinstance(values, tuple)
            return "int" if all(isinstance(v, int) for v in values) else "real"
        case "where":
            return elems[1] if elems[1] == elems[2] else "real"
    if row.coerce == "real" or (row.coerce == "number" and set(elems) != {"int"}):
        return "real"
    return elems[0]
