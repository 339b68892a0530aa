# SPDX-License-Identifier: Apache-2.0
"""Histograms and skims: ``hist ht = sum(jet.pt, over=jet) in bins(…) per channel``, ``save tops = mass=top.mass``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim
from hepq.lang.declarations.analysis.plan import AxisPlan, Entry, HistogramPlan, SavePlan, WeightPlan
from hepq.lang.declarations.analysis.weights import entry_weight
from hepq.lang.elaborate import arithmetic, presence, selection
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import HistogramAxis, Named, Objects, Value, describe
from hepq.lang.syntax import ast, ast_analysis

#: cells of one histogram, flow included
MOST_CELLS = 10**7
#: entries of a category
MOST_ENTRIES = 4096


def histogram(
    ctx: Context, item: ast_analysis.HistItem, name: str, region: str, above: tuple[Entry, ...]
) -> HistogramPlan:
    axes: list[AxisPlan] = []
    holds: list[Tensor] = []
    for axis in item.axes:
        bins, needed = _axis(ctx, axis)
        axes.append(bins)
        holds += needed
    for e in item.per:
        category, needed = _category(ctx, e)
        axes.append(category)
        holds += needed
    axes = _named_apart(axes)
    weight = _own_weight(ctx, item)
    values = [v for axis in axes for v in axis.values]
    values += [] if weight is None or weight.value is None else [weight.value]
    _check_one_dim(ctx, values, item)
    made = HistogramPlan(name, region, tuple(axes), above, weight, tuple(holds), item.span)
    if made.cells > MOST_CELLS:
        ctx.error("HQ0923", item.span, name=name, cells=f"{made.cells:,}", limit=f"{MOST_CELLS:,}")
    return made


def _axis(ctx: Context, axis: ast_analysis.AxisItem) -> tuple[AxisPlan, Sequence[Tensor]]:
    bins = ctx.value(axis.bins)
    if not isinstance(bins, HistogramAxis):
        ctx.error("HQ0917", axis.bins.span, found=describe(bins))
    x = _tensor(ctx, ctx.value(axis.value), axis.value.span)
    if x.type.elem not in ("real", "int"):
        help = "categories stand behind `per`" if x.type.elem in ("bool", "index") else None
        ctx.error("HQ0915", axis.value.span, found=describe(x), what="an axis", help=help)
    if x.type.unit != bins.unit:
        units = (x.type.unit, bins.unit)
        arithmetic.units_differ(ctx, "in", units, axis.span, [axis.value.span, axis.bins.span])
    one = presence.single(ctx, x, axis.value.span)
    found = AxisPlan(_called(axis.value.span.text), (presence.without_needs(one),), bins.axis, bins.unit)
    return found, list(one.needs.values())


def _category(ctx: Context, e: ast.Expr) -> tuple[AxisPlan, Sequence[Tensor]]:
    value, name = ctx.value(e), _called(e.span.text)
    if isinstance(value, Named):
        ones = [presence.single(ctx, _tensor(ctx, v, e.span), e.span) for v in value]
        if any(one.type.elem != "bool" for one in ones) or len(ones) < 2:
            wrong = next((one for one in ones if one.type.elem != "bool"), ones[0])
            ctx.error("HQ0919", e.span, found=f"{describe(wrong)} in it")
        holds = [h for one in ones for h in one.needs.values()]
        return AxisPlan(name, tuple(map(presence.without_needs, ones)), entries=tuple(value.names)), holds
    one = presence.single(ctx, _tensor(ctx, value, e.span), e.span)
    own, holds = presence.without_needs(one), list(one.needs.values())
    into = one.type.into
    if one.type.elem == "index" and into is not None and into.size is not None and into.size <= MOST_ENTRIES:
        entries = into.entries or tuple(map(str, range(into.size)))
        return AxisPlan(name, (ctx.cast(own, "int", e.span),), entries=entries), holds
    if one.type.elem != "bool":
        ctx.error("HQ0919", e.span, found=describe(one))
    return AxisPlan(name, (own,)), holds


def _tensor(ctx: Context, value: Value, span: Span) -> Tensor:
    if isinstance(value, Objects):
        ctx.error("HQ0915", span, found=describe(value), what="an axis", help="say which of its values: `jet.pt`")
    return ctx.tensor(value, span)


def _own_weight(ctx: Context, item: ast_analysis.HistItem) -> WeightPlan | None:
    """``hist h[weight=w] = …``"""
    found: WeightPlan | None = None
    for arg in item.name.args:
        if arg.name is None:
            continue
        if arg.name != "weight" or found is not None:
            ctx.error("HQ0920", arg.span, name=arg.name)
        found = entry_weight(ctx, ctx.value(arg.value), arg.value.span)
    return found


def _check_one_dim(ctx: Context, values: Sequence[Tensor], item: ast_analysis.HistItem) -> None:
    """What is filled is the event, or the entries of one dim."""
    over: dict[tuple[str, int], Dim] = {}
    for x in values:
        for dim in x.type.dims:
            if not dim.ragged:
                help = f"reduce over `{dim}`, or pick one of its entries"
                ctx.error("HQ0915", item.span, found=describe(x), what="an axis", help=help)
            over.setdefault(dim.key, dim)
    dims = list(over.values())
    if pair := selection.data(ctx).related(dims):
        ctx.error("HQ0662", item.span, parent=pair[0], sub=pair[1])
    if len(dims) > 1:
        labels = [Label(a.span) for a in item.axes[1:]]
        ctx.error("HQ0916", item.span, *labels, first=dims[0], second=dims[1])


def _called(text: str) -> str:
    """A name for what is written so: ``top.mass`` is that, other expressions are shortened."""
    short = re.sub(r"\s+", " ", text)
    return short if len(short) <= 60 else short[:57] + "..."


def _named_apart(axes: Sequence[AxisPlan]) -> list[AxisPlan]:
    made: list[AxisPlan] = []
    for axis in axes:
        name, n = axis.name, 2
        while any(name == other.name for other in made):
            name, n = f"{axis.name} ({n})", n + 1
        made.append(replace(axis, name=name))
    return made


def save(ctx: Context, item: ast_analysis.SaveItem, name: str, above: tuple[Entry, ...]) -> SavePlan:
    """A skim: numbers of events that come so far."""
    columns: dict[str, Tensor] = {}
    for arg in item.columns:
        called = arg.name or _column(arg.value)
        if called is None:
            ctx.error("HQ0921", arg.span, problem="a column without a name", help="name it: `mass=top.mass`")
        if called in columns:
            ctx.error("HQ0921", arg.span, problem=f"two columns `{called}`", help="give one another name")
        columns[called] = _saved(ctx, ctx.value(arg.value), arg)
    return SavePlan(name, columns, above)


def _column(e: ast.Expr) -> str | None:
    return e.id if isinstance(e, ast.Name) else None


def _saved(ctx: Context, value: Value, arg: ast.Arg) -> Tensor:
    span = arg.value.span
    if isinstance(value, Objects):
        ctx.error("HQ0921", span, problem=describe(value), help="say which of its values: `pt=jet.pt`")
    x = ctx.tensor(value, span)
    x = presence.guarded(ctx, x, span, selection.data(ctx).facts)
    if x.type.elem not in ("real", "int", "bool") or len(x.type.dims) > 1 or any(not d.ragged for d in x.type.dims):
        help = "a column has one number of each event, or of each entry of one object"
        ctx.error("HQ0921", span, problem=describe(x), help=help)
    single = [d for d in x.type.dims if d.key in selection.data(ctx).single]
    if single:  # a list of at most one
        return presence.without_needs(x)
    return presence.required(ctx, x, span, f"column `{arg.name or span.text[:40]}`", *x.type.dims)
