# SPDX-License-Identifier: Apache-2.0
"""What names mean: locals, dims, consts, declarations, built-ins; and what to say of those that mean nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NoReturn

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.ops.table import OPS
from hepq.core.source import Span
from hepq.core.types import UNITS, Dim, anonymous
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import BUILTINS, Context, Frame, Reported, known
from hepq.lang.elaborate.values import (
    UNKNOWN,
    Builtin,
    Circuit,
    Function,
    GateName,
    Objects,
    Quantity,
    Value,
    Withheld,
    describe,
    is_number,
    is_whole,
)
from hepq.lang.elaborate.work import MAX_CALL_DEPTH, MAX_ENTRIES, NAMES_A_STEP
from hepq.lang.modules import declared_names, library_module, library_modules
from hepq.lang.syntax import ast
from hepq.lang.syntax.declaration import declaration_of

CONSTANTS = {"pi": math.pi, "inf": math.inf}
#: of consts and dims; deeper than calls, so that a recursion is found in the call
_MAX_DEFINITION_DEPTH = MAX_CALL_DEPTH + 16
_KINDS = {
    "int": "a whole number", "real": "a number", "bool": "`true` or `false`", "string": "a text", "list": "a list",
    "fn": "a function", "block": "a block", "circuit": "a circuit",
}  # fmt: skip
#: what programs in Python call the modules of their functions
_PYTHON = ("np", "numpy", "math", "torch", "tf", "jnp", "ak", "awkward", "F", "nn", "self", "vector")
#: names that Python programs would use, and what is written here
_INSTEAD = {
    "range": "write a range as `0..3`, or loop over a dim or a list",
    "len": "use `size(dim)`, or `count(dim)` for a ragged dim",
    "where": "write `if condition then a else b`",
    **dict.fromkeys(("cat", "concatenate", "hstack"), "use `concat(x, y)`"),
    **dict.fromkeys(("einsum", "matmul", "mm", "bmm", "tensordot", "inner"), "use `dot(x, y, over=dim)`"),
    **dict.fromkeys(("transpose", "permute", "swapaxes"), "dims align by name: their order never matters"),
    **dict.fromkeys(
        ("reshape", "view", "squeeze", "unsqueeze", "expand"), "use `unflatten`, `flatten`, `stack` or `rename`"
    ),
    **{op.numpy: f"write `{op.name}`" for op in OPS.values() if op.numpy and op.numpy.startswith("arc")},
    **dict.fromkeys(("log10", "log2"), "divide logarithms: `log(x) / log(10)`"),
    **dict.fromkeys(("pow", "square"), "write `x^2`"),
    "product": "write `prod(x, over=dim)`",
    "topk": "write `top_k[k](x, over=dim)`",
    **dict.fromkeys(("bincount", "groupby", "scatter_add"), "sum by an index: `sum(x, by=index)`, `count(by=index)`"),
    "root": "a file is read by `source name = root(…)` in a dataset",
}


def lookup(ctx: Context, e: ast.Name, *, dim: bool = False) -> Value:
    """A name: a local, a dim, a declaration in scope, a constant, a built-in. ``dim``: a dim is wanted."""
    frame, name = ctx.frame, e.id
    if name in frame.locals:
        found = known(frame.locals[name])
        if isinstance(found, Withheld):
            ctx.error("HQ0914", e.span, name=name, why=found.why)
        return found
    base = name.rstrip("'")
    if base != name:
        return lookup_dim(ctx, e)
    found = declared(ctx, frame.module, name, e.span)
    if found is not None:
        return known(found)
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in BUILTINS:
        return Builtin(name)
    if name in ctx.program.modules[frame.module].file.lost:
        raise Reported
    names = [*frame.locals, *ctx.program.modules[frame.module].scope, *BUILTINS, *CONSTANTS]
    ctx.spend(len(names) // NAMES_A_STEP, e.span)
    return unknown_name(ctx, name, names, e.span, dim=dim)


def is_free(ctx: Context, name: str) -> bool:
    """Whether the program gives the name no meaning."""
    module = ctx.program.modules[ctx.frame.module]
    return name not in ctx.frame.locals and name not in module.scope and name not in module.file.lost


def lookup_dim(ctx: Context, e: ast.Name) -> Value:
    """A name where a dim is wanted; ``part'`` is a primed copy of ``part``."""
    ctx.spend(1, e.span)
    base = e.id.rstrip("'")
    primes = len(e.id) - len(base)
    value = lookup(ctx, ast.Name(base, span=e.span), dim=True)
    if not primes:
        return value
    if is_whole(value):
        value = anonymous(value)
    if isinstance(value, Objects) and value.dim is not None:
        value = value.dim
    if not isinstance(value, Dim):
        copied = isinstance(value, Tensor) and value.type.dims
        help = f"to copy a value, name its dim: `prime({base}, {copied[0]})`" if copied else None
        return ctx.error("HQ0201", e.span, found=describe(value), help=help)
    return value.prime(primes)


def declared(ctx: Context, module: str, name: str, span: Span) -> Value | None:
    """What a module-level name means; dims of a signature mean what the call bound them to."""
    binding = ctx.program.modules[module].scope.get(name)
    if binding is None:
        return None
    decl, home = binding.decl, binding.module
    match decl:
        case ast.FnDecl():
            return Function(decl, home)
        case ast.CircuitDecl():
            return Circuit(decl, home)
        case ast.DimDecl():
            return _dim(ctx, decl, name, home)
        case ast.ConstDecl():
            return constant(ctx, decl, home)
        case ast.CollectionDecl() | ast.RecordDecl():
            if ctx.data is None:
                ctx.error("HQ0660", span, name=name)
            return ctx.data.collection(ctx, decl, home)
    kind = declaration_of(decl)
    return ctx.error("HQ0104", span, name=name, kind=kind.kind or kind.words[0])


def imported(ctx: Context, e: ast.Expr) -> str | None:
    """The module that a name of ``import a.b`` stands for."""
    if not isinstance(e, ast.Name) or e.id in ctx.frame.locals:
        return None
    binding = ctx.program.modules[ctx.frame.module].scope.get(e.id)
    return binding.module if binding is not None and isinstance(binding.decl, ast.Import) else None


def member(ctx: Context, module: str, name: str, span: Span) -> Value:
    """``hep.eta``: what a module calls a name."""
    found = declared(ctx, module, name, span)
    if found is None:
        if name in ctx.program.modules[module].file.lost:
            raise Reported
        close = near(name, ctx.program.modules[module].scope)
        return ctx.error("HQ0106", span, module=module, name=name, near=close)
    return known(found)


def _dim(ctx: Context, decl: ast.DimDecl, name: str, home: str) -> Dim | None:
    if decl.op is None:
        return ctx.frame.dims.get(name) or ctx.given_size(decl, name) or Dim(name)
    return dim_size(ctx, decl, name, home)


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
        value = ctx.value(decl.value)
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


def static_int(ctx: Context, e: ast.Expr) -> int:
    value = ctx.value(e)
    if isinstance(value, Dim):
        return ctx.size(value, e.span)
    if is_whole(value):
        return value
    help = "its value differs between events: use it in arithmetic only" if isinstance(value, Tensor) else None
    return ctx.error("HQ0404", e.span, wanted="a whole number known at compile time", found=describe(value), help=help)


def dim_of(ctx: Context, value: Value, span: Span) -> Dim:
    """A dim, or a whole number standing for an anonymous dim of that size."""
    if isinstance(value, Dim):
        return value
    if value is UNKNOWN:
        raise Reported
    if is_whole(value):
        if not 0 < value <= 1 << 24:
            ctx.error("HQ0206", span, size=value)
        return anonymous(value)
    if isinstance(value, Objects) and value.dim is not None:
        return value.dim
    help = f"write {value} without quotes" if isinstance(value, str) and value.isidentifier() else None
    return ctx.error("HQ0201", span, found=describe(value), help=help)


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
                return ctx.size(value, span)
            ok = is_whole(value)
        case "real":
            ok = is_number(value)
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
            number = is_number(value)
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


def unknown_name(ctx: Context, name: str, known: Sequence[str], span: Span, *, dim: bool) -> NoReturn:
    """Report that ``name`` is none of the names ``known`` here; ``dim``: where a dim is wanted."""
    if name in _INSTEAD:
        ctx.error("HQ0101", span, name=name, help=_INSTEAD[name])
    region = ctx.data.of_regions.get(name) if ctx.data is not None else None
    if region is not None:
        help = f"it is of region `{region}`: `region NAME extends {region}`, or bind it above both"
        ctx.error("HQ0101", span, name=name, help=help)
    close = near(name, known)
    home = _homes().get(name)
    dataset = ctx.frame.dataset
    if home is not None and not dim:
        ctx.error("HQ0101", span, name=name, help=f"import it: `from {home} import {name}`")
    if dataset is not None and not dim and not close and name not in _PYTHON:
        ctx.error("HQ0601", span, name=dataset, branch=name)
    if close:
        ctx.error("HQ0101", span, name=name, near=close)
    if name in _PYTHON:
        ctx.error("HQ0101", span, name=name, help="functions are called by their own names, such as `exp(x)`")
    if dim:
        help = f"declare it: `dim {name} = size`, or `dim {name} <= bound` for particles"
        ctx.error("HQ0101", span, name=name, help=help)
    ctx.error("HQ0101", span, name=name, near=near(name, _homes()))


@cache
def _homes() -> dict[str, str]:
    """Each name that a library module declares itself, and the module."""
    homes: dict[str, str] = {}
    for module in library_modules():
        parsed = library_module(module)
        for decl in parsed[0].decls if parsed else ():
            if not isinstance(decl, (ast.Import, ast.FromImport)):
                homes |= dict.fromkeys(declared_names(decl), module)
    return homes


def positions(ctx: Context, wanted: Value, size: int, kind: str, inner: Span, outer: Span) -> list[int]:
    """Static indices, counted from the end where negative, of a list of ``size``: none of them outside it."""
    ends = (wanted.start, wanted.stop - 1) if isinstance(wanted, range) and wanted.start < wanted.stop else ()
    for i in ends or wanted:
        if not is_whole(i):
            ctx.error("HQ0404", inner, wanted=kind, found=describe(i))
        if not -size <= i < size:
            ctx.error("HQ0406", outer, index=i, length=size)
    return [i % size for i in ctx.listed(wanted, inner)]
