# SPDX-License-Identifier: Apache-2.0
"""The statements of a circuit's body, unrolled to gates on the wires of its register."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.core.circuits import Barrier, Op
from hepq.core.source import Span
from hepq.core.types import Dim
from hepq.lang.elaborate.builtins.lists import PATTERNS
from hepq.lang.elaborate.circuits.gates import BARRIER, GATES
from hepq.lang.elaborate.circuits.operations import Operation, applied, callee, operand, operation, with_controls, word
from hepq.lang.elaborate.circuits.qubits import Wires, joined, names_qubits, wires_of
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.expressions import evaluate
from hepq.lang.elaborate.phrasing import counted
from hepq.lang.elaborate.statements import bind, local_dim, targets, unroll
from hepq.lang.elaborate.values import UNKNOWN, Circuit, GateName
from hepq.lang.elaborate.work import MAX_GATES
from hepq.lang.syntax import ast


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
            evaluate(self.ctx, a.value)  # a misspelt register is an unknown name first of all
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
