# SPDX-License-Identifier: Apache-2.0
"""The type rule of every IR op: operand count, attributes, result type.

``infer`` is a function of (op, operands, attrs); the verifier recomputes every node's type with it.
Where the IR leaves a choice to the node (a leaf's type, the target of a cast, the order of an
elementwise result's dims), the node's own ``declared`` type decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hepq.compiler import ir
from hepq.compiler.ir import Node
from hepq.lang.source import Span
from hepq.lang.types import ONE, Dim, Type, Unit, merge_dims


class RuleError(ValueError):
    """An op is applied to operands or attributes it does not take."""


Attrs = Mapping[str, Any]
Rule = Callable[[Sequence[Node], Attrs, Type | None], Type]


def infer(op: str, operands: Sequence[Node], attrs: Attrs, declared: Type | None = None) -> Type:
    """Type of ``op`` on ``operands``. Raises ``RuleError`` saying which rule is broken."""
    if op not in RULES:
        raise RuleError(f"unknown op {op!r}")
    count, kinds, rule = RULES[op]
    if len(operands) != count if count is not None else not operands:
        raise RuleError(f"takes {count or 'at least 1'} operand(s), has {len(operands)}")
    if missing := kinds.keys() - attrs.keys():
        raise RuleError(f"lacks attribute {', '.join(sorted(missing))}")
    if extra := attrs.keys() - kinds.keys():
        raise RuleError(f"has unknown attribute {', '.join(sorted(extra))}")
    for name, kind in kinds.items():
        if not kind(attrs[name]):
            raise RuleError(f"attribute {name} = {attrs[name]!r} is of the wrong kind")
    type = rule(operands, attrs, declared)
    _require(len({d.key for d in type.dims}) == len(type.dims), f"a dim occurs twice in {type}")
    return type


def make(op: str, *operands: Node, type: Type | None = None, span: Span | None = None, **attrs: Any) -> Node:
    """A node with its type inferred (``type`` is the declared type). Raises ``RuleError``."""
    return Node(op, operands, attrs, infer(op, operands, attrs, type), span)


def same_dims(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Same dims in the same order; names of entries do not matter."""
    return [_shape(d) for d in a] == [_shape(d) for d in b]


def _shape(dim: Dim) -> tuple[object, ...]:
    return (*dim.key, dim.size, dim.bound)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RuleError(message)


def _union(dims: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    seen: dict[tuple[str, int], Dim] = {}
    for dim in (d for group in dims for d in group):
        other = seen.setdefault(dim.key, dim)
        _require(_shape(dim) == _shape(other), f"dim {dim} has two sizes")
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
    _require(_shape(found) == _shape(dim), f"dim {dim} has two sizes")
    return found


def _elem(node: Node, *allowed: str) -> None:
    _require(node.type.elem in allowed, f"operand of elem {node.type.elem}, needs {' or '.join(allowed)}")


def _same(nodes: Sequence[Node]) -> None:
    """Operands agree in elem and unit."""
    first = nodes[0].type
    for node in nodes[1:]:
        _require(node.type.elem == first.elem, f"operands of elem {first.elem} and {node.type.elem}")
        _require(node.type.unit == first.unit, f"operands in {first.unit} and {node.type.unit}")


def _without(dims: Sequence[Dim], drop: Sequence[Dim]) -> tuple[Dim, ...]:
    keys = {d.key for d in drop}
    return tuple(d for d in dims if d.key not in keys)


def _replace(dims: Sequence[Dim], old: Dim, *new: Dim) -> tuple[Dim, ...]:
    return tuple(n for d in dims for n in (new if d.key == old.key else (d,)))


def _static(*dims: Dim) -> None:
    for dim in dims:
        _require(dim.size is not None, f"dim {dim} must be static")


# --- leaves ---------------------------------------------------------------------------------


def _leaf(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    if declared is None:
        raise RuleError("a leaf needs a declared type")
    return declared


def _param(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    type = _leaf(operands, attrs, declared)
    _static(*type.dims)
    _require(type.elem == "real", "a param is real")
    return type


def _const(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    value = attrs["value"]
    elem = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
    if declared is None:
        return Type(elem)  # type: ignore[arg-type]
    _require(declared.elem == elem or (declared.elem, elem) == ("real", "int"), f"{value!r} is no {declared.elem}")
    _require(not declared.dims, "a const is a scalar")
    return declared


def _iota(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int", (attrs["dim"],))


def _count(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int")


# --- elementwise ----------------------------------------------------------------------------

_INT_UNARY = frozenset({"neg", "abs", "sign"})


def _unary(op: str) -> Rule:
    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        (x,) = operands
        _elem(x, *(("bool",) if op == "not" else ("real", "int") if op in _INT_UNARY else ("real",)))
        unit = x.type.unit
        if op == "sqrt":
            unit = unit ** Fraction(1, 2)
        elif op == "sign":
            unit = ONE
        elif op not in ("neg", "abs"):
            _require(unit.dimensionless, f"needs a number, not {unit}")
        return _own(replace(x.type, unit=unit), declared)

    return rule


def _power(base: Node, exponent: Node) -> Unit:
    _require(exponent.type.unit.dimensionless, "exponent is not a number")
    if base.type.unit.dimensionless:
        return ONE
    _require(exponent.op == "const", f"a power of {base.type.unit} needs a constant exponent")
    return base.type.unit ** Fraction(exponent["value"]).limit_denominator(1000)


def _binary(op: str) -> Rule:
    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        a, b = operands
        if op in ("and", "or"):
            allowed: tuple[str, ...] = ("bool",)
        elif op in ("eq", "ne"):
            allowed = ("real", "int", "bool")
        else:
            allowed = ("real",) if op in ("div", "pow", "atan2", "hypot") else ("real", "int")
        _elem(a, *allowed)
        _require(a.type.elem == b.type.elem, f"operands of elem {a.type.elem} and {b.type.elem}")
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


def _where(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    cond, a, b = operands
    _elem(cond, "bool")
    _elem(a, "real", "int", "bool")
    _same((a, b))
    return _own(a.type.with_dims(_union([n.type.dims for n in operands])), declared)


_CASTS = {"bool": {"bool", "int", "real"}, "int": {"int", "real"}, "real": {"real", "int"}, "index": {"int"}}


def _cast(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,) = operands
    elem = declared.elem if declared else "real"
    _require(elem in _CASTS.get(x.type.elem, ()), f"no cast from {x.type.elem} to {elem}")
    _require(elem == "real" or x.type.unit.dimensionless, f"needs a number, not {x.type.unit}")
    return _own(Type(elem, x.type.dims, x.type.unit), declared)


# --- shape ----------------------------------------------------------------------------------


def _rename(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), src, dst = operands, attrs["src"], attrs["dst"]
    _find(x.type, src)
    _require((src.size, src.bound) == (dst.size, dst.bound), f"dims {src} and {dst} differ in size")
    _require(not src.ragged or src.name == dst.name, f"ragged dim {src} may only be primed, not become {dst}")
    return x.type.with_dims(_replace(x.type.dims, src, dst))


def _transpose(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return _own(operands[0].type, declared)


def _stack(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim = attrs["dim"]
    _elem(operands[0], "real", "int", "bool")
    _same(operands)
    _require(dim.size == len(operands), f"dim {dim} of size {dim.size} stacks {len(operands)} operands")
    dims = _own_order(_union([n.type.dims for n in operands]), declared.dims[:-1] if declared else None)
    return operands[0].type.with_dims((*dims, dim))


def _concat(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim, along = attrs["dim"], attrs["along"]
    _elem(operands[0], "real", "int", "bool")
    _same(operands)
    _require(len(along) == len(operands), "one dim in along per operand")
    _static(dim, *along)
    parts = [_find(n.type, d) for n, d in zip(operands, along, strict=True)]
    _require(sum(d.size or 0 for d in parts) == dim.size, f"sizes do not add up to dim {dim} of size {dim.size}")
    rest = _union([_without(n.type.dims, [d]) for n, d in zip(operands, parts, strict=True)])
    return operands[0].type.with_dims((*_own_order(rest, declared.dims[:-1] if declared else None), dim))


def _pick(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, index = operands, attrs["dim"], attrs["index"]
    _static(_find(x.type, dim))
    _require(0 <= index < dim.size, f"index {index} outside dim {dim} of size {dim.size}")
    return x.type.with_dims(_without(x.type.dims, [dim]))


def _slice(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, start, dst = operands, attrs["dim"], attrs["start"], attrs["dst"]
    _static(_find(x.type, dim), dst)
    _require(start >= 0 and start + dst.size <= dim.size, f"entries {start}..{start + dst.size} outside dim {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, dst))


def _unflatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, (outer, inner) = operands, attrs["dim"], attrs["into"]
    _static(_find(x.type, dim), outer, inner)
    _require(outer.size * inner.size == dim.size, f"{outer.size} x {inner.size} is not the size of {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, outer, inner))


def _flatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), (outer, inner), dst = operands, attrs["dims"], attrs["dst"]
    _static(_find(x.type, outer), _find(x.type, inner), dst)
    keys = [d.key for d in x.type.dims]
    _require(keys.index(inner.key) == keys.index(outer.key) + 1, f"dims {outer}, {inner} are not adjacent in {x.type}")
    _require(outer.size * inner.size == dst.size, f"{outer.size} x {inner.size} is not the size of {dst}")
    return x.type.with_dims(_replace(_without(x.type.dims, [inner]), outer, dst))


# --- contraction, reduction, neighbours -----------------------------------------------------


def _contract(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    a, b = operands
    _elem(a, "real", "int")
    _require(a.type.elem == b.type.elem, f"operands of elem {a.type.elem} and {b.type.elem}")
    for dim in attrs["over"]:
        _find(a.type, dim), _find(b.type, dim)
    dims = _without(_union([a.type.dims, b.type.dims]), attrs["over"])
    return _own(Type(a.type.elem, dims, a.type.unit * b.type.unit), declared)


def _reduce(op: str) -> Rule:
    elems = {"reduce_mean": ("real",), "reduce_any": ("bool",), "reduce_all": ("bool",)}.get(op, ("real", "int"))

    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        (x,) = operands
        _elem(x, *elems)
        _require(len(attrs["over"]) > 0, "reduces over no dim")
        for dim in attrs["over"]:
            _find(x.type, dim)
        return x.type.with_dims(_without(x.type.dims, attrs["over"]))

    return rule


def _knn(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (pos,), over, coord, nbr = operands, attrs["over"], attrs["coord"], attrs["nbr"]
    _elem(pos, "real")
    _static(_find(pos.type, coord), nbr)
    _find(pos.type, over)
    _require(len(pos.type.dims) == 2, f"points must be [{over}, {coord}], not {pos.type}")
    _require(attrs["short"] in ("zero", "self"), f"short is zero or self, not {attrs['short']}")
    return Type("index", (over, nbr), into=over)


def _gather(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, idx = operands
    _elem(x, "real", "int", "bool")
    into = idx.type.into
    if idx.type.elem != "index" or into is None:
        raise RuleError(f"second operand is {idx.type}, not an index")
    others = _without(x.type.dims, [_find(x.type, into)])
    _union([idx.type.dims, others])
    return x.type.with_dims((*idx.type.dims, *_without(others, idx.type.dims)))


def _window(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, win, dst = operands, attrs["dim"], attrs["win"], attrs["dst"]
    _elem(x, "real", "int", "bool")
    _find(x.type, dim)
    _static(win)
    _require(attrs["stride"] >= 1 and attrs["pad"] >= 0, "stride is at least 1, pad at least 0")
    if dim.ragged:
        _require(_shape(dim) == _shape(dst) and attrs["stride"] == 1, f"on ragged {dim}: stride 1 and dst = {dim}")
    else:
        _static(dst)
    return x.type.with_dims((*_replace(x.type.dims, dim, dst), win))


def _batch_norm(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, *stats = operands
    channel = _find(x.type, attrs["channel"])
    _static(channel)
    for node in operands:
        _elem(node, "real")
        _require(node.type.unit.dimensionless, f"needs numbers, not {node.type.unit}")
    for node in stats:
        _require(same_dims(node.type.dims, [channel]), f"w, b, mean, var must be [{channel}], not {node.type}")
    return x.type


def _dropout(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    _elem(operands[0], "real")
    _require(0 <= attrs["p"] < 1, "p is in 0..1")
    return operands[0].type


# --- the table ------------------------------------------------------------------------------

Kind = Callable[[Any], bool]


def _is(*types: type) -> Kind:
    return lambda v: isinstance(v, types) and (bool in types or not isinstance(v, bool))


_DIM, _INT, _NUM, _STR = _is(Dim), _is(int), _is(int, float), _is(str)


def _DIMS(v: Any) -> bool:
    return isinstance(v, tuple) and all(isinstance(d, Dim) for d in v) and len({d.key for d in v}) == len(v)


def _ALONG(v: Any) -> bool:
    return isinstance(v, tuple) and all(isinstance(d, Dim) for d in v)


def _PAIR(v: Any) -> bool:
    return _DIMS(v) and len(v) == 2


def _INIT(v: Any) -> bool:
    sizes = {"constant": 1, "uniform": 2, "normal": 2, "xavier_uniform": 0, "kaiming_uniform": 0}
    return isinstance(v, tuple) and len(v) > 0 and sizes.get(v[0]) == len(v) - 1 and all(map(_NUM, v[1:]))


#: op -> (operand count, None = any; attribute name -> kind; type rule)
RULES: dict[str, tuple[int | None, dict[str, Kind], Rule]] = {
    "input": (0, {"name": _STR}, _leaf),
    "param": (0, {"path": _STR, "init": _INIT, "trainable": _is(bool)}, _param),
    "const": (0, {"value": _is(bool, int, float)}, _const),
    "iota": (0, {"dim": _DIM}, _iota),
    "count": (0, {"dim": _DIM}, _count),
    **{op: (1, {}, _unary(op)) for op in ir.UNARY},
    **{op: (2, {}, _binary(op)) for op in ir.BINARY},
    "where": (3, {}, _where),
    "cast": (1, {}, _cast),
    "rename": (1, {"src": _DIM, "dst": _DIM}, _rename),
    "transpose": (1, {}, _transpose),
    "stack": (None, {"dim": _DIM}, _stack),
    "concat": (None, {"along": _ALONG, "dim": _DIM}, _concat),
    "pick": (1, {"dim": _DIM, "index": _INT}, _pick),
    "slice": (1, {"dim": _DIM, "start": _INT, "dst": _DIM}, _slice),
    "unflatten": (1, {"dim": _DIM, "into": _PAIR}, _unflatten),
    "flatten": (1, {"dims": _PAIR, "dst": _DIM}, _flatten),
    "contract": (2, {"over": _DIMS}, _contract),
    **{op: (1, {"over": _DIMS}, _reduce(op)) for op in ir.REDUCE},
    "knn": (1, {"over": _DIM, "coord": _DIM, "nbr": _DIM, "short": _STR}, _knn),
    "gather": (2, {}, _gather),
    "window": (1, {"dim": _DIM, "win": _DIM, "stride": _INT, "pad": _INT, "dst": _DIM}, _window),
    "batch_norm": (5, {"channel": _DIM, "eps": _NUM, "momentum": _NUM}, _batch_norm),
    "dropout": (1, {"p": _NUM}, _dropout),
}
