# SPDX-License-Identifier: Apache-2.0
"""Attributes: ``@invariant(permute(part))``, ``@equivariant(lorentz)``, ``@shots(4096)``, ``@budget(…)``."""

from __future__ import annotations

from collections.abc import Sequence

from hepq.lang import ast
from hepq.lang.catalogue import near
from hepq.lang.context import Context, Reported
from hepq.lang.expr import lookup_dim
from hepq.lang.types import Dim
from hepq.lang.values import describe

_SYMMETRY = "`lorentz` or `permute(dim)`"
ATTRIBUTES = ("invariant", "equivariant", "shots", "budget")


def check_attributes(ctx: Context, attrs: Sequence[ast.Attr]) -> None:
    """Report every mistake in attributes; raises ``Reported`` if there is one."""
    failed = False
    for attr in attrs:
        try:
            _attribute(ctx, attr)
        except Reported:
            failed = True
    if failed:
        raise Reported


def _attribute(ctx: Context, attr: ast.Attr) -> None:
    if attr.name not in ATTRIBUTES:
        ctx.error("HQ0109", attr.span, name=attr.name, near=near(attr.name, ATTRIBUTES))
    if attr.name == "shots":
        counts = [a.value.value for a in attr.args if a.name is None and isinstance(a.value, ast.Int)]
        if len(attr.args) != 1 or not counts or counts[0] < 1:
            wanted = "one whole number of at least 1"
            ctx.error("HQ0111", attr.span, name=attr.name, wanted=wanted, help="write `@shots(4096)`")
    if attr.name in ("invariant", "equivariant"):
        if not attr.args:
            ctx.error("HQ0111", attr.span, name=attr.name, wanted=_SYMMETRY)
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
    ctx.error("HQ0111", e.span, name=name, wanted=_SYMMETRY)
