# SPDX-License-Identifier: Apache-2.0
"""Built-ins on states: what is measured of them, and ``adjoint``.

Observables are sums of products of Pauli operators, ``X[0] * X[1] + 0.5 * Z[0]``. ``X Y Z I`` are Pauli operators
only there, and only where nothing else has the name. ``Z`` without an index is one observable for each qubit; a list
is one for each item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hepq.core import circuits
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim, Type, anonymous, merge_dims
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.builtins.arguments import Arguments, builtin, read, unread
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import static_int
from hepq.lang.elaborate.phrasing import extent
from hepq.lang.elaborate.values import Builtin, Circuit, Value, describe, is_number, is_whole
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

#: probabilities of every bit string are kept for at most so many qubits
MAX_MEASURED = 24
#: the last dim of the angles; no program can write its name
_SLOTS = "<slots>"
WRONG_ORDER = "the observable comes first: `expect(Z[0], state)`"
PAULIS = ("X", "Y", "Z", "I")
#: product of two different Pauli operators on one qubit: its phase, its name
_PRODUCTS = {("X", "Y"): (1j, "Z"), ("Y", "Z"): (1j, "X"), ("Z", "X"): (1j, "Y"),
             ("Y", "X"): (-1j, "Z"), ("Z", "Y"): (-1j, "X"), ("X", "Z"): (-1j, "Y")}  # fmt: skip
#: Pauli operators on distinct wires, ascending
String = tuple[tuple[int, str], ...]
#: a sum: coefficients of strings
Operator = Mapping[String, complex]
#: (coefficient, string) terms, as the IR's ``expect`` has them
Terms = tuple[tuple[float, String], ...]


@builtin("fidelity", "a b")
def _fidelity(ctx: Context, a: Arguments) -> Value:
    """``fidelity(a, b)``: |<b|a>|², for each entry of the dims of either."""
    left, right = _state(ctx, a, "a"), _state(ctx, a, "b")
    if None not in (left.register.size, right.register.size) and left.register.size != right.register.size:
        ctx.error("HQ0514", a.where("b"), Label(a.where("a")), left=left.register.size, right=right.register.size)
    _same_sizes(ctx, [left.dims, right.dims], a.span)
    dims = merge_dims([left.dims, right.dims])
    if left.gates is None or right.gates is None:
        return Tensor(object(), Type("real", dims))
    (circuit, x), (other, y) = measured(ctx, left, a.span), measured(ctx, right, a.span)
    return ctx.emit("fidelity", [x, y], Type("real", dims), a.span, left=circuit, right=other)


@unread("expect")
def _expect(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``expect(Z[0] * Z[1], state)``; ``expect(Z, state)``: of each qubit; ``expect([…], state)``: of each item."""
    first = next((x for x in args if x.name in (None, "observable")), None)
    if first is None:
        ctx.error("HQ0415", span, name="observable", what="expect")
    rest = [x for x in args if x is not first]
    if rest and mentions_pauli(ctx, rest[0].value) and not mentions_pauli(ctx, first.value):
        ctx.error("HQ0520", first.value.span, found=f"`{first.value.span.text[:40]}`", help=WRONG_ORDER)
    a = read(ctx, fn, rest, span, ["state", "over"], dims=["over"])
    state = _state(ctx, a, "state")
    found = observables(ctx, first.value, ctx.size(state.register, a.where("state")))
    dim: Dim | None = None
    if found.each or found.listed:
        dim = _named(ctx, a, len(found.operators), state.register if found.each else None)
    elif "over" in a:
        ctx.error("HQ0214", a.where("over"), dim=a.dim("over"), size=extent(a.dim("over")), found=1)
    t = _with(ctx, state, dim, span)
    if state.gates is None:
        return Tensor(object(), t)
    circuit, x = measured(ctx, state, span)
    return ctx.emit("expect", [x], t, span, circuit=circuit, observables=found.operators, dim=dim)


@builtin("probs", "state over of", dims="over")
@builtin("sample", "state over of", "shots", dims="over")
def _probs(ctx: Context, a: Arguments) -> Value:
    """``probs(state)``: of each bit string; ``probs(state, of=[0, 2])``: of the bits of these qubits alone;
    ``sample[shots](state)``: estimated from that many measurements."""
    state = _state(ctx, a, "state")
    shots = a.integer("shots", 1024) if a.name == "sample" else None
    if shots is not None and not 1 <= shots <= MAX_COUNT:
        ctx.error("HQ0206", a.where("shots"), size=shots)
    wires = ctx.size(state.register, a.where("state"))
    if wires > MAX_MEASURED:
        ctx.error("HQ0519", a.span, name=a.name, size=wires, limit=MAX_MEASURED)
    of = _qubits(ctx, a, wires) if "of" in a else tuple(range(wires))
    dim = _named(ctx, a, 1 << len(of), None)
    t = _with(ctx, state, dim, a.span)
    if state.gates is None:
        return Tensor(object(), t)
    circuit, x = measured(ctx, state, a.span)
    more = {} if shots is None else {"shots": shots}
    return ctx.emit(a.name, [x], t, a.span, circuit=circuit, wires=of, dim=dim, **more)


def _qubits(ctx: Context, a: Arguments, wires: int) -> tuple[int, ...]:
    """Numbers of qubits, one or a list, each at most once."""
    value, where = a.value("of"), a.where("of")
    items = value if isinstance(value, tuple) else (value,)
    found: list[int] = []
    for i in items:
        if not is_whole(i):
            ctx.error("HQ0404", where, wanted="numbers of qubits, such as `of=[0, 2]`", found=describe(i))
        if not -wires <= i < wires:
            ctx.error("HQ0521", where, index=i, wires=wires)
        if i % wires in found:
            ctx.error("HQ0525", where, name=a.name, index=i % wires)
        found.append(i % wires)
    if not found:
        ctx.error("HQ0404", where, wanted="numbers of qubits, such as `of=[0, 2]`", found="an empty list")
    return tuple(found)


@builtin("adjoint", "state")
def _adjoint(ctx: Context, a: Arguments) -> Value:
    """``adjoint(A(x))``: what undoes the circuit, as a state of its own or after ``|>``."""
    state = _state(ctx, a, "state")
    return State(state.register, None if state.gates is None else circuits.inverse(state.gates), state.dims)


def _state(ctx: Context, a: Arguments, key: str) -> State:
    value, where = a.value(key), a.where(key)
    if isinstance(value, Circuit):
        ctx.error("HQ0510", where, name=value.decl.name)
    if not isinstance(value, State):
        ctx.error("HQ0523", where, name=a.name, found=describe(value))
    return value


def _named(ctx: Context, a: Arguments, size: int, default: Dim | None) -> Dim:
    """The new last dim: what ``over=`` names, or ``default``, or an anonymous one."""
    if "over" not in a:
        return default or anonymous(size)
    dim = a.dim("over")
    if dim.open and dim.name in ctx.frame.dims:
        ctx.unsized(dim, a.where("over"))
    if dim.open:
        dim = ctx.frame.dims[dim.name] = replace(dim, size=size)
    if dim.size != size:
        ctx.error("HQ0214", a.where("over"), dim=dim, size=extent(dim), found=size)
    return dim


def _with(ctx: Context, state: State, dim: Dim | None, span: Span) -> Type:
    if dim is not None and any(d.key == dim.key for d in state.dims):
        ctx.error("HQ0204", span, dim=dim, help="name the new dim with `over=`")
    return Type("real", (*state.dims, *([] if dim is None else [dim])))


def measured(ctx: Context, state: State, span: Span) -> tuple[circuits.Circuit, Tensor]:
    """The circuit and the values of its slots, ``real[…, slots]``, as operands of a quantum op."""
    assert state.gates is not None
    ctx.spend(len(state.gates) // 4, span)
    slots = state.slots
    _same_sizes(ctx, [s.tensor.type.dims for s in slots], span)
    with ctx.shared():
        values = [s.tensor for s in slots] or [ctx.emit("const", (), Type("real"), span, value=0.0)]
        dim = Dim(_SLOTS, len(values))
        angles = ctx.emit("stack", values, Type("real", (*state.dims, dim)), span, dim=dim)
    return state.circuit, angles


def _same_sizes(ctx: Context, operands: Sequence[Sequence[Dim]], span: Span) -> None:
    """Report a dim that two operands have with different sizes."""
    seen: dict[tuple[str, int], Dim] = {}
    for dim in (d for dims in operands for d in dims):
        other = seen.setdefault(dim.key, dim)
        if not other.fits(dim):
            ctx.error("HQ0203", span, dim=dim, left=extent(other), right=extent(dim))


@dataclass(frozen=True)
class Observables:
    """``operators``: one, one for each qubit (``each``), or one for each item of a list (``listed``)."""

    operators: tuple[Terms, ...]
    each: bool = False
    listed: bool = False


def observables(ctx: Context, e: ast.Expr, wires: int) -> Observables:
    """What the first argument of ``expect`` asks to measure, of a register of that many qubits."""
    if isinstance(e, (ast.ListExpr, ast.TupleExpr)):
        if not e.items:
            ctx.error("HQ0520", e.span, found="an empty list")
        found = [_observable(ctx, item, wires) for item in e.items]
        if any(each for _, each in found):
            ctx.error("HQ0520", e.span, found="one for each qubit inside a list", help="give it an index: `Z[0]`")
        return Observables(tuple(_terms(ctx, ops[0], e.span) for ops, _ in found), listed=True)
    operators, each = _observable(ctx, e, wires)
    return Observables(tuple(_terms(ctx, o, e.span) for o in operators), each=each)


def _terms(ctx: Context, operator: Operator, span: Span) -> Terms:
    if any(abs(c.imag) > 1e-12 * max(1.0, abs(c)) for c in operator.values()):
        ctx.error("HQ0522", span, found=span.text[:60])
    return tuple((float(c.real), s) for s, c in operator.items() if c) or ((0.0, ()),)


def _observable(ctx: Context, e: ast.Expr, wires: int) -> tuple[list[Operator], bool]:
    found, each = _operators(ctx, e, wires), _mentions_each(ctx, e)
    if not any(s for o in found for s in o) and not mentions_pauli(ctx, e):
        ctx.error("HQ0520", e.span, found=f"`{e.span.text[:40]}`")
    return found, each


def _operators(ctx: Context, e: ast.Expr, wires: int) -> list[Operator]:
    """One operator, or one for each wire."""
    name = pauli_name(ctx, e)
    if name is not None:
        return [_string(name, w) for w in range(wires)]
    match e:
        case ast.Index(base=base, args=(arg,)) if pauli_name(ctx, base) is not None and arg.name is None:
            i = static_int(ctx, arg.value)
            if not -wires <= i < wires:
                ctx.error("HQ0521", e.span, index=i, wires=wires)
            return [_string(str(pauli_name(ctx, base)), i % wires)]
        case ast.Unary(op="-", operand=x):
            return [_scaled(o, -1) for o in _operators(ctx, x, wires)]
        case ast.Binary(op=("+" | "-" | "*") as op, left=a, right=b):
            combine: Callable[[Operator, Operator], Operator] = {"+": _sum, "-": _difference, "*": _product}[op]
            left, right = _operators(ctx, a, wires), _operators(ctx, b, wires)
            n = max(len(left), len(right))
            pairs = list(zip(left * (n // len(left)), right * (n // len(right)), strict=True))
            ctx.spend(sum(len(x) * len(y) if op == "*" else len(x) + len(y) for x, y in pairs), e.span)
            return [combine(x, y) for x, y in pairs]
        case ast.Binary(op="/", left=a, right=b):
            divisor = _number(ctx, b)
            if divisor == 0:
                ctx.error("HQ0405", e.span, expression=e.span.text[:60])
            return [_scaled(o, 1 / divisor) for o in _operators(ctx, a, wires)]
    return [{(): complex(_number(ctx, e))}]


def pauli_name(ctx: Context, e: ast.Expr) -> str | None:
    if not isinstance(e, ast.Name) or e.id not in PAULIS:
        return None
    return None if _bound(ctx, e.id) else e.id


def _bound(ctx: Context, name: str) -> bool:
    return name in ctx.frame.locals or name in ctx.program.modules[ctx.frame.module].scope


def mentions_pauli(ctx: Context, e: ast.Expr) -> bool:
    """Whether a Pauli operator stands in a sum or product."""
    match e:
        case ast.Index(base=x) | ast.Unary(operand=x):
            return mentions_pauli(ctx, x)
        case ast.Binary(left=a, right=b):
            return mentions_pauli(ctx, a) or mentions_pauli(ctx, b)
    return pauli_name(ctx, e) is not None


def _mentions_each(ctx: Context, e: ast.Expr) -> bool:
    """Whether a Pauli operator stands without an index."""
    match e:
        case ast.Unary(operand=x):
            return _mentions_each(ctx, x)
        case ast.Binary(left=a, right=b):
            return _mentions_each(ctx, a) or _mentions_each(ctx, b)
    return pauli_name(ctx, e) is not None


def _number(ctx: Context, e: ast.Expr) -> float:
    name = e.base if isinstance(e, ast.Index) else e
    if isinstance(name, ast.Name) and name.id.upper() in PAULIS and not _bound(ctx, name.id):
        ctx.error("HQ0520", e.span, found=f"`{e.span.text[:40]}`", help="Pauli operators are `X`, `Y`, `Z` and `I`")
    value: Value = ctx.value(e)
    if is_number(value):
        return float(value)
    help = WRONG_ORDER if isinstance(value, State) else None
    return ctx.error("HQ0520", e.span, found=describe(value), help=help)


def _string(name: str, wire: int) -> Operator:
    return {(): 1} if name == "I" else {((wire, name),): 1}


def _scaled(o: Operator, k: complex) -> Operator:
    return {s: c * k for s, c in o.items()}


def _sum(a: Operator, b: Operator) -> Operator:
    out = dict(a)
    for string, coefficient in b.items():
        out[string] = out.get(string, 0) + coefficient
    return out


def _difference(a: Operator, b: Operator) -> Operator:
    return _sum(a, _scaled(b, -1))


def _product(a: Operator, b: Operator) -> Operator:
    out: dict[String, complex] = {}
    for left, x in a.items():
        for right, y in b.items():
            phase, string = _joined(left, right)
            out[string] = out.get(string, 0) + phase * x * y
    return out


def _joined(left: String, right: String) -> tuple[complex, String]:
    phase, on = complex(1), dict(left)
    for wire, name in right:
        other = on.pop(wire, None)
        if other is None:
            on[wire] = name
        elif other != name:
            factor, on[wire] = _PRODUCTS[other, name]
            phase *= factor
    return phase, tuple(sorted(on.items()))
