# SPDX-License-Identifier: Apache-2.0
"""One function per IR op: from operands and attributes to the type of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hepq.compiler.ir import node as ir
from hepq.compiler.ir.node import Node
from hepq.core.types import ONE, Dim, Type, Unit, merge_dims


class RuleError(ValueError):
    """An op is applied to operands or attributes it does not take."""


Attrs = Mapping[str, Any]
Rule = Callable[[Sequence[Node], Attrs, Type | None], Type]


def same_dims(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Same dims in the same order; names of entries do not matter."""
    return [_shape(d) for d in a] == [_shape(d) for d in b]


def _shape(dim: Dim) -> tuple[object, ...]:
    return (*dim.key, dim.size, dim.bound)


def require(condition: bool, message: str) -> None:
    if not condition:
        raise RuleError(message)


def _union(dims: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    seen: dict[tuple[str, int], Dim] = {}
    for dim in (d for group in dims for d in group):
        other = seen.setdefault(dim.key, dim)
        require(_shape(dim) == _shape(other), f"dim {dim} has two sizes")
    return merge_dims(dims)


def _own_order(dims: tuple[Dim, ...], declared: Sequence[Dim] | None) -> tuple[Dim, ...]:
    """``dims`` in the declared order, if that is a permutation of them."""
    if declared is None or sorted(d.key for d in declared) != sorted(d.key for d in dims):
        return dims
    return tuple(next(d for d in dims if d.key == o.key) for o in declared)


def _own(type: Type, declared: Type | None) -> Type:
    return type.with_dims(_own_order(type.dims, declared.dims if declared else None))


def _find(type: Type, dim: Dim) -> Dim:
    found = type.dim(dim)
    if found is None:
        raise RuleError(f"no dim {dim} in {type}")
    require(_shape(found) == _shape(dim), f"dim {dim} has two sizes")
    return found


def _elem(node: Node, *allowed: str) -> None:
    require(node.type.elem in allowed, f"operand of elem {node.type.elem}, needs {' or '.join(allowed)}")


def _same(nodes: Sequence[Node]) -> None:
    """Operands agree in elem and unit."""
    first = nodes[0].type
    for node in nodes[1:]:
        require(node.type.elem == first.elem, f"operands of elem {first.elem} and {node.type.elem}")
        require(node.type.unit == first.unit, f"operands in {first.unit} and {node.type.unit}")


def _without(dims: Sequence[Dim], drop: Sequence[Dim]) -> tuple[Dim, ...]:
    keys = {d.key for d in drop}
    return tuple(d for d in dims if d.key not in keys)


def _replace(dims: Sequence[Dim], old: Dim, *new: Dim) -> tuple[Dim, ...]:
    return tuple(n for d in dims for n in (new if d.key == old.key else (d,)))


def _static(*dims: Dim) -> None:
    for dim in dims:
        require(dim.size is not None, f"dim {dim} must be static")


# --- leaves ---------------------------------------------------------------------------------


def leaf(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    if declared is None:
        raise RuleError("a leaf needs a declared type")
    return declared


def param(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    type = leaf(operands, attrs, declared)
    _static(*type.dims)
    require(type.elem == "real", "a param is real")
    return type


def const(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    value = attrs["value"]
    elem = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
    if declared is None:
        return Type(elem)  # type: ignore[arg-type]
    require(declared.elem == elem or (declared.elem, elem) == ("real", "int"), f"{value!r} is no {declared.elem}")
    require(not declared.dims, "a const is a scalar")
    return declared


def iota(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int", (attrs["dim"],))


def count(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int")


# --- elementwise ----------------------------------------------------------------------------

_INT_UNARY = frozenset({"neg", "abs", "sign"})


def unary(op: str) -> Rule:
    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        (x,) = operands
        _elem(x, *(("bool",) if op == "not" else ("real", "int") if op in _INT_UNARY else ("real",)))
        unit = x.type.unit
        if op == "sqrt":
            unit = unit ** Fraction(1, 2)
        elif op == "sign":
            unit = ONE
        elif op not in ("neg", "abs"):
            require(unit.dimensionless, f"needs a number, not {unit}")
        return _own(replace(x.type, unit=unit), declared)

    return rule


def _power(base: Node, exponent: Node) -> Unit:
    require(exponent.type.unit.dimensionless, "exponent is not a number")
    if base.type.unit.dimensionless:
        return ONE
    require(exponent.op == "const", f"a power of {base.type.unit} needs a constant exponent")
    return base.type.unit ** Fraction(exponent["value"]).limit_denominator(1000)


def binary(op: str) -> Rule:
    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        a, b = operands
        if op in ("and", "or"):
            allowed: tuple[str, ...] = ("bool",)
        elif op in ("eq", "ne"):
            allowed = ("real", "int", "bool")
        else:
            allowed = ("real",) if op in ("div", "pow", "atan2", "hypot") else ("real", "int")
        _elem(a, *allowed)
        require(a.type.elem == b.type.elem, f"operands of elem {a.type.elem} and {b.type.elem}")
        if op == "mul":
            unit = a.type.unit * b.type.unit
        elif op == "div":
            unit = a.type.unit / b.type.unit
        elif op == "pow":
            unit = _power(a, b)
        else:
            _same(operands)
            unit = ONE if op == "atan2" or op in ir.COMPARE else a.type.unit
        elem = "bool" if op in ir.COMPARE else a.type.elem
        return _own(Type(elem, _union([a.type.dims, b.type.dims]), unit), declared)

    return rule


def where(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    cond, a, b = operands
    _elem(cond, "bool")
    _elem(a, "real", "int", "bool")
    _same((a, b))
    return _own(a.type.with_dims(_union([n.type.dims for n in operands])), declared)


_CASTS = {"bool": {"bool", "int", "real"}, "int": {"int", "real"}, "real": {"real", "int"}, "index": {"int"}}


def cast(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,) = operands
    elem = declared.elem if declared else "real"
    require(elem in _CASTS.get(x.type.elem, ()), f"no cast from {x.type.elem} to {elem}")
    require(elem == "real" or x.type.unit.dimensionless, f"needs a number, not {x.type.unit}")
    return _own(Type(elem, x.type.dims, x.type.unit), declared)


# --- shape ----------------------------------------------------------------------------------


def rename(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), src, dst = operands, attrs["src"], attrs["dst"]
    _find(x.type, src)
    require((src.size, src.bound) == (dst.size, dst.bound), f"dims {src} and {dst} differ in size")
    require(not src.ragged or src.name == dst.name, f"ragged dim {src} may only be primed, not become {dst}")
    return x.type.with_dims(_replace(x.type.dims, src, dst))


def transpose(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return _own(operands[0].type, declared)


def stack(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim = attrs["dim"]
    _elem(operands[0], "real", "int", "bool")
    _same(operands)
    require(dim.size == len(operands), f"dim {dim} of size {dim.size} stacks {len(operands)} operands")
    dims = _own_order(_union([n.type.dims for n in operands]), declared.dims[:-1] if declared else None)
    return operands[0].type.with_dims((*dims, dim))


def concat(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim, along = attrs["dim"], attrs["along"]
    _elem(operands[0], "real", "int", "bool")
    _same(operands)
    require(len(along) == len(operands), "one dim in along per operand")
    _static(dim, *along)
    parts = [_find(n.type, d) for n, d in zip(operands, along, strict=True)]
    require(sum(d.size or 0 for d in parts) == dim.size, f"sizes do not add up to dim {dim} of size {dim.size}")
    rest = _union([_without(n.type.dims, [d]) for n, d in zip(operands, parts, strict=True)])
    return operands[0].type.with_dims((*_own_order(rest, declared.dims[:-1] if declared else None), dim))


def pick(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, index = operands, attrs["dim"], attrs["index"]
    _static(_find(x.type, dim))
    require(0 <= index < dim.size, f"index {index} outside dim {dim} of size {dim.size}")
    return x.type.with_dims(_without(x.type.dims, [dim]))


def slice_(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, start, dst = operands, attrs["dim"], attrs["start"], attrs["dst"]
    _static(_find(x.type, dim), dst)
    require(start >= 0 and start + dst.size <= dim.size, f"entries {start}..{start + dst.size} outside dim {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, dst))


def unflatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, (outer, inner) = operands, attrs["dim"], attrs["into"]
    _static(_find(x.type, dim), outer, inner)
    require(outer.size * inner.size == dim.size, f"{outer.size} x {inner.size} is not the size of {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, outer, inner))


def flatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), (outer, inner), dst = operands, attrs["dims"], attrs["dst"]
    _static(_find(x.type, outer), _find(x.type, inner), dst)
    keys = [d.key for d in x.type.dims]
    require(keys.index(inner.key) == keys.index(outer.key) + 1, f"dims {outer}, {inner} are not adjacent in {x.type}")
    require(outer.size * inner.size == dst.size, f"{outer.size} x {inner.size} is not the size of {dst}")
    return x.type.with_dims(_replace(_without(x.type.dims, [inner]), outer, dst))


# --- contraction, reduction, neighbours -----------------------------------------------------


def contract(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    a, b = operands
    _elem(a, "real", "int")
    require(a.type.elem == b.type.elem, f"operands of elem {a.type.elem} and {b.type.elem}")
    for dim in attrs["over"]:
        _find(a.type, dim), _find(b.type, dim)
    dims = _without(_union([a.type.dims, b.type.dims]), attrs["over"])
    return _own(Type(a.type.elem, dims, a.type.unit * b.type.unit), declared)


def reduce(op: str) -> Rule:
    elems = {"reduce_mean": ("real",), "reduce_any": ("bool",), "reduce_all": ("bool",)}.get(op, ("real", "int"))

    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        (x,) = operands
        _elem(x, *elems)
        require(len(attrs["over"]) > 0, "reduces over no dim")
        for dim in attrs["over"]:
            _find(x.type, dim)
        return x.type.with_dims(_without(x.type.dims, attrs["over"]))

    return rule


def knn(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (pos,), over, coord, nbr = operands, attrs["over"], attrs["coord"], attrs["nbr"]
    _elem(pos, "real")
    _static(_find(pos.type, coord), nbr)
    _find(pos.type, over)
    require(len(pos.type.dims) == 2, f"points must be [{over}, {coord}], not {pos.type}")
    require(attrs["short"] in ("zero", "self"), f"short is zero or self, not {attrs['short']}")
    return Type("index", (over, nbr), into=over)


def gather(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, idx = operands
    _elem(x, "real", "int", "bool")
    into = idx.type.into
    if idx.type.elem != "index" or into is None:
        raise RuleError(f"second operand is {idx.type}, not an index")
    others = _without(x.type.dims, [_find(x.type, into)])
    _union([idx.type.dims, others])
    return x.type.with_dims((*idx.type.dims, *_without(others, idx.type.dims)))


def window(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, win, dst = operands, attrs["dim"], attrs["win"], attrs["dst"]
    _elem(x, "real", "int", "bool")
    _find(x.type, dim)
    _static(win)
    require(attrs["stride"] >= 1 and attrs["pad"] >= 0, "stride is at least 1, pad at least 0")
    if dim.ragged:
        require(_shape(dim) == _shape(dst) and attrs["stride"] == 1, f"on ragged {dim}: stride 1 and dst = {dim}")
    else:
        _static(dst)
    return x.type.with_dims((*_replace(x.type.dims, dim, dst), win))


def batch_norm(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, *stats = operands
    channel = _find(x.type, attrs["channel"])
    _static(channel)
    for node in operands:
        _elem(node, "real")
        require(node.type.unit.dimensionless, f"needs numbers, not {node.type.unit}")
    for node in stats:
        require(same_dims(node.type.dims, [channel]), f"w, b, mean, var must be [{channel}], not {node.type}")
    return x.type


def dropout(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    _elem(operands[0], "real")
    require(0 <= attrs["p"] < 1, "p is in 0..1")
    return operands[0].type


def stop_gradient(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return operands[0].type
