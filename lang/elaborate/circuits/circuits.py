# SPDX-License-Identifier: Apache-2.0
"""Circuits: checked as declared, and elaborated to gates for the arguments they are applied to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepq.core.circuits import Barrier, Op
from hepq.core.diagnostics.catalogue import diag
from hepq.core.source import Span
from hepq.core.types import Dim, merge_dims
from hepq.lang.elaborate.attributes import note_measuring
from hepq.lang.elaborate.binding import (
    Given,
    bind_params,
    bind_statics,
    default_params,
    default_statics,
    match_args,
)
from hepq.lang.elaborate.circuits.statements import Body
from hepq.lang.elaborate.circuits.states import State, dims_of
from hepq.lang.elaborate.context import Context, Frame, Reported, in_library
from hepq.lang.elaborate.expressions import lookup_dim
from hepq.lang.elaborate.signature import dim_of, evaluate_dim
from hepq.lang.elaborate.values import UNKNOWN, Circuit, Register
from hepq.lang.elaborate.work import CALL_STEPS, MAX_CALL_DEPTH, MAX_GATES, MAX_WIRES
from hepq.lang.syntax import ast


@dataclass(frozen=True)
class Elaborated:
    """``gates`` is None while they are not known; ``lifted``: further dims of the arguments."""

    register: Dim
    gates: tuple[Op, ...] | None
    lifted: tuple[Dim, ...]


def check_circuit(ctx: Context, decl: ast.CircuitDecl) -> None:
    """Check a body for any argument its signature admits; names of parameters are bound in ``ctx.frame``."""
    with ctx.shared():
        _run(ctx, decl, _register(ctx, decl, None, decl.register.span, generic=True), ())


def prepare(ctx: Context, circuit: Circuit, args: Sequence[Given], span: Span) -> State:
    """``A(x)``: the state that the circuit makes of |0…0>."""
    done = elaborate(ctx, circuit, args, span, None)
    return State(done.register, done.gates, done.lifted if done.gates is None else dims_of(done.gates))


def joined(ctx: Context, state: State, after: State, span: Span) -> State:
    """``state`` with the gates of ``after`` applied to it."""
    if None not in (state.register.size, after.register.size) and state.register.size != after.register.size:
        ctx.error("HQ0514", span, left=state.register.size, right=after.register.size)
    if state.gates is None or after.gates is None:
        return State(state.register, None, merge_dims([state.dims, after.dims]))
    ctx.spend((len(state.gates) + len(after.gates)) // 4, span)
    if len(state.gates) + len(after.gates) > MAX_GATES:
        ctx.give_up("HQ0412", span, limit=MAX_GATES)
    gates = state.gates + after.gates
    return State(state.register, gates, dims_of(gates))


def elaborate(ctx: Context, circuit: Circuit, args: Sequence[Given], span: Span, on: Dim | None) -> Elaborated:
    """The gates of a circuit for these arguments; ``on``: the dim of the qubits it is applied to, if there are any."""
    decl = circuit.decl
    ctx.spend(CALL_STEPS, span)
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.too_deep(decl, decl.name, span, MAX_CALL_DEPTH)
    frame, caller = Frame(circuit.module, call_span=span, decl=decl), ctx.frame
    with ctx.shared():
        bind_statics(ctx, decl, dict(circuit.statics), frame, span)
        values = match_args(ctx, decl, args, span)
        if any(v is UNKNOWN for v, _ in values.values()):
            raise Reported
        further = bind_params(ctx, decl, values, frame, caller, lift=True)
        lifted = merge_dims([*further.lifted, further.rest])
        ctx.frames.append(frame)
        try:
            register = _register(ctx, decl, on, span, generic=False)
            note_measuring(ctx, decl.attrs, once=True)
            return Elaborated(register, _run(ctx, decl, register, lifted), lifted)
        finally:
            ctx.frames.pop()


def _run(ctx: Context, decl: ast.CircuitDecl, dim: Dim, lifted: tuple[Dim, ...]) -> tuple[Op, ...] | None:
    wires = None if dim.size is None else tuple(range(dim.size))
    ctx.frame.locals[decl.register.name] = Register(decl.register.name, wires)
    body = Body(ctx, lifted, wires)
    body.run(decl.body)
    if not body.applied and body.known:
        ctx.error("HQ0503", decl.register.span, name=decl.register.name)
    if wires is None or not body.known:
        return None
    idle = sorted(set(wires) - {w for op in body.gates if not isinstance(op, Barrier) for w in op.qubits})
    if idle and not in_library(decl.span):
        which = f"qubit{'s' * (len(idle) > 1)} {', '.join(map(str, idle))}"
        ctx.sink.add(diag("HQ0515", decl.register.span, name=decl.register.name, which=which))
    return tuple(body.gates)


def _register(ctx: Context, decl: ast.CircuitDecl, on: Dim | None, span: Span, *, generic: bool) -> Dim:
    """The dim of the register, from its type, and the defaults that may use it; ``generic``: for any arguments."""
    t = decl.register.type
    if t is None or t.name != "qubit" or len(t.dims) != 1 or t.rest:
        ctx.error("HQ0508", decl.register.span, name=decl.name, found=t.span.text if t else "no type")
    e = t.dims[0]
    if on is not None and isinstance(e, ast.Name) and e.id not in ctx.frame.locals:
        named = lookup_dim(ctx, e)
        if isinstance(named, Dim) and named.open and named.name not in ctx.frame.dims:
            ctx.frame.dims[named.name] = on
    if not generic:
        default_statics(ctx, decl, ctx.frame)
        default_params(ctx, decl, ctx.frame)
    try:
        dim = dim_of(ctx, evaluate_dim(ctx, e), e.span)
    except Reported:
        if not generic:
            raise
        return Dim("?")
    if dim.ragged:
        ctx.error("HQ0508", decl.register.span, name=decl.name, found=t.span.text)
    bound = isinstance(e, ast.Name) and e.id in ctx.frame.dims
    if dim.open and not generic and not bound:
        ctx.error("HQ0516", span, name=decl.name, dim=dim)
    if dim.size is not None and dim.size > MAX_WIRES:
        ctx.error("HQ0517", span, name=decl.name, size=dim.size, limit=MAX_WIRES)
    if on is not None and None not in (on.size, dim.size) and on.size != dim.size:
        ctx.error("HQ0518", span, name=decl.name, size=dim.size, found=on.size)
    return dim
