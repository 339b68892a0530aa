# SPDX-License-Identifier: Apache-2.0
"""The type rule of every IR op: operand count, attributes, result type.

``infer`` is a function of (op, operands, attrs); the verifier recomputes every node's type with it.
Where the IR leaves a choice to the node (a leaf's type, the target of a cast, the order of an
elementwise result's dims), the node's own ``declared`` type decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from hepq.compiler.ir.node import Node
from hepq.core.axes import BinAxis
from hepq.core.circuits import Circuit
from hepq.core.ops.row import Op
from hepq.core.ops.rules import Rules
from hepq.core.ops.table import BINARY, OPS, REDUCE, SEGMENT, UNARY
from hepq.core.source import Span
from hepq.core.types import ONE, Dim, Type, Unit, merge_dims


class RuleError(ValueError):
    """An op is applied to operands or attributes it does not take."""


Attrs = Mapping[str, Any]
Rule = Callable[[Sequence[Node], Attrs, Type | None], Type]
#: op -> (operands, attributes, declared type) -> type
RULES: Rules[Rule] = Rules("type rules")


def infer(op: str, operands: Sequence[Node], attrs: Attrs, declared: Type | None = None) -> Type:
    """Type of ``op`` on ``operands``. Raises ``RuleError`` saying which rule is broken."""
    if op not in RULES:
        raise RuleError(f"unknown op {op!r}")
    row = OPS[op]
    if len(operands) != row.arity if row.arity is not None else not operands:
        raise RuleError(f"takes {row.arity or 'at least 1'} operand(s), has {len(operands)}")
    if missing := row.attrs.keys() - attrs.keys():
        raise RuleError(f"lacks attribute {', '.join(sorted(missing))}")
    if extra := attrs.keys() - row.attrs.keys():
        raise RuleError(f"has unknown attribute {', '.join(sorted(extra))}")
    for name, kind in row.attrs.items():
        if not _KINDS[kind](attrs[name]):
            raise RuleError(f"attribute {name} = {attrs[name]!r} is of the wrong kind")
    if row.takes:
        _elem(operands[0], *row.takes)
    type = RULES[op](operands, attrs, declared)
    require(len({d.key for d in type.dims}) == len(type.dims), f"a dim occurs twice in {type}")
    return type


def make(op: str, *operands: Node, type: Type | None = None, span: Span | None = None, **attrs: Any) -> Node:
    """A node with its type inferred (``type`` is the declared type). Raises ``RuleError``."""
    return Node(op, operands, attrs, infer(op, operands, attrs, type), span)


# --- attributes -----------------------------------------------------------------------------

Kind = Callable[[Any], bool]
#: param initialisers and how many numbers they take: ("constant", v) ("uniform", lo, hi) ("normal", mean, std)
#: ("xavier_uniform",) ("kaiming_uniform",): fans: its first and second dim
INITS = {"constant": 1, "uniform": 2, "normal": 2, "xavier_uniform": 0, "kaiming_uniform": 0}


def _is(*types: type) -> Kind:
    return lambda v: isinstance(v, types) and (bool in types or not isinstance(v, bool))


def _along(v: Any) -> bool:
    return isinstance(v, tuple) and all(isinstance(d, Dim) for d in v)


def _dims(v: Any) -> bool:
    return _along(v) and len({d.key for d in v}) == len(v)


def _init(v: Any) -> bool:
    return isinstance(v, tuple) and len(v) > 0 and INITS.get(v[0]) == len(v) - 1 and all(map(_KINDS["number"], v[1:]))


_KINDS: dict[str, Kind] = {
    "dim": _is(Dim), "int": _is(int), "number": _is(int, float), "text": _is(str), "flag": _is(bool),
    "value": _is(bool, int, float), "init": _init, "dims": _dims, "dim of each": _along,
    "flags": lambda v: isinstance(v, tuple) and all(isinstance(f, bool) for f in v),
    "two dims": lambda v: _dims(v) and len(v) == 2, "circuit": _is(Circuit), "dim or none": _is(Dim, type(None)),
    "axis": _is(BinAxis),
    "ints": lambda v: isinstance(v, tuple) and len(v) > 0 and all(map(_KINDS["int"], v)),
    "numbers": lambda v: isinstance(v, tuple) and len(v) > 0 and all(map(_KINDS["number"], v)),
    "observables": lambda v: isinstance(v, tuple) and len(v) > 0 and all(isinstance(terms, tuple) for terms in v),
}  # fmt: skip

# --- helpers --------------------------------------------------------------------------------


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


@RULES("input")
def _input(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    if declared is None:
        raise RuleError("a leaf needs a declared type")
    return declared


@RULES("param")
def _param(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    type = _input(operands, attrs, declared)
    _static(*type.dims)
    require(type.elem == "real", "a param is real")
    return type


@RULES("const")
def _const(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    value = attrs["value"]
    elem = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
    if declared is None:
        return Type(elem)  # type: ignore[arg-type]
    require(declared.elem == elem or (declared.elem, elem) == ("real", "int"), f"{value!r} is no {declared.elem}")
    require(not declared.dims, "a const is a scalar")
    return declared


@RULES("iota")
def _iota(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int", (attrs["dim"],))


@RULES("count")
def _count(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return Type("int")


# --- elementwise ----------------------------------------------------------------------------


def _elementwise(op: Op) -> Rule:
    def rule(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
        elem = operands[0].type.elem
        for other in operands[1:]:
            require(other.type.elem == elem, f"operands of elem {elem} and {other.type.elem}")
        unit = _unit(op, operands)
        return _own(Type(op.gives or elem, _union([o.type.dims for o in operands]), unit), declared)

    return rule


RULES.update((op, _elementwise(OPS[op])) for op in UNARY | BINARY)


def _unit(op: Op, operands: Sequence[Node]) -> Unit:
    first, *others = (o.type.unit for o in operands)
    match op.unit:
        case "product":
            return first * others[0]
        case "quotient":
            return first / others[0]
        case "power":
            return _power(*operands)
        case "root":
            return first ** Fraction(1, 2)
    _same(operands)
    require(op.unit != "number" or first.dimensionless, f"needs a number, not {first}")
    return ONE if op.unit == "none" else first


def _power(base: Node, exponent: Node) -> Unit:
    require(exponent.type.unit.dimensionless, "exponent is not a number")
    if base.type.unit.dimensionless:
        return ONE
    require(exponent.op == "const", f"a power of {base.type.unit} needs a constant exponent")
    return base.type.unit ** Fraction(exponent["value"]).limit_denominator(1000)


@RULES("where")
def _where(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    _, a, b = operands
    _elem(a, "real", "int", "bool")
    _same((a, b))
    return _own(a.type.with_dims(_union([n.type.dims for n in operands])), declared)


_CASTS = {"bool": {"bool", "int", "real"}, "int": {"int", "real"}, "real": {"real", "int"}, "index": {"int"}}


@RULES("cast")
def _cast(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,) = operands
    elem = declared.elem if declared else "real"
    require(elem in _CASTS.get(x.type.elem, ()), f"no cast from {x.type.elem} to {elem}")
    require(elem == "real" or x.type.unit.dimensionless, f"needs a number, not {x.type.unit}")
    return _own(Type(elem, x.type.dims, x.type.unit), declared)


# --- counting -------------------------------------------------------------------------------


@RULES("bin")
def _bin(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return _own(Type("int", operands[0].type.dims), declared)


@RULES("lookup")
def _lookup(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    whole = all(isinstance(v, int) for v in attrs["values"])
    return _own(Type("int" if whole else "real", operands[0].type.dims), declared)


@RULES("noise")
def _noise(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    _elem(operands[1], "int")
    return _own(Type("real", _union([o.type.dims for o in operands])), declared)


@RULES("cut")
def _cut(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    require(attrs["number"] >= 0, "cuts are numbered from 0")
    _elem(operands[1], "bool")
    return _own(Type("int", _union([o.type.dims for o in operands])), declared)


# --- shape ----------------------------------------------------------------------------------


@RULES("rename")
def _rename(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), src, dst = operands, attrs["src"], attrs["dst"]
    _find(x.type, src)
    require((src.size, src.bound) == (dst.size, dst.bound), f"dims {src} and {dst} differ in size")
    require(not src.ragged or src.name == dst.name, f"ragged dim {src} may only be primed, not become {dst}")
    return x.type.with_dims(_replace(x.type.dims, src, dst))


@RULES("transpose")
def _transpose(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return _own(operands[0].type, declared)


@RULES("stack")
def _stack(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim = attrs["dim"]
    _same(operands)
    require(dim.size == len(operands), f"dim {dim} of size {dim.size} stacks {len(operands)} operands")
    dims = _own_order(_union([n.type.dims for n in operands]), declared.dims[:-1] if declared else None)
    return operands[0].type.with_dims((*dims, dim))


@RULES("concat")
def _concat(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim, along = attrs["dim"], attrs["along"]
    _same(operands)
    require(len(along) == len(operands), "one dim in along per operand")
    _static(dim, *along)
    parts = [_find(n.type, d) for n, d in zip(operands, along, strict=True)]
    require(sum(d.size or 0 for d in parts) == dim.size, f"sizes do not add up to dim {dim} of size {dim.size}")
    rest = _union([_without(n.type.dims, [d]) for n, d in zip(operands, parts, strict=True)])
    return operands[0].type.with_dims((*_own_order(rest, declared.dims[:-1] if declared else None), dim))


@RULES("pick")
def _pick(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, index = operands, attrs["dim"], attrs["index"]
    _static(_find(x.type, dim))
    require(0 <= index < dim.size, f"index {index} outside dim {dim} of size {dim.size}")
    return x.type.with_dims(_without(x.type.dims, [dim]))


@RULES("slice")
def _slice(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, start, dst = operands, attrs["dim"], attrs["start"], attrs["dst"]
    _static(_find(x.type, dim), dst)
    require(start >= 0 and start + dst.size <= dim.size, f"entries {start}..{start + dst.size} outside dim {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, dst))


@RULES("unflatten")
def _unflatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, (outer, inner) = operands, attrs["dim"], attrs["into"]
    _static(_find(x.type, dim), outer, inner)
    require(outer.size * inner.size == dim.size, f"{outer.size} x {inner.size} is not the size of {dim}")
    return x.type.with_dims(_replace(x.type.dims, dim, outer, inner))


@RULES("flatten")
def _flatten(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), (outer, inner), dst = operands, attrs["dims"], attrs["dst"]
    _static(_find(x.type, outer), _find(x.type, inner), dst)
    keys = [d.key for d in x.type.dims]
    require(keys.index(inner.key) == keys.index(outer.key) + 1, f"dims {outer}, {inner} are not adjacent in {x.type}")
    require(outer.size * inner.size == dst.size, f"{outer.size} x {inner.size} is not the size of {dst}")
    return x.type.with_dims(_replace(_without(x.type.dims, [inner]), outer, dst))


# --- contraction, reduction, neighbours -----------------------------------------------------


@RULES("contract")
def _contract(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    a, b = operands
    require(a.type.elem == b.type.elem, f"operands of elem {a.type.elem} and {b.type.elem}")
    for dim in attrs["over"]:
        _find(a.type, dim), _find(b.type, dim)
    dims = _without(_union([a.type.dims, b.type.dims]), attrs["over"])
    return _own(Type(a.type.elem, dims, a.type.unit * b.type.unit), declared)


@RULES(*REDUCE)
def _reduce(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,) = operands
    require(len(attrs["over"]) > 0, "reduces over no dim")
    for dim in attrs["over"]:
        _find(x.type, dim)
    return x.type.with_dims(_without(x.type.dims, attrs["over"]))


@RULES("knn")
def _knn(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (pos,), over, coord, nbr = operands, attrs["over"], attrs["coord"], attrs["nbr"]
    _static(_find(pos.type, coord), nbr)
    _find(pos.type, over)
    require(len(pos.type.dims) == 2, f"points must be [{over}, {coord}], not {pos.type}")
    require(attrs["short"] in ("zero", "self"), f"short is zero or self, not {attrs['short']}")
    return Type("index", (over, nbr), into=over)


@RULES("gather")
def _gather(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, idx = operands
    into = idx.type.into
    if idx.type.elem != "index" or into is None:
        raise RuleError(f"second operand is {idx.type}, not an index")
    others = _without(x.type.dims, [_find(x.type, into)])
    _union([idx.type.dims, others])
    return x.type.with_dims((*idx.type.dims, *_without(others, idx.type.dims)))


# --- rows of one dim in another


@RULES("filter")
def _filter(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (mask,), dim, dst = operands, attrs["dim"], attrs["dst"]
    _find(mask.type, dim)
    require(len(mask.type.dims) == 1, f"a mask of {dim} is bool[{dim}], not {mask.type}")
    _fewer(dst, dim)
    return Type("index", (dst,), into=dim)


@RULES("argsort")
def _argsort(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim, dst = attrs["dim"], attrs["dst"]
    require(len(attrs["descending"]) == len(operands), "descending says one thing of each key")
    for key in operands:
        _find(key.type, dim)
        _elem(key, "real", "int", "bool")
    if dst.key == dim.key:
        require(_shape(dst) == _shape(dim), f"dim {dim} has two sizes")
    elif dst.size is None:
        _fewer(dst, dim)
    others = _without(_union([key.type.dims for key in operands]), [dim])
    return Type("index", (dst, *others), into=dim)


@RULES("combinations")
def _combinations(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dim, dst, slot = attrs["dim"], attrs["dst"], attrs["slot"]
    _find(operands[0].type, dim)
    _static(slot)
    require(dst.ragged, f"dim {dst} must be ragged")
    return Type("index", (dst, slot), into=dim)


@RULES("unite")
def _unite(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    dims, dst = attrs["dims"], attrs["dst"]
    require(len(dims) == len(operands), "one value over each dim")
    for of, dim in zip(operands, dims, strict=True):
        _find(of.type, dim)
    require(dst.ragged, f"dim {dst} must be ragged")
    require(0 <= attrs["part"] < len(dims), f"there are {len(dims)} dims")
    return Type("index", (dst,), into=dims[attrs["part"]])


@RULES("number")
def _number(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, of = operands
    _find(of.type, attrs["dim"])
    require(x.type.unit.dimensionless, f"needs a number, not {x.type.unit}")
    return Type("index", x.type.dims, into=attrs["dim"])


def _fewer(dst: Dim, dim: Dim) -> None:
    """Whether ``dst`` can hold some of ``dim``'s entries."""
    require(dst.ragged and dst.name != dim.name, f"dim {dst} must be ragged, and another than {dim}")
    require((dst.bound or 0) <= (dim.bound or dim.size or 0), f"dim {dst} may not have more entries than {dim}")


@RULES("cumsum")
def _cumsum(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    _find(operands[0].type, attrs["over"])
    return operands[0].type


@RULES(*SEGMENT)
def _segment(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, idx = operands
    into = idx.type.into
    if idx.type.elem != "index" or into is None:
        raise RuleError(f"second operand is {idx.type}, not an index")
    require(bool(idx.type.dims), "an index of no dim")
    for dim in idx.type.dims:
        _find(x.type, dim)
    return x.type.with_dims((into, *_without(x.type.dims, idx.type.dims)))


@RULES("window")
def _window(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    (x,), dim, win, dst = operands, attrs["dim"], attrs["win"], attrs["dst"]
    _find(x.type, dim)
    _static(win)
    require(attrs["stride"] >= 1 and attrs["pad"] >= 0, "stride is at least 1, pad at least 0")
    if dim.ragged:
        require(_shape(dim) == _shape(dst) and attrs["stride"] == 1, f"on ragged {dim}: stride 1 and dst = {dim}")
    else:
        _static(dst)
    return x.type.with_dims((*_replace(x.type.dims, dim, dst), win))


@RULES("batch_norm")
def _batch_norm(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    x, *stats = operands
    channel = _find(x.type, attrs["channel"])
    _static(channel)
    for node in operands:
        _elem(node, "real")
        require(node.type.unit.dimensionless, f"needs numbers, not {node.type.unit}")
    for node in stats:
        require(same_dims(node.type.dims, [channel]), f"w, b, mean, var must be [{channel}], not {node.type}")
    return x.type


@RULES("dropout")
def _dropout(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    require(0 <= attrs["p"] < 1, "p is in 0..1")
    return operands[0].type


@RULES("stop_gradient")
def _stop_gradient(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    return operands[0].type


# --- circuits: angle slots go in, numbers about measured qubits come out --------------------


@RULES("fidelity")
def _fidelity(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    left, right = attrs["left"], attrs["right"]
    require(left.qubits == right.qubits, f"circuits on {left.qubits} and {right.qubits} wires")
    dims = [_events(node, circuit) for node, circuit in zip(operands, (left, right), strict=True)]
    return _own(Type("real", merge_dims(dims)), declared)


@RULES("expect")
def _expect(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    circuit, observables, dim = attrs["circuit"], attrs["observables"], attrs["dim"]
    wires = {wire for terms in observables for _, pauli in terms for wire, _ in pauli}
    require(all(0 <= w < circuit.qubits for w in wires), f"an observable beyond {circuit.qubits} wires")
    require((1 if dim is None else dim.size) == len(observables), "one entry per observable")
    return Type("real", (*_events(operands[0], circuit), *([] if dim is None else [dim])))


@RULES("probs")
def _probs(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    circuit, wires, dim = attrs["circuit"], attrs["wires"], attrs["dim"]
    require(all(0 <= w < circuit.qubits for w in wires), f"a wire beyond {circuit.qubits}")
    require(len(set(wires)) == len(wires), "distinct wires")
    require(dim.size == 1 << len(wires), f"dim {dim} must have 2^{len(wires)} entries")
    return Type("real", (*_events(operands[0], circuit), dim))


@RULES("sample")
def _sample(operands: Sequence[Node], attrs: Attrs, declared: Type | None) -> Type:
    require(attrs["shots"] >= 1, "at least one shot")
    return _probs(operands, attrs, declared)


def _events(node: Node, circuit: Circuit) -> tuple[Dim, ...]:
    """Dims of the angles but for the slots, which come last."""
    t = node.type
    require(t.elem == "real" and t.unit.dimensionless, f"angles are real numbers, not {t}")
    require(bool(t.dims) and t.dims[-1].size == circuit.slots, f"{circuit.slots} slots are filled by {t}")
    return t.dims[:-1]
