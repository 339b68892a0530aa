# SPDX-License-Identifier: Apache-2.0
"""One evaluation of an analysis, item by item: for one kind of sources, nominal or with what one variation replaces."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hepq.core.analyses import Kind
from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.lang.declarations.analysis import variations
from hepq.lang.declarations.analysis.corrections import correction
from hepq.lang.declarations.analysis.histograms import histogram, save
from hepq.lang.declarations.analysis.noise import noise
from hepq.lang.declarations.analysis.plan import CutPlan, Evaluated, KindPlan, RegionPlan, WeightPlan, cuts
from hepq.lang.declarations.analysis.scope import Scope, entered, full_name, joined, taken
from hepq.lang.declarations.analysis.weights import event_weight
from hepq.lang.declarations.branch_items import read_branches
from hepq.lang.declarations.object_items import elaborate_object
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.calls import bind, unroll
from hepq.lang.elaborate.context import Context, Reported
from hepq.lang.elaborate.names import lookup
from hepq.lang.elaborate.objects import Known
from hepq.lang.elaborate.selection import data
from hepq.lang.elaborate.values import UNKNOWN, SourceFacts, Value, Withheld, describe
from hepq.lang.elaborate.work import MAX_ITERATIONS
from hepq.lang.syntax import ast
from hepq.lang.syntax import ast_analysis as aa

#: marks of items that are of one kind of sources alone
MARKS: dict[str, Kind] = {"mc": "mc", "data": "data"}
_WHOSE = {"mc": "it is of simulated events alone", "data": "it is of data alone"}


@dataclass
class Shared:
    """What the evaluations of one kind of sources share. ``replaced``: what each variation replaces, by key; and the
    keys of fields that the program says anew."""

    kind: Kind
    plan: KindPlan
    replaced: dict[str, dict[Hashable, Value]] = field(default_factory=dict)
    redefined: set[variations.Field] = field(default_factory=set)
    #: variations that may change more than numbers
    unlike: set[str] = field(default_factory=set)
    #: of each variation, its name and direction
    directions: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: values of names of branches
    branches: dict[str, Value] = field(default_factory=dict)


class Evaluation:
    """``replaced``: what the variation replaces; nothing in the nominal evaluation, which finds out what others do."""

    def __init__(self, ctx: Context, shared: Shared, replaced: Mapping[Hashable, Value] | None) -> None:
        self.ctx, self.shared = ctx, shared
        self.nominal, self.replaced = replaced is None, replaced or {}
        self.made = Evaluated()
        self.scope = Scope()
        self.ends: dict[str, Scope] = {}
        self.spans: dict[str, Span] = {}
        #: values of the variables of loops around an item
        self.loops: list[Any] = []
        #: how many of these loops the region stands in, whose name says their turns
        self.around = 0

    def run(self, items: Sequence[aa.AnalysisEntry]) -> None:
        self.ctx.frame.locals["source"] = SourceFacts(self.shared.kind == "mc")
        self._items(items)
        self.made.regions = {"": RegionPlan("", self.scope.entries), **self.made.regions}

    # --- items

    def _items(self, items: Iterable[aa.AnalysisEntry]) -> None:
        for item in items:
            self.ctx.spend(1, item.span)
            try:
                self._item(item)
            except Reported:
                self.ctx.go_on()
                self.ctx.frame.locals.update(dict.fromkeys(names_of(item), UNKNOWN))

    def _item(self, item: aa.AnalysisEntry) -> None:
        match item:
            case aa.MarkedItem():
                self._marked(item)
            case ast.SourceItem():
                self._outermost(item, "source")
            case ast.BranchItem():
                self._branch(item)
            case ast.NoiseItem():
                self._noise(item)
            case ast.CorrectionItem():
                self._correction(item)
            case ast.ObjectItem():
                self._object(item)
            case ast.Bind():
                self._bind(item)
            case aa.RedefineItem():
                self._redefine(item)
            case aa.CutItem():
                self._cut(item)
            case aa.WeightItem():
                self._weight(item)
            case aa.VaryItem():
                self._vary(item)
            case aa.HistItem():
                self._hist(item)
            case aa.SaveItem():
                self._save(item)
            case aa.RegionItem():
                self._region(item)
            case aa.LoopItem():
                self._loop(item)

    def _outermost(self, item: aa.AnalysisEntry, what: str) -> None:
        if self.scope.region or self.loops:
            self.ctx.error("HQ0904", item.span, what=what, where="in a region or a loop")

    def _new(self, name: str, span: Span) -> None:
        """Report a name that is bound already."""
        if name in self.ctx.frame.locals:
            labels = [Label(self.spans[name], "first here")] if name in self.spans else []
            self.ctx.error("HQ0102", span, *labels, name=name)
        self.spans[name] = span

    def _full_name(self, name: aa.Numbered) -> str:
        return full_name(self.ctx, name, self.loops[self.around :])

    def _key(self, item: ast.Node) -> tuple[Hashable, ...]:
        return (id(item), *self.loops)

    def _known(self, name: str, item: ast.Node, value: Value) -> None:
        """Bind a name to a value, or to what this variation replaces it by."""
        key = self._key(item)
        self.scope.keys[name] = key
        self.ctx.frame.locals[name] = self.replaced.get(key, value)

    # --- kinds of sources

    def _marked(self, item: aa.MarkedItem) -> None:
        for attr in item.attrs:
            if attr.name not in MARKS or attr.args or len(item.attrs) > 1:
                self.ctx.error("HQ0924", attr.span, name=attr.name, near=near(attr.name, MARKS))
            kind = MARKS[attr.name]
            if isinstance(item.item, ast.SourceItem | ast.BranchItem | aa.LoopItem | aa.MarkedItem):
                self.ctx.error("HQ0924", attr.span, name=attr.name, near=[], help="mark what stands in it")
            if kind == self.shared.kind:
                self._item(item.item)
                return
            self._leave_out(item.item, _WHOSE[kind])

    def _leave_out(self, item: aa.AnalysisEntry, why: str) -> None:
        """An item of other sources: its cut is passed, its names are not known."""
        if isinstance(item, aa.CutItem):
            name = self._full_name(item.name)
            self.scope.entries += (CutPlan(name, item.value.span.text, None, (), item.span),)
        if isinstance(item, aa.RedefineItem):
            return
        for name in names_of(item):
            self.spans.setdefault(name, item.span)
            self.ctx.frame.locals.setdefault(name, Withheld(why))

    def _noise(self, item: ast.NoiseItem) -> None:
        self._outermost(item, "noise")
        self._new(item.name, item.span)
        if self.shared.kind == "data":
            self.ctx.frame.locals[item.name] = Withheld(_WHOSE["mc"])
        else:
            self._known(item.name, item, noise(self.ctx, item, item.name))

    # --- names

    def _branch(self, item: ast.BranchItem) -> None:
        self._outermost(item, "branch")
        for name, _ in item.branches:
            self._new(name, item.span)
        if not self.nominal:
            self.ctx.frame.locals.update({n: self.shared.branches[n] for n, _ in item.branches})
        else:
            read_branches(self.ctx, self.shared.plan, item)
            self.shared.branches |= {n: self.ctx.frame.locals[n] for n, _ in item.branches}
        for name, _ in item.branches:
            key = self._key(item), name
            self.scope.keys[name] = key
            self.ctx.frame.locals[name] = self.replaced.get(key, self.ctx.frame.locals[name])

    def _correction(self, item: ast.CorrectionItem) -> None:
        self._outermost(item, "a correction")
        self._new(item.name, item.span)
        made = correction(self.ctx, item, lambda: self.scope.entries, self.made.corrections.append)
        self._known(item.name, item, made)

    def _object(self, item: ast.ObjectItem) -> None:
        if item.name in self.ctx.frame.locals:
            self._new(item.name, item.span)
        made, cut = elaborate_object(self.ctx, item)
        if cut is not None:
            assert item.bound is not None
            self.ctx.error("HQ0904", item.bound.span, what="a bound", where="here",
                           help="the first ones are taken by `take`: " f"`object {item.name} = … take 8`")  # fmt: skip
        key = self._key(item)
        self.spans[item.name] = item.span
        self.scope.keys[item.name] = key
        self.ctx.frame.locals[item.name] = self._said(key, made)

    def _fields(self, of: Hashable) -> Iterator[tuple[str, Value]]:
        """Fields of objects that this variation replaces, but for those that the program says itself."""
        for key, value in self.replaced.items():
            if isinstance(key, variations.Field) and key.of == of and key not in self.shared.redefined:
                yield key.name, value

    def _said(self, key: Hashable, made: Value) -> Value:
        """What an item makes, with the fields that this variation replaces."""
        for name, value in self._fields(key):
            assert isinstance(made, Known)
            made = made.with_field(name, value)
        return made

    def collection(self, made: Known) -> Known:
        """The objects of a file, with what this variation replaces."""
        found = self._said(made.name, made)
        assert isinstance(found, Known)
        return found

    def _bind(self, item: ast.Bind) -> None:
        for name in item.targets:
            self._new(name, item.span)
        bind(self.ctx, item)
        for i, name in enumerate(item.targets):
            key = (*self._key(item), i)
            self.scope.keys[name] = key
            self.ctx.frame.locals[name] = self._said(key, self.replaced.get(key, self.ctx.frame.locals[name]))

    def _redefine(self, item: aa.RedefineItem) -> None:
        self._outermost(item, "a field said anew")
        ctx = self.ctx
        value = lookup(ctx, ast.Name(item.name, span=item.span))
        of = variations.key_of(ctx, item.name, value, self.scope.keys)
        if not isinstance(value, Known) or of is None:
            ctx.error("HQ0661", item.span, found=f"`{item.name}`")
        if value.viewed:
            ctx.error("HQ0925", item.span, name=f"{item.name}.{item.field}", objects=item.name)
        key = variations.Field(of, item.field)
        if self.nominal and key in self.shared.redefined:
            ctx.error("HQ0926", item.span, name=f"{item.name}.{item.field}")
        found = variations.field_value(ctx, value, item.field, item)
        self.shared.redefined.add(key)
        made = value.with_field(item.field, self.replaced.get(key, found))
        if item.name in ctx.frame.locals:
            ctx.frame.locals[item.name] = made
        known = data(ctx).objects
        known.update({k: made for k, v in known.items() if v is value})

    # --- what is cut, weighted, filled, saved

    def _cut(self, item: aa.CutItem) -> None:
        ctx, name = self.ctx, self._full_name(item.name)
        for other in cuts(self.scope.entries):
            if other.name == name:
                ctx.error("HQ0903", item.name.span, Label(other.span, "first here"), what="cuts", name=name)
        given = ctx.tensor(ctx.value(item.value), item.value.span)
        x, holds = presence.known_there(ctx, given, item.value.span, f"`cut {name}`")
        if x.type.elem != "bool" or x.type.dims:
            ctx.error("HQ0907", item.value.span, found=describe(x))
        known = data(ctx)
        holds = [*known.given, *holds]
        self.scope.entries += (CutPlan(name, item.value.span.text, x, tuple(holds), item.span),)
        known.facts |= given.says

    def _weight(self, item: aa.WeightItem) -> None:
        ctx, name = self.ctx, self._full_name(item.name)
        self._new(name, item.span)
        if self.shared.kind == "data":
            ctx.frame.locals[name] = Withheld(_WHOSE["mc"])
            return
        own = event_weight(ctx, name, ctx.value(item.value), item.value.span)
        key = self._key(item)
        made = self.replaced.get(key, own)
        assert isinstance(made, WeightPlan)
        self.scope.keys[name] = key
        self.scope.entries += (replace(made, holds=(*data(ctx).given, *made.holds)),)
        ctx.frame.locals[name] = Withheld("it is a weight: give its value a name of its own")

    def _vary(self, item: aa.VaryItem) -> None:
        ctx, name = self.ctx, self._full_name(item.name)
        if not self.nominal or self.shared.kind == "data":
            return
        weights = {e.name: e for e in self.scope.entries if isinstance(e, WeightPlan)}
        seen: dict[str, aa.Direction] = {}
        for direction in item.directions:
            if direction.name in seen:
                ctx.error("HQ0912", direction.span, what=f"two directions are called `{direction.name}`")
            seen[direction.name] = direction
            found, numbers = variations.rebinds(ctx, direction, weights, self.scope.keys)
            full = variations.full_name(ctx, name, direction, self.shared.directions)
            if not numbers:
                self.shared.unlike.add(full)
            known = self.shared.replaced.setdefault(full, {})
            twice = next((r for r, key in zip(direction.rebinds, found, strict=True) if key in known), None)
            if twice is not None:
                what = f"`{twice.target.span.text}` is replaced twice in `{full}`"
                ctx.error("HQ0912", twice.target.span, what=what)
            known.update(found)

    def _result(self, name: str, item: aa.HistItem | aa.SaveItem, known: Mapping[str, Any], what: str) -> str:
        full = f"{self.scope.region}.{name}" if self.scope.region else name
        if full in known:
            self.ctx.error("HQ0903", item.name.span, what=what, name=full)
        return full

    def _hist(self, item: aa.HistItem) -> None:
        name = self._full_name(item.name)
        full = self._result(name, item, self.made.histograms, "histograms")
        self.made.histograms[full] = histogram(self.ctx, item, full, self.scope.region, self.scope.entries)

    def _save(self, item: aa.SaveItem) -> None:
        name = self._full_name(item.name)
        full = self._result(name, item, self.made.saves, "skims")
        self.made.saves[full] = save(self.ctx, item, full, self.scope.entries)

    # --- regions and loops

    def _region(self, item: aa.RegionItem) -> None:
        ctx, name = self.ctx, self._full_name(item.name)
        if self.scope.region:
            help = f"write it behind that one: `region {item.name.name} extends {self.scope.region}`"
            ctx.error("HQ0904", item.name.span, what="a region", where="in another one", help=help)
        if name in self.made.regions or not name:
            ctx.error("HQ0903", item.name.span, what="regions", name=name)
        outside = taken(ctx, self.scope)
        others = []
        for other in item.extends:
            if other not in self.ends:
                close = near(other, self.ends)
                ctx.error("HQ0905", item.name.span, name=other, near=close)
            others.append((other, self.ends[other]))
        inside = joined(ctx, outside, others, item.name.span)
        self.scope = entered(ctx, replace(inside, region=name))
        self.around, around = len(self.loops), self.around
        try:
            self._items(item.items)
        finally:
            self.around = around
            self.made.regions[name] = RegionPlan(name, self.scope.entries)
            self.ends[name] = taken(ctx, self.scope)
            data(ctx).of_regions |= dict.fromkeys(self.ends[name].locals.keys() - outside.locals.keys(), name)
            self.scope = entered(ctx, outside)

    def _loop(self, item: aa.LoopItem) -> None:
        ctx = self.ctx
        loop = ast.For(item.targets, item.iter, (), span=item.span)
        outer = dict(ctx.frame.locals)

        def run() -> None:
            self.loops.append(tuple(map(str, (ctx.frame.locals[t] for t in item.targets))))
            try:
                self._items(item.items)
            finally:
                self.loops.pop()
                ctx.frame.locals = dict(outer)

        unroll(ctx, loop, run, MAX_ITERATIONS)


def names_of(item: aa.AnalysisEntry) -> tuple[str, ...]:
    """The names that an item binds."""
    match item:
        case ast.Bind(targets=targets):
            return targets
        case ast.BranchItem(branches=branches):
            return tuple(name for name, _ in branches)
        case ast.NoiseItem(name=name) | ast.ObjectItem(name=name) | ast.CorrectionItem(name=name):
            return (name,)
        case aa.WeightItem(name=name):
            return (name.name,)
        case aa.MarkedItem(item=inner):
            return names_of(inner)
    return ()
