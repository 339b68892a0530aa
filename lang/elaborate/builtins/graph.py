# SPDX-License-Identifier: Apache-2.0
"""Built-ins of models: contraction, neighbours, windows, normalisation."""

from __future__ import annotations

from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, Type, merge_dims
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin, in_tensor, unitless
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.values import Value, describe


@builtin("dot", "a b over", dims="over")
def _dot(ctx: Context, a: Arguments) -> Value:
    """``dot(a, b, over=chan)``: sum of products over dims both have; the others align by name."""
    x, y = a.tensor("a"), a.tensor("b")
    over = a.dims("over")
    for t, key in ((x, "a"), (y, "b")):
        if LORENTZ in t.type.dims and LORENTZ in over:
            ctx.error("HQ0305", a.span, op="dot", left=x.type, right=y.type)
        if t.type.elem not in ("real", "int"):
            ctx.error("HQ0304", a.where(key), found=t.type)
        for d in over:
            have = in_tensor(ctx, d, t, a.where(key))
            if (have.size, have.bound) != (d.size, d.bound):
                ctx.error("HQ0203", a.where(key), dim=d, left=d.size or d.bound, right=have.size or have.bound)
    keys = {d.key for d in over}
    dims = tuple(d for d in merge_dims([x.type.dims, y.type.dims]) if d.key not in keys)
    result = Type("real", dims, x.type.unit * y.type.unit)
    return ctx.emit("contract", [x, y], result, a.span, over=over)


@builtin("knn", "pos over", "k short", dims="over")
def _knn(ctx: Context, a: Arguments) -> Value:
    """``knn[k, short="self"](pos, over=part)``: indices of each point's k nearest others."""
    pos = unitless(ctx, a.tensor("pos"), a.where("pos"), "knn")
    over = a.dim_in("over", pos)
    k = a.integer("k")
    if not 0 < k <= 1024:
        ctx.error("HQ0206", a.where("k"), size=k, help="a point has from 1 to 1024 neighbours")
    short = a.value("short") if "short" in a else "self"
    if short not in ("self", "zero"):
        ctx.error("HQ0404", a.where("short"), wanted='"self" or "zero" for `short`', found=describe(short))
    coord = tuple(d for d in pos.type.dims if d.key != over.key)
    if len(coord) != 1 or coord[0].ragged:
        shown = f"positions have the dim of the points and one of coordinates: `real[{over}, xy]`"
        ctx.error("HQ0213", a.where("pos"), name="knn", found=pos.type, help=shown)
    nbr = Dim("nbr", k)
    t = Type("index", (over, nbr), into=over)
    return ctx.emit("knn", [pos], t, a.span, over=over, coord=coord[0], nbr=nbr, short=short)


@builtin("window", "x over", "win stride pad", dims="over")
def _window(ctx: Context, a: Arguments) -> Value:
    """``window[win, stride, pad](x, over=seq)``: sliding windows as a new last dim ``win``.

    ``pad="same"`` (the default) and ``"causal"`` keep the length, with stride 1: zeros on both sides, or all of them
    before, so that a window ends where it stands. With a number, that many zeros go before and after, windows start
    ``stride`` apart, and ``seq`` must have a fixed length.
    """
    x, win = a.tensor("x"), a.dim("win")
    seq, stride = a.dim_in("over", x), a.integer("stride", 1)
    width = ctx.size(win, a.where("win"))
    if seq.open:
        ctx.unsized(seq, a.where("over"))
    if stride < 1:
        ctx.error("HQ0206", a.where("stride"), size=stride)
    mode = a.value("pad") if "pad" in a else "same"
    if isinstance(mode, str):
        if mode not in ("same", "causal"):
            ctx.error("HQ0404", a.where("pad"), wanted='"same", "causal" or a number for `pad`', found=describe(mode))
        if stride != 1 and "pad" in a:
            ctx.error("HQ0404", a.where("pad"), wanted="a number for `pad` with this stride", found=describe(mode))
        if stride != 1:
            ctx.error("HQ0415", a.span, name="pad", what="window")
        dst, pad = seq, (width - 1) // 2 if mode == "same" else width - 1
    else:
        pad = a.integer("pad")
        if seq.size is None:
            ctx.error("HQ0211", a.where("over"), dim=seq)
        length = (seq.size + 2 * pad - width) // stride + 1
        if length < 1 or pad < 0:
            ctx.error("HQ0206", a.span, size=length)
        dst = seq if length == seq.size else Dim(str(length) if seq.anonymous else seq.name, length)
    dims = (*(dst if d.key == seq.key else d for d in x.type.dims), win)
    if len({d.key for d in dims}) < len(dims):
        ctx.error("HQ0204", a.span, dim=win)
    return ctx.emit("window", [x], x.type.with_dims(dims), a.span, dim=seq, win=win, stride=stride, pad=pad, dst=dst)


@builtin("batch_norm", "x weight bias mean var", "eps momentum")
def _batch_norm(ctx: Context, a: Arguments) -> Value:
    """``batch_norm[eps, momentum](x, weight, bias, mean, var)`` along the dim of ``weight``."""
    keys = ["weight", "bias", "mean", "var"]
    x = unitless(ctx, a.tensor("x"), a.where("x"), "batch_norm")
    stats = [a.tensor(k) for k in keys]
    channel = in_tensor(ctx, _only_dim(ctx, stats[0], a.where("weight")), x, a.where("x"))
    if channel.ragged:
        ctx.error("HQ0211", a.where("weight"), dim=channel)
    for s, k in zip(stats, keys, strict=True):
        if [d.key for d in s.type.dims] != [channel.key]:
            ctx.error("HQ0212", a.where(k), dim=channel, found=s.type)
    return ctx.emit("batch_norm", [x, *stats], Type("real", x.type.dims), a.span, channel=channel,
                    eps=a.number("eps", 1e-5), momentum=a.number("momentum", 0.1))  # fmt: skip


def _only_dim(ctx: Context, x: Tensor, span: Span) -> Dim:
    if len(x.type.dims) != 1:
        ctx.error("HQ0213", span, name="batch_norm", found=x.type)
    return x.type.dims[0]


@builtin("dropout", "x", "p")
def _dropout(ctx: Context, a: Arguments) -> Value:
    """``dropout[p](x)``"""
    x, p = a.tensor("x"), a.number("p", 0.1)
    if not 0 <= p < 1:
        ctx.error("HQ0404", a.where("p"), wanted="a probability below 1 for `p`", found=p)
    return ctx.emit("dropout", [x], x.type, a.span, p=p)


@builtin("stop_gradient", "x")
def _stop_gradient(ctx: Context, a: Arguments) -> Value:
    """``stop_gradient(x)``: x, a constant to the derivative."""
    x = a.tensor("x")
    return ctx.emit("stop_gradient", [x], x.type, a.span)
