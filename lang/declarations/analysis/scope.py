# SPDX-License-Identifier: Apache-2.0
"""What holds at a place of an analysis: names, cuts and weights above it, and what these cuts say."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hepq.core.source import Span
from hepq.lang.declarations.analysis.plan import Entry
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.event import Fact
from hepq.lang.elaborate.selection import data
from hepq.lang.elaborate.values import Value
from hepq.lang.syntax import ast_analysis as ast


@dataclass
class Scope:
    """``entries``: cuts and weights so far. ``keys``: of a name, what variations replace it by. ``facts``, ``given``:
    as in ``Data``."""

    region: str = ""
    locals: dict[str, Value] = field(default_factory=dict)
    keys: dict[str, Hashable] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    facts: frozenset[Fact] = frozenset()
    given: tuple[Tensor, ...] = ()


def taken(ctx: Context, scope: Scope) -> Scope:
    """``scope`` as it is now."""
    known = data(ctx)
    return Scope(scope.region, dict(ctx.frame.locals), dict(scope.keys), scope.entries, frozenset(known.facts),
                 tuple(known.given))  # fmt: skip


def entered(ctx: Context, scope: Scope) -> Scope:
    """Go on from ``scope``."""
    known = data(ctx)
    ctx.frame.locals = dict(scope.locals)
    known.facts, known.given = set(scope.facts), list(scope.given)
    return Scope(scope.region, {}, dict(scope.keys), scope.entries)


def joined(ctx: Context, now: Scope, others: Sequence[tuple[str, Scope]], span: Span) -> Scope:
    """What holds ``now``, and at the end of ``others``, which are regions. Reports HQ0906."""
    made = now
    origin: dict[str, str] = {}
    for region, other in others:
        for name, value in other.locals.items():
            here = made.locals.get(name, value)
            if here is not value and made.keys.get(name) != other.keys.get(name):
                ctx.error("HQ0906", span, name=name, first=origin.get(name, "the analysis"), second=region)
            origin[name] = region
        entries = tuple(dict.fromkeys((*made.entries, *other.entries)))
        made = Scope(
            now.region, {**made.locals, **other.locals}, {**made.keys, **other.keys}, entries,
            made.facts | other.facts, tuple(dict.fromkeys((*made.given, *other.given))),
        )  # fmt: skip
    return made


def full_name(ctx: Context, name: ast.Numbered, loops: Sequence[Any]) -> str:
    """``h[2]`` is ``h_2``. Reports HQ0909 in loops for a name without their variables."""
    numbers = [ctx.value(a.value) for a in name.args if a.name is None]
    if any(not isinstance(n, int | str) or isinstance(n, bool) for n in numbers):
        ctx.error("HQ0909", name.span, name=name.name, help="number it by whole numbers, or names in quotes")
    if len(loops) > len(numbers):
        ctx.error("HQ0909", name.span, name=name.name)
    return "_".join((name.name, *(str(n) for n in numbers)))
