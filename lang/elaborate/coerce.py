# SPDX-License-Identifier: Apache-2.0
"""Element types of operands: whole numbers and truth values become real where an operation needs it."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.core.types import Elem
from hepq.lang.elaborate.values import Tensor

_REAL = frozenset(
    "exp log log1p expm1 sqrt sin cos tan asin acos atan sinh cosh tanh asinh sigmoid erf floor ceil "
    "div pow atan2 hypot contract reduce_mean knn batch_norm dropout".split()
)
_NUMBER = frozenset("neg abs sign add sub mul mod min max lt le gt ge reduce_sum reduce_min reduce_max".split())
_AGREE = frozenset("eq ne stack concat".split())


def wanted_elems(op: str, operands: Sequence[Tensor]) -> list[Elem]:
    """The element type each operand must be cast to."""
    elems = [o.type.elem for o in operands]
    if op in _REAL:
        return ["real"] * len(elems)
    if op == "where":
        return [elems[0], *_common(elems[1:], numbers=False)]
    if op in _NUMBER or op in _AGREE:
        return _common(elems, numbers=op in _NUMBER)
    return list(elems)


def _common(elems: Sequence[Elem], *, numbers: bool) -> list[Elem]:
    kinds = set(elems)
    alike = len(kinds) == 1 and not (numbers and "bool" in kinds)
    return list(elems) if alike else ["real"] * len(elems)
