# SPDX-License-Identifier: Apache-2.0
"""Calling functions and blocks: static arguments, binding of open dims, weight paths, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hepq.core.source import Span
from hepq.core.types import Dim, Type, merge_dims
from hepq.lang.elaborate.attributes import note_measuring
from hepq.lang.elaborate.binding import (
    Given,
    bind_params,
    bind_statics,
    default_params,
    default_statics,
    match_args,
    static_value,
    stays_static,
)
from hepq.lang.elaborate.context import Context, Frame, Instance, Reported, WeightScope, snake_case
from hepq.lang.elaborate.expressions import evaluate, known, static_int
from hepq.lang.elaborate.numbering import check_numbering, note_numbered
from hepq.lang.elaborate.signature import STATIC_KINDS, in_order, match, named_dims, pattern
from hepq.lang.elaborate.statements import run_body
from hepq.lang.elaborate.values import UNKNOWN, Builtin, Circuit, Function, GateName, Tensor, Value, describe
from hepq.lang.elaborate.work import CALL_STEPS, CHARACTERS_A_STEP, MAX_CALL_DEPTH, MAX_ENTRIES
from hepq.lang.syntax import ast

#: of consts and dims; deeper than calls, so that a recursion is found in the call
_MAX_DEFINITION_DEPTH = MAX_CALL_DEPTH + 16


def apply(ctx: Context, fn: Value, args: Sequence[ast.Arg], span: Span, fspan: Span) -> Value:
    """``fn(args)``"""
    if isinstance(fn, Builtin):
        from hepq.lang.elaborate.builtins.table import BUILTINS

        return BUILTINS[fn.name](ctx, fn, args, span)
    if isinstance(fn, GateName):
        ctx.error("HQ0504", span, gate=fn.name)
    if not isinstance(fn, (Function, Circuit)):
        ctx.error("HQ0401", fspan, found=describe(fn))
    given = [(a.name, evaluate(ctx, a.value), a.span) for a in args]
    if isinstance(fn, Circuit):
        from hepq.lang.elaborate.circuits.circuits import prepare

        return prepare(ctx, fn, given, span)
    return call_function(ctx, fn, given, span)


def call_function(ctx: Context, fn: Function, args: Sequence[Given], span: Span, *, entry: bool = False) -> Value:
    """Elaborate the body of ``fn`` for these arguments. ``entry``: nothing in the program calls it."""
    decl = fn.decl
    ctx.spend(CALL_STEPS, span)
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.too_deep(decl, decl.name, span, MAX_CALL_DEPTH)
    if decl.kind != "fn" and any(f.dataset for f in ctx.frames):
        ctx.error("HQ0612", span, what=f"{decl.kind} `{decl.name}`")
    if decl.kind != "fn" and fn.instance is None and not ctx.frame.owns_params:
        ctx.error("HQ0409", span, name=decl.name, kind=decl.kind)
    frame = Frame(fn.module, call_span=None if entry else span, decl=decl)
    statics = dict(fn.statics)
    caller = ctx.frame
    bind_statics(ctx, decl, statics, frame, span)
    values = match_args(ctx, decl, args, span)
    if any(v is UNKNOWN for v, _ in values.values()):
        raise Reported
    further = bind_params(ctx, decl, values, frame, caller, lift=decl.kind == "fn")
    if decl.ret is not None and decl.ret.rest:
        frame.rest += further.rest
    if decl.kind == "fn":
        frame.scope = caller.scope
    else:
        frame.scope = WeightScope(_instance_path(ctx, fn, caller, span))
        ctx.spend(len(frame.scope.prefix) // CHARACTERS_A_STEP, span)
        frame.owns_params = True
    ctx.frames.append(frame)
    try:
        default_statics(ctx, decl, frame)
        default_params(ctx, decl, frame)
        note_measuring(ctx, decl.attrs)
        if decl.kind != "fn":
            given, taken = ({p.name: frame.locals[p.name] for p in ps} for ps in (decl.statics, decl.params))
            ctx.instances.append(Instance(frame.scope.prefix, decl.name, fn.module, given, tuple(taken.values())))
        result = run_body(ctx, decl.body, decl.span)
        check_numbering(ctx, decl)
        return check_result(ctx, decl, known(result), further.lifted, span)
    finally:
        ctx.frames.pop()


def _instance_path(ctx: Context, fn: Function, caller: Frame, span: Span) -> str:
    if fn.instance is not None:
        return fn.instance
    note_numbered(caller, fn.decl, fn.name or snake_case(fn.decl.name), span, named=fn.name is not None)
    if fn.name is not None:
        return caller.scope.child(fn.name, indexed=caller.loops > 0)
    return caller.scope.child(snake_case(fn.decl.name), indexed=True)


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
    if stays_static(result, decl.ret) and decl.kind == "fn":
        return result
    wanted = pattern(ctx, decl.ret)
    extra = merge_dims(lifted) if lifted else ()
    tensor = ctx.tensor(result, where)
    have = {d.key for d in extra} - {d.key for d in wanted.dims}
    free = tensor.type.with_dims(d for d in tensor.type.dims if d.key not in have)
    frame = Frame(ctx.frame.module, dims=dict(ctx.frame.dims))
    checked = match(
        ctx, wanted, Tensor(tensor.handle, free), frame, where, lift=False, what=f"the result of `{decl.name}`"
    )
    for key in named_dims(wanted, frame):
        if twice := next((d for d in ctx.frame.rest if d.key == key), None):
            ctx.error("HQ0204", span, dim=twice, help=f"`{decl.ret.span.text}` has it in `...` too: rename it first")
    tensor = ctx.cast(tensor, checked.type.elem, where)
    tensor = _renamed(ctx, tensor, checked.type, free, where)
    return in_order(ctx, wanted, tensor, frame, where)


def _renamed(ctx: Context, tensor: Tensor, wanted: Type, free: Type, span: Span) -> Tensor:
    from hepq.lang.elaborate.signature import rename

    for src, dst in zip(free.dims, wanted.dims, strict=True):
        if src.key != dst.key:
            tensor = rename(ctx, tensor, src, dst, span)
    return tensor


def constant(ctx: Context, decl: ast.ConstDecl, home: str) -> Value:
    """The value of a ``const``; it may use other consts and functions of static numbers."""
    return _defined(ctx, decl, decl.name, lambda: _constant(ctx, decl, home))


def _defined(ctx: Context, decl: ast.Decl, name: str, find: Callable[[], Value]) -> Value:
    """What ``find`` gives, found once; raises ``Reported`` each time if there was an error."""
    key, known = (id(decl), name), ctx.work.defined
    if key not in known:
        if len(ctx.frames) > _MAX_DEFINITION_DEPTH:
            ctx.too_deep(decl, name, decl.span, _MAX_DEFINITION_DEPTH, help="take it out of its own definition")
        try:
            known[key] = find()
        except Reported:
            known[key] = None
            raise
    if known[key] is None:
        raise Reported
    return known[key]


def _constant(ctx: Context, decl: ast.ConstDecl, home: str) -> Value:
    ctx.frames.append(Frame(home, decl=decl))
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
    if given := ctx.given_size(decl, name):
        return given
    found: Dim = _defined(ctx, decl, name, lambda: _dim_size(ctx, decl, name, home))
    return found


def _dim_size(ctx: Context, decl: ast.DimDecl, name: str, home: str) -> Dim:
    assert decl.value is not None
    if isinstance(decl.value, ast.ListExpr):
        if len(decl.value.items) > MAX_ENTRIES:
            ctx.error("HQ0220", decl.value.span, name=name, count=len(decl.value.items), limit=MAX_ENTRIES)
        entries = [i.id for i in decl.value.items if isinstance(i, ast.Name)]
        entries += [i.value for i in decl.value.items if isinstance(i, ast.String)]
        if len(entries) != len(decl.value.items) or len(set(entries)) != len(entries) or decl.op == "<=" or not entries:
            ctx.error("HQ0209", decl.value.span, name=name)
        return Dim(name, len(entries), entries=tuple(entries))
    ctx.frames.append(Frame(home, decl=decl))
    try:
        size = static_int(ctx, decl.value)
    finally:
        ctx.frames.pop()
    if not 0 < size <= 1 << 24:
        ctx.error("HQ0206", decl.value.span, size=size)
    return Dim(name, bound=size) if decl.op == "<=" else Dim(name, size)
