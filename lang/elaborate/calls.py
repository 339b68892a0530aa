# SPDX-License-Identifier: Apache-2.0
"""Calls of functions and blocks: weight paths, the statements of their bodies, results.

Blocks that loops make are numbered in the order they are made; two loops that make the same ones must agree in it.
A block and its inverse, with `Net[name="net"]` in loops over ``0..n`` and ``reverse(0..n)``, would give
`net0` to the first number in one and to the last in the other: weights of one, read into the other, would be exchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim, Type, merge_dims
from hepq.lang.elaborate.attributes import note_measuring
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.circuits.gates import BARRIER, GATES
from hepq.lang.elaborate.context import Context, Frame, Instance, Reported, WeightScope, in_library, known, snake_case
from hepq.lang.elaborate.names import static_int
from hepq.lang.elaborate.signature import (
    STATIC_KINDS,
    Given,
    annotate,
    bind_call,
    bind_defaults,
    concrete_type,
    in_order,
    match,
    named_dims,
    pattern,
    rename,
    stays_static,
)
from hepq.lang.elaborate.values import (
    UNKNOWN,
    Builtin,
    Function,
    Init,
    Objects,
    Register,
    Value,
    describe,
    is_number,
    is_whole,
    length,
)
from hepq.lang.elaborate.work import CALL_STEPS, CHARACTERS_A_STEP, MAX_CALL_DEPTH, MAX_ITERATIONS
from hepq.lang.syntax import ast


def call_function(ctx: Context, fn: Function, args: Sequence[Given], span: Span, *, entry: bool = False) -> Value:
    """Elaborate the body of ``fn`` for these arguments. ``entry``: nothing in the program calls it."""
    decl = fn.decl
    ctx.spend(CALL_STEPS, span)
    if fn.module == "std.hep" and len(args) == 1 and (component := _component(ctx, decl.name, args[0])) is not None:
        return component
    if len(ctx.frames) > MAX_CALL_DEPTH:
        ctx.too_deep(decl, decl.name, span, MAX_CALL_DEPTH)
    if decl.kind != "fn" and any(f.dataset for f in ctx.frames):
        ctx.error("HQ0612", span, what=f"{decl.kind} `{decl.name}`")
    if decl.kind != "fn" and fn.instance is None and not ctx.frame.owns_params:
        in_analysis = ctx.data is not None and ctx.data.word == "cut" and ctx.frame.decl is None
        help = f"call what `artifact({decl.name}, weights=…)` gives" if in_analysis else None
        ctx.error("HQ0409", span, name=decl.name, kind=decl.kind, help=help)
    frame = Frame(fn.module, call_span=None if entry else span, decl=decl)
    caller = ctx.frame
    further = bind_call(ctx, fn, args, span, frame, lift=decl.kind == "fn")
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
        bind_defaults(ctx, decl, frame)
        note_measuring(ctx, decl.attrs)
        if decl.kind != "fn":
            given, taken = ({p.name: frame.locals[p.name] for p in ps} for ps in (decl.statics, decl.params))
            ctx.instances.append(Instance(frame.scope.prefix, decl.name, fn.module, given, tuple(taken.values())))
        result = run_body(ctx, decl.body, decl.span)
        check_numbering(ctx, decl)
        return check_result(ctx, decl, known(result), further.lifted, span)
    finally:
        ctx.frames.pop()


def _component(ctx: Context, name: str, argument: Given) -> Tensor | None:
    """What ``pt``, ``eta``, ``phi`` or ``mass`` gives of a four-vector that was made of it."""
    _, value, span = argument
    if ctx.data is None or not isinstance(value, Tensor | Objects):
        return None
    return ctx.data.polar.get(ctx.tensor(value, span).handle, {}).get(name)


def _instance_path(ctx: Context, fn: Function, caller: Frame, span: Span) -> str:
    if fn.instance is not None:
        return fn.instance
    note_numbered(caller, fn.decl, fn.name or snake_case(fn.decl.name), span, named=fn.name is not None)
    if fn.name is not None:
        return caller.scope.child(fn.name, indexed=caller.loops > 0)
    return caller.scope.child(snake_case(fn.decl.name), indexed=True)


def note_numbered(frame: Frame, block: ast.FnDecl, name: str, span: Span, *, named: bool) -> None:
    """Remember that the loop made a block, and for which number; of the library, only where it is ``named``."""
    counted = frame.loops == 1 and is_whole(frame.item)
    if counted and not in_library(span) and (named or not in_library(block.span)):
        frame.numbered.setdefault((id(block), name), []).append((frame.item, span))


def check_numbering(ctx: Context, decl: ast.FnDecl) -> None:
    """At the end of a body: report blocks that another one makes for the same numbers, in another order."""
    for key, made in ctx.frame.numbered.items():
        numbers, span = tuple(n for n, _ in made), made[0][1]
        known = ctx.work.numbered.setdefault((*key, tuple(sorted(numbers))), [])
        for other, theirs, where in known:
            if numbers != theirs and len(set(numbers)) == len(numbers):
                ctx.error(
                    "HQ0225", span, Label(where, f"`{key[1]}0` is of number {theirs[0]} here"),
                    made=f"{key[1]}0", number=numbers[0], other=other, theirs=theirs[0],
                )  # fmt: skip
        if all(entry[:2] != (decl.name, numbers) for entry in known):
            known.append((decl.name, numbers, span))


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
    for src, dst in zip(free.dims, wanted.dims, strict=True):
        if src.key != dst.key:
            tensor = rename(ctx, tensor, src, dst, span)
    return tensor


def run_body(ctx: Context, body: ast.Expr | Sequence[ast.Stmt], span: Span) -> Value:
    """The value a body returns; unknown if an error got in the way."""
    if isinstance(body, ast.Node):
        return ctx.evaluate(body)
    returned: list[Value] = []
    _statements(ctx, body, returned)
    if not returned:
        ctx.error("HQ0416", Span(span.source, max(span.start, span.end - 1), span.end))
    return returned[0]


def _statements(ctx: Context, body: Sequence[ast.Stmt], returned: list[Value]) -> None:
    for statement in body:
        if returned:
            ctx.error("HQ0417", statement.span)
        try:
            _statement(ctx, statement, returned)
        except Reported:
            ctx.go_on()
            for name in targets(statement):
                ctx.frame.locals[name] = UNKNOWN
            if isinstance(statement, ast.Return):
                returned.append(UNKNOWN)


def targets(statement: ast.Stmt) -> tuple[str, ...]:
    """The names that a statement binds."""
    match statement:
        case ast.Bind(targets=t) | ast.For(targets=t):
            return t
        case ast.ParamDecl(name=n) | ast.LocalDim(name=n):
            return (n,)
    return ()


def _statement(ctx: Context, s: ast.Stmt, returned: list[Value]) -> None:
    ctx.spend(1, s.span)
    match s:
        case ast.Bind():
            bind(ctx, s)
        case ast.ParamDecl():
            ctx.frame.locals[s.name] = _param(ctx, s)
        case ast.LocalDim():
            local_dim(ctx, s)
        case ast.For(body=body):
            outer = ctx.frame.item
            ctx.frame.loops += 1
            try:
                unroll(ctx, s, lambda: _statements(ctx, body, returned), MAX_ITERATIONS)
            finally:
                ctx.frame.loops -= 1
                ctx.frame.item = outer
        case ast.Return(value=value):
            returned.append(ctx.evaluate(value))
        case ast.Do(call=call):
            gate = call.fn.id if isinstance(call, ast.Call) and isinstance(call.fn, ast.Name) else ""
            declared = ctx.program.modules[ctx.frame.module].scope
            if (gate in GATES or gate == BARRIER) and gate not in declared and gate not in ctx.frame.locals:
                ctx.error("HQ0504", s.span, gate=gate)
            ctx.error("HQ0418", s.span)


def local_dim(ctx: Context, s: ast.LocalDim) -> None:
    n = static_int(ctx, s.size)
    if not 0 < n <= 1 << 24:
        ctx.error("HQ0206", s.size.span, size=n)
    ctx.frame.locals[s.name] = Dim(s.name, n)


def bind(ctx: Context, s: ast.Bind) -> None:
    """``a, b: type = value``; binding a block to a name fixes its weights' path."""
    value = ctx.value(s.value)
    if s.type is not None:
        value = annotate(ctx, value, s.type, s.value.span, f"`{s.targets[0]}`")
    if isinstance(value, Function) and value.decl.kind != "fn" and value.instance is None:
        frame, name = ctx.frame, value.name or s.targets[0]
        note_numbered(frame, value.decl, name, s.span, named=value.name is not None)
        value = replace(value, instance=frame.scope.child(name, indexed=frame.loops > 0))
    if len(s.targets) == 1:
        ctx.frame.locals[s.targets[0]] = value
        return
    if not isinstance(value, (tuple, range)) or length(value) != len(s.targets):
        ctx.error("HQ0419", s.span, wanted=len(s.targets), found=describe(value))
    ctx.frame.locals.update(zip(s.targets, value, strict=True))


def _param(ctx: Context, s: ast.ParamDecl) -> Tensor:
    if not ctx.frame.owns_params:
        ctx.error("HQ0420", s.span, name=s.name)
    if ctx.frame.loops:
        ctx.error("HQ0422", s.span, name=s.name)
    if s.name in ctx.frame.weights:
        ctx.error("HQ0102", s.span, name=s.name)
    ctx.frame.weights.add(s.name)
    t = concrete_type(ctx, s.type)
    if any(d.ragged for d in t.dims):
        ctx.error("HQ0210", s.type.span, name=s.name, dim=next(d for d in t.dims if d.ragged))
    if t.elem != "real":
        ctx.error(
            "HQ0309", s.type.span, found=t, wanted="real", what=f"weight `{s.name}`", help="weights are real numbers"
        )
    init = Init("normal", (0.0, 0.02)) if s.init is None else ctx.value(s.init)
    if is_number(init):
        init = Init("constant", (float(init),))
    if not isinstance(init, Init):
        ctx.error("HQ0421", s.init.span if s.init else s.span, found=describe(init))
    return ctx.weight(s.name, t, init, not s.buffer, s.span)


def unroll(ctx: Context, s: ast.For, run: Callable[[], None], limit: int) -> None:
    """Run the body for each item of a static range or list; once, for an unknown item, if it is not known yet."""
    try:
        items = _items(ctx, s, limit)
    except Reported:
        ctx.go_on()
        ctx.frame.locals.update(dict.fromkeys(s.targets, UNKNOWN))
        run()
        return
    for item in items:
        ctx.spend(1, s.iter.span)
        values = (item,) if len(s.targets) == 1 else item if isinstance(item, tuple) else ()
        if len(values) != len(s.targets):
            ctx.error("HQ0419", s.span, wanted=len(s.targets), found=describe(item))
        ctx.frame.locals.update(zip(s.targets, values, strict=True))
        ctx.frame.item = item
        run()


def _items(ctx: Context, s: ast.For, limit: int) -> Sequence[Value]:
    value = ctx.value(s.iter)
    help = None
    if isinstance(value, Tensor):
        help = "operations act on all entries at once; to add them up, `sum(x, over=dim)`"
    if isinstance(value, Register):
        help = "loop over the numbers of the qubits: over the dim of the register"
    items = ctx.sequence(value, s.iter.span, "a static list, range or dim to loop over", help)
    return ctx.listed(items, s.iter.span, limit)
