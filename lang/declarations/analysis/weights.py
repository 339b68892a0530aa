# SPDX-License-Identifier: Apache-2.0
"""Weights: one number of each event, or, of a histogram, of each entry; with factors that its source has."""

from __future__ import annotations

import math

from hepq.core.source import Span
from hepq.lang.declarations.analysis.plan import Factors, WeightPlan
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.phrasing import pure_help
from hepq.lang.elaborate.values import Quantity, SourceNumber, Value, describe, is_number


def event_weight(ctx: Context, name: str, value: Value, span: Span) -> WeightPlan:
    """One number of each event."""
    factors, rest = _split(ctx, value, span)
    if rest is None:
        return WeightPlan(name, factors, None, ())
    one, holds = presence.known_there(ctx, rest, span, f"`weight {name}`")
    if one.type.dims:
        ctx.error("HQ0908", span, found=describe(one), near=[])
    return WeightPlan(name, factors, one, tuple(holds))


def entry_weight(ctx: Context, value: Value, span: Span) -> WeightPlan:
    """One number of each event or of each entry of one dim, which may be absent."""
    factors, rest = _split(ctx, value, span)
    if rest is None:
        return WeightPlan("weight", factors, None, ())
    one = presence.single(ctx, rest, span)
    return WeightPlan("weight", factors, presence.without_needs(one), tuple(one.needs.values()))


def _split(ctx: Context, value: Value, span: Span) -> tuple[Factors, Tensor | None]:
    powers = (0, 0, 0)
    rest: Tensor | None = None
    static = value
    if isinstance(value, SourceNumber):
        static, powers, rest = value.static, value.powers, value.rest
    elif not is_number(value) and not isinstance(value, Quantity):
        static, rest = 1.0, ctx.tensor(value, span)
    unit = static.unit if isinstance(static, Quantity) else None
    number = float(static.value if isinstance(static, Quantity) else static)
    if rest is not None:
        if rest.type.elem not in ("real", "int", "bool"):
            ctx.error("HQ0908", span, found=describe(rest), near=[])
        unit = rest.type.unit if unit is None else unit * rest.type.unit
        rest = ctx.cast(rest, "real", span)
    if unit is not None and not unit.dimensionless:
        ctx.error("HQ0303", span, function="weight", unit=unit, help=pure_help(span.text, unit))
    if not math.isfinite(number):
        ctx.error("HQ0908", span, found=describe(static), near=[])
    return Factors(number, powers), rest
