# SPDX-License-Identifier: Apache-2.0
"""Element types of operands: whole numbers and truth values become real where an operation needs it."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.core.ops.table import OPS
from hepq.core.types import Elem
from hepq.lang.elaborate.builder import Tensor


def wanted_elems(op: str, operands: Sequence[Tensor]) -> list[Elem]:
    """The element type each operand must be cast to."""
    elems = [o.type.elem for o in operands]
    if op == "where":
        return [elems[0], *_common(elems[1:], numbers=False)]
    match OPS[op].coerce:
        case "real":
            return ["real"] * len(elems)
        case None:
            return elems
        case rule:
            return _common(elems, numbers=rule == "number")


def _common(elems: Sequence[Elem], *, numbers: bool) -> list[Elem]:
    kinds = set(elems)
    alike = len(kinds) == 1 and not (numbers and "bool" in kinds)
    return list(elems) if alike else ["real"] * len(elems)
