# SPDX-License-Identifier: Apache-2.0
"""Axes of histograms: ``bins(40, 0 GeV, 200 GeV)``, ``bins([0, 1, 5])``, ``integers(0, 10)``."""

from __future__ import annotations

from collections.abc import Callable

from hepq.core.axes import BinAxis
from hepq.core.source import Span
from hepq.core.types import ONE, Unit
from hepq.lang.elaborate import arithmetic
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import HistogramAxis, Quantity, Value, describe, is_number

__all__ = ["MOST_BINS", "HistogramAxis"]

#: of one axis
MOST_BINS = 10**7


@builtin("bins", "n low high")
def _bins(ctx: Context, a: Arguments) -> Value:
    """``bins(n, low, high)``: of one width. ``bins(edges)``: between any two that follow each other."""
    first = a.value("n")
    if isinstance(first, (tuple, range)) and "low" not in a and "high" not in a:
        edges, unit = _numbers(ctx, [(v, a.where("n")) for v in ctx.listed(first, a.where("n"))])
        return _made(ctx, lambda: BinAxis.variable(edges), unit, a.span)
    bins = a.integer("n")
    (low, high), unit = _numbers(ctx, [(a.value(k), a.where(k)) for k in ("low", "high")])
    if bins > MOST_BINS:
        ctx.error("HQ0940", a.where("n"), problem=f"it has {bins:,} bins, more than {MOST_BINS:,}")
    return _made(ctx, lambda: BinAxis.regular(bins, float(low), float(high)), unit, a.span)


@builtin("integers", "first end")
def _integers(ctx: Context, a: Arguments) -> Value:
    """``integers(first, end)``: a bin for each whole number from ``first`` on, without ``end``."""
    first, end = a.integer("first"), a.integer("end")
    if end - first > MOST_BINS:
        ctx.error("HQ0940", a.span, problem=f"it has {end - first:,} bins, more than {MOST_BINS:,}")
    return _made(ctx, lambda: BinAxis.integer(first, end), ONE, a.span)


def _numbers(ctx: Context, items: list[tuple[Value, Span]]) -> tuple[tuple[float, ...], Unit]:
    """Static numbers of one unit, in its base unit; whole ones stay whole."""
    numbers: list[float] = []
    units: list[Unit] = []
    for value, span in items:
        if not is_number(value) and not isinstance(value, Quantity):
            ctx.error("HQ0404", span, wanted="static numbers, the edges of bins", found=describe(value))
        numbers.append(value.value if isinstance(value, Quantity) else value)
        units.append(value.unit if isinstance(value, Quantity) else ONE)
        if units[-1] != units[0]:
            spans = [items[0][1], span]
            arithmetic.units_differ(ctx, "bins", (units[0], units[-1]), span, spans)
    return tuple(numbers), units[0] if units else ONE


def _made(ctx: Context, axis: Callable[[], BinAxis], unit: Unit, span: Span) -> HistogramAxis:
    try:
        return HistogramAxis(axis(), unit)
    except ValueError as problem:
        return ctx.error("HQ0940", span, problem=str(problem))
