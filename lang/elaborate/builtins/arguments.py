# SPDX-License-Identifier: Apache-2.0
"""Registering a built-in, and reading its arguments: positions, keywords, static options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import Dim, anonymous
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import BUILTINS, Context, known
from hepq.lang.elaborate.names import dim_of, lookup_dim
from hepq.lang.elaborate.phrasing import counted, dims_of, missing_dim_help, pure_help
from hepq.lang.elaborate.values import UNKNOWN, Builtin, Value, describe, is_number, is_whole
from hepq.lang.syntax import ast

#: what NumPy and torch call the dim that a reduction removes
_AXIS = ("axis", "dim", "axes", "dims", "along")


@dataclass
class Arguments:
    """Arguments of one call of a built-in, by name; missing ones are absent."""

    ctx: Context
    name: str
    span: Span
    values: dict[str, tuple[Value, Span]]
    rest: list[tuple[Value, Span]]

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def value(self, key: str) -> Value:
        if key not in self.values:
            self.ctx.error("HQ0415", self.span, name=key, what=self.name)
        return self.values[key][0]

    def where(self, key: str) -> Span:
        return self.values[key][1] if key in self.values else self.span

    def tensor(self, key: str) -> Tensor:
        return self.ctx.tensor(self.value(key), self.where(key))

    def dim(self, key: str) -> Dim:
        return dim_of(self.ctx, self.value(key), self.where(key))

    def dims(self, key: str, *, distinct: bool = True) -> tuple[Dim, ...]:
        """One dim or a list of them."""
        value = self.value(key)
        items = value if isinstance(value, tuple) else (value,)
        self.ctx.spend(len(items), self.where(key))
        dims = tuple(dim_of(self.ctx, v, self.where(key)) for v in items)
        seen: set[tuple[str, int]] = set()
        for dim in dims:
            if distinct and dim.key in seen and not dim.anonymous:
                self.ctx.error("HQ0204", self.where(key), dim=dim)
            seen.add(dim.key)
        return dims

    def dim_in(self, key: str, tensor: Tensor) -> Dim:
        return in_tensor(self.ctx, self.dim(key), tensor, self.where(key))

    def integer(self, key: str, default: int | None = None) -> int:
        if key not in self.values and default is not None:
            return default
        value = self.value(key)
        if isinstance(value, Dim):
            return self.ctx.size(value, self.where(key))
        if not is_whole(value):
            self.ctx.error(
                "HQ0404", self.where(key), wanted=f"a static whole number for `{key}`", found=describe(value)
            )
        return int(value)

    def number(self, key: str, default: float) -> float:
        if key not in self.values:
            return default
        value = self.value(key)
        if not is_number(value):
            self.ctx.error("HQ0404", self.where(key), wanted=f"a static number for `{key}`", found=describe(value))
        return float(value)


def in_tensor(ctx: Context, dim: Dim, tensor: Tensor, span: Span) -> Dim:
    """The tensor's dim of that name."""
    found = tensor.type.dim(dim)
    if found is None:
        copy = missing_dim_help(dim, tensor.type) if dim.primes else None
        close = [] if copy else near(str(dim), map(str, tensor.type.dims))
        help = copy or (None if close else dims_of(tensor.type))
        ctx.error("HQ0212", span, dim=dim, found=tensor.type, near=close, help=help)
    return found


Rule = TypeVar("Rule", bound=Callable[..., Value])


def builtin(
    names: str, params: str = "", statics: str = "", *, variadic: bool = False, dims: str = ""
) -> Callable[[Rule], Rule]:
    """Make a rule the built-ins ``names``: it is given the context and what their arguments were read as."""
    wanted, options, as_dims = params.split(), statics.split(), dims.split()

    def register(rule: Rule) -> Rule:
        def applied(ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span) -> Value:
            return rule(ctx, read(ctx, fn, args, span, wanted, options, variadic=variadic, dims=as_dims))

        unread(names)(applied)
        return rule

    return register


def unread(names: str) -> Callable[[Rule], Rule]:
    """Make a rule the built-ins ``names``: it is given their arguments as they are written."""

    def register(rule: Rule) -> Rule:
        BUILTINS.update(dict.fromkeys(names.split(), rule))
        return rule

    return register


def read(
    ctx: Context, fn: Builtin, args: Sequence[ast.Arg], span: Span, params: Sequence[str],
    statics: Sequence[str] = (), *, variadic: bool = False, dims: Sequence[str] = (),
) -> Arguments:  # fmt: skip
    """Match ``fn[statics](args)`` to parameter names; ``dims`` are read as dims (``part'``)."""
    out = Arguments(ctx, fn.name, span, {}, [])
    for name, value, arg in fn.statics:
        _put(out, _slot(out, name, arg, statics, static=True), known(value), arg.span)
    for arg in args:
        positional = [p for p in params if p not in out.values]
        if arg.name is None and variadic:
            out.rest.append((ctx.value(arg.value), arg.span))
            continue
        slot = _slot(out, arg.name, arg, positional if arg.name is None else [*params, *statics])
        _put(out, slot, known(_dim_or_value(ctx, arg.value, slot in dims)), arg.span)
    return out


def _dim_or_value(ctx: Context, e: ast.Expr, is_dim: bool) -> Value:
    if not is_dim:
        return ctx.evaluate(e)
    if isinstance(e, (ast.ListExpr, ast.TupleExpr)):
        return tuple(_dim_or_value(ctx, i, True) for i in e.items)
    value = lookup_dim(ctx, e) if isinstance(e, ast.Name) else ctx.evaluate(e)
    if is_whole(value):
        return anonymous(value)
    return UNKNOWN if value is None else value


def _slot(out: Arguments, name: str | None, arg: ast.Arg, names: Sequence[str], *, static: bool = False) -> str:
    if name is None:
        free = next((n for n in names if n not in out.values), None)
        if free is None:
            wanted = counted(len(out.values), "static argument" if static else "argument")
            out.ctx.error("HQ0413", arg.span, what=out.name, wanted=wanted, found=len(out.values) + 1)
        return free
    if name not in names:
        close = ["over"] if name in _AXIS and "over" in names else near(name, names)
        out.ctx.error("HQ0403", arg.span, name=name, what=out.name, near=close, wanted=", ".join(names) or "none")
    return name


def _put(out: Arguments, slot: str, value: Value, span: Span) -> None:
    if slot in out.values:
        out.ctx.error("HQ0402", span, name=slot, what=out.name)
    out.values[slot] = (value, span)


def unitless(ctx: Context, x: Tensor, span: Span, function: str) -> Tensor:
    if not x.type.unit.dimensionless:
        ctx.error("HQ0303", span, function=function, unit=x.type.unit, help=pure_help(span.text, x.type.unit))
    return x
