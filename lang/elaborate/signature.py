# SPDX-License-Identifier: Apache-2.0
"""Signatures: type expressions, matching an argument's type against a parameter's, binding arguments to parameters.

A signature's open dims (``dim chan`` with no size) are variables: a call binds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import ENERGY, LORENTZ, ONE, UNITS, Dim, Elem, Type, Unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.circuits.gates import GATES
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.names import dim_of, lookup_dim, static_value
from hepq.lang.elaborate.phrasing import convert_help, counted, element_help, extent, kind, missing_dim_help, shape_help
from hepq.lang.elaborate.values import UNKNOWN, Builtin, Circuit, Function, GateName, Quantity, Value, describe
from hepq.lang.elaborate.work import MAX_DIMS
from hepq.lang.syntax import ast

_P4_HELP = "build one: `p4(px=…, py=…, pz=…, energy=…)` or `p4(pt=…, eta=…, phi=…, mass=…)`"
COMPONENT_HELP = "take a component or a function of it, such as `p.pt`"
STATIC_KINDS = ("dim", "fn", "block", "circuit", "list", "string")
_FOREIGN_TYPES = {
    **dict.fromkeys(("float", "float32", "float64", "double", "number", "tensor", "array"), "real"),
    **dict.fromkeys(("int32", "int64", "integer", "uint", "long"), "int"),
    **dict.fromkeys(("lorentzvector", "tlorentzvector", "fourvector", "vector", "momentum4d"), "p4"),
    "boolean": "bool",
}
_ELEMS: dict[str, Elem] = {"real": "real", "int": "int", "bool": "bool", "complex": "complex"}
#: an argument: its name if given, its value, where it stands
Given = tuple[str | None, Value, Span]
Declared = ast.FnDecl | ast.CircuitDecl
_NUMBERS = ("int", "real", "bool")


@dataclass(frozen=True)
class Pattern:
    """A parameter's type: named dims that are open and unbound are variables.

    ``into``: of an index, the dim whose entries it numbers, if the type says it.
    """

    elem: Elem
    dims: tuple[Dim, ...]
    unit: Unit
    rest: bool
    lorentz: bool
    into: Dim | None = None

    def __str__(self) -> str:
        dims = ["..."] * self.rest + [str(d) for d in self.dims]
        base = Type(self.elem, (LORENTZ,) if self.lorentz else (), self.unit, self.into)
        return str(base) + (f"[{', '.join(dims)}]" if dims else "")


def element(ctx: Context, t: ast.TypeExpr) -> tuple[Elem, Unit, bool]:
    """Element, unit and whether it is a four-vector."""
    if t.power != 1 and t.name not in UNITS:
        ctx.error("HQ0307", t.span, name=f"{t.name}^{t.power}", help="only units have powers")
    if t.name in _ELEMS:
        return _ELEMS[t.name], ONE, False
    if t.name == "index":
        return "index", ONE, False
    if t.name == "p4":
        return "real", ENERGY, True
    if t.name in UNITS:
        return "real", UNITS[t.name][0] ** t.power, False
    names = [*_ELEMS, "p4", "index", *UNITS]
    foreign = _FOREIGN_TYPES.get(t.name.lower())
    return ctx.error("HQ0307", t.span, name=t.name, near=[foreign] if foreign else near(t.name, names))


def pattern(ctx: Context, t: ast.TypeExpr) -> Pattern:
    ctx.spend(1, t.span)
    if t.of is not None and (t.name != "index" or t.by or not t.dims):
        help = f"a cross-reference is a field of a collection; over a dim, say which: `index[DIM] of {t.of}`"
        ctx.error("HQ0307", t.span, name=t.span.text, help=help if t.name == "index" else "leave out `of`")
    elem, unit, lorentz = element(ctx, t)
    if elem == "index" and not (t.dims or t.rest):
        ctx.error("HQ0404", t.span, wanted="the dims of an index, such as `index[part, nbr]`", found="none")
    if len(t.dims) > MAX_DIMS:
        ctx.error("HQ0218", t.span, count=len(t.dims), limit=MAX_DIMS)
    dims: dict[tuple[str, int], Dim] = {}
    for e in t.dims:
        dim = dim_of(ctx, evaluate_dim(ctx, e), e.span)
        if dim.key in dims:
            ctx.error("HQ0204", e.span, dim=dim)
        dims[dim.key] = dim
    into = None
    if t.of is not None:
        into = dim_of(ctx, evaluate_dim(ctx, ast.Name(t.of, span=t.span)), t.span)
    return Pattern(elem, tuple(dims.values()), unit, t.rest, lorentz, into)


def evaluate_dim(ctx: Context, e: ast.Expr) -> Value:
    return lookup_dim(ctx, e) if isinstance(e, ast.Name) else ctx.evaluate(e)


def concrete_type(ctx: Context, t: ast.TypeExpr) -> Type:
    """A type written out in full: of a model's parameter, a branch, a param."""
    p = pattern(ctx, t)
    if p.rest:
        ctx.error("HQ0205", t.span)
    into = p.into or p.dims[0] if p.elem == "index" else None
    return Type(p.elem, p.dims + ((LORENTZ,) if p.lorentz else ()), p.unit, into)


def match(
    ctx: Context, p: Pattern, actual: Tensor, frame: Frame, span: Span, *, lift: bool, what: str,
    caller: Frame | None = None,
) -> Tensor:  # fmt: skip
    """Bind the pattern's variables in ``frame``; returns the tensor, renamed where a named dim
    of the pattern takes an anonymous dim of the same size.

    A variable takes the dim of its own name only if ``caller`` means the same by that name."""
    t = actual.type
    ctx.spend(1 + len(p.dims), span)
    _match_element(ctx, p, t, span, what)
    actual = ctx.cast(actual, p.elem, span)
    dims = list(t.dims[:-1] if p.lorentz else t.dims)
    wanted = [frame.dims.get(d.name, d.base).prime(d.primes) if d.open else d for d in p.dims]
    variables = [
        i
        for i, d in enumerate(wanted)
        if d.open and (t.dim(d) is None or (d.name not in frame.dims and not _same_dim(ctx, t.dim(d), frame, caller)))
    ]
    for i, want in enumerate(wanted):
        if i in variables:
            continue
        have = next((d for d in dims if d.key == want.key), None)
        if have is None:
            have = next((d for d in reversed(dims) if d.anonymous and d.size == want.size), None)
            if have is None:
                ctx.error("HQ0207", span, dim=want, found=t, wanted=p, what=what, help=missing_dim_help(want, t))
            actual = rename(ctx, actual, have, want, span)
        elif not want.open and not have.fits(want):
            ctx.error("HQ0203", span, dim=want, left=extent(have), right=extent(want))
        dims.remove(have)
        if p.dims[i].open:
            frame.dims[p.dims[i].name] = have.base if want.open else want.base
    extra_ok = p.rest or (lift and not variables)
    if len(dims) < len(variables) or (len(dims) > len(variables) and not extra_ok):
        ctx.error("HQ0208", span, found=t, wanted=p, what=what, help=shape_help(p.dims, t))
    for i, have in zip(reversed(variables), reversed(dims), strict=False):
        want = p.dims[i]
        if have.primes < want.primes:
            ctx.error("HQ0207", span, dim=want, found=t, wanted=p, what=what, help=missing_dim_help(want, t))
        frame.dims[want.name] = replace(have, primes=have.primes - want.primes)
    if p.into is not None:
        _match_target(ctx, p, p.into, t, frame, span, what)
    return actual


def _match_target(ctx: Context, p: Pattern, wanted: Dim, t: Type, frame: Frame, span: Span, what: str) -> None:
    """An index numbers entries of the dim that the pattern says; one that is open and unbound is bound to it."""
    if t.into is None:
        return
    if wanted.open:
        wanted = frame.dims.setdefault(wanted.name, t.into.base)
    if wanted.key != t.into.base.key or not t.into.fits(wanted):
        ctx.error("HQ0309", span, found=t, wanted=p, what=what, help=f"it numbers entries of `{t.into}`")


def _same_dim(ctx: Context, dim: Dim | None, frame: Frame, caller: Frame | None) -> bool:
    """Is ``dim``, an argument's, what its name means both where it is declared and where the call stands?"""
    if dim is None or caller is None:
        return True
    here, there = (ctx.program.modules[f.module].scope.get(dim.name) for f in (caller, frame))
    if here is None or there is None or here.decl is not there.decl:
        return False
    meant = caller.dims.get(dim.name) or ctx.given_size(here.decl, dim.name) or Dim(dim.name)
    return (meant.size, meant.bound) == (dim.size, dim.bound)


def named_dims(p: Pattern, frame: Frame) -> list[tuple[str, int]]:
    """Keys of the dims that the pattern names, as bound in ``frame``."""
    return [frame.dims.get(d.name, d.base).prime(d.primes).key if d.open else d.key for d in p.dims]


def in_order(ctx: Context, p: Pattern, x: Tensor, frame: Frame, span: Span) -> Tensor:
    """``x`` with the dims that the pattern names in the pattern's order, its last dim last.

    Further dims keep their order; they may stand between the others, so that ragged dims stay in front.
    """
    keys = named_dims(p, frame)
    dims = [d for d in x.type.dims if d != LORENTZ]
    by_key = {d.key: d for d in dims}
    named = [by_key[k] for k in keys if k in by_key]
    if not named or ([d for d in dims if d.key in keys] == named and dims[-1] == named[-1]):
        return x
    front = sorted([*(d for d in dims if d.key not in keys), *named[:-1]], key=lambda d: not d.ragged)
    order = (*front, named[-1], *(d for d in x.type.dims if d == LORENTZ))
    return ctx.emit("transpose", [x], x.type.with_dims(order), span)


def _match_element(ctx: Context, p: Pattern, t: Type, span: Span, what: str) -> None:
    if (LORENTZ in t.dims) != p.lorentz:
        ctx.error("HQ0309", span, found=t, wanted=p, what=what, help=_P4_HELP if p.lorentz else COMPONENT_HELP)
    if p.elem == t.elem or (p.elem == "real" and t.elem in ("int", "bool")):
        if p.unit != t.unit:
            help = convert_help(p.unit, t.unit, span.text)
            ctx.error("HQ0308", span, found=kind(t.unit), wanted=kind(p.unit), what=what, help=help)
        return
    ctx.error("HQ0309", span, found=t, wanted=p, what=what, help=element_help(p.elem, span.text))


def rename(ctx: Context, x: Tensor, src: Dim, dst: Dim, span: Span) -> Tensor:
    dims = tuple(dst if d.key == src.key else d for d in x.type.dims)
    into = dst if x.type.into is not None and x.type.into.key == src.key else x.type.into
    return ctx.emit("rename", [x], replace(x.type, dims=dims, into=into), span, src=src, dst=dst)


def annotate(ctx: Context, value: Value, t: ast.TypeExpr, span: Span, what: str) -> Value:
    """Check a value against a written type; names its anonymous dims as the type does."""
    if t.name in STATIC_KINDS or (t.name == "int" and not t.dims and isinstance(value, int)):
        return value
    p = pattern(ctx, t)
    frame = Frame(ctx.frame.module)
    return in_order(ctx, p, match(ctx, p, ctx.tensor(value, span), frame, span, lift=False, what=what), frame, span)


def with_statics(
    ctx: Context, fn: Function | Circuit | Builtin, args: Sequence[ast.Arg], span: Span
) -> Function | Circuit | Builtin:
    """``fn[args]``: remember static arguments."""
    if isinstance(fn, Builtin):
        return replace(fn, statics=(*fn.statics, *((a.name, ctx.evaluate(a.value), a) for a in args)))
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
            ctx.error("HQ0403", arg.span, name=arg.name, what=fn.decl.name, near=near(key, params),
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
        return ctx.evaluate(e) if bound else GateName(e.id)
    return ctx.evaluate(e)


def _weight_name(ctx: Context, value: Value, span: Span) -> str:
    if not isinstance(value, str) or not value.isidentifier():
        ctx.error("HQ0404", span, wanted='a name for the weights, such as name="head"', found=describe(value))
    return str(value)


def evaluated(ctx: Context, args: Sequence[ast.Arg]) -> list[Given]:
    return [(a.name, ctx.evaluate(a.value), a.span) for a in args]


def bind_call(
    ctx: Context, fn: Function | Circuit, args: Sequence[Given], span: Span, frame: Frame, *, lift: bool
) -> Further:
    """Bind the arguments of a call in ``frame``; ``lift``: they may have further dims."""
    _bind_statics(ctx, fn.decl, dict(fn.statics), frame, span)
    values = _match_args(ctx, fn.decl, args, span)
    if any(v is UNKNOWN for v, _ in values.values()):
        raise Reported
    return _bind_params(ctx, fn.decl, values, frame, ctx.frame, lift=lift)


def _bind_statics(ctx: Context, decl: Declared, given: dict[str, Any], frame: Frame, span: Span) -> None:
    for p in decl.statics:
        if p.name in given:
            value, where = given[p.name]
            frame.locals[p.name] = static_value(ctx, p, value, where)
        elif p.default is None:
            ctx.error("HQ0407", span, Label(p.span, "declared here"), name=p.name, what=decl.name)
        elif isinstance(p.default, (ast.Int, ast.Float, ast.Bool, ast.String, ast.Quantity)):
            # types of parameters may use it; other defaults may use what parameters bind
            frame.locals[p.name] = static_value(ctx, p, static_argument(ctx, p.default), p.default.span)


def _match_args(ctx: Context, decl: Declared, args: Sequence[Given], span: Span) -> dict[str, tuple[Value, Span]]:
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


def _bind_params(
    ctx: Context, decl: Declared, values: dict[str, tuple[Value, Span]], frame: Frame, caller: Frame, *, lift: bool
) -> Further:
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


def bind_defaults(ctx: Context, decl: Declared, frame: Frame) -> None:
    """Bind the parameters that a call leaves out."""
    for p in decl.statics:
        if p.name not in frame.locals and p.default is not None:
            frame.locals[p.name] = static_value(ctx, p, static_argument(ctx, p.default), p.span)
    for p in decl.params:
        if p.name not in frame.locals and p.default is not None:
            frame.locals[p.name] = default_value(ctx, p, p.default)


def default_value(ctx: Context, p: ast.Param, default: ast.Expr) -> Value:
    """What a parameter is when no argument is given."""
    value = ctx.evaluate(default)
    if p.type is None:
        return value
    if p.type.name in STATIC_KINDS:
        return static_value(ctx, p, value, default.span)
    if stays_static(value, p.type):
        return value
    return annotate(ctx, value, p.type, default.span, f"the default of `{p.name}`")


def bind_any(ctx: Context, decl: Declared) -> None:
    """Bind every parameter in ``ctx.frame``, and check the defaults."""
    frame = ctx.frame
    for p in decl.statics:
        try:
            frame.locals[p.name] = _any_static(ctx, p)
        except Reported:
            frame.locals[p.name] = UNKNOWN
    for p in decl.params:
        try:
            frame.locals[p.name] = _any_value(ctx, p)
        except Reported:
            frame.locals[p.name] = UNKNOWN
    for p in decl.params:
        if p.default is not None:
            with suppress(Reported):
                default_value(ctx, p, p.default)


def _any_static(ctx: Context, p: ast.Param) -> Value:
    if p.default is not None:
        return static_value(ctx, p, static_argument(ctx, p.default), p.default.span)
    return Dim(p.name) if p.type is not None and p.type.name == "dim" else UNKNOWN


def _any_value(ctx: Context, p: ast.Param) -> Value:
    if p.type is None or p.type.name in STATIC_KINDS:
        return static_argument(ctx, p.default) if p.default is not None else _any_static(ctx, p)
    t = pattern(ctx, p.type)
    dims = t.dims + ((LORENTZ,) if t.lorentz else ())
    if t.rest and not dims:
        return UNKNOWN
    into = t.into or t.dims[0] if t.elem == "index" and t.dims else None
    return Tensor(object(), Type(t.elem, dims, t.unit, into))
