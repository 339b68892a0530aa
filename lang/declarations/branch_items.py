# SPDX-License-Identifier: Apache-2.0
"""``branch px, py: GeV[part] else 0 GeV``: what datasets and analyses read of files, each value once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from lark.tree import Meta

from hepq.core.source import Span
from hepq.core.types import Dim, Type, Unit
from hepq.lang.elaborate import selection
from hepq.lang.elaborate.branches import BranchPlan, read_index, readable, written_unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.objects import Stored
from hepq.lang.elaborate.signature import concrete_type
from hepq.lang.elaborate.values import Quantity, describe, is_number, is_whole
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, plain


class Reads(Protocol):
    """What is read, by name: the branches, and their values. ``objects``: whether collections may be read."""

    branches: dict[str, BranchPlan]
    tensors: dict[str, Tensor]
    objects: bool


def names_of_objects(ctx: Context, items: Iterable[ast.Node], module: str) -> set[str]:
    """Names that its objects have, but for those of collections, which they may not have."""
    scope = ctx.program.modules[module].scope
    taken = {n for n, b in scope.items() if isinstance(b.decl, ast.CollectionDecl | ast.RecordDecl)}
    return {item.name for item in items if isinstance(item, ast.ObjectItem)} - taken


def count_entries(ctx: Context, plan: Reads) -> None:
    """Read something of each collection that is used, so that its entries can be counted."""
    read = {d.key for n, t in plan.tensors.items() if not plan.branches[n].owner for d in t.type.dims}
    for made in list(selection.data(ctx).objects.values()):
        if isinstance(made, Stored) and made.dim is not None and made.first and made.dim.key not in read:
            with suppress(Reported):
                made.field(ctx, made.first, made.span)


def read_branch(ctx: Context, plan: Reads, branch: BranchPlan, span: Span) -> Tensor:
    """The values of a branch, read once."""
    if branch.name not in plan.tensors:
        plan.branches[branch.name] = branch
        plan.tensors[branch.name] = ctx.emit("input", (), branch.type, span, name=branch.name)
    return plan.tensors[branch.name]


def read_branches(ctx: Context, plan: Reads, item: ast.BranchItem) -> None:
    t = concrete_type(ctx, item.type)
    ragged = [d for d in t.dims if d.ragged]
    dims = (*t.dims, *([] if t.into is None else [t.into]))
    if not readable(t) or item.type.name == "p4" or any(d.primes or d.open for d in dims):
        ctx.error("HQ0611", item.type.span, found=t, help=_branch_help(item.type.name, dims))
    if t.elem == "index" and plan.objects:
        ctx.error("HQ0611", item.type.span, found=t, help="beside objects, a reference is a field of a collection")
    held = Type("int", t.dims) if t.elem == "index" else t
    unit, factor = written_unit(item.type)
    default = None if item.default is None else _default(ctx, item.default, held) / factor
    for name, branch in item.branches:
        if name in plan.branches:
            ctx.error("HQ0603", item.span, name=name)
        plan.branches[name] = BranchPlan(name, branch, held, unit, factor, default, into=t.into)
        for dim in ragged:
            _not_object(ctx, dim, item)
        if t.elem == "index":
            plan.tensors[name], ctx.frame.locals[name] = read_index(ctx, name, t, item.type.span)
        else:
            plan.tensors[name] = ctx.frame.locals[name] = ctx.emit("input", (), t, item.span, name=name)


def _not_object(ctx: Context, dim: Dim, item: ast.BranchItem) -> None:
    """Note the ragged dim of branches, which objects may not have."""
    data = selection.data(ctx)
    if dim.name in data.names:
        ctx.error("HQ0102", item.type.span, name=dim.name, help="give the objects another name")
    data.branches.add(dim.name)


def _default(ctx: Context, e: ast.Expr, t: Type) -> float:
    """In base units: a static number of the branch's type and unit."""
    value = ctx.value(e)
    number, unit = (value.value, value.unit) if isinstance(value, Quantity) else (value, Unit())
    fits = {"bool": isinstance(value, bool), "int": is_whole(value)}.get(t.elem, is_number(number))
    if not fits or unit != t.unit or not math.isfinite(number):
        ctx.error("HQ0615", e.span, found=describe(value), wanted=t.with_dims(()))
    return float(number)


def _branch_help(name: str, dims: Sequence[Dim]) -> str | None:
    if name == "p4":
        return "read its components as branches, and build it: `p = p4(px=px, py=py, pz=pz, energy=energy)`"
    unsized = next((d for d in dims if d.open), None)
    return f"give dim `{unsized}` a size" if unsized else None


def branch_item(b: Build, meta: Meta, c: Children) -> ast.BranchItem:
    return ast.BranchItem(tuple(c[:-2]), *c[-2:], span=b.span(meta))


def branch_name(b: Build, meta: Meta, c: Children) -> tuple[str, str]:
    name, branch = map(plain, c)
    return name, name if branch is None else branch


def branch_written(f: Formatter, item: ast.BranchItem) -> Doc:
    names = [n if n == branch else f'{n} = "{branch}"' for n, branch in item.branches]
    default = [] if item.default is None else [" else ", f.expr(item.default)]
    return group(wrapped("branch ", names), ": ", f.type(item.type), *default)
