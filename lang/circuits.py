# SPDX-License-Identifier: Apache-2.0
"""Circuits: gates, angles, and qubits, which are never copied and never used twice by one gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hepq.lang import ast
from hepq.lang.catalogue import near
from hepq.lang.context import MAX_ITERATIONS, Context, Frame, Reported, unit_of
from hepq.lang.expr import evaluate, known, lookup_dim, static_int
from hepq.lang.gates import GATES
from hepq.lang.signature import concrete_type
from hepq.lang.source import Span
from hepq.lang.types import ENERGY, Dim, Type
from hepq.lang.values import UNKNOWN, Circuit, Tensor, Value, describe

_ALIASES = {"hadamard": "h", "cnot": "cx", "not": "x", "toffoli": "ccx", "ccnot": "ccx", "u3": "u", "phase_shift": "p"}
#: ``ring(cz, q)``: a two-qubit gate on each edge of a pattern
PATTERNS = ("ring", "ladder", "all_pairs")


@dataclass(frozen=True)
class Register:
    name: str
    dim: Dim


@dataclass(frozen=True)
class Qubit:
    """``index`` is None while the register has no size."""

    register: Register
    index: int | None


def check_circuit(ctx: Context, decl: ast.CircuitDecl, module: str) -> None:
    """Check a circuit's body for the register size its dim declares, or for any size."""
    frame = Frame(module)
    ctx.frames.append(frame)
    for p in decl.statics:
        frame.locals[p.name] = known(evaluate(ctx, p.default)) if p.default is not None else UNKNOWN
    for p in decl.params:
        frame.locals[p.name] = Tensor(None, concrete_type(ctx, p.type)) if p.type else Tensor(None, Type("real"))
    reg = decl.register
    if reg.type is None or reg.type.name != "qubit" or len(reg.type.dims) != 1:
        found = reg.type.span.text if reg.type else "no type"
        ctx.error("HQ0508", reg.span, name=decl.name, found=found)
    dim_expr = reg.type.dims[0]
    dim = lookup_dim(ctx, dim_expr) if isinstance(dim_expr, ast.Name) else Dim("wire", static_int(ctx, dim_expr))
    if not isinstance(dim, Dim) or dim.ragged:
        ctx.error("HQ0508", reg.span, name=decl.name, found=reg.type.span.text)
    register = Register(reg.name, dim)
    used = _Body(ctx, register)
    frame.locals[reg.name] = register
    used.statements(decl.body)
    if not used.gates and not used.failed:
        ctx.error("HQ0503", reg.span, name=reg.name)


class _Body:
    """Walks the statements of one circuit; counts the gates it applies."""

    def __init__(self, ctx: Context, register: Register) -> None:
        self.ctx, self.register = ctx, register
        self.gates = 0
        self.failed = False

    def statements(self, body: Sequence[ast.Stmt]) -> None:
        for s in body:
            try:
                self.statement(s)
            except Reported:
                self.failed = True
                for name in s.targets if isinstance(s, (ast.Bind, ast.For)) else ():
                    self.ctx.frame.locals[name] = UNKNOWN

    def statement(self, s: ast.Stmt) -> None:
        ctx = self.ctx
        match s:
            case ast.Do(call=ast.Call() as call):
                self.gate(call)
            case ast.Bind(targets=targets, value=value):
                found = self.value(value)
                if isinstance(found, (Qubit, Register)):
                    ctx.error("HQ0501", s.span, name=found.register.name if isinstance(found, Qubit) else found.name)
                if len(targets) != 1:
                    ctx.error("HQ0419", s.span, wanted=len(targets), found=describe(found))
                ctx.frame.locals[targets[0]] = found
            case ast.For():
                self.loop(s)
            case ast.Return():
                ctx.error("HQ0509", s.span)
            case _:
                ctx.error("HQ0409", s.span, kind="a weight or dim declaration", name=s.span.text[:20])

    def loop(self, s: ast.For) -> None:
        ctx = self.ctx
        items = self.items(s.iter)
        for item in items[:MAX_ITERATIONS]:
            values = (item,) if len(s.targets) == 1 else item if isinstance(item, tuple) else (item,)
            if len(values) != len(s.targets):
                ctx.error("HQ0419", s.span, wanted=len(s.targets), found=describe(item))
            ctx.frame.locals.update(zip(s.targets, values, strict=True))
            self.statements(s.body)

    def items(self, e: ast.Expr) -> Sequence[Value]:
        """``wire``, ``pairs(wire)``, a range or list; a dim without a size stands for its first wires."""
        ctx = self.ctx
        if isinstance(e, ast.Call) and isinstance(e.fn, ast.Name) and e.fn.id == "pairs" and len(e.args) == 1:
            wires = self.items(e.args[0].value)
            return [(i, j) for n, i in enumerate(wires) for j in wires[n + 1 :]]
        value = known(evaluate(ctx, e))
        if isinstance(value, Dim):
            return range(value.size if value.size is not None else 3)
        if not isinstance(value, (tuple, range)):
            ctx.error("HQ0404", e.span, wanted="a static list, range or dim to loop over", found=describe(value))
        return value

    def value(self, e: ast.Expr) -> Value:
        """A qubit, a register, or an ordinary value."""
        ctx = self.ctx
        if isinstance(e, ast.Index) and isinstance(e.base, ast.Name):
            base = ctx.frame.locals.get(e.base.id)
            if isinstance(base, Register) and len(e.args) == 1:
                i, size = static_int(ctx, e.args[0].value), base.dim.size
                if size is not None and not -size <= i < size:
                    ctx.error("HQ0406", e.span, index=i, length=size)
                return Qubit(base, i % size if size is not None else i)
            if isinstance(base, Tensor) and base.type.dims and base.type.dims[-1].open:
                static_int(ctx, e.args[0].value)
                return Tensor(None, base.type.with_dims(base.type.dims[:-1]))
        return known(evaluate(ctx, e)) if not _mentions_open(ctx, e) else Tensor(None, Type("real"))

    def gate(self, call: ast.Call) -> None:
        ctx = self.ctx
        fn = call.fn.base if isinstance(call.fn, ast.Index) else call.fn
        name = fn.id if isinstance(fn, ast.Name) else ""
        if name in PATTERNS:
            self.pattern(call, name)
            self.gates += 1
            return
        if name in ("adjoint", "controlled"):
            self.gates += 1
            return
        args = [(self.value(a.value), a.value.span) for a in call.args]
        if name not in GATES:
            declared = ctx.program.modules[ctx.frame.module].scope.get(name)
            if declared is not None and isinstance(declared.decl, ast.CircuitDecl):
                self.gates += 1
                return
            close = [_ALIASES[name.lower()]] if name.lower() in _ALIASES else near(name, GATES)
            ctx.error("HQ0505", fn.span, gate=name or fn.span.text, near=close)
        angles, qubits = GATES[name]
        wires = [(v, s) for v, s in args if isinstance(v, (Qubit, Register))]
        others = [(v, s) for v, s in args if not isinstance(v, (Qubit, Register))]
        if len(wires) != qubits or len(others) != angles:
            ctx.error(
                "HQ0506", call.span, gate=name, wanted=_count(angles, qubits), found=_count(len(others), len(wires))
            )
        keys = [v.index for v, _ in wires if isinstance(v, Qubit)]
        if len(set(keys)) < len(keys):
            ctx.error("HQ0502", call.span, gate=name)
        for v, s in others:
            self.angle(v, s)
        self.gates += 1

    def pattern(self, call: ast.Call, name: str) -> None:
        """``ring(cz, q)``: the first argument names a gate on two qubits, the second is the register."""
        gate = call.args[0].value if call.args else None
        on = call.args[-1].value if len(call.args) > 1 else None
        known_gate = isinstance(gate, ast.Name) and gate.id in GATES
        if gate is not None and not known_gate:
            self.ctx.error("HQ0505", gate.span, gate=gate.span.text, near=near(gate.span.text, GATES))
        two = isinstance(gate, ast.Name) and known_gate and GATES[gate.id][1] == 2
        if not two or on is None or not isinstance(self.value(on), Register):
            self.ctx.error("HQ0506", call.span, gate=name, wanted="a gate on two qubits and the register",
                           found=f"`{call.span.text}`")  # fmt: skip

    def angle(self, value: Value, span: Span) -> None:
        if isinstance(value, (Dim, Circuit, str, tuple)):
            self.ctx.error("HQ0507", span, found=describe(value))
        if not unit_of(value).dimensionless or (isinstance(value, Tensor) and value.type.unit == ENERGY):
            self.ctx.error("HQ0507", span, found=f"a value in {unit_of(value)}")


def _count(angles: int, qubits: int) -> str:
    return f"{angles} angle{'s' * (angles != 1)} and {qubits} qubit{'s' * (qubits != 1)}"


def _mentions_open(ctx: Context, e: ast.Expr) -> bool:
    """Whether an angle indexes a tensor over a dim that has no size yet."""
    match e:
        case ast.Index(base=ast.Name(id=n)):
            t = ctx.frame.locals.get(n)
            return isinstance(t, Tensor) and any(d.open for d in t.type.dims)
        case ast.Binary(left=a, right=b):
            return _mentions_open(ctx, a) or _mentions_open(ctx, b)
        case ast.Unary(operand=a):
            return _mentions_open(ctx, a)
        case ast.Call(args=args):
            return any(_mentions_open(ctx, a.value) for a in args)
    return False
