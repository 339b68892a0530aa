# SPDX-License-Identifier: Apache-2.0
"""``object jet <= 8 = Jet where Jet.pt > 30 GeV by Jet.pt desc``: what datasets make of collections, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lark.tree import Meta

from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate import presence, selection
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import lookup_dim, static_int
from hepq.lang.elaborate.phrasing import extent
from hepq.lang.elaborate.signature import COMPONENT_HELP
from hepq.lang.elaborate.values import Objects
from hepq.lang.format.layout import SPACE, Doc, group, nest
from hepq.lang.format.program import Formatter
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, present

#: entries that a bound may leave
MOST = 1 << 24


def _free(ctx: Context, item: ast.ObjectItem) -> None:
    """Objects have a name of their own; or that of a dim of the same bound, which they are then."""
    binding = ctx.program.modules[ctx.frame.module].scope.get(item.name)
    decl = None if binding is None else binding.decl
    taken = isinstance(decl, ast.CollectionDecl | ast.RecordDecl) or item.name in selection.data(ctx).branches
    if taken or item.name in ctx.frame.locals:
        labels = [] if decl is None else [Label(name_span(decl.span, item.name), "first here")]
        ctx.error("HQ0102", item.span, *labels, name=item.name)
    if isinstance(decl, ast.DimDecl):
        dim = lookup_dim(ctx, ast.Name(item.name, span=item.span))
        bound = None if item.bound is None else _most(ctx, item.bound)
        if isinstance(dim, Dim) and not dim.open and (dim.size is not None or dim.bound != bound):
            help = f"write `object {item.name} <= {dim.bound} = …`, or give one of them another name"
            ctx.error("HQ0203", item.span, Label(name_span(decl.span, item.name), "declared here"), dim=dim,
                      left="of any number" if bound is None else f"up to {bound}", right=extent(dim),
                      help=help if dim.ragged else None)  # fmt: skip


@dataclass(frozen=True)
class Cut:
    """Of objects with a bound: how many there are ``before`` it cuts, and how many it has ``kept``, over ``dim``."""

    dim: Dim
    before: Tensor
    kept: Tensor


def elaborate_object(ctx: Context, item: ast.ObjectItem) -> tuple[Objects, Cut | None]:
    """The objects; and what their bound cuts, if they have one."""
    _free(ctx, item)
    data = selection.data(ctx)
    data.reserved.discard(item.name)
    data.naming = item.name if item.where is None and not item.keys and item.take is None else f"{item.name}_all"
    try:
        base = selection.objects(ctx, ctx.value(item.value), item.value.span)
    finally:
        data.naming = ""
    if item.parts:
        base = selection.named_parts(ctx, base, item.parts, item.span)
    inner = ctx.frame.locals
    parts = dict(zip(item.parts, (base.field(ctx, n, item.span) for n in item.parts), strict=True))
    # in `where` and `by`, its name is of those that it is chosen from
    ctx.frame.locals = inner | {item.name: base} | parts
    try:
        mask = None if item.where is None else _mask(ctx, base, item.where)
        keys = [_key(ctx, base, k) for k in item.keys]
        take = None if item.take is None else _most(ctx, item.take)
        bound = None if item.bound is None else _most(ctx, item.bound)
    finally:
        ctx.frame.locals = inner
    if mask is None and not keys and take is None and bound is None:
        return base, None
    made = selection.chosen(ctx, item.name, base, mask, keys, take if bound is None else bound, item.span)
    if bound is None:
        return made, None
    assert base.dim is not None
    there = presence.entries(ctx, base.dim, item.span) if mask is None else _true(ctx, base.dim, mask, item.span)
    dim = selection.dim_of(ctx, made, item.span)
    return made, Cut(dim, there, presence.entries(ctx, dim, item.span))


def _true(ctx: Context, dim: Dim, mask: Tensor, span: Span) -> Tensor:
    """How many entries a mask leaves."""
    return ctx.emit("reduce_sum", [ctx.cast(mask, "int", span)], Type("int"), span, over=(dim,))


def _mask(ctx: Context, base: Objects, e: ast.Expr) -> Tensor:
    """bool over the objects: which are meant."""
    dim = selection.dim_of(ctx, base, e.span)
    x = presence.required(ctx, ctx.tensor(ctx.value(e), e.span), e.span, f"`where` of `{base.name}`", dim)
    if x.type.elem != "bool" or any(d.key != dim.key for d in x.type.dims):
        ctx.error("HQ0670", e.span, what="where", wanted=f"a truth value of each `{dim}`", found=x.type,
                  help=decided(x, [dim]))  # fmt: skip
    return x if x.type.dims else _spread(ctx, x, dim, e.span)


def decided(x: Tensor, dims: Sequence[Dim], *, number: bool = False) -> str | None:
    """What to write for one value of each entry of ``dims``."""
    if LORENTZ in x.type.dims:
        return COMPONENT_HELP
    keys = {d.key for d in dims}
    others = ", ".join(str(d) for d in x.type.dims if d.key not in keys)
    if others:
        over = f"[{others}]" if "," in others else others
        return f"reduce over the other dims: `{'sum' if number else 'any'}(…, over={over})`"
    if not number and x.type.elem != "bool":
        return "compare it with something: `… > 0`"
    return f"use a value that differs between entries of `{dims[0]}`" if dims else None


def _spread(ctx: Context, x: Tensor, dim: Dim, span: Span) -> Tensor:
    """One truth value for each entry."""
    return ctx.emit("and", [presence.any_over(ctx, dim, span), x], Type("bool", (dim,)), span)


def _key(ctx: Context, base: Objects, key: ast.Key) -> selection.Key:
    dim = selection.dim_of(ctx, base, key.span)
    given = ctx.tensor(ctx.value(key.value), key.value.span)
    x = presence.required(ctx, given, key.value.span, f"`by` of `{base.name}`", dim)
    if [d.key for d in x.type.dims] != [dim.key] or x.type.elem == "index":
        ctx.error("HQ0670", key.value.span, what="by", wanted=f"one number of each `{dim}`", found=x.type,
                  help=decided(x, [dim], number=True))  # fmt: skip
    return x, key.descending


def _most(ctx: Context, e: ast.Expr) -> int:
    most = static_int(ctx, e)
    if not 0 < most <= MOST:
        ctx.error("HQ0206", e.span, size=most)
    return most


def _object_item(b: Build, meta: Meta, c: Children) -> ast.ObjectItem:
    name, le, bound, value, *parts, where, keys, take = c
    names = tuple(str(p) for p in parts if p is not None)
    del le
    return ast.ObjectItem(str(name), bound, value, names, where, keys or (), take, span=b.span(meta))


def _key_item(b: Build, meta: Meta, c: Children) -> ast.Key:
    value, direction = c
    return ast.Key(value, descending=direction == "desc", span=b.span(meta))


def object_written(f: Formatter, item: ast.ObjectItem) -> Doc:
    bound = [] if item.bound is None else [" <= ", f.expr(item.bound)]
    parts: list[Doc] = [f.expr(item.value)]
    if item.parts:
        parts.append(f" as {', '.join(item.parts)}")
    if item.where is not None:
        parts += [SPACE, "where ", f.expr(item.where)]
    for i, key in enumerate(item.keys):
        parts += [", " if i else nest(SPACE, "by "), f.expr(key.value), " desc" if key.descending else ""]
    if item.take is not None:
        parts += [SPACE, "take ", f.expr(item.take)]
    return group(f"object {item.name}", *bound, " = ", nest(*parts))


OBJECT_RULES = {"object": _object_item, "keys": present, "key": _key_item}
