# SPDX-License-Identifier: Apache-2.0
"""Built-ins that order the entries of a dim, look them up by number, and sum what an index names."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin, in_tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.objects import View
from hepq.lang.elaborate.phrasing import element_help
from hepq.lang.elaborate.values import Value, describe


@builtin("argsort", "x over desc", dims="over")
def _argsort(ctx: Context, a: Arguments) -> Value:
    """``argsort(x, over=part, desc=true)``: which entries stand where in order; equal ones as they stood, NaN last."""
    x = _key(ctx, a)
    over = a.dim_in("over", x)
    return _ordered(ctx, x, over, over, _descending(ctx, a), a.span)


@builtin("sort", "x over desc", dims="over")
def _sort(ctx: Context, a: Arguments) -> Value:
    """``sort(x, over=part, desc=true)``: the values in order."""
    x = _key(ctx, a)
    over = a.dim_in("over", x)
    return look_up(ctx, x, _ordered(ctx, x, over, over, _descending(ctx, a), a.span), a.span)


@builtin("top_k", "x over", "k", dims="over k")
def _top_k(ctx: Context, a: Arguments) -> Value:
    """``top_k[k](x, over=part)``: where the k largest entries stand, the largest first."""
    x, k = _key(ctx, a), a.dim("k")
    over = a.dim_in("over", x)
    if k.open:
        ctx.unsized(k, a.where("k"))
    if k.ragged:
        ctx.error("HQ0211", a.where("k"), dim=k, help=f"declare it with one: `dim {k} = {k.bound}`")
    if any(d.key == k.key for d in x.type.dims if d.key != over.key or k.anonymous):
        ctx.error("HQ0204", a.where("k"), dim=k)
    return _ordered(ctx, x, over, k, True, a.span)


@builtin("argmax argmin", "x over", dims="over")
def _extreme(ctx: Context, a: Arguments) -> Value:
    """``argmax(x, over=part)``: where the largest entry stands, the first of equal ones; no entry of nothing."""
    x = _key(ctx, a)
    over, one = a.dim_in("over", x), Dim("1", 1)
    while x.type.dim(one) is not None:
        one = one.prime()
    best = _ordered(ctx, x, over, one, a.name == "argmax", a.span)
    return ctx.emit("pick", [best], best.type.with_dims(best.type.dims[1:]), a.span, dim=one, index=0)


def _key(ctx: Context, a: Arguments) -> Tensor:
    x = a.tensor("x")
    if LORENTZ in x.type.dims:
        ctx.error("HQ0305", a.where("x"), op=a.name, left=x.type, right="")
    if x.type.elem not in ("real", "int", "bool"):
        ctx.error("HQ0304", a.where("x"), found=x.type)
    return x


def _descending(ctx: Context, a: Arguments) -> bool:
    down = a.value("desc") if "desc" in a else False
    if not isinstance(down, bool):
        ctx.error("HQ0404", a.where("desc"), wanted="`true` or `false` for `desc`", found=describe(down))
    return down


def _ordered(ctx: Context, x: Tensor, dim: Dim, dst: Dim, down: bool, span: Span) -> Tensor:
    """index(dim)[dst, x's other dims]."""
    others = [d for d in x.type.dims if d.key != dim.key]
    t = Type("index", (dst, *others), into=dim)
    return ctx.emit("argsort", [x], t, span, dim=dim, dst=dst, descending=(down,))


@builtin("cumsum", "x over", dims="over")
def _cumsum(ctx: Context, a: Arguments) -> Value:
    """``cumsum(x, over=part)``: the sum of the entries up to each, itself too."""
    x = a.tensor("x")
    over = a.dim_in("over", x)
    if LORENTZ.key == over.key and LORENTZ in x.type.dims:
        ctx.error("HQ0305", a.span, op=a.name, left=x.type, right="")
    if x.type.elem not in ("real", "int", "bool"):
        ctx.error("HQ0304", a.where("x"), found=x.type)
    t = Type("int" if x.type.elem == "int" else "real", x.type.dims, x.type.unit)
    return ctx.emit("cumsum", [x], t, a.span, over=over)


@builtin("gather", "x index over", dims="over")
def _gather(ctx: Context, a: Arguments) -> Value:
    """``gather(x, graph)``: x at the indices; an index of no neighbour gives 0. ``gather(x, i, over=part)``: x at whole
    numbers, 0 where there is no such entry.
    """
    x, index = a.tensor("x"), a.tensor("index")
    if index.type.elem == "int" and "over" in a:
        over = a.dim_in("over", x)
        index = ctx.emit("number", [index, x], Type("index", index.type.dims, into=over), a.span, dim=over)
    into = index.type.into
    if index.type.elem != "index" or into is None:
        help = element_help("int" if index.type.elem == "real" and "over" in a else "index", a.where("index").text)
        if index.type.elem == "int" and x.type.dims:
            help = f"whole numbers count the entries of a dim: `gather(x, i, over={x.type.dims[0]})`"
        ctx.error("HQ0309", a.where("index"), found=index.type, wanted="index", what="`index` of `gather`", help=help)
    if "over" in a and a.dim("over").key != into.key:
        ctx.error("HQ0309", a.where("index"), found=index.type, wanted=f"index({a.dim('over')})",
                  what="`index` of `gather`")  # fmt: skip
    in_tensor(ctx, into, x, a.where("x"))
    return look_up(ctx, x, index, a.span)


def look_up(ctx: Context, x: Tensor, index: Tensor, span: Span) -> Tensor:
    """``x`` at the entries that ``index`` names."""
    into = index.type.into
    assert into is not None
    others = tuple(d for d in x.type.dims if d.key != into.key and index.type.dim(d) is None)
    return ctx.emit("gather", [x, index], x.type.with_dims((*index.type.dims, *others)), span)


# --- sums by an index


def by_index(ctx: Context, a: Arguments) -> Tensor:
    """``sum(x, by=index)``, of whatever the built-in computes: of what names each entry of the index's dim."""
    x, index, into = a.tensor("x"), *_index(ctx, a)
    if LORENTZ in x.type.dims and a.name not in ("sum", "mean"):
        ctx.error("HQ0305", a.span, op=a.name, left=x.type, right="")
    if a.name in ("any", "all") and x.type.elem != "bool":
        ctx.error("HQ0306", a.where("x"), found=x.type)
    if x.type.elem == "index":
        ctx.error("HQ0304", a.where("x"), found=x.type)
    for dim in index.type.dims:
        in_tensor(ctx, dim, x, a.where("x"))
    if any(d.key == into.key for d in x.type.dims if index.type.dim(d) is None):
        ctx.error("HQ0204", a.span, dim=into)
    if a.name in ("any", "all"):
        return _truth(ctx, a, x, index, into)
    if x.type.elem == "bool" or a.name == "mean":
        x = ctx.cast(x, "real", a.span)
    if a.name != "mean":
        return _segment(ctx, a.name, x, index, into, a.span)
    total, count = _segment(ctx, "sum", x, index, into, a.span), counted_by(ctx, index, into, a.span)
    one = ctx.tensor(1, a.span)
    some = ctx.emit("max", [count, one], count.type, a.span)
    return ctx.emit("div", [total, ctx.cast(some, "real", a.span)], total.type, a.span)


def named(ctx: Context, a: Arguments) -> Tensor:
    """bool: whether the index of ``by=`` names an entry of its dim at all."""
    number = counted_by(ctx, *_index(ctx, a), a.span)
    return ctx.emit("gt", [number, ctx.tensor(0, a.span)], Type("bool", number.type.dims), a.span)


def count_by(ctx: Context, a: Arguments) -> Tensor:
    """``count(by=index)``: how often the index names each entry of its dim."""
    return counted_by(ctx, *_index(ctx, a), a.span)


def _index(ctx: Context, a: Arguments) -> tuple[Tensor, Dim]:
    value = a.value("by")
    index: Tensor = value.index if isinstance(value, View) else a.tensor("by")
    into = index.type.into
    if index.type.elem != "index" or into is None:
        ctx.error("HQ0309", a.where("by"), found=index.type, wanted="index", what=f"`by` of `{a.name}`",
                  help=element_help("index", ""))  # fmt: skip
    if not index.type.dims:
        ctx.error("HQ0213", a.where("by"), name=a.name, found=index.type, help="a single index: use `gather`")
    return index, into


def counted_by(ctx: Context, index: Tensor, into: Dim, span: Span) -> Tensor:
    number = ctx.emit("cast", [index], Type("int", index.type.dims), span)
    some = ctx.emit("ge", [number, ctx.tensor(-1, span)], Type("bool", index.type.dims), span)
    return _segment(ctx, "sum", ctx.cast(some, "int", span), index, into, span)


def _truth(ctx: Context, a: Arguments, x: Tensor, index: Tensor, into: Dim) -> Tensor:
    """Some are true; or none is not."""
    if a.name == "all":
        x = ctx.emit("not", [x], x.type, a.span)
    most = _segment(ctx, "max", ctx.cast(x, "int", a.span), index, into, a.span)
    some = Type("bool", most.type.dims)
    return ctx.emit("gt" if a.name == "any" else "eq", [most, ctx.tensor(0, a.span)], some, a.span)


def _segment(ctx: Context, name: str, x: Tensor, index: Tensor, into: Dim, span: Span) -> Tensor:
    others: Sequence[Dim] = [d for d in x.type.dims if index.type.dim(d) is None]
    return ctx.emit(f"segment_{name}", [x, index], x.type.with_dims((into, *others)), span)
