# SPDX-License-Identifier: Apache-2.0
"""Type expressions, and matching an argument's type against a parameter's.

A signature's open dims (``dim chan`` with no size) are variables: a call binds them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import ENERGY, LORENTZ, ONE, UNITS, Dim, Elem, Type, Unit, anonymous
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.expressions import evaluate, lookup_dim
from hepq.lang.elaborate.phrasing import convert_help, element_help, extent, kind, missing_dim_help, shape_help
from hepq.lang.elaborate.values import UNKNOWN, Tensor, Value, describe
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


@dataclass(frozen=True)
class Pattern:
    """A parameter's type: named dims that are open and unbound are variables."""

    elem: Elem
    dims: tuple[Dim, ...]
    unit: Unit
    rest: bool
    lorentz: bool

    def __str__(self) -> str:
        dims = ["..."] * self.rest + [str(d) for d in self.dims]
        base = Type(self.elem, (LORENTZ,) if self.lorentz else (), self.unit)
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
    return Pattern(elem, tuple(dims.values()), unit, t.rest, lorentz)


def evaluate_dim(ctx: Context, e: ast.Expr) -> Value:
    return lookup_dim(ctx, e) if isinstance(e, ast.Name) else evaluate(ctx, e)


def dim_of(ctx: Context, value: Value, span: Span) -> Dim:
    """A dim, or a whole number standing for an anonymous dim of that size."""
    if isinstance(value, Dim):
        return value
    if value is UNKNOWN:
        raise Reported
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 < value <= 1 << 24:
            ctx.error("HQ0206", span, size=value)
        return anonymous(value)
    help = f"write {value} without quotes" if isinstance(value, str) and value.isidentifier() else None
    return ctx.error("HQ0201", span, found=describe(value), help=help)


def concrete_type(ctx: Context, t: ast.TypeExpr) -> Type:
    """A type written out in full: of a model's parameter, a branch, a param."""
    p = pattern(ctx, t)
    if p.rest:
        ctx.error("HQ0205", t.span)
    return Type(p.elem, p.dims + ((LORENTZ,) if p.lorentz else ()), p.unit, p.dims[0] if p.elem == "index" else None)


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
    return actual


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
