# SPDX-License-Identifier: Apache-2.0
"""Built-ins that move data between dims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from hepq.core.source import Span
from hepq.core.types import ENERGY, LORENTZ, Dim, Elem, Type, anonymous, merge_dims
from hepq.lang.elaborate import arithmetic, presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin, in_tensor, read, unread
from hepq.lang.elaborate.builtins.rows import count_by
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.circuits.states import Slot, State
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import declared
from hepq.lang.elaborate.phrasing import convert_help, kind
from hepq.lang.elaborate.signature import evaluated, rename
from hepq.lang.elaborate.values import Builtin, Function, Value
from hepq.lang.syntax import ast


@builtin("last", "x")
def _last(ctx: Context, a: Arguments) -> Value:
    """``last(x)``: the last dim of a tensor, its channel."""
    x = a.tensor("x")
    if not x.type.dims:
        ctx.error("HQ0213", a.span, name="last", found=x.type, help="a single number has no dims")
    return x.type.dims[-1]


@builtin("prime", "x dim", dims="dim")
def _prime(ctx: Context, a: Arguments) -> Value:
    """``prime(x, part)``: the same values over ``part'``."""
    value = a.value("x")
    x = Tensor(None, Type("real", value.dims)) if isinstance(value, State) else a.tensor("x")
    dim = a.dim_in("dim", x)
    if x.type.dim(dim.prime()) is not None:
        ctx.error("HQ0204", a.span, dim=dim.prime())
    return _primed(ctx, value, dim, a.span) if isinstance(value, State) else rename(ctx, x, dim, dim.prime(), a.span)


def _primed(ctx: Context, state: State, dim: Dim, span: Span) -> State:
    """The same circuit for the entries of ``dim'``."""
    new = {
        s: s if s.tensor.type.dim(dim) is None else Slot(rename(ctx, s.tensor, dim, dim.prime(), span))
        for s in state.slots
    }
    dims = tuple(d.prime() if d.key == dim.key else d for d in state.dims)
    return State(state.register, None if state.gates is None else state.with_slots(new), dims)


@builtin("rename", "x src dst", dims="src dst")
def _rename(ctx: Context, a: Arguments) -> Value:
    """``rename(x, a, b)``: dim ``a`` is called ``b`` from here on; both have one size."""
    x = a.tensor("x")
    src, dst = a.dim_in("src", x), a.dim("dst")
    if (src.size, src.bound) != (dst.size, dst.bound):
        ctx.error("HQ0203", a.where("dst"), dim=dst, left=src.size or src.bound, right=dst.size or dst.bound)
    if x.type.dim(dst) is not None:
        ctx.error("HQ0204", a.where("dst"), dim=dst)
    if src.ragged and src.name != dst.name:
        ctx.error("HQ0223", a.where("dst"), src=src, dst=dst, base=src.name)
    return rename(ctx, x, src, dst, a.span)


@builtin("stack", "dim", variadic=True, dims="dim")
def _stack(ctx: Context, a: Arguments) -> Value:
    """``stack(a, b, dim=u)``: values become the entries of a new last dim."""
    xs, spans = [ctx.tensor(v, s) for v, s in a.rest], [s for _, s in a.rest]
    if not xs:
        ctx.error("HQ0415", a.span, name="x", what="stack")
    dim = a.dim("dim") if "dim" in a else anonymous(len(xs))
    _holds(ctx, dim, len(xs), a, "dim")
    _one_unit(ctx, xs, spans, a.span, "stack")
    dims = arithmetic.align(ctx, xs, spans)
    if any(d.key == dim.key for d in dims):
        ctx.error("HQ0204", a.span, dim=dim)
    return ctx.emit("stack", xs, Type(_elem(xs), (*dims, dim), xs[0].type.unit), a.span, dim=dim)


def _holds(ctx: Context, dim: Dim, size: int, a: Arguments, name: str) -> None:
    """The new dim, which the argument ``name`` says, has that many entries."""
    if dim.open:
        ctx.unsized(dim, a.where(name))
    if dim.size != size:
        ctx.error("HQ0214", a.where(name), dim=dim, size=dim.size or dim.bound, found=size)


def _one_unit(ctx: Context, xs: Sequence[Tensor], spans: Sequence[Span], span: Span, op: str) -> None:
    for x, s in zip(xs, spans, strict=True):
        if x.type.elem == "index":
            ctx.error("HQ0304", s, found=x.type)
        if x.type.unit != xs[0].type.unit:
            arithmetic.units_differ(ctx, op, [xs[0].type.unit, x.type.unit], span, [spans[0], s])
        if LORENTZ in x.type.dims:
            ctx.error("HQ0305", s, op=op, left=x.type, right="")


def _elem(xs: Sequence[Tensor]) -> Elem:
    elems = {x.type.elem for x in xs}
    return elems.pop() if len(elems) == 1 else "real"


@builtin("concat", "dim", variadic=True, dims="dim")
def _concat(ctx: Context, a: Arguments) -> Value:
    """``concat(a, b)``: the last dims joined end to end; ``dim=`` names the joined dim."""
    xs, spans = [ctx.tensor(v, s) for v, s in a.rest], [s for _, s in a.rest]
    if not xs:
        ctx.error("HQ0415", a.span, name="x", what="concat")
    _one_unit(ctx, xs, spans, a.span, "concat")
    for x, s in zip(xs, spans, strict=True):
        if not x.type.dims or x.type.dims[-1].ragged:
            ctx.error("HQ0213", s, name="concat", found=x.type, help="the last dim of each part needs a fixed size")
    along = tuple(x.type.dims[-1] for x in xs)
    total = sum(ctx.size(d, s) for d, s in zip(along, spans, strict=True))
    dim = a.dim("dim") if "dim" in a else anonymous(total)
    _holds(ctx, dim, total, a, "dim")
    heads = [replace(x, type=x.type.with_dims(x.type.dims[:-1])) for x in xs]
    dims = merge_dims([h.type.dims for h in heads])
    arithmetic.align(ctx, heads, spans)
    return ctx.emit("concat", xs, Type(_elem(xs), (*dims, dim), xs[0].type.unit), a.span, along=along, dim=dim)


@builtin("split", "x dim into", dims="dim into")
def _split(ctx: Context, a: Arguments) -> Value:
    """``split(x, chan, [a, b])``: consecutive pieces along a dim, as a tuple."""
    x, dims = a.tensor("x"), a.dims("into", distinct=False)
    dim = a.dim_in("dim", x)
    size, sizes = ctx.size(dim, a.where("dim")), [ctx.size(d, a.where("into")) for d in dims]
    if sum(sizes) != size:
        ctx.error("HQ0215", a.where("into"), dim=dim, size=size, found=" + ".join(map(str, sizes)))
    pieces, start = [], 0
    for d, width in zip(dims, sizes, strict=True):
        t = x.type.with_dims(d if e.key == dim.key else e for e in x.type.dims)
        pieces.append(ctx.emit("slice", [x], t, a.span, dim=dim, start=start, dst=d))
        start += width
    return tuple(pieces)


@builtin("unflatten", "x dim into", dims="dim into")
def _unflatten(ctx: Context, a: Arguments) -> Value:
    """``unflatten(x, chan, [head, sub])``: one dim as two, row by row."""
    x, into = a.tensor("x"), a.dims("into")
    dim = a.dim_in("dim", x)
    size, sizes = ctx.size(dim, a.where("dim")), [ctx.size(d, a.where("into")) for d in into]
    if len(into) != 2 or prod(sizes) != size:
        ctx.error("HQ0215", a.where("into"), dim=dim, size=size, found=" * ".join(map(str, sizes)))
    at = [d.key for d in x.type.dims].index(dim.key)
    dims = (*x.type.dims[:at], *into, *x.type.dims[at + 1 :])
    if len({d.key for d in dims}) < len(dims):
        ctx.error("HQ0204", a.span, dim=into[0])
    return ctx.emit("unflatten", [x], x.type.with_dims(dims), a.span, dim=dim, into=into)


@builtin("flatten", "x dims dst", dims="dims dst")
def _flatten(ctx: Context, a: Arguments) -> Value:
    """``flatten(x, [head, sub], chan)``: two dims as one, row by row; it takes the last place."""
    x = a.tensor("x")
    pair = tuple(in_tensor(ctx, d, x, a.where("dims")) for d in a.dims("dims"))
    if len(pair) != 2 or any(d.ragged for d in pair):
        ctx.error("HQ0213", a.where("dims"), name="flatten", found=x.type, help="name two dims of fixed size")
    size = prod(ctx.size(d, a.where("dims")) for d in pair)
    dst = a.dim("dst") if "dst" in a else anonymous(size)
    _holds(ctx, dst, size, a, "dst")
    keys = {d.key for d in pair}
    rest = tuple(d for d in x.type.dims if d.key not in keys)
    if x.type.dims != (*rest, *pair):
        x = ctx.emit("transpose", [x], x.type.with_dims((*rest, *pair)), a.span)
    return ctx.emit("flatten", [x], x.type.with_dims((*rest, dst)), a.span, dims=pair, dst=dst)


@unread("p4")
def _p4(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``p4(px=, py=, pz=, energy=)``; with ``pt, eta, phi`` and ``energy`` or ``mass`` it is converted."""
    given = {arg.name for arg in args}
    if "pt" in given:
        name = "from_pt_eta_phi_mass" if "mass" in given else "from_pt_eta_phi_energy"
        convert = declared(ctx, "std.hep", name, span)
        assert isinstance(convert, Function), name
        return call_function(ctx, convert, evaluated(ctx, args), span)
    a = read(ctx, fn, args, span, LORENTZ.entries)
    xs, spans = [a.tensor(k) for k in LORENTZ.entries], [a.where(k) for k in LORENTZ.entries]
    for x, s in zip(xs, spans, strict=True):
        if x.type.unit != ENERGY:
            ctx.error("HQ0308", s, found=kind(x.type.unit), wanted=kind(ENERGY), what="a component of `p4`",
                      help=convert_help(ENERGY, x.type.unit, s.text.split("=")[-1].strip()))  # fmt: skip
    _one_unit(ctx, xs, spans, span, "p4")
    dims = arithmetic.align(ctx, xs, spans)
    return ctx.emit("stack", xs, Type("real", (*dims, LORENTZ), ENERGY), span, dim=LORENTZ)


@builtin("count", "dim by", dims="dim")
def _count(ctx: Context, a: Arguments) -> Value:
    """``count(part)``: how many this event has. ``count(by=index)``: how often each entry is named."""
    if "by" in a and "dim" not in a:
        return count_by(ctx, a)
    return presence.entries(ctx, _dim_argument(ctx, a), a.span)


@builtin("position", "dim", dims="dim")
def _position(ctx: Context, a: Arguments) -> Value:
    """``position(part)``: 0, 1, 2 … along a dim."""
    return presence.positions(ctx, _dim_argument(ctx, a), a.span)


def _dim_argument(ctx: Context, a: Arguments) -> Dim:
    dim = a.dim("dim")
    if dim.ragged and ctx.collections is not None and dim.name not in ctx.collections:
        ctx.error("HQ0224", a.where("dim"), dim=dim.base)
    return dim
