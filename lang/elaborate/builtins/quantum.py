# SPDX-License-Identifier: Apache-2.0
"""Built-ins on states: what is measured of them, and ``adjoint``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hepq.core import circuits
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim, Type, anonymous, merge_dims
from hepq.lang.elaborate.arguments import Arguments, read
from hepq.lang.elaborate.circuits.observables import WRONG_ORDER, mentions_pauli, observables
from hepq.lang.elaborate.circuits.states import State
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.phrasing import extent
from hepq.lang.elaborate.values import Builtin, Circuit, Tensor, Value, describe
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

#: probabilities of every bit string are kept for at most so many qubits
MAX_MEASURED = 24
#: the last dim of the angles; no program can write its name
_SLOTS = "<slots>"


def _fidelity(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``fidelity(a, b)``: |<b|a>|², for each entry of the dims of either."""
    a = read(ctx, fn, args, span, ["a", "b"])
    left, right = _state(ctx, a, "a"), _state(ctx, a, "b")
    if None not in (left.register.size, right.register.size) and left.register.size != right.register.size:
        ctx.error("HQ0514", a.where("b"), Label(a.where("a")), left=left.register.size, right=right.register.size)
    _same_sizes(ctx, [left.dims, right.dims], span)
    dims = merge_dims([left.dims, right.dims])
    if left.gates is None or right.gates is None:
        return Tensor(object(), Type("real", dims))
    (circuit, x), (other, y) = measured(ctx, left, span), measured(ctx, right, span)
    return ctx.emit("fidelity", [x, y], Type("real", dims), span, left=circuit, right=other)


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
    if state.register.size is None:
        raise Reported
    found = observables(ctx, first.value, state.register.size)
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


def _probs(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``probs(state)``: of each bit string; ``sample[shots](state)``: estimated from that many measurements."""
    a = read(ctx, fn, args, span, ["state", "over"], ["shots"] if fn.name == "sample" else [], dims=["over"])
    state = _state(ctx, a, "state")
    shots = a.integer("shots", 1024) if fn.name == "sample" else None
    if shots is not None and not 1 <= shots <= MAX_COUNT:
        ctx.error("HQ0206", a.where("shots"), size=shots)
    wires = state.register.size
    if wires is None:
        raise Reported
    if wires > MAX_MEASURED:
        ctx.error("HQ0519", span, name=fn.name, size=wires, limit=MAX_MEASURED)
    dim = _named(ctx, a, 1 << wires, None)
    t = _with(ctx, state, dim, span)
    if state.gates is None:
        return Tensor(object(), t)
    circuit, x = measured(ctx, state, span)
    more = {} if shots is None else {"shots": shots}
    return ctx.emit(fn.name, [x], t, span, circuit=circuit, dim=dim, **more)


def _adjoint(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
    """``adjoint(A(x))``: what undoes the circuit, as a state of its own or after ``|>``."""
    a = read(ctx, fn, args, span, ["state"])
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
        raise Reported
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


QUANTUM = {"fidelity": _fidelity, "expect": _expect, "probs": _probs, "sample": _probs, "adjoint": _adjoint}
