# SPDX-License-Identifier: Apache-2.0
"""Where numbers fall among the bins and keys of several nodes at once: slots, which each node maps to what it holds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hepq.core.axes import BinAxis
from hepq.lang.elaborate.algebra import Algebra, Operand
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.corrections import schema


@dataclass(frozen=True)
class Bins:
    """Of one input of a binning. ``wraps``: the input is taken modulo the range."""

    edges: tuple[float, ...] = ()
    uniform: tuple[int, float, float] | None = None
    wraps: bool = False

    @classmethod
    def of(cls, edges: schema.Edges | schema.Uniform, wraps: bool) -> Bins:
        if isinstance(edges, schema.Uniform):
            return cls(uniform=(edges.n, edges.low, edges.high), wraps=wraps)
        return cls(schema.numbers(edges), wraps=wraps)

    @property
    def count(self) -> int:
        return self.uniform[0] if self.uniform is not None else len(self.edges) - 1

    @property
    def ends(self) -> tuple[float, float]:
        return self.uniform[1:] if self.uniform is not None else (self.edges[0], self.edges[-1])

    @property
    def alike(self) -> tuple[object, ...]:
        """Bins for which this is the same are looked up at once."""
        return ("bins",) if self.uniform is None and not self.wraps else ("bins", self)


@dataclass(frozen=True)
class Keys:
    """Of a category whose input is a whole number."""

    keys: tuple[int, ...]

    @property
    def alike(self) -> tuple[object, ...]:
        return ("keys",)

    @cached_property
    def places(self) -> dict[int, int]:
        return {key: number for number, key in enumerate(self.keys)}


Axis = Bins | Keys


@dataclass(frozen=True)
class Slots:
    """``count`` slots of one input. ``at``: the slot of each value, an int tensor, or a static number.

    ``local``: of a node's own axis and a slot, the number of its bin (-1 below all, as many as there are above) or of
    its key (-1: none). ``wrong``: bool, where the value has none.
    """

    count: int
    at: Tensor | int
    local: Callable[[Axis, int], int]
    wrong: Tensor | bool = False


def slots(f: Algebra, x: Operand, axes: Sequence[Axis]) -> Slots:
    """Of axes that are all alike."""
    first = axes[0]
    if isinstance(first, Keys):
        return _among_keys(f, x, {key for axis in axes if isinstance(axis, Keys) for key in axis.keys})
    x = f.real(x) if isinstance(x, Tensor) else float(x)
    wrong: Tensor | bool = False
    if first.wraps:
        x, wrong = _wrapped(f, x, first)
    if first.uniform is not None:
        count, low, high = first.uniform if not first.wraps else (first.uniform[0], 0.0, 1.0)
        return Slots(count + 2, _regular(f, x, count, low, high), lambda axis, slot: slot - 1, wrong)
    edges = sorted({edge for axis in axes if isinstance(axis, Bins) for edge in axis.edges})

    def local(axis: Axis, slot: int) -> int:
        assert isinstance(axis, Bins)
        return bisect_right(axis.edges, edges[slot - 1]) - 1 if slot else -1

    return Slots(len(edges) + 1, _among(f, x, edges), local, wrong)


def _regular(f: Algebra, x: Operand, count: int, low: float, high: float) -> Tensor | int:
    """0: below ``low``; ``count`` + 1: not below ``high``. Which bin is as rounding says, but never one beyond."""
    if isinstance(x, Tensor):
        place = f("min", f("add", f("bin", x, axis=BinAxis.regular(count, low, high)), 1), count)
        return f("where", f("lt", x, low), 0, f("where", f("lt", x, high), place, count + 1))
    if not low <= x < high:
        return 0 if x < low else count + 1
    return min(int((x - low) / (high - low) * count) + 1, count)


def _among(f: Algebra, x: Operand, edges: Sequence[float]) -> Tensor | int:
    """How many of ``edges`` are not above ``x``; all of them of NaN."""
    if isinstance(x, Tensor):
        return f("add", f("bin", x, axis=BinAxis.variable(tuple(edges))), 1)
    return len(edges) if math.isnan(x) else bisect_right(edges, x)


def _among_keys(f: Algebra, x: Operand, keys: Iterable[int]) -> Slots:
    edges = sorted({edge for key in keys for edge in (key, key + 1)})

    def local(axis: Axis, slot: int) -> int:
        assert isinstance(axis, Keys)
        return axis.places.get(edges[slot - 1], -1) if slot else -1

    return Slots(len(edges) + 1, _among(f, x, edges) if edges else 0, local)


def _wrapped(f: Algebra, x: Operand, axis: Bins) -> tuple[Operand, Tensor | bool]:
    """``x`` as it is in the range, and modulo it outside: of uniform bins its part of the range, from 0 to 1. And where
    that is not a number."""
    low, high = axis.ends
    regular = axis.uniform is not None
    if not isinstance(x, Tensor):
        z = (x - low) / (high - low) if math.isfinite(high - low) else math.nan
        if low <= x < high:
            return (z if regular else x), False
        z = z - math.floor(z) if math.isfinite(z) else math.nan
        return (z if regular else low + z * (high - low)), math.isnan(z)
    along = f("div", f("sub", x, low), high - low)
    part = f("sub", along, f("floor", along))
    moved = part if regular else f("add", f("mul", part, high - low), low)
    inside = f("and", f("ge", x, low), f("lt", x, high))
    right = f("or", inside, f("ge", moved, 0.0 if regular else low))
    return f("where", inside, along if regular else x, moved), f("not", right)
