# SPDX-License-Identifier: Apache-2.0
"""Dims made in the event in random modules: chosen, ordered, combined and joined entries, sums by an index."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

from hepq.compiler.ir.infer import RuleError, make
from hepq.compiler.ir.node import Node, made_by, topological
from hepq.core.types import Dim, Type

if TYPE_CHECKING:
    from tests.support.generate import Builder

_JOIN = {"real": "reduce_mean", "int": "reduce_max", "bool": "reduce_any"}
#: entries of a dim that combinations are made of
_FEW = 8


def closed(node: Node) -> Node:
    """``node`` without dims that events make, and numbers for an index: what every back end hands out."""
    if node.type.elem == "index":
        node = make("cast", node, type=Type("int", node.type.dims))
    made = {d.name for n in topological([node]) if (d := made_by(n)) is not None}
    over = tuple(d for d in node.type.dims if d.name in made)
    return make(_JOIN[node.type.elem], node, over=over) if over else node


def _dim(b: Builder, node: Node, most: int = 10**9) -> Dim:
    return b.dim(node, lambda d: d.ragged and not d.primes and (d.bound or 0) <= most)


def _over(b: Builder, dim: Dim, elem: str = "real") -> Node:
    return b.any(elem, lambda n: n.type.dim(dim) is not None)


def _key(b: Builder, dim: Dim) -> Node:
    """Exact numbers over ``dim``, often over it alone."""
    x = b.exactly(b.choose(["real", "real", "int", "bool"]), lambda n: n.type.dim(dim) is not None)
    others = [d for d in x.type.dims if d.key != dim.key]
    if others and b.choose([True, True, False]):
        join = {"real": "reduce_max", "int": "reduce_min", "bool": "reduce_all"}[x.type.elem]
        x = b.make(join, x, over=tuple(others))
    return x


def _fresh(b: Builder, kind: str, bound: int) -> Dim:
    taken = {d.name for n in topological(b.pool) if (d := made_by(n)) is not None}
    return Dim(next(f"{kind}{i}" for i in range(len(taken) + 1) if f"{kind}{i}" not in taken), bound=bound)


def _found(b: Builder, dim: Dim, index: Node) -> Node:
    """The index is something to draw, and what it finds."""
    b.pool.append(index)
    return b.make("gather", _over(b, dim), index)


def filtered(b: Builder) -> Node:
    dim = _dim(b, b.any())
    key = b.exactly("real", lambda n: n.type.dim(dim) is not None)
    if others := tuple(d for d in key.type.dims if d.key != dim.key):
        key = b.make("reduce_max", key, over=others)
    mask = b.make(b.choose(["gt", "le"]), key, b.const(b.choose([0.0, 0.5])), jumps=True)
    dst = _fresh(b, "kept", b.choose([dim.bound, dim.bound, 2]) if (dim.bound or 0) > 1 else 1)
    return _found(b, dim, b.make("filter", mask, dim=dim, dst=dst))


def ordered(b: Builder) -> Node:
    dim = _dim(b, b.any())
    keys = [_key(b, dim) for _ in range(b.choose([1, 1, 2]))]
    best = _fresh(b, "best", b.choose([n for n in (1, 2, 5) if n <= (dim.bound or 0)]))
    dst = b.choose([dim, best, b.fresh(b.choose([1, 3, 9]), *b.pool)])
    down = tuple(b.choose([True, False]) for _ in keys)
    return _found(b, dim, b.make("argsort", *keys, jumps=True, dim=dim, dst=dst, descending=down))


def combined(b: Builder) -> Node:
    dim = _dim(b, b.any(), most=_FEW)
    k = b.choose([2, 2, 3])
    x = _over(b, dim)
    slot = b.fresh(k, *b.pool)
    dst = _fresh(b, "sets", b.choose([max(1, comb(dim.bound or 0, k)), 5]))
    index = b.make("combinations", x, dim=dim, dst=dst, slot=slot)
    b.pool.append(index)
    y = b.make("gather", x, index)
    return b.make(b.choose(["reduce_sum", "reduce_max"]), y, over=(slot,)) if b.choose([True, True, False]) else y


def united(b: Builder) -> Node:
    x, y = b.any(), b.any()
    dims = (_dim(b, x, 20), _dim(b, y, 20))
    dst = _fresh(b, "both", b.choose([sum(d.bound or 0 for d in dims), 6]))
    parts = [b.make("gather", v, b.make("unite", x, y, dims=dims, part=i, dst=dst)) for i, v in enumerate((x, y))]
    return b.make("add", *parts)


def numbered(b: Builder) -> Node:
    of = b.any()
    dim = _dim(b, of)
    return _found(b, dim, b.make("number", b.exactly("int"), of, dim=dim, jumps=True))


def looked_up_twice(b: Builder) -> Node:
    """An index through an index."""
    first = b.any("index", lambda n: any(d.ragged for d in n.type.dims))
    dim = _dim(b, first)
    second = b.any("index", lambda n: n.type.into == dim)
    return _found(b, first.type.into, b.make("gather", first, second))  # type: ignore[arg-type]


def cumulated(b: Builder) -> Node:
    x = b.any(b.choose(["real", "real", "int"]))
    y = b.make("cumsum", x, over=b.dim(x))
    return b.make("mul", y, b.const(0.25)) if x.type.elem == "real" else b.make("sign", y)


def by_index(b: Builder) -> Node:
    idx = b.any("index", lambda n: bool(n.type.dims))
    x = b.any("real", lambda n: all(n.type.dim(d) is not None for d in idx.type.dims))
    op = b.choose(["segment_sum", "segment_max", "segment_min"])
    if x.type.dims and any(d.key == idx.type.into.key for d in x.type.dims if idx.type.dim(d) is None):  # type: ignore[union-attr]
        raise RuleError("a dim twice")
    y = b.make(op, x, idx)
    return b.make("mul", y, b.const(0.25)) if op == "segment_sum" else y


RECIPES = (filtered, ordered, combined, united, numbered, looked_up_twice, cumulated, by_index, by_index)
