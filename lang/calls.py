# SPDX-License-Identifier: Apache-2.0
"""Calling functions and blocks: static arguments, binding of open dims, weight paths, results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hepq.lang import ast
from hepq.lang.body import run_body
from hepq.lang.catalogue import near
from hepq.lang.context import MAX_CALL_DEPTH, Context, Frame, Instance, Reported, WeightScope, snake_case
from hepq.lang.diagnostic import Label
from hepq.lang.expr import evaluate, known, static_int
from hepq.lang.signature import STATIC_KINDS, annotate, dim_of, in_order, match, named_dims, pattern
from hepq.lang.source import Span
from hepq.lang.types import UNITS, Dim, Type, merge_dims
from hepq.lang.unknown import MEASUREMENT_HELP
from hepq.lang.values import UNKNOWN, Builtin, Circuit, Function, Quantity, Tensor, Value, describe
from hepq.lang.words import counted

#: an argument: its name if given, its value, where it stands
Given = tuple[str | None, Value, Span]
_KINDS = {
    "int": "a whole number", "real": "a number", "bool": "`true` or `false`", "string": "a text", "list": "a list",
    "fn": "a function", "block": "a block",
}  # fmt: skip
_NUMBERS = ("int", "real", "bool")


def apply(ctx: Context, fn: Value, args: Sequence[ast.Arg], span: Span, fspan: Span) -> Value:
    """``fn(args)``"""
    if isinstance(fn, Builtin):
        from hepq.lang.builtins import BUILTINS

        return BUILTINS[fn.name](ctx, fn, args, span)
    if not isinstance(fn, Function):
        ctx.error("HQ0401", fspan, found=describe(fn), help=MEASUREMENT_HELP if isinstance(fn, Circuit) else None)
    given = [(a.name, evaluate(ctx, a.value), a.span) for a in args]
    return call_function(ctx, fn, given, span)


def with_statics(ctx: Context, fn: Function | Builtin, args: Sequence[ast.Arg], span: Span) -> Function | Builtin:
    """``fn[args]``: remember static arguments."""
    if isinstance(fn, Builtin):
        return replace(fn, statics=(*fn.statics, *((a.name, evaluate(ctx, a.value), a) for a in args)))
    statics = dict(fn.statics)
    params = [p.name for p in fn.decl.statics]
    free = [p for p in params if p not in statics]
    name = fn.name
    for arg in args:
        value = evaluate(ctx, arg.value)
        if arg.name == "name" and "name" not in params and fn.decl.kind != "fn":
            name = _weight_name(ctx, value, arg.span)
            continue
        key = arg.name or (free[0] if free else None)
        if key is None:
            wanted = counted(len(params), "argument")
            help = "values go in `( )`, after the static arguments"
            ctx.error("HQ0413", arg.span, what=f"{fn.decl.name}[ ]", wanted=wanted, found=len(args), help=help)
        if key not in params:
            ctx.error("HQ0403", arg.span, name=arg.name, what=fn.decl.name, near=_near(arg.name, params),
                      wanted=", ".join(params) or "none")  # fmt: skip
        if key in statics:
            ctx.error("HQ0402", arg.span, name=key, what=fn.decl.name)
        if key in free:
            free.remove(key)
        statics[key] = (value, arg.span)
    return replace(fn, statics=tuple(statics.items()), name=name)


def _weight_name(ctx: Context, value: Value, span: Span) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        ctx.error("HQ0404", span, wanted='a name for the weights, such as name="head"', found=describe(value))
    return str(value)


def _near(name: str | None, names: Sequence[str]) -> list[str]:
    return near(name, names) if name else []


def call_function(ctx: Context, fn: Function, args: Sequence[Given], span: Span, *, entry: bool = False) -> Value:
    """Elaborate the body of ``fn`` for these arguments. ``entry``: nothing in the program calls it."""
    decl = fn.decl
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.error("HQ0411", span, name=decl.name)
    if decl.kind != "fn" and any(f.dataset for f in ctx.frames):
        ctx.error("HQ0612", span, what=f"{decl.kind} `{decl.name}`")
    if decl.kind != "fn" and fn.instance is None and not ctx.frame.owns_params:
        ctx.error("HQ0409", span, name=decl.name, kind=decl.kind)
    frame = Frame(fn.module, call_span=None if entry else span)
    statics = dict(fn.statics)
    caller = ctx.frame
    _bind_statics(ctx, decl, statics, frame, span)
    values = _match_args(ctx, decl, args, span)
    if any(v is UNKNOWN for v, _ in values.values()):
        raise Reported
    lifted: list[Sequence[Dim]] = []
    _bind_params(ctx, decl, values, frame, caller, lifted)
    if decl.kind == "fn":
        frame.scope = caller.scope
    else:
        frame.scope = WeightScope(_instance_path(ctx, fn, caller))
        frame.owns_params = True
    ctx.frames.append(frame)
    try:
        _default_statics(ctx, decl, frame)
        _default_params(ctx, decl, frame)
        if decl.kind != "fn":
            given, taken = ({p.name: frame.locals[p.name] for p in ps} for ps in (decl.statics, decl.params))
            ctx.instances.append(Instance(frame.scope.prefix, decl.name, fn.module, given, tuple(taken.values())))
        result = run_body(ctx, decl.body, decl.span)
        return check_result(ctx, decl, known(result), lifted, span)
    finally:
        ctx.frames.pop()


def _instance_path(ctx: Context, fn: Function, caller: Frame) -> str:
    if fn.instance is not None:
        return fn.instance
    if fn.name is not None:
        return caller.scope.child(fn.name, indexed=caller.loops > 0)
    return caller.scope.child(snake_case(fn.decl.name), indexed=True)


def _bind_statics(ctx: Context, decl: ast.FnDecl, given: dict[str, Any], frame: Frame, span: Span) -> None:
    for p in decl.statics:
        if p.name in given:
            value, where = given[p.name]
            frame.locals[p.name] = static_value(ctx, p, value, where)
        elif p.default is None:
            ctx.error("HQ0407", span, Label(p.span, "declared here"), name=p.name, what=decl.name)
        elif isinstance(p.default, (ast.Int, ast.Float, ast.Bool, ast.String, ast.Quantity)):
            # types of parameters may use it; other defaults may use what parameters bind
            frame.locals[p.name] = static_value(ctx, p, evaluate(ctx, p.default), p.default.span)


def static_value(ctx: Context, p: ast.Param, value: Value, span: Span) -> Value:
    """Check a static argument against its declared kind."""
    known(value)
    kind = p.type.name if p.type else None
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
                value = tuple(value)
            ok = isinstance(value, tuple)
        case "fn":
            ok = isinstance(value, Builtin) or (isinstance(value, Function) and value.decl.kind == "fn")
        case "block":
            ok = isinstance(value, Function)
        case _ if kind in UNITS:
            assert p.type is not None
            ok = isinstance(value, Quantity) and value.unit == UNITS[kind][0] ** p.type.power
            ok = ok or (UNITS[kind][0].dimensionless and isinstance(value, (int, float)))
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


def _match_args(ctx: Context, decl: ast.FnDecl, args: Sequence[Given], span: Span) -> dict[str, tuple[Value, Span]]:
    out: dict[str, tuple[Value, Span]] = {}
    names = [p.name for p in decl.params]
    for name, value, where in args:
        if name is None:
            name = next((n for n in names if n not in out), None)
            if name is None:
                ctx.error("HQ0413", where, what=decl.name, wanted=counted(len(names), "argument"), found=len(args))
        elif name not in names:
            if name in [p.name for p in decl.statics]:
                ctx.error("HQ0414", where, name=name, what=decl.name)
            ctx.error("HQ0403", where, name=name, what=decl.name, near=_near(name, names), wanted=", ".join(names))
        if name in out:
            ctx.error("HQ0402", where, name=name, what=decl.name)
        out[name] = (value, where)
    for p in decl.params:
        if p.name not in out and p.default is None:
            ctx.error("HQ0415", span, Label(p.span, "declared here"), name=p.name, what=decl.name)
    return out


def _bind_params(
    ctx: Context, decl: ast.FnDecl, values: dict[str, tuple[Value, Span]], frame: Frame, caller: Frame,
    lifted: list[Sequence[Dim]],
) -> None:  # fmt: skip
    for p in decl.params:
        if p.name not in values:
            continue
        value, where = values[p.name]
        if p.type is None or p.type.name in STATIC_KINDS:
            frame.locals[p.name] = static_value(ctx, p, value, where)
            continue
        if _stays_static(value, p.type):
            frame.locals[p.name] = value
            continue
        ctx.frames.append(frame)
        try:
            wanted = pattern(ctx, p.type)
        finally:
            ctx.frames.pop()
        tensor = match(ctx, wanted, ctx.tensor(value, where), frame, where, lift=decl.kind == "fn",
                       what=f"`{p.name}` of `{decl.name}`", caller=caller)  # fmt: skip
        frame.locals[p.name] = in_order(ctx, wanted, tensor, frame, where)
        further = [d for d in tensor.type.dims if d.key not in named_dims(wanted, frame) and d.name != "p4"]
        if not wanted.rest:
            lifted.append(further)
        elif decl.ret is not None and decl.ret.rest:
            frame.rest += further


def _stays_static(value: Value, t: ast.TypeExpr) -> bool:
    """A number passed for a scalar of the same unit stays static, so that it can be folded."""
    if t.dims or t.rest or isinstance(value, bool):
        return False
    if isinstance(value, Quantity):
        return t.name in UNITS and value.unit == UNITS[t.name][0] ** t.power
    dimensionless = t.name in _NUMBERS or (t.name in UNITS and UNITS[t.name][0].dimensionless)
    return isinstance(value, int if t.name == "int" else (int, float)) and dimensionless


def _default_statics(ctx: Context, decl: ast.FnDecl, frame: Frame) -> None:
    for p in decl.statics:
        if p.name not in frame.locals and p.default is not None:
            frame.locals[p.name] = static_value(ctx, p, evaluate(ctx, p.default), p.span)


def _default_params(ctx: Context, decl: ast.FnDecl, frame: Frame) -> None:
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
    if _stays_static(value, p.type):
        return value
    return annotate(ctx, value, p.type, default.span, f"the default of `{p.name}`")


def check_result(ctx: Context, decl: ast.FnDecl, result: Value, lifted: list[Sequence[Dim]], span: Span) -> Value:
    where = decl.body[-1].span if isinstance(decl.body, tuple) and decl.body else decl.span
    if not isinstance(decl.body, tuple):
        where = decl.body.span
    if isinstance(result, (Function, Builtin)) and (decl.ret is None or decl.ret.name not in ("fn", "block")):
        ctx.error("HQ0301", where, found=describe(result), help="apply it to a value, and return the result")
    if decl.ret is None or (isinstance(result, tuple) and decl.ret.name == "list"):
        return result
    if isinstance(result, tuple):
        found = f"({', '.join('…' * len(result))})"
        ctx.error("HQ0309", where, what=f"the result of `{decl.name}`", wanted=decl.ret.span.text, found=found,
                  help="leave out `->` to return several values")  # fmt: skip
    if decl.ret.name in STATIC_KINDS:
        if isinstance(result, Tensor):
            ctx.error("HQ0309", where, what=f"the result of `{decl.name}`", wanted=decl.ret.name, found=result.type)
        return result
    if _stays_static(result, decl.ret) and decl.kind == "fn":
        return result
    wanted = pattern(ctx, decl.ret)
    extra = merge_dims(lifted) if lifted else ()
    tensor = ctx.tensor(result, where)
    have = {d.key for d in extra} - {d.key for d in wanted.dims}
    free = tensor.type.with_dims(d for d in tensor.type.dims if d.key not in have)
    frame = Frame(ctx.frame.module, dims=dict(ctx.frame.dims))
    checked = match(
        ctx, wanted, replace(tensor, type=free), frame, where, lift=False, what=f"the result of `{decl.name}`"
    )
    for key in named_dims(wanted, frame):
        if twice := next((d for d in ctx.frame.rest if d.key == key), None):
            ctx.error("HQ0204", span, dim=twice, help=f"`{decl.ret.span.text}` has it in `...` too: rename it first")
    tensor = ctx.cast(tensor, checked.type.elem, where)
    tensor = _renamed(ctx, tensor, checked.type, free, where)
    return in_order(ctx, wanted, tensor, frame, where)


def _renamed(ctx: Context, tensor: Tensor, wanted: Type, free: Type, span: Span) -> Tensor:
    from hepq.lang.signature import rename

    for src, dst in zip(free.dims, wanted.dims, strict=True):
        if src.key != dst.key:
            tensor = rename(ctx, tensor, src, dst, span)
    return tensor


def constant(ctx: Context, decl: ast.ConstDecl, home: str) -> Value:
    """The value of a ``const``; it may use other consts and functions of static numbers."""
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.error("HQ0411", decl.span, name=decl.name, help="take it out of its own definition")
    ctx.frames.append(Frame(home))
    try:
        value = known(evaluate(ctx, decl.value))
        if isinstance(value, Tensor):
            ctx.error("HQ0404", decl.value.span, wanted="a value known at compile time", found=describe(value))
        if decl.type is not None:
            static_value(ctx, ast.Param(decl.name, decl.type, None, span=decl.span), value, decl.value.span)
        return value
    finally:
        ctx.frames.pop()


def dim_size(ctx: Context, decl: ast.DimDecl, name: str, home: str) -> Dim:
    """A declared dim with its size, bound or entries."""
    assert decl.value is not None
    if given := ctx.given_size(decl, name):
        return given
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.error("HQ0411", decl.span, name=name, help="take it out of its own definition")
    if isinstance(decl.value, ast.ListExpr):
        entries = [i.id for i in decl.value.items if isinstance(i, ast.Name)]
        entries += [i.value for i in decl.value.items if isinstance(i, ast.String)]
        if len(entries) != len(decl.value.items) or len(set(entries)) != len(entries) or decl.op == "<=" or not entries:
            ctx.error("HQ0209", decl.value.span, name=name)
        return Dim(name, len(entries), entries=tuple(entries))
    ctx.frames.append(Frame(home))
    try:
        size = static_int(ctx, decl.value)
    finally:
        ctx.frames.pop()
    if not 0 < size <= 1 << 24:
        ctx.error("HQ0206", decl.value.span, size=size)
    return Dim(name, bound=size) if decl.op == "<=" else Dim(name, size)
