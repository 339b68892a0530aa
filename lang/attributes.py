# SPDX-License-Identifier: Apache-2.0
"""Attributes: ``@invariant(permute(part))``, ``@equivariant(lorentz)``, ``@shots(4096)``, ``@budget(…)``."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from hepq.lang import ast
from hepq.lang.context import Context
from hepq.lang.expr import lookup_dim
from hepq.lang.types import Dim
from hepq.lang.values import describe

ATTRIBUTES = ("invariant", "equivariant", "shots", "budget")


def check_attributes(ctx: Context, attrs: Sequence[ast.Attr]) -> None:
    for attr in attrs:
        if attr.name not in ATTRIBUTES:
            ctx.error("HQ0109", attr.span, name=attr.name, near=get_close_matches(attr.name, ATTRIBUTES, 1))
        if attr.name in ("invariant", "equivariant"):
            for arg in attr.args:
                _symmetry(ctx, attr.name, arg.value)


def _symmetry(ctx: Context, name: str, e: ast.Expr) -> None:
    match e:
        case ast.Name(id="lorentz"):
            return
        case ast.Call(fn=ast.Name(id="permute"), args=(ast.Arg(name=None, value=ast.Name() as arg),)):
            dim = lookup_dim(ctx, arg)
            if not isinstance(dim, Dim):
                ctx.error("HQ0201", arg.span, found=describe(dim))
            return
    ctx.error("HQ0111", e.span, name=name, wanted="`lorentz` or `permute(dim)`")
