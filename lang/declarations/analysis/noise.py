# SPDX-License-Identifier: Apache-2.0
"""``noise smear: real[Jet] ~ normal(1, 0.05)``: random numbers that are the same whenever an event is read."""

from __future__ import annotations

from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate import presence, selection
from hepq.lang.elaborate.analyses.draws import drawn
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import lookup
from hepq.lang.elaborate.objects import View
from hepq.lang.elaborate.signature import concrete_type
from hepq.lang.elaborate.values import Init, Objects, describe
from hepq.lang.syntax import ast

#: the input that says what an event's random numbers follow from; no branch has such a name
KEY = "event key"
_DISTRIBUTIONS = ("normal", "uniform")


def noise(ctx: Context, item: ast.NoiseItem, name: str) -> Tensor:
    """real, of the event or of each entry of a collection; of a sub-dim, those of the entries that it has."""
    init = ctx.value(item.init)
    if not isinstance(init, Init) or init.kind not in _DISTRIBUTIONS:
        ctx.error("HQ0651", item.init.span, wanted="`normal(mean, std)` or `uniform(low, high)`", found=describe(init))
    t = concrete_type(ctx, item.type)
    if t.elem != "real" or len(t.dims) > 1 or any(not d.ragged for d in t.dims) or not t.unit.dimensionless:
        ctx.error("HQ0927", item.type.span, found=t)
    key = ctx.emit("input", (), Type("int"), item.span, name=KEY)
    entry = _entry(ctx, item, item.type.span) if t.dims else None
    return drawn(ctx, key, entry, name, init, item.init.span)


def _entry(ctx: Context, item: ast.NoiseItem, span: Span) -> Tensor:
    """int: the number of each entry in the collection that the file has."""
    (written,) = item.type.dims
    value = lookup(ctx, written) if isinstance(written, ast.Name) else None
    if isinstance(value, Dim):
        return presence.positions(ctx, value, span)
    if not isinstance(value, Objects) or value.dim is None:
        ctx.error("HQ0927", span, found=item.type.span.text)
    at: Objects = value
    index: Tensor | None = None
    while isinstance(at, View):
        index = at.index if index is None else selection.at(ctx, at.index, index, span)
        at = at.base
    return (
        presence.positions(ctx, selection.dim_of(ctx, at, span), span)
        if index is None
        else ctx.cast(index, "int", span)
    )
