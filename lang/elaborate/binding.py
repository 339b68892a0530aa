# SPDX-License-Identifier: Apache-2.0
"""Binding arguments to the parameters of a function, block or circuit: static ones, run-time ones, defaults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import UNITS, Dim
from hepq.lang.elaborate.circuits.gates import GATES
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.expressions import evaluate, known
from hepq.lang.elaborate.phrasing import counted
from hepq.lang.elaborate.signature import STATIC_KINDS, annotate, dim_of, in_order, match, named_dims, pattern
from hepq.lang.elaborate.unknown import unknown_name
from hepq.lang.elaborate.values import Builtin, Circuit, Function, GateName, Quantity, Tensor, Value, describe
from hepq.lang.syntax import ast

#: an argument: its name if given, its value, where it stands
Given = tuple[str | None, Value, Span]
Declared = ast.FnDecl | ast.CircuitDecl
_KINDS = {
    "int": "a whole number", "real": "a number", "bool": "`true` or `false`", "string": "a text", "list": "a list",
    "fn": "a function", "block": "a block", "circuit": "a circuit",
}  # fmt: skip
_NUMBERS = ("int", "real", "bool")


def with_statics(
    ctx: Context, fn: Function | Circuit | Builtin, args: Sequence[ast.Arg], span: Span
) -> Function | Circuit | Builtin:
    """``fn[args]``: remember static arguments."""
    if isinstance(fn, Builtin):
        return replace(fn, statics=(*fn.statics, *((a.name, evaluate(ctx, a.value), a) for a in args)))
    statics = dict(fn.statics)
    params = {p.name: p for p in fn.decl.statics}
    free = iter(params)
    owner = isinstance(fn, Function) and fn.decl.kind != "fn"
    name = None
    for arg in args:
        value = static_argument(ctx, arg.value)
        if arg.name == "name" and "name" not in params and owner:
            name = _weight_name(ctx, value, arg.span)
            continue
        key = arg.name or next((p for p in free if p not in statics), None)
        if key is None:
            wanted = counted(len(params), "argument")
            help = "values go in `( )`, after the static arguments"
            ctx.error("HQ0413", arg.span, what=f"{fn.decl.name}[ ]", wanted=wanted, found=len(args), help=help)
        if key not in params:
            ctx.error("HQ0403", arg.span, name=arg.name, what=fn.decl.name, near=_near(arg.name, params),
                      wanted=", ".join(params) or "none")  # fmt: skip
        if key in statics:
            ctx.error("HQ0402", arg.span, name=key, what=fn.decl.name)
        statics[key] = (value, arg.span)
    given = replace(fn, statics=tuple(statics.items()))
    return replace(given, name=name) if name is not None and isinstance(given, Function) else given


def static_argument(ctx: Context, e: ast.Expr) -> Value:
    """The value of a static argument: as of any expression, and gates by their names."""
    if isinstance(e, (ast.ListExpr, ast.TupleExpr)):
        return tuple(static_argument(ctx, i) for i in e.items)
    if isinstance(e, ast.Name) and e.id in GATES:
        bound = e.id in ctx.frame.locals or e.id in ctx.program.modules[ctx.frame.module].scope
        return evaluate(ctx, e) if bound else GateName(e.id)
    return evaluate(ctx, e)


def _weight_name(ctx: Context, value: Value, span: Span) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        ctx.error("HQ0404", span, wanted='a name for the weights, such as name="head"', found=describe(value))
    return str(value)


def _near(name: str | None, names: Iterable[str]) -> list[str]:
    return near(name, names) if name else []


def bind_statics(ctx: Context, decl: Declared, given: dict[str, Any], frame: Frame, span: Span) -> None:
    for p in decl.statics:
        if p.name in given:
            value, where = given[p.name]
            frame.locals[p.name] = static_value(ctx, p, value, where)
        elif p.default is None:
            ctx.error("HQ0407", span, Label(p.span, "declared here"), name=p.name, what=decl.name)
        elif isinstance(p.default, (ast.Int, ast.Float, ast.Bool, ast.String, ast.Quantity)):
            # types of parameters may use it; other defaults may use what parameters bind
            frame.locals[p.name] = static_value(ctx, p, static_argument(ctx, p.default), p.default.span)


def static_value(ctx: Context, p: ast.Param, value: Value, span: Span) -> Value:
    """Check a static argument against its declared kind."""
    known(value)
    kind = p.type.name if p.type else None
    if isinstance(value, GateName) and kind not in (None, "circuit", "list"):
        unknown_name(ctx, value.name, [*ctx.frame.locals], span, dim=kind == "dim")
    ok: bool
    match kind:
        case None:
            return value
        case "dim":
            return dim_of(ctx, value, span)
        case "int":
            if isinstance(value, Dim):
                if value.ragged:
                    ctx.error("HQ0211", span, dim=value)
                if value.size is None:
                    raise Reported
                return value.size
            ok = isinstance(value, int) and not isinstance(value, bool)
        case "real":
            ok = isinstance(value, (int, float)) and not isinstance(value, bool)
        case "bool":
            ok = isinstance(value, bool)
        case "string":
            ok = isinstance(value, str)
        case "list":
            if isinstance(value, range):
                value = ctx.listed(value, span)
            ok = isinstance(value, tuple)
        case "fn":
            ok = isinstance(value, Builtin) or (isinstance(value, Function) and value.decl.kind == "fn")
        case "block":
            ok = isinstance(value, Function)
        case "circuit":
            ok = isinstance(value, (Circuit, GateName))
        case _ if kind in UNITS:
            assert p.type is not None
            ok = isinstance(value, Quantity) and value.unit == UNITS[kind][0] ** p.type.power
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            ok = ok or (UNITS[kind][0].dimensionless and number)
        case _:
            ok = True
    if not ok:
        inside = p.span.source is span.source and p.span.start <= span.start and span.end <= p.span.end
        labels = [] if inside else [Label(p.span, "declared here")]
        wanted = f"{_KINDS.get(kind or '', kind)} for `{p.name}`"
        help = _static_help(kind or "", value, span)
        ctx.error("HQ0404", span, *labels, wanted=wanted, found=describe(value), help=help)
    return value


def _static_help(kind: str, value: Value, span: Span) -> str | None:
    if isinstance(value, Tensor):
        return "it is known only at run time: pass it in `( )`, or use a number known at compile time"
    if kind in UNITS and isinstance(value, (int, float)):
        return f"give it a unit: `{span.text.split('=')[-1].strip()} {kind}`"
    if kind == "list" and isinstance(value, int):
        return f"write a list: `[{value}]`"
    return None


def match_args(ctx: Context, decl: Declared, args: Sequence[Given], span: Span) -> dict[str, tuple[Value, Span]]:
    out: dict[str, tuple[Value, Span]] = {}
    names = {p.name: p for p in decl.params}
    free = iter(names)
    for name, value, where in args:
        if name is None:
            name = next((n for n in free if n not in out), None)
            if name is None:
                ctx.error("HQ0413", where, what=decl.name, wanted=counted(len(names), "argument"), found=len(args))
        elif name not in names:
            if name in [p.name for p in decl.statics]:
                ctx.error("HQ0414", where, name=name, what=decl.name)
            ctx.error("HQ0403", where, name=name, what=decl.name, near=near(name, names), wanted=", ".join(names))
        if name in out:
            ctx.error("HQ0402", where, name=name, what=decl.name)
        out[name] = (value, where)
    for p in decl.params:
        if p.name not in out and p.default is None:
            ctx.error("HQ0415", span, Label(p.span, "declared here"), name=p.name, what=decl.name)
    return out


@dataclass
class Further:
    """Dims of arguments beyond those that their parameters name: of plain parameters, and of ``...``."""

    lifted: list[Sequence[Dim]] = field(default_factory=list)
    rest: list[Dim] = field(default_factory=list)


def bind_params(
    ctx: Context, decl: Declared, values: dict[str, tuple[Value, Span]], frame: Frame, caller: Frame, *, lift: bool
) -> Further:
    """Bind the arguments in ``frame``; ``lift``: they may have further dims."""
    further = Further()
    for p in decl.params:
        if p.name not in values:
            continue
        value, where = values[p.name]
        if p.type is None or p.type.name in STATIC_KINDS:
            frame.locals[p.name] = static_value(ctx, p, value, where)
            continue
        if stays_static(value, p.type):
            frame.locals[p.name] = value
            continue
        ctx.frames.append(frame)
        try:
            wanted = pattern(ctx, p.type)
        finally:
            ctx.frames.pop()
        tensor = match(ctx, wanted, ctx.tensor(value, where), frame, where, lift=lift,
                       what=f"`{p.name}` of `{decl.name}`", caller=caller)  # fmt: skip
        frame.locals[p.name] = in_order(ctx, wanted, tensor, frame, where)
        named = set(named_dims(wanted, frame))
        extra = [d for d in tensor.type.dims if d.key not in named and d.name != "p4"]
        if wanted.rest:
            further.rest += extra
        else:
            further.lifted.append(extra)
    return further


def stays_static(value: Value, t: ast.TypeExpr) -> bool:
    """A number passed for a scalar of the same unit stays static, so that it can be folded."""
    if t.dims or t.rest or isinstance(value, bool):
        return False
    if isinstance(value, Quantity):
        return t.name in UNITS and value.unit == UNITS[t.name][0] ** t.power
    dimensionless = t.name in _NUMBERS or (t.name in UNITS and UNITS[t.name][0].dimensionless)
    return isinstance(value, int if t.name == "int" else (int, float)) and dimensionless


def default_statics(ctx: Context, decl: Declared, frame: Frame) -> None:
    for p in decl.statics:
        if p.name not in frame.locals and p.default is not None:
            frame.locals[p.name] = static_value(ctx, p, static_argument(ctx, p.default), p.span)


def default_params(ctx: Context, decl: Declared, frame: Frame) -> None:
    for p in decl.params:
        if p.name not in frame.locals and p.default is not None:
            frame.locals[p.name] = default_value(ctx, p, p.default)


def default_value(ctx: Context, p: ast.Param, default: ast.Expr) -> Value:
    """What a parameter is when no argument is given."""
    value = evaluate(ctx, default)
    if p.type is None:
        return value
    if p.type.name in STATIC_KINDS:
        return static_value(ctx, p, value, default.span)
    if stays_static(value, p.type):
        return value
    return annotate(ctx, value, p.type, default.span, f"the default of `{p.name}`")
