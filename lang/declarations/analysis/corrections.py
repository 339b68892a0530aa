# SPDX-License-Identifier: Apache-2.0
"""``correction sf(pt: GeV) = correctionlib("file.json", "name")``: what a program calls like a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hepq.core.source import Span
from hepq.core.types import UNITS
from hepq.lang.declarations.analysis.plan import CorrectionUse, Entry
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.signature import Given
from hepq.lang.elaborate.values import Native, Value
from hepq.lang.syntax import ast
from hepq.lang.syntax.ast import CorrectionItem

if TYPE_CHECKING:
    from hepq.lang.elaborate.corrections.corrections import Correction, Declared

#: what holds at the place of a call, and where a use is noted
Above = Callable[[], tuple[Entry, ...]]
Note = Callable[[CorrectionUse], None]


def correction(ctx: Context, item: CorrectionItem, above: Above, note: Note) -> Native:
    from hepq.lang.elaborate.corrections.corrections import applied, opened  # only programs that have one wait for it

    file, name = _named(ctx, item.value)
    found = opened(ctx, file, name, [_declared(ctx, p) for p in item.params], item.value.span)

    def call(ctx: Context, args: Sequence[Given], span: Span) -> Value:
        result = applied(ctx, found, _in_order(ctx, item, found, args, span), span)
        note(CorrectionUse(item.name, result.outside, result.wrong, above()))
        return result.value

    return Native(item.name, "correction", [(one.name, one.kind, one.unit) for one in found.inputs], call)


def _named(ctx: Context, e: ast.Expr) -> tuple[str, str]:
    """The file and the name in ``correctionlib("file.json", "name")``."""
    if isinstance(e, ast.Call) and isinstance(e.fn, ast.Name) and e.fn.id == "correctionlib":
        given = [ctx.value(a.value) for a in e.args if a.name is None]
        if len(given) == len(e.args) == 2 and all(isinstance(v, str) for v in given):
            return given[0], given[1]
    return ctx.error("HQ0936", e.span, found=e.span.text[:60])


def _declared(ctx: Context, p: ast.Param) -> Declared:
    from hepq.lang.elaborate.corrections.corrections import Declared

    t = p.type
    if t is None or p.default is not None or t.dims or t.rest or (t.power != 1 and t.name not in UNITS):
        ctx.error("HQ0937", p.span, name=p.name)
    if t.name in UNITS:
        unit, factor = UNITS[t.name]
        return Declared(p.name, "real", p.span, unit**t.power, factor**t.power)
    kind = next((k for k in ("string", "int", "real") if k == t.name), None)
    if kind is None:
        ctx.error("HQ0937", p.span, name=p.name)
    return Declared(p.name, kind, p.span)


def _in_order(
    ctx: Context, item: CorrectionItem, found: Correction, args: Sequence[Given], span: Span
) -> list[tuple[Value, Span]]:
    """An argument for each input, by place or by name."""
    names = [one.name for one in found.inputs]
    given: dict[str, tuple[Value, Span]] = {}
    for name, value, where in args:
        slot = name or next((n for n in names if n not in given), None)
        if slot is None:
            ctx.error("HQ0413", where, what=item.name, wanted=len(names), found=len(args))
        if slot not in names:
            ctx.error("HQ0403", where, name=slot, what=item.name, wanted=", ".join(names) or "none")
        if slot in given:
            ctx.error("HQ0402", where, name=slot, what=item.name)
        given[slot] = value, where
    missing = next((n for n in names if n not in given), None)
    if missing is not None:
        ctx.error("HQ0415", span, name=missing, what=item.name)
    return [given[n] for n in names]
