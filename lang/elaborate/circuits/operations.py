# SPDX-License-Identifier: Apache-2.0
"""What a circuit applies to qubits: a gate with its angles, another circuit, ``adjoint`` or ``controlled`` of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hepq.core.circuits import Angle, Gate, Op, inverse
from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import LORENTZ, Dim
from hepq.lang.elaborate.circuits.controlled import controlled
from hepq.lang.elaborate.circuits.gates import ALIASES, BARRIER, FOREIGN, GATES
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.expressions import evaluate, known
from hepq.lang.elaborate.values import UNKNOWN, Circuit, GateName, Quantity, Tensor, Value, describe
from hepq.lang.elaborate.work import MAX_GATES
from hepq.lang.syntax import ast

Gates = tuple[Op, ...]
#: words that make one operation of another
MAKERS = ("adjoint", "controlled")


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
    found = known(evaluate(ctx, fn))
    if not isinstance(found, (Circuit, GateName)):
        ctx.error("HQ0505", fn.span, gate=fn.span.text[:40], help="a circuit applies gates and other circuits")
    return found


def _gate(ctx: Context, name: str, args: Sequence[ast.Arg], span: Span, lifted: Sequence[Dim]) -> Operation:
    wanted, wires = GATES[name]
    if len(args) != wanted:
        ctx.error("HQ0506", span, gate=name, wanted=_angles(wanted), found=_angles(len(args)))
    found = [_angle_or_unknown(ctx, a.value, lifted) for a in args]
    angles = tuple(a for a in found if a is not None)
    if name == "u2":
        angles = (Angle(math.pi / 2), *angles)
    plain = Gate("u" if name == "u2" else ALIASES.get(name, name), tuple(range(wires)), angles)
    return Operation(name, wires, lambda _: None if None in found else (plain,))


def _angles(n: int) -> str:
    return f"{n or 'no'} angle{'s' * (n != 1)}"


def _angle_or_unknown(ctx: Context, e: ast.Expr, lifted: Sequence[Dim]) -> Angle | None:
    try:
        return _angle(ctx, known(evaluate(ctx, e)), e.span, lifted)
    except Reported:  # an error, or a value that is not known yet: other angles are checked all the same
        ctx.go_on()
        return None


def _angle(ctx: Context, value: Value, span: Span, lifted: Sequence[Dim]) -> Angle:
    """A real number, in radians."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
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
    from hepq.core.types import anonymous
    from hepq.lang.elaborate.circuits.circuits import elaborate

    given = [(a.name, evaluate(ctx, a.value), a.span) for a in args]
    if any(v is UNKNOWN for _, v, _ in given):
        raise Reported

    def gates(n: int) -> Gates | None:
        return elaborate(ctx, circuit, given, span, anonymous(n)).gates

    return Operation(circuit.decl.name, None, gates)
