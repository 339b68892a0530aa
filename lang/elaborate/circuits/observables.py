# SPDX-License-Identifier: Apache-2.0
"""Observables: sums of products of Pauli operators, ``X[0] * X[1] + 0.5 * Z[0]``.

``X Y Z I`` are Pauli operators only here, and only where nothing else has the name. ``Z`` without
an index is one observable for each qubit; a list is one for each item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hepq.core.source import Span
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.expressions import evaluate, known, static_int
from hepq.lang.elaborate.values import Value, describe
from hepq.lang.syntax import ast

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
    value: Value = known(evaluate(ctx, e))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
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
