# SPDX-License-Identifier: Apache-2.0
"""New objects of others: chosen, ordered and cut; combined; united; looked up."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.event import Data, Fact
from hepq.lang.elaborate.objects import NO_BOUND, Combination, Known, Rows, Union, View, looked_up
from hepq.lang.elaborate.values import Objects, Value, describe

#: a value to order by, and whether the largest is first
Key = tuple[Tensor, bool]
MOST_PARTS = 8
MOST_UNITED = 64


def data(ctx: Context, span: Span | None = None) -> Data:
    if ctx.data is None:
        assert span is not None
        ctx.error("HQ0660", span, name=span.text[:40])
    return ctx.data


def objects(ctx: Context, value: Value, span: Span) -> Objects:
    """The objects that a value is; a ragged dim is one, without values of its own."""
    data(ctx, span)
    if isinstance(value, Dim) and value.ragged:
        return Rows(str(value), value)
    if not isinstance(value, Objects):
        ctx.error("HQ0661", span, found=describe(value))
    return value


def objects_over(ctx: Context, dim: Dim) -> list[Objects]:
    """Those known here whose entries are those of ``dim``."""
    known = (*ctx.frame.locals.values(), *data(ctx).objects.values())
    return [o for o in known if isinstance(o, Objects) and o.dim is not None and o.dim.key == dim.key]


def owner_of(ctx: Context, dim: Dim, each: Dim, span: Span) -> Tensor:
    """Which entry of ``each`` every entry of ``dim`` is in the list of. Reports HQ0671 where nothing says it."""
    for made in objects_over(ctx, dim):
        owner = made.owner(ctx, span)
        while isinstance(owner, View) and owner.index.type.into is not None:
            if owner.index.type.into.key == each.key:
                return owner.index
            owner = owner.owner(ctx, span)
    return ctx.error("HQ0671", span, each=each, dim=dim)


def dim_of(ctx: Context, chosen: Objects, span: Span) -> Dim:
    if chosen.dim is None:
        ctx.error("HQ0661", span, found=f"`{chosen.name}`, of which each event has one,")
    return chosen.dim


def chosen(
    ctx: Context, name: str, base: Objects, mask: Tensor | None, keys: Sequence[Key], limit: int | None, span: Span
) -> Objects:
    """Entries of ``base`` where ``mask`` is true, in the order of ``keys``, the first ``limit`` of them.

    Of a nested collection: in each of its lists.
    """
    parent = dim_of(ctx, base, span)
    most = parent.size if parent.size is not None else parent.bound or NO_BOUND
    if (owner := base.owner(ctx, span)) is not None:
        keys = [(ctx.cast(owner.index, "int", span), False), *keys] if keys else keys
        made = _chosen(ctx, name if limit is None else f"{name}_uncut", base, mask, keys, most, span)
        return made if limit is None else _first_of_each(ctx, name, made, limit, span)
    return _chosen(ctx, name, base, mask, keys, min(most, limit or most), span)


def _chosen(
    ctx: Context, name: str, base: Objects, mask: Tensor | None, keys: Sequence[Key], few: int, span: Span
) -> View:
    parent = dim_of(ctx, base, span)
    most = parent.size if parent.size is not None else parent.bound or NO_BOUND
    among: Dim = parent
    index: Tensor | None = None
    whole = mask is None
    if mask is not None or not keys:
        if mask is None:
            mask = presence.any_over(ctx, parent, span)
        called = data(ctx).free_name(f"{name}_any" if keys else name, mask.handle, most if keys else few)
        among = Dim(called, bound=most if keys else few)
        index = ctx.emit("filter", [mask], Type("index", (among,), into=parent), span, dim=parent, dst=among)
        _made(ctx, among, parent, index, (data(ctx).some(parent),) if whole else ())
    if keys:
        values = [k if index is None else at(ctx, k, index, span) for k, _ in keys]
        down = tuple(d for _, d in keys)
        dst = Dim(data(ctx).free_name(name, *(v.handle for v in values), down, few), bound=few)
        order = ctx.emit(
            "argsort", values, Type("index", (dst,), into=among), span, dim=among, dst=dst, descending=down
        )  # fmt: skip
        index = order if index is None else at(ctx, index, order, span)
        _made(ctx, dst, parent, index, (data(ctx).some(among),))
        among = dst
    assert index is not None
    made = View(name, among, base, index)
    made.known = frozenset() if mask is None else mask.says
    return made


def _first_of_each(ctx: Context, name: str, base: View, limit: int, span: Span) -> View:
    """The first ``limit`` entries of each list of a nested collection."""
    owner, dim = base.owner(ctx, span), dim_of(ctx, base, span)
    assert owner is not None
    assert owner.index.type.into is not None
    place = presence.positions(ctx, dim, span)
    first = ctx.emit("segment_min", [place, owner.index], Type("int", (owner.index.type.into,)), span)
    rank = ctx.emit("sub", [place, at(ctx, first, owner.index, span)], place.type, span)
    mask = ctx.emit("lt", [rank, ctx.tensor(limit, span)], Type("bool", (dim,)), span)
    made = _chosen(ctx, name, base, mask, (), NO_BOUND, span)
    data(ctx).most[made.dim.key] = limit  # type: ignore[union-attr]
    return made


def at(ctx: Context, x: Tensor, index: Tensor, span: Span) -> Tensor:
    into = index.type.into
    assert into is not None
    dims = (*index.type.dims, *(d for d in x.type.dims if d.key != into.key))
    return ctx.emit("gather", [x, index], x.type.with_dims(dims), span)


def _made(ctx: Context, dim: Dim, parent: Dim | None, of: Tensor, since: tuple[Fact, ...] = ()) -> None:
    """Note a dim whose entries the event decides."""
    known = data(ctx)
    known.since[dim.key] = since
    known.over[dim.key] = of
    if parent is not None:
        known.parents[dim.key] = (parent.key,)
    if dim.bound == 1:
        known.single[dim.key] = known.some(dim)


def item(ctx: Context, base: Objects, number: int, span: Span) -> Objects:
    """``jet[3]``: one entry, which is there if there are enough."""
    parent = dim_of(ctx, base, span)
    if number < 0:
        help = f"order them the other way, and take the first: `object last = {base.name} by … take 1`"
        ctx.error("HQ0404", span, wanted="the number of an entry, from 0 on", found=describe(number), help=help)
    assert isinstance(base, Known)
    if number in base.items:
        return base.items[number]
    place = presence.positions(ctx, parent, span)
    mask = ctx.emit("eq", [place, ctx.tensor(number, span)], Type("bool", (parent,)), span)
    made = chosen(ctx, f"{base.name}[{number}]", base, mask, (), 1, span)
    assert made.dim is not None
    data(ctx).single[made.dim.key] = Fact(base.name, parent.name, number + 1)
    base.items[number] = made
    return made


def combinations(ctx: Context, base: Objects, k: int, span: Span) -> Combination:
    """Every choice of ``k`` entries, in their order."""
    parent = dim_of(ctx, base, span)
    if not 2 <= k <= MOST_PARTS:
        ctx.error("HQ0665", span, wanted=f"2 to {MOST_PARTS} entries in each combination", found=k)
    most = comb(parent.bound or 0, k) if (parent.bound or 0) < NO_BOUND else NO_BOUND
    name = data(ctx).naming or f"combinations_of_{base.name}"
    of, slot = presence.any_value(ctx, parent, span), Dim(str(k), k)
    dim = Dim(data(ctx).free_name(name, of.handle, k), bound=min(max(most, 1), NO_BOUND))
    t = Type("index", (dim, slot), into=parent)
    index = ctx.emit("combinations", [of], t, span, dim=parent, dst=dim, slot=slot)
    numbers = [ctx.emit("pick", [index], Type("index", (dim,), into=parent), span, dim=slot, index=i) for i in range(k)]
    _made(ctx, dim, None, numbers[0], (Fact(parent.name, parent.name, k),))
    return Combination(name, dim, {f"part{i}": View(base.name, dim, base, n) for i, n in enumerate(numbers)})


def named_parts(ctx: Context, value: Objects, names: Sequence[str], span: Span) -> Combination:
    """A combination whose parts have these names."""
    if not isinstance(value, Combination):
        ctx.error("HQ0665", span, wanted="`combinations(…)` before `as`", found=f"`{value.name}`")
    if len(names) != len(value.parts) or len(set(names)) != len(names):
        ctx.error("HQ0665", span, wanted=f"{len(value.parts)} different names", found=", ".join(names))
    return Combination(value.name, value.dim, dict(zip(names, value.parts.values(), strict=True)))


def union(ctx: Context, parts: Sequence[Objects], span: Span) -> Union:
    """The entries of each in turn."""
    dims = tuple(dim_of(ctx, p, span) for p in parts)
    name = data(ctx).naming or "_or_".join(p.name for p in parts)
    of = [presence.any_value(ctx, d, span) for d in dims]
    dst = Dim(data(ctx).free_name(name, *(o.handle for o in of)), bound=min(sum(d.bound or 0 for d in dims), NO_BOUND))
    views = []
    for i, (part, dim) in enumerate(zip(parts, dims, strict=True)):
        index = ctx.emit("unite", of, Type("index", (dst,), into=dim), span, dims=dims, part=i, dst=dst)
        views.append(View(part.name, dst, part, index))
    _made(ctx, dst, None, views[0].index, tuple(data(ctx).some(d) for d in dims))
    data(ctx).parents[dst.key] = tuple(d.key for d in dims)
    return Union(name, dst, views)


def along(ctx: Context, x: Value, where: Objects, span: Span) -> Value:
    """``Jet.pt[lead]``: the value at the entries of a sub-dim; ``Jet[lead]``: the objects."""
    dims = {x.dim.key} if isinstance(x, Objects) and x.dim is not None else set()
    dims |= {d.key for d in x.type.dims} if isinstance(x, Tensor) else set()
    view, index, optional = where, None, False
    while isinstance(view, View):
        index = view.index if index is None else at(ctx, view.index, index, span)
        optional = optional or view.optional
        if index.type.into is not None and index.type.into.key in dims:
            if isinstance(x, Objects):
                return View(where.name, where.dim, x, index, optional=optional)
            return looked_up(ctx, x, View(where.name, where.dim, view.base, index, optional=optional), span)
        view = view.base
    origin = where.base.name if isinstance(where, View) else None
    help = None if origin is None else f"`{where.name}` was made of `{origin}`: use a value of that"
    return ctx.error("HQ0666", span, found=describe(x), name=where.name, help=help)


def part_of(ctx: Context, base: Objects, other: Objects, span: Span) -> Tensor:
    """bool over ``base``: whether an entry is in any of ``other``, or a part of any."""
    dim = dim_of(ctx, base, span)
    found: Tensor | None = None
    for index in _indices(ctx, other, dim, span):
        ones = ctx.cast(presence.any_over(ctx, index.type.dims[0], span), "int", span)
        seen = ctx.emit("segment_max", [ones, index], Type("int", (dim,)), span)
        mine = ctx.emit("gt", [seen, ctx.tensor(0, span)], Type("bool", (dim,)), span)
        found = mine if found is None else ctx.emit("or", [found, mine], mine.type, span)
    if found is not None:
        return found
    if not isinstance(base, View):
        help = f"ask it of what was chosen from `{base.name}`, or combined of it"
        ctx.error("HQ0666", span, found=f"`{base.name}`", name=other.name, help=help)
    return at(ctx, part_of(ctx, base.base, other, span), base.index, span)


def _indices(ctx: Context, other: Objects, into: Dim, span: Span) -> list[Tensor]:
    """Of entries of ``into`` that are in ``other``."""
    ctx.spend(1, span)
    if isinstance(other, Combination):
        return [i for p in other.parts.values() for i in _indices(ctx, p, into, span)]
    if isinstance(other, Union):
        return [i for p in other.parts for i in _indices(ctx, p, into, span)]
    if not isinstance(other, View):
        return []
    if other.index.type.into is not None and other.index.type.into.key == into.key:
        return [other.index]
    return [at(ctx, i, other.index, span) for i in _indices(ctx, other.base, into, span)]


def apart(ctx: Context, base: Objects, span: Span) -> Objects:
    """The same objects over a copy of their dim, for pairs with those that they are among."""
    dim = dim_of(ctx, base, span)
    copy = dim.prime()
    of = presence.any_value(ctx, dim, span)
    place = presence.positions(ctx, dim, span)
    copied = ctx.emit("rename", [place], Type("int", (copy,)), span, src=dim, dst=copy)
    index = ctx.emit("number", [copied, of], Type("index", (copy,), into=dim), span, dim=dim)
    data(ctx).over[copy.key] = index
    return View(base.name, copy, base, index)
