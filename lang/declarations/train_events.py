# SPDX-License-Identifier: Apache-2.0
"""What a training does with its events: which are held out, and how their distributions are evened out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import NoReturn

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ONE, Unit
from hepq.lang.declarations.dataset import DatasetPlan
from hepq.lang.declarations.train_settings import number, whole
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import static_int
from hepq.lang.elaborate.phrasing import named, same_unit_help
from hepq.lang.elaborate.values import Quantity, describe, is_number
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

_SPLIT = "a branch of whole numbers modulo a number of parts, such as `event % 5`"
_REWEIGHT = "`flat(x=bins(20, low, high), …)` or `like(CLASS, x=bins(20, low, high), …)`"
_EDGES = "`bins(number, low, high)`, or a list of edges, each above the one before"
#: bins of a reweighting, all together
MOST_BINS = 1_000_000


@dataclass(frozen=True)
class Split:
    """``event % 5``: events are told apart by a whole number that ``branch`` of the files has for each.

    Those whose number ``parts`` divides are held out.
    """

    branch: str
    parts: int

    def __str__(self) -> str:
        return f"{self.branch} % {self.parts}"


def split(ctx: Context, e: ast.Expr, data: DatasetPlan) -> Split:
    """A branch by its name in the dataset; one that the dataset does not read by its name in the files."""
    if not isinstance(e, ast.Binary) or e.op != "%":
        ctx.error("HQ0651", e.span, wanted=_SPLIT, found=f"`{e.span.text}`")
    parts = static_int(ctx, e.right)
    if not 2 <= parts <= MAX_COUNT:
        ctx.error("HQ0651", e.right.span, wanted=f"a whole number from 2 to {MAX_COUNT}", found=describe(parts))
    return Split(_branch(ctx, e.left, data, e.span), parts)


def _branch(ctx: Context, e: ast.Expr, data: DatasetPlan, span: Span) -> str:
    if isinstance(e, ast.String):
        return e.value
    if not isinstance(e, ast.Name):
        ctx.error("HQ0651", span, wanted=_SPLIT, found=f"`{span.text}`")
    if e.id in data.branches:
        return data.branches[e.id].branch
    if e.id in ctx.frame.locals:
        help = f'a branch of that name in the files is written in quotes: `"{e.id}"`'
        ctx.error("HQ0651", e.span, wanted=_SPLIT, found=f"the variable `{e.id}`", help=help)
    return e.id


@dataclass(frozen=True)
class Axis:
    """``edges`` in base units, growing; a bin holds its lower edge, not its upper one."""

    name: str
    edges: tuple[float, ...]


@dataclass(frozen=True)
class Reweight:
    """Weights of events make each class flat in the bins of ``axes``, or as the class ``reference`` is.

    ``most``: the largest factor, if there is one.
    """

    axes: tuple[Axis, ...]
    reference: str | None = None
    most: float | None = None

    @property
    def words(self) -> str:
        how = "flat" if self.reference is None else f"as {self.reference} is"
        return f"{how} in {', '.join(axis.name for axis in self.axes)}"


def reweight(ctx: Context, e: ast.Expr, data: DatasetPlan) -> tuple[Reweight, dict[str, Tensor]]:
    """A reweighting, and its variables by name, one real number of each event."""
    how = e.fn.id if isinstance(e, ast.Call) and isinstance(e.fn, ast.Name) else ""
    if not isinstance(e, ast.Call) or how not in ("flat", "like"):
        ctx.error("HQ0651", e.span, wanted=_REWEIGHT, found=f"`{e.span.text}`")
    args = list(e.args)
    reference = None
    if how == "like":
        first = args.pop(0) if args and args[0].name is None else None
        reference = _class(ctx, first.value if first is not None else None, data, e.span)
    axes, values, most = list[Axis](), dict[str, Tensor](), None
    for arg in args:
        if arg.name is None or arg.name in values:
            ctx.error("HQ0651", arg.span, wanted=_REWEIGHT, found=f"`{arg.span.text}`")
        if arg.name == "max":
            most = number(1)(ctx, arg.value)
            continue
        value = _variable(ctx, arg.name, arg.span)
        axes.append(Axis(arg.name, _edges(ctx, arg.value, value.type.unit, arg.name)))
        values[arg.name] = value
    if not axes or prod(len(axis.edges) - 1 for axis in axes) > MOST_BINS:
        wanted, found = (f"at most {MOST_BINS:,} bins", "more") if axes else (_REWEIGHT, "no variable")
        ctx.error("HQ0651", e.span, wanted=wanted, found=found)
    return Reweight(tuple(axes), reference, most), values


def _variable(ctx: Context, name: str, span: Span) -> Tensor:
    value = ctx.tensor(ctx.value(ast.Name(name, span=span)), span)
    if value.type.dims or value.type.elem not in ("real", "int", "bool"):
        ctx.error("HQ0651", span, wanted=f"`{name}` to be one number of each event", found=describe(value))
    return ctx.cast(value, "real", span)


def _class(ctx: Context, e: ast.Expr | None, data: DatasetPlan, span: Span) -> str:
    name = e.id if isinstance(e, ast.Name) else e.value if isinstance(e, ast.String) else ""
    classes = data.label.dim.entries if data.label is not None else ()
    if name not in classes:
        close = near(name, classes)
        wanted = f"a class of the label first: {', '.join(classes)}" if classes else "a dataset with a label"
        where = span if e is None else e.span
        help = f"did you mean `{close[0]}`?" if close else None
        ctx.error("HQ0651", where, wanted=wanted, found=f"`{where.text}`", help=help)
    return name


def _edges(ctx: Context, e: ast.Expr, unit: Unit, name: str) -> tuple[float, ...]:
    """In base units."""
    if isinstance(e, ast.Call) and isinstance(e.fn, ast.Name) and e.fn.id == "bins" and len(e.args) == 3:
        count = whole(1)(ctx, e.args[0].value)
        low, high = (_edge(ctx, a.value, unit, name) for a in e.args[1:])
        if count > MOST_BINS:
            ctx.error("HQ0651", e.span, wanted=f"at most {MOST_BINS:,} bins", found=f"{count:,}")
        edges: Sequence[float] = [low + (high - low) * i / count for i in range(count)] + [high]
    elif isinstance(e, ast.ListExpr | ast.TupleExpr):
        edges = [_edge(ctx, i, unit, name) for i in e.items]
    else:
        _refuse_edges(ctx, e)
    if len(edges) < 2 or any(not a < b for a, b in pairwise(edges)):
        _refuse_edges(ctx, e)
    return tuple(edges)


def _refuse_edges(ctx: Context, e: ast.Expr) -> NoReturn:
    ctx.error("HQ0651", e.span, wanted=_EDGES, found=f"`{e.span.text}`")


def _edge(ctx: Context, e: ast.Expr, unit: Unit, name: str) -> float:
    value = ctx.value(e)
    found = value.unit if isinstance(value, Quantity) else ONE
    size = value.value if isinstance(value, Quantity) else value
    if not is_number(size) or not math.isfinite(size):
        ctx.error("HQ0651", e.span, wanted="a finite number, known when the program is compiled", found=describe(value))
    if found != unit:
        ctx.error("HQ0302", e.span, op=name, left=named(unit), right=named(found),
                  help=same_unit_help([name, e.span.text], [unit, found]))  # fmt: skip
    return float(size)
