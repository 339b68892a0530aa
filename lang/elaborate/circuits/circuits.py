# SPDX-License-Identifier: Apache-2.0
"""Circuits: checked as declared, and elaborated to gates for the arguments they are applied to.

A body is unrolled to gates on the wires of its register. It applies gates with their angles, other circuits, and
``adjoint`` or ``controlled`` of one. Qubits are named ``q``, ``q[0]``, ``q[-1]``, ``q[0..2]``, ``[q[0], q[2]]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

from hepq.core.circuits import Angle, Barrier, Gate, Op, inverse
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim, anonymous, merge_dims
from hepq.lang.elaborate.attributes import note_measuring
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import bind, local_dim, targets, unroll
from hepq.lang.elaborate.circuits.controlled import controlled
from hepq.lang.elaborate.circuits.gates import ALIASES, BARRIER, FOREIGN, GATES
from hepq.lang.elaborate.circuits.states import State, dims_of
from hepq.lang.elaborate.context import BUILTINS, Context, Frame, Reported, in_library
from hepq.lang.elaborate.names import dim_of, lookup_dim, positions, static_int
from hepq.lang.elaborate.phrasing import counted
from hepq.lang.elaborate.signature import (
    Given,
    bind_call,
    bind_defaults,
    evaluate_dim,
    evaluated,
)
from hepq.lang.elaborate.values import (
    UNKNOWN,
    Builtin,
    Circuit,
    GateName,
    Quantity,
    Register,
    Value,
    describe,
    is_number,
    is_whole,
    length,
)
from hepq.lang.elaborate.work import CALL_STEPS, MAX_CALL_DEPTH, MAX_GATES, MAX_WIRES
from hepq.lang.syntax import ast

Gates = tuple[Op, ...]
#: words that make one operation of another
MAKERS = ("adjoint", "controlled")
#: numbers of wires; an unknown number is None, and so is a list of unknown length
Wires = tuple[int | None, ...] | None
Items = Sequence[Any]
Edges = list[tuple[Any, Any]]


def check_circuit(ctx: Context, decl: ast.CircuitDecl) -> None:
    """Check a body for any argument its signature admits; names of parameters are bound in ``ctx.frame``."""
    with ctx.shared():
        _run(ctx, decl, _register(ctx, decl, None, decl.register.span, generic=True), ())


def prepare(ctx: Context, circuit: Circuit, args: Sequence[Given], span: Span) -> State:
    """``A(x)``: the state that the circuit makes of |0…0>."""
    done = elaborate(ctx, circuit, args, span, None)
    return done if done.gates is None else replace(done, dims=dims_of(done.gates))


def _followed(ctx: Context, state: State, after: State, span: Span) -> State:
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


def elaborate(ctx: Context, circuit: Circuit, args: Sequence[Given], span: Span, on: Dim | None) -> State:
    """The gates of a circuit for these arguments, whose further dims it has.

    ``on``: the dim of the qubits it is applied to, if there are any.
    """
    decl = circuit.decl
    ctx.spend(CALL_STEPS, span)
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.too_deep(decl, decl.name, span, MAX_CALL_DEPTH)
    frame = Frame(circuit.module, call_span=span, decl=decl)
    with ctx.shared():
        further = bind_call(ctx, circuit, args, span, frame, lift=True)
        lifted = merge_dims([*further.lifted, further.rest])
        ctx.frames.append(frame)
        try:
            register = _register(ctx, decl, on, span, generic=False)
            note_measuring(ctx, decl.attrs, once=True)
            return State(register, _run(ctx, decl, register, lifted), lifted)
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
        bind_defaults(ctx, decl, ctx.frame)
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


ADJOINT = Builtin("adjoint")


def pipe(ctx: Context, value: ast.Expr, fn: ast.Expr, called: Value, span: Span) -> Value:
    """``value |> fn``, where ``fn`` is a state, or calls ``called``: a circuit or ``adjoint``."""
    first = ctx.value(value)
    args = fn.args if isinstance(fn, ast.Call) else ()
    if isinstance(first, State) and (called != ADJOINT or args):
        return _followed(ctx, first, _after(ctx, fn, first), span)
    if isinstance(called, State):
        ctx.error("HQ0523", value.span, name="|>", found=describe(first))
    if isinstance(called, Circuit):
        given = evaluated(ctx, args)
        return prepare(ctx, called, [(None, first, value.span), *given], span)
    return BUILTINS["adjoint"](ctx, called, (ast.Arg(None, value, span=value.span), *args), span)


def _after(ctx: Context, e: ast.Expr, state: State) -> State:
    """The gates that ``e`` applies to ``state``."""
    called = ctx.value(e.fn if isinstance(e, ast.Call) else e)
    args = e.args if isinstance(e, ast.Call) else ()
    if isinstance(called, Circuit):
        given = evaluated(ctx, args)
        return elaborate(ctx, called, given, e.span, state.register)
    if called == ADJOINT and len(args) == 1:
        inner = _after(ctx, args[0].value, state)
        return State(inner.register, None if inner.gates is None else inverse(inner.gates), inner.dims)
    found = ctx.value(e)
    if not isinstance(found, State):
        ctx.error("HQ0523", e.span, name="|>", found=describe(found))
    return found


class Body:
    """Walks the statements once; ``lifted``: dims that the values of angles may differ over; ``wires``: all of them.

    ``known`` is False after an error, and while a size or value is missing: then ``gates`` are not all.
    ``applied``: how many gates and circuits were applied, known or not.
    """

    def __init__(self, ctx: Context, lifted: Sequence[Dim], wires: Wires) -> None:
        self.ctx, self.lifted, self.wires = ctx, lifted, wires
        self.gates: list[Op] = []
        self.known = True
        self.applied = 0

    def run(self, body: Sequence[ast.Stmt]) -> None:
        for s in body:
            try:
                self._statement(s)
            except Reported:
                self.ctx.go_on()
                self.known = False
                self.ctx.frame.locals.update(dict.fromkeys(targets(s), UNKNOWN))

    def _statement(self, s: ast.Stmt) -> None:
        ctx = self.ctx
        ctx.spend(1, s.span)
        match s:
            case ast.Do(call=ast.Call() as call):
                if word(ctx, call.fn) == BARRIER:
                    self._barrier(call)
                    return
                self.applied += 1
                self._apply(call)
            case ast.Bind():
                self._bind(s)
            case ast.For():
                unroll(ctx, s, lambda: self.run(s.body), MAX_GATES)
            case ast.Return():
                ctx.error("HQ0509", s.span)
            case ast.LocalDim():
                local_dim(ctx, s)
            case ast.ParamDecl():
                ctx.error("HQ0420", s.span, name=s.name, help="declare it in a block, and pass it as an argument")

    def _bind(self, s: ast.Bind) -> None:
        ctx = self.ctx
        if names_qubits(ctx, s.value):
            ctx.error("HQ0501", s.span, name=s.value.span.text[:40])
        bind(ctx, s)

    def _apply(self, call: ast.Call) -> None:
        """``rx(0.3, q[0])``: what is applied and to which qubits."""
        name = word(self.ctx, call.fn)
        on = [a.value for a in call.args if names_qubits(self.ctx, a.value)]
        others = tuple(a for a in call.args if not names_qubits(self.ctx, a.value))
        if name in PATTERNS:
            self._pattern(name, others, on, call.span)
            return
        if name == "controlled":
            self._controlled(others, on, call)
            return
        if name == "adjoint":
            done = operation(self.ctx, ast.Call(call.fn, others, span=call.span), self.lifted)
        else:
            called = callee(self.ctx, call.fn)
            self._count(called, others, len(on), call.span)
            done = applied(self.ctx, called, others, call.span, self.lifted)
        self._on(done, [wires_of(self.ctx, e) for e in on], call.span)

    def _barrier(self, call: ast.Call) -> None:
        """``barrier(q[0], q[2])``; ``barrier()``: of all qubits."""
        for a in call.args:
            if a.name is not None or not names_qubits(self.ctx, a.value):
                self.ctx.error("HQ0506", a.span, gate=BARRIER, wanted="qubits alone", found=f"`{a.span.text[:40]}`")
        wires = joined([wires_of(self.ctx, a.value) for a in call.args]) if call.args else self.wires
        self._distinct(BARRIER, wires, call.span)
        if wires != ():
            barrier = Operation(BARRIER, None, lambda n: (Barrier(tuple(range(n))),))
            self._place(barrier, wires, call.span)

    def _count(self, called: Circuit | GateName, angles: Sequence[ast.Arg], qubits: int, span: Span) -> None:
        """A gate takes its angles and its qubits one by one; a gate on one qubit, also several as one argument."""
        if not isinstance(called, GateName) or GATES[called.name] == (len(angles), qubits):
            return
        names = [a.value.id for a in angles if isinstance(a.value, ast.Name)]
        if any(self.ctx.frame.locals.get(n) is UNKNOWN for n in names):
            raise Reported  # it may have been meant to be a qubit
        for a in angles:
            self.ctx.evaluate(a.value)  # a misspelt register is an unknown name first of all
        wanted, found = _described(*GATES[called.name]), _described(len(angles), qubits)
        self.ctx.error("HQ0506", span, gate=called.name, wanted=wanted, found=found)

    def _on(self, done: Operation, groups: Sequence[Wires], span: Span) -> None:
        """Apply to qubits; a gate on one qubit acts on each of those given."""
        wires = joined(groups)
        if groups and wires == () and done.wires == 1:
            return
        if not groups or wires == ():
            wanted = "the qubits it acts on" if done.wires is None else counted(done.wires, "qubit")
            self.ctx.error("HQ0506", span, gate=done.name, wanted=wanted, found="none")
        self._distinct(done.name, wires, span)
        if done.wires == 1:
            for wire in wires or (None,):
                self._place(done, (wire,), span)
            return
        if done.wires is not None and wires is not None and len(wires) != done.wires:
            self.ctx.error("HQ0506", span, gate=done.name, wanted=counted(done.wires, "qubit"),
                           found=counted(len(wires), "qubit"))  # fmt: skip
        self._place(done, wires, span)

    def _place(self, done: Operation, wires: Wires, span: Span) -> None:
        numbers = [w for w in wires or () if w is not None]
        found = done.gates(len(numbers)) if wires is not None and len(numbers) == len(wires) else None
        if found is None:
            self.known = False
            return
        self.ctx.spend(1 + len(found) // 3, span)
        self.gates += [g.on(numbers) for g in found]
        if len(self.gates) > MAX_GATES:
            self.ctx.give_up("HQ0412", span, limit=MAX_GATES)

    def _distinct(self, name: str, wires: Wires, span: Span) -> None:
        numbers = [w for w in wires or () if w is not None]
        self.ctx.spend(len(numbers) // 16, span)
        if len(set(numbers)) < len(numbers):
            self.ctx.error("HQ0502", span, gate=name)

    def _controlled(self, args: Sequence[ast.Arg], on: Sequence[ast.Expr], call: ast.Call) -> None:
        """``controlled(op, controls, targets …)``"""
        ctx = self.ctx
        inner = operand(ctx, "controlled", args, call.span, self.lifted)
        groups = [wires_of(ctx, e) for e in on]
        if len(groups) < 2:
            ctx.error("HQ0506", call.span, gate="controlled", wanted="a control and the qubits it acts on",
                      found=counted(len(groups), "group") + " of qubits")  # fmt: skip
        controls, targets = groups[0], joined(groups[1:])
        shared = {w for w in controls or () if w is not None} & set(targets or ())
        if shared:
            ctx.error("HQ0513", call.span, wire=min(shared))
        self._distinct("controlled", controls, call.span)
        self._distinct("controlled", targets, call.span)
        if controls is None or targets is None:
            self.known = False
            return
        done = with_controls(ctx, inner, len(controls), call.span)
        for group in [(t,) for t in targets] if inner.wires == 1 else [targets]:
            self._on(done, [(*controls, *group)], call.span)

    def _pattern(self, name: str, args: Sequence[ast.Arg], on: Sequence[ast.Expr], span: Span) -> None:
        """``ring(cz, q)``: a gate on each pair of a register's qubits."""
        ctx = self.ctx
        gate = operation(ctx, args[0].value, self.lifted) if len(args) == 1 else None
        if gate is None or gate.wires not in (2, None) or len(on) != 1:
            ctx.error("HQ0506", span, gate=name, wanted="a gate on two qubits and the register",
                      found=f"`{span.text}`")  # fmt: skip
        wires = wires_of(ctx, on[0])
        self._distinct(name, wires, span)
        if wires is None:
            self.known = False
            return
        for pair in PATTERNS[name](wires):
            self._place(gate, pair, span)


def _described(angles: int, qubits: int) -> str:
    return f"{angles} angle{'s' * (angles != 1)} and {qubits} qubit{'s' * (qubits != 1)}"


def names_qubits(ctx: Context, e: ast.Expr) -> bool:
    """Whether ``e`` is made of qubits rather than of numbers."""
    match e:
        case ast.Name(id=name):
            return isinstance(ctx.frame.locals.get(name), Register)
        case ast.Index(base=base):
            return names_qubits(ctx, base)
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return any(names_qubits(ctx, i) for i in items)
    return False


def wires_of(ctx: Context, e: ast.Expr) -> Wires:
    """The wires that ``e`` names; of an expression for which ``names_qubits`` holds."""
    match e:
        case ast.Name(id=name):
            register: Register = ctx.frame.locals[name]
            return register.wires
        case ast.Index(base=base, args=(arg,)) if arg.name is None:
            return _picked(ctx, wires_of(ctx, base), arg.value, e.span)
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return joined([_item(ctx, i) for i in items])
    return ctx.error("HQ0413", e.span, what=f"{e.span.text.split('[')[0]}[ ]", wanted="1 index", found="more")


def _item(ctx: Context, e: ast.Expr) -> Wires:
    if not names_qubits(ctx, e):
        ctx.error("HQ0511", e.span, found=e.span.text[:40])
    return wires_of(ctx, e)


def joined(groups: Sequence[Wires]) -> Wires:
    """All of them, in order."""
    return None if any(g is None for g in groups) else tuple(w for g in groups for w in g or ())


def _picked(ctx: Context, wires: Wires, index: ast.Expr, span: Span) -> Wires:
    try:
        value = ctx.value(index)
        numbers = value if isinstance(value, (range, tuple)) else (static_int(ctx, index),)
        if not isinstance(value, range) and any(not is_whole(n) for n in numbers):
            ctx.error("HQ0404", index.span, wanted="whole numbers of qubits", found=describe(value))
    except Reported:  # an error, or a number that is not known yet: the gate is checked all the same
        ctx.go_on()
        return (None,)
    if wires is None:
        return tuple([None] * length(numbers)) if length(numbers) <= MAX_WIRES else None
    return tuple(wires[i] for i in positions(ctx, numbers, len(wires), "whole numbers of qubits", index.span, span))


def ladder(items: Items) -> Edges:
    """Each with the next: Qiskit's linear entanglement."""
    return list(pairwise(items))


def ring(items: Items) -> Edges:
    """The last with the first, then as a ladder: Qiskit's circular entanglement; of two, the one pair."""
    closing = [(items[-1], items[0])] if len(items) > 2 else []
    return closing + ladder(items)


def pairs(items: Items) -> Edges:
    """Each with all later ones: Qiskit's full entanglement."""
    return list(combinations(items, 2))


#: ``ring(cz, q)`` as a statement of a circuit: a gate on each pair of qubits
PATTERNS: dict[str, Callable[[Items], Edges]] = {"ring": ring, "ladder": ladder, "all_pairs": pairs}


@dataclass(frozen=True)
class Operation:
    """``gates(n)`` on wires 0 … n-1, None while they are not known; ``wires`` is None if it takes any number."""

    name: str
    wires: int | None
    gates: Callable[[int], Gates | None]


def operation(ctx: Context, e: ast.Expr, lifted: Sequence[Dim]) -> Operation:
    """``h``, ``rx(0.3)``, ``Embed[reps = 1](x)``, ``adjoint(…)``, ``controlled(…)``: no qubits are named.

    ``lifted``: the dims that angles may differ over. The first wires of ``controlled`` are its controls.
    """
    fn, args = (e.fn, e.args) if isinstance(e, ast.Call) else (e, ())
    if word(ctx, fn) in MAKERS and isinstance(e, ast.Call):
        return _made(ctx, word(ctx, fn), args, e.span, lifted)
    called = callee(ctx, fn)
    if isinstance(called, Circuit) and not isinstance(e, ast.Call):
        ctx.error("HQ0510", e.span, name=called.decl.name)
    return applied(ctx, called, args, e.span, lifted)


def applied(
    ctx: Context, called: Circuit | GateName, args: Sequence[ast.Arg], span: Span, lifted: Sequence[Dim]
) -> Operation:
    """A gate with its angles, or a circuit with its arguments."""
    if isinstance(called, GateName):
        return _gate(ctx, called.name, args, span, lifted)
    return _circuit(ctx, called, args, span)


def word(ctx: Context, fn: ast.Expr) -> str:
    """A name that stands for itself, as of a gate: neither a circuit of the program nor an argument that is one."""
    if not isinstance(fn, ast.Name) or isinstance(ctx.frame.locals.get(fn.id), (Circuit, GateName)):
        return ""
    declared = ctx.program.modules[ctx.frame.module].scope.get(fn.id)
    return "" if declared is not None and isinstance(declared.decl, ast.CircuitDecl) else fn.id


def callee(ctx: Context, fn: ast.Expr) -> Circuit | GateName:
    """What is applied: a circuit of the program, a gate, or a static argument that is one."""
    if isinstance(fn, ast.Name):
        scope = ctx.program.modules[ctx.frame.module].scope
        if word(ctx, fn) in GATES:
            return GateName(fn.id)
        if word(ctx, fn) == BARRIER:
            ctx.error("HQ0524", fn.span)
        if fn.id not in ctx.frame.locals and fn.id not in scope:
            circuits = [n for n, b in scope.items() if isinstance(b.decl, ast.CircuitDecl)]
            foreign = FOREIGN.get(fn.id.lower())
            close = [foreign] if foreign else near(fn.id, [*GATES, BARRIER, *MAKERS, *circuits])
            ctx.error("HQ0505", fn.span, gate=fn.id, near=close)
    found = ctx.value(fn)
    if not isinstance(found, (Circuit, GateName)):
        ctx.error("HQ0505", fn.span, gate=fn.span.text[:40], help="a circuit applies gates and other circuits")
    return found


def _gate(ctx: Context, name: str, args: Sequence[ast.Arg], span: Span, lifted: Sequence[Dim]) -> Operation:
    wanted, wires = GATES[name]
    if len(args) != wanted:
        ctx.error("HQ0506", span, gate=name, wanted=counted(wanted, "angle"), found=counted(len(args), "angle"))
    found = [_angle_or_unknown(ctx, a.value, lifted) for a in args]
    angles = tuple(a for a in found if a is not None)
    if name == "u2":
        angles = (Angle(math.pi / 2), *angles)
    plain = Gate("u" if name == "u2" else ALIASES.get(name, name), tuple(range(wires)), angles)
    return Operation(name, wires, lambda _: None if None in found else (plain,))


def _angle_or_unknown(ctx: Context, e: ast.Expr, lifted: Sequence[Dim]) -> Angle | None:
    try:
        return _angle(ctx, ctx.value(e), e.span, lifted)
    except Reported:  # an error, or a value that is not known yet: other angles are checked all the same
        ctx.go_on()
        return None


def _angle(ctx: Context, value: Value, span: Span, lifted: Sequence[Dim]) -> Angle:
    """A real number, in radians."""
    if is_number(value):
        if not math.isfinite(value):
            ctx.error("HQ0507", span, found=describe(value), help="use a finite number")
        return Angle(float(value))
    if isinstance(value, Quantity):
        ctx.error("HQ0507", span, found=f"a value in {value.unit}")
    if not isinstance(value, Tensor):
        ctx.error("HQ0507", span, found=describe(value), help="pass a number, in radians")
    t = value.type
    if LORENTZ in t.dims or t.elem in ("index", "complex"):
        ctx.error("HQ0507", span, found=describe(value), help="pass a number, in radians")
    if not t.unit.dimensionless:
        ctx.error("HQ0507", span, found=f"a value in {t.unit}")
    own = [d for d in t.dims if all(d.key != further.key for further in lifted)]
    if own:
        text = span.text if span.text.isidentifier() else "…"
        last = own[-1]
        help = f"pick one entry, such as `{text}[0]`, or loop over `{last}`"
        if last.ragged:
            help = f"reduce it, such as `sum({text}, over={last})`"
        ctx.error("HQ0507", span, found=describe(value), help=help)
    return ctx.angles.angle(ctx.cast(value, "real", span))


def _made(ctx: Context, name: str, args: Sequence[ast.Arg], span: Span, lifted: Sequence[Dim]) -> Operation:
    inner = operand(ctx, name, args, span, lifted)
    return adjoint(inner) if name == "adjoint" else with_controls(ctx, inner, 1, span)


def operand(ctx: Context, name: str, args: Sequence[ast.Arg], span: Span, lifted: Sequence[Dim]) -> Operation:
    """What ``adjoint`` or ``controlled`` is of."""
    if len(args) != 1 or args[0].name is not None:
        form = "adjoint(Embed(x), q)" if name == "adjoint" else "controlled(Embed(x), q[0], [q[1], q[2]])"
        ctx.error("HQ0512", span, name=name, help=f"write `{form}`")
    return operation(ctx, args[0].value, lifted)


def adjoint(inner: Operation) -> Operation:
    def gates(n: int) -> Gates | None:
        found = inner.gates(n)
        return None if found is None else inverse(found)

    return Operation("adjoint", inner.wires, gates)


def with_controls(ctx: Context, inner: Operation, controls: int, span: Span) -> Operation:
    """The first ``controls`` wires control what ``inner`` does to the others."""

    def gates(n: int) -> Gates | None:
        found = inner.gates(n - controls)
        if found is None:
            return None
        found = tuple(g.on(range(controls, n)) for g in found)
        for wire in reversed(range(controls)):
            found = controlled(found, wire)
            ctx.spend(len(found) // 4, span)
            if len(found) > MAX_GATES:
                ctx.give_up("HQ0412", span, limit=MAX_GATES)
        return found

    return Operation("controlled", None if inner.wires is None else inner.wires + controls, gates)


def _circuit(ctx: Context, circuit: Circuit, args: Sequence[ast.Arg], span: Span) -> Operation:
    given = evaluated(ctx, args)
    if any(v is UNKNOWN for _, v, _ in given):
        raise Reported

    def gates(n: int) -> Gates | None:
        return elaborate(ctx, circuit, given, span, anonymous(n)).gates

    return Operation(circuit.decl.name, None, gates)
