# SPDX-License-Identifier: Apache-2.0
"""What random modules have of graphs: neighbours, several graphs over one value, weights over what a graph adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hepq.compiler.ir.node import Node
from hepq.core.types import Dim

if TYPE_CHECKING:
    from tests.support.generate import Builder


def edges(b: Builder) -> Node:
    """Neighbours by position, then something of theirs, often beside something of one's own."""
    pos = b.exactly(where=lambda n: len(n.type.dims) == 2 and len([d for d in n.type.dims if d.ragged]) == 1)
    over, coord = sorted(pos.type.dims, key=lambda d: not d.ragged)
    k = Dim("nbr", b.choose([1, 3]))
    idx = b.make("knn", pos, jumps=True, over=over, coord=coord, nbr=k, short=b.choose(["zero", "self"]))
    x = b.any(where=lambda n: n.type.dim(over) is not None)
    near = b.make("gather", x, idx)
    kind = b.choose(["gather", "diff", "concat"])
    if kind == "gather":
        return near
    diff = b.make("sub", near, x)
    if kind == "diff":
        return diff
    along = b.dim(x, lambda d: not d.ragged)
    return b.make("concat", x, diff, along=(along, along), dim=b.fresh(2 * (along.size or 0), x, near))


def edge_conv(b: Builder) -> Node:
    x = edges(b)
    dim = b.dim(x, lambda d: not d.ragged and d.name != "nbr")
    out = b.fresh(b.choose([2, 4]), x)
    y = b.make("contract", x, b.param((out, dim)), over=(dim,))
    return b.make("mul", y, b.const(1 / math.sqrt(dim.size or 1)))


def two_graphs(b: Builder) -> Node:
    """One value looked up by two graphs, and a linear map of both."""
    pos = b.exactly(where=lambda n: len(n.type.dims) == 2 and len([d for d in n.type.dims if d.ragged]) == 1)
    over, coord = sorted(pos.type.dims, key=lambda d: not d.ragged)
    x, k = b.any(where=lambda n: n.type.dim(over) is not None), Dim("nbr", b.choose([1, 3]))
    short = b.choose(["zero", "self"])
    near, there = (
        b.make("gather", x, b.make("knn", p, jumps=True, over=over, coord=coord, nbr=k, short=short))
        for p in (pos, b.make(b.choose(["abs", "floor"]), pos))
    )
    along = b.dim(x, lambda d: not d.ragged)
    if b.choose([True, False]):
        both = b.make("concat", near, there, along=(along, along), dim=b.fresh(2 * (along.size or 0), near))
        along = both.type.dims[near.type.dims.index(along)]
    else:
        both = b.make(b.choose(["add", "sub"]), near, there)
    y = b.make("contract", both, b.param((b.fresh(b.choose([2, 4]), both), along)), over=(along,))
    return b.make("mul", y, b.const(1 / math.sqrt(along.size or 1)))


def weighted_neighbours(b: Builder) -> Node:
    """Weights over the very dim that a graph adds, in a sum over it, in one over channels, or each by each."""
    near = b.any(where=lambda n: any(d.name == "nbr" for d in n.type.dims))
    nbr = next(d for d in near.type.dims if d.name == "nbr")
    kind = b.choose(["neighbours", "channels", "each"])
    if kind == "each":
        return b.make("mul", near, b.param((nbr,)))
    channel = b.dim(near, lambda d: not d.ragged and d.name != "nbr")
    out, over = b.choose([[], [b.fresh(2, near)]]), nbr if kind == "neighbours" else channel
    y = b.make(
        "contract",
        near,
        b.param((*out, *b.choose([[], [channel]]), nbr) if over is nbr else (*out, nbr, channel)),
        over=(over,),
    )
    return b.make("mul", y, b.const(0.25))


RECIPES = (edges, edge_conv, two_graphs, weighted_neighbours)
