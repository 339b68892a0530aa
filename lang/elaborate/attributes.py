# SPDX-License-Identifier: Apache-2.0
"""Attributes: ``@invariant(permute(part))``, ``@equivariant(lorentz)``, ``@shots(4096)``, ``@budget(shots=…)``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from hepq.core.diagnostics.catalogue import near
from hepq.core.types import Dim
from hepq.lang.elaborate.context import Context, Measuring, Reported
from hepq.lang.elaborate.names import lookup_dim
from hepq.lang.elaborate.values import describe, is_number, is_whole
from hepq.lang.elaborate.work import MAX_COUNT
from hepq.lang.syntax import ast

_SYMMETRY = "`lorentz` or `permute(dim)`"
ATTRIBUTES = ("invariant", "equivariant", "shots", "budget")
#: what a budget may limit
LIMITS = ("circuits", "shots", "seconds")
_BUDGET = "limits by name: `circuits`, `shots`, `seconds`"


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
    match attr.name:
        case "shots":
            _shots(ctx, attr)
        case "budget":
            _budget(ctx, attr)
        case "invariant" | "equivariant":
            if not attr.args:
                ctx.error("HQ0111", attr.span, name=attr.name, wanted=_SYMMETRY)
            for arg in attr.args:
                _symmetry(ctx, attr.name, arg.value)
        case _:
            ctx.error("HQ0109", attr.span, name=attr.name, near=near(attr.name, ATTRIBUTES))


def note_measuring(ctx: Context, attrs: Sequence[ast.Attr], *, once: bool = False) -> None:
    """Remember ``@shots`` and ``@budget`` of what is applied; dims mean what the call bound them to.

    ``once``: however often it is applied, as a circuit is twice in one kernel.
    """
    if not attrs:
        return
    shots, budget = None, {}
    with suppress(Reported):  # mistakes are reported where they are declared
        for attr in attrs:
            if attr.name == "shots":
                shots = _shots(ctx, attr)
            if attr.name == "budget":
                budget = _budget(ctx, attr)
    found = Measuring(shots, budget)
    ctx.spend(len(ctx.measuring) // 32 if once else 0, attrs[0].span)
    if (shots is not None or budget) and not (once and found in ctx.measuring):
        ctx.measuring.append(found)


def together(found: Sequence[Measuring], own: Sequence[ast.Attr]) -> Measuring:
    """For a model with attributes ``own``: what it says itself, else the most shots and the sum of the budgets."""
    names = [a.name for a in own]
    shots = [m.shots for m in found if m.shots is not None]
    budgets = [m.budget for m in found if m.budget]
    budgets = budgets[:1] if "budget" in names else budgets
    total = {key: sum(b.get(key, 0.0) for b in budgets) for key in LIMITS if any(key in b for b in budgets)}
    return Measuring(shots[0] if "shots" in names and shots else max(shots, default=None), total)


def _shots(ctx: Context, attr: ast.Attr) -> int:
    wanted, help = "one whole number of at least 1", "write `@shots(4096)`"
    if len(attr.args) != 1 or attr.args[0].name is not None:
        ctx.error("HQ0111", attr.span, name=attr.name, wanted=wanted, help=help)
    value = ctx.value(attr.args[0].value)
    if not is_whole(value) or value < 1:
        ctx.error("HQ0111", attr.span, name=attr.name, wanted=wanted, help=help)
    if value > MAX_COUNT:
        ctx.error("HQ0111", attr.span, name=attr.name, wanted=f"at most {MAX_COUNT}", help=help)
    return value


def _budget(ctx: Context, attr: ast.Attr) -> dict[str, float]:
    out: dict[str, float] = {}
    help = "write `@budget(circuits=1000, shots=1024, seconds=60)`"
    for arg in attr.args:
        if arg.name not in LIMITS or arg.name in out:
            ctx.error("HQ0111", arg.span, name=attr.name, wanted=_BUDGET, help=help)
        value = ctx.value(_bounded(ctx, arg.value))
        if not is_number(value) or not 0 < value < math.inf:
            ctx.error("HQ0404", arg.value.span, wanted="a static number above 0", found=describe(value))
        out[arg.name] = float(value)
    if not out:
        ctx.error("HQ0111", attr.span, name=attr.name, wanted=_BUDGET, help=help)
    return out


def _bounded(ctx: Context, e: ast.Expr) -> ast.Expr:
    """``e`` with the bound of a ragged dim for its ``size``."""
    match e:
        case ast.Binary(left=a, right=b):
            return replace(e, left=_bounded(ctx, a), right=_bounded(ctx, b))
        case ast.Unary(operand=x):
            return replace(e, operand=_bounded(ctx, x))
        case ast.Call(fn=ast.Name(id="size"), args=(ast.Arg(name=None, value=ast.Name() as name),)):
            dim = lookup_dim(ctx, name)
            return ast.Int(dim.bound, span=e.span) if isinstance(dim, Dim) and dim.bound is not None else e
    return e


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
