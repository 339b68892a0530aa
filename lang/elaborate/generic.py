# SPDX-License-Identifier: Apache-2.0
"""Arguments that stand for any argument, so that a declaration is checked before anything uses it."""

from __future__ import annotations

from contextlib import suppress

from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.elaborate.binding import Declared, default_value, static_argument, static_value
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.signature import STATIC_KINDS, pattern
from hepq.lang.elaborate.values import UNKNOWN, Tensor, Value
from hepq.lang.syntax import ast


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
    into = t.dims[0] if t.elem == "index" and t.dims else None
    return Tensor(object(), Type(t.elem, dims, t.unit, into))
