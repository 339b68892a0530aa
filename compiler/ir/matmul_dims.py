# SPDX-License-Identifier: Apache-2.0
"""How a contraction of named dims maps onto a batched matrix product; shared by all lowerings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepq.core.types import Dim


@dataclass(frozen=True)
class MatMul:
    """``a`` as [batch, rows, over] times ``b`` as [batch, over, cols] gives [batch, rows, cols]."""

    batch: tuple[Dim, ...]
    rows: tuple[Dim, ...]
    cols: tuple[Dim, ...]
    over: tuple[Dim, ...]

    @staticmethod
    def of(a: Sequence[Dim], b: Sequence[Dim], over: Sequence[Dim]) -> MatMul:
        summed, left, right = ({d.key for d in dims} for dims in (over, a, b))
        return MatMul(
            batch=tuple(d for d in a if d.key in right - summed),
            rows=tuple(d for d in a if d.key not in right),
            cols=tuple(d for d in b if d.key not in left),
            over=tuple(over),
        )


def positions(dims: Sequence[Dim], wanted: Sequence[Dim]) -> tuple[int, ...]:
    """Where each wanted dim stands in ``dims``."""
    keys = [d.key for d in dims]
    return tuple(keys.index(d.key) for d in wanted)
