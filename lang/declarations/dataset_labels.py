# SPDX-License-Identifier: Apache-2.0
"""The label of a dataset: which class an event is of, by branches, rules, a number, or the source it comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lark.tree import Meta

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import Dim
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import lookup_dim
from hepq.lang.elaborate.values import Value, describe, is_whole
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, plain

#: the rule of a class that all other events are of; what says that the source is the class
OTHERWISE, SOURCE = "otherwise", "source"


@dataclass(frozen=True)
class LabelPlan:
    """``dim``: of the classes. What decides: ``branches``, one truth value for each class, or one that numbers it; else
    ``rules``, a truth value for each event and the class of those that meet it; else ``number``, and the class of each
    of its ``values`` (none: it numbers the class); else the source. ``rest``: the class of events that meet no rule.
    """

    name: str
    dim: Dim
    span: Span
    branches: tuple[str, ...] = ()
    rules: tuple[tuple[Tensor, int], ...] = ()
    rest: int | None = None
    number: Tensor | None = None
    values: tuple[tuple[int, int], ...] = ()

    @property
    def by_source(self) -> bool:
        return not self.branches and not self.rules and self.number is None


def classes(dim: Dim) -> tuple[str, ...]:
    """The names of a dim's entries; their numbers, where they have none."""
    return dim.entries or tuple(map(str, range(dim.size or 0)))


def elaborate_label(ctx: Context, item: ast.LabelItem) -> LabelPlan:
    dim = lookup_dim(ctx, ast.Name(item.dim, span=item.span))
    if not isinstance(dim, Dim) or not dim.size:
        ctx.error("HQ0606", item.span, dim=item.dim, name=item.name)
    found = LabelPlan(item.name, dim, item.span)
    match item.value:
        case None:
            return _rules(ctx, found, item.entries)
        case ast.String(value=pattern):
            if pattern.count("*") > 1:
                ctx.error("HQ0605", item.span, what="label", pattern=pattern)
            if "*" in pattern and not dim.entries:
                ctx.error("HQ0606", item.span, dim=item.dim, name=item.name)
            names = [pattern.replace("*", e) for e in classes(dim)] if "*" in pattern else [pattern]
            return replace(found, branches=tuple(names))
        case ast.Name(id=name) if name == SOURCE and name not in ctx.frame.locals and not item.entries:
            return found
    number = _of_an_event(ctx, item.value, "number")
    return replace(found, number=number, values=tuple(_values(ctx, dim, item.entries)))


def check_sources(ctx: Context, label: LabelPlan, sources: Collection[str]) -> None:
    """Report a class without a source, and a source that is no class."""
    names = classes(label.dim)
    lacking = [f"class `{c}` has no source" for c in names if c not in sources]
    odd = [f"source `{s}` is no class" for s in sources if s not in names]
    if lacking or odd:
        ctx.error("HQ0619", label.span, name=label.name, what=", ".join([*lacking, *odd]), dim=label.dim)


def _rules(ctx: Context, label: LabelPlan, entries: tuple[ast.LabelEntry, ...]) -> LabelPlan:
    rules, rest = list[tuple[Tensor, int]](), None
    for entry, number in _each(ctx, label.dim, entries):
        if isinstance(entry.value, ast.Name) and entry.value.id == OTHERWISE:
            if entry is not entries[-1]:
                ctx.error("HQ0618", entry.span)
            rest = number
        else:
            rules.append((_of_an_event(ctx, entry.value, "truth value"), number))
    if not rules:
        ctx.error("HQ0635", label.span, wanted="a rule", found="`otherwise` alone", help="write one before it")
    return replace(label, rules=tuple(rules), rest=rest)


def _values(ctx: Context, dim: Dim, entries: tuple[ast.LabelEntry, ...]) -> Iterator[tuple[int, int]]:
    """Each whole number of a map, and the class that it means."""
    seen: set[int] = set()
    for entry, number in _each(ctx, dim, entries):
        found: Value = ctx.value(entry.value)
        for value in found if isinstance(found, tuple | range) else (found,):
            if not is_whole(value):
                wanted = "whole numbers that are known when the program is compiled"
                help = "write `4`, or `[4, 5]` for several"
                ctx.error("HQ0635", entry.value.span, wanted=wanted, found=describe(value), help=help)
            if value in seen:
                ctx.error("HQ0617", entry.span, what=value)
            seen.add(value)
            yield value, number


def _each(ctx: Context, dim: Dim, entries: tuple[ast.LabelEntry, ...]) -> Iterator[tuple[ast.LabelEntry, int]]:
    """Entries with the numbers of their classes."""
    names, seen = classes(dim), set[str]()
    for entry in entries:
        if entry.name not in names:
            close = near(entry.name, names)
            help = None if close else f"it has {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
            ctx.error("HQ0616", entry.span, dim=dim, name=entry.name, near=close, help=help)
        if entry.name in seen:
            ctx.error("HQ0617", entry.span, what=entry.name)
        seen.add(entry.name)
        yield entry, names.index(entry.name)


def _of_an_event(ctx: Context, e: ast.Expr, wanted: str) -> Tensor:
    """One truth value or pure number for each event, or for each entry that the model is applied to."""
    tensor = presence.required(ctx, ctx.tensor(ctx.value(e), e.span), e.span, "a label")
    elems = ("bool",) if wanted == "truth value" else ("int", "real", "bool")
    t = tensor.type
    each = () if ctx.data is None or ctx.data.each is None else (ctx.data.each,)
    if any(d.key not in each for d in t.dims) or t.elem not in elems or not t.unit.dimensionless:
        help = None if t.dims else "compare it: `flav == 5`" if wanted == "truth value" else "divide it by its unit"
        ctx.error("HQ0635", e.span, wanted=f"one {wanted} for each event", found=f"`{t}`", help=help)
    return tensor


# --- syntax


def label_item(b: Build, meta: Meta, c: Children) -> ast.LabelItem:
    name, dim, value, *entries = c
    return ast.LabelItem(str(name), str(dim), value, tuple(e for e in entries if e is not None), span=b.span(meta))


def label_rules(b: Build, meta: Meta, c: Children) -> ast.LabelItem:
    name, dim, *entries = c
    return ast.LabelItem(str(name), str(dim), None, tuple(entries), span=b.span(meta))


def label_entry(b: Build, meta: Meta, c: Children) -> ast.LabelEntry:
    return ast.LabelEntry(plain(c[0]), c[1], quoted=c[0].type == "STRING", span=b.span(meta))


def label_written(f: Formatter, i: ast.LabelItem) -> Doc:
    head: list[Any] = [f"label {i.name}: {i.dim} = "]
    if i.value is not None:
        head.append(f.expr(i.value))
    if not i.entries:
        return group(*head)
    start = i.span.start if i.value is None else i.value.span.end
    between = [] if i.value is None else [" in "]
    return group(*head, *between, f.bracketed("{", i.entries, "}", start, i.span.end, _entry_written(f)))


def _entry_written(f: Formatter) -> Any:
    def written(e: ast.LabelEntry) -> Doc:
        name = f'"{e.name}"' if e.quoted else e.name
        return group(f"{name}: ", f.expr(e.value))

    return written
