# SPDX-License-Identifier: Apache-2.0
"""An analysis as a plan: its sources, and the evaluations of each kind of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

from hepq.core.analyses import NOMINAL, Kind
from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.lang.declarations.analysis.evaluation import Evaluation, Shared
from hepq.lang.declarations.analysis.plan import AnalysisPlan, CutPlan, KindPlan
from hepq.lang.declarations.analysis.sources import elaborate_source, kind_of
from hepq.lang.declarations.branch_items import count_entries, names_of_objects, read_branch
from hepq.lang.declarations.collection import stored
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.event import Data
from hepq.lang.elaborate.objects import Known
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.ast_analysis import AnalysisDecl

_KINDS: tuple[Kind, ...] = ("mc", "data")


def elaborate_analysis(ctx: Context, decl: AnalysisDecl, module: str, *, varied: bool) -> AnalysisPlan:
    """Check an analysis and emit what it computes. ``varied``: of all variations, too; otherwise of those that may
    change more than numbers, since the others have types of the nominal evaluation, and need not be checked again.
    Raises ``Reported`` after an error."""
    plan = AnalysisPlan(decl.name)
    errors = len(ctx.sink.errors)
    _sources(ctx, plan, decl, module)
    written = {kind_of(item) for item in decl.items if isinstance(item, ast.SourceItem)}
    for kind in _KINDS:
        if kind in written:
            plan.kinds[kind] = _kind(ctx, plan, decl, module, kind, varied=varied)
            if len(ctx.sink.errors) > errors:
                raise Reported
    if len(ctx.sink.errors) > errors:
        raise Reported
    _disjoint(ctx, plan, decl)
    return plan


def _sources(ctx: Context, plan: AnalysisPlan, decl: AnalysisDecl, module: str) -> None:
    ctx.frames.append(Frame(module))
    try:
        for item in decl.items:
            if not isinstance(item, ast.SourceItem):
                continue
            try:
                if item.name in plan.sources:
                    first = Label(plan.sources[item.name].span, "first here")
                    ctx.error("HQ0903", item.span, first, what="sources", name=item.name)
                plan.sources[item.name] = elaborate_source(ctx, item)
            except Reported:
                ctx.go_on()
    finally:
        ctx.frames.pop()
    if not any(isinstance(item, ast.SourceItem) for item in decl.items):
        ctx.error("HQ0900", name_span(decl.span, decl.name), name=decl.name)


def _kind(ctx: Context, plan: AnalysisPlan, decl: AnalysisDecl, module: str, kind: Kind, *, varied: bool) -> KindPlan:
    made = KindPlan()
    shared = Shared(kind, made)
    known = Data(lambda *_: None, word="cut", called=made.called)
    known.reserved |= names_of_objects(ctx, decl.items, module)
    evaluation = _evaluate(ctx, decl, module, shared, known, Evaluation(ctx, shared, None))
    made.evaluated[NOMINAL] = evaluation.made
    if kind == "mc":
        plan.variations = list(shared.replaced)
    for name, replaced in shared.replaced.items():
        if varied or name in shared.unlike:
            with _noting(ctx, f"so it is in variation `{name}`"):
                again = _evaluate(ctx, decl, module, shared, known.again(), Evaluation(ctx, shared, replaced))
            made.evaluated[name] = again.made
    made.lists = known.lists
    return made


@contextmanager
def _noting(ctx: Context, note: str) -> Iterator[None]:
    """What is reported inside says so."""
    first = len(ctx.sink.items)
    try:
        yield
    finally:
        ctx.sink.items[first:] = [replace(d, notes=(*d.notes, note)) for d in ctx.sink.items[first:]]


def _evaluate(
    ctx: Context, decl: AnalysisDecl, module: str, shared: Shared, known: Data, evaluation: Evaluation
) -> Evaluation:
    def collection(ctx: Context, d: ast.CollectionDecl | ast.RecordDecl, home: str) -> Known:
        if id(d) in known.objects:
            found = known.objects[id(d)]
            assert isinstance(found, Known)
            return found
        made = stored(ctx, d, home, lambda ctx, branch, span: read_branch(ctx, shared.plan, branch, span))
        known.objects[id(d)] = found = evaluation.collection(made)
        return found

    known.collection = collection
    ctx.data = known
    ctx.frames.append(Frame(module))
    try:
        evaluation.run(decl.items)
        count_entries(ctx, shared.plan)
    finally:
        ctx.frames.pop()
        ctx.data = None
    return evaluation


def _disjoint(ctx: Context, plan: AnalysisPlan, decl: AnalysisDecl) -> None:
    """``@disjoint(A, B)``"""
    regions = next(iter(plan.kinds.values())).evaluated[NOMINAL].regions
    for attr in decl.attrs:
        if attr.name != "disjoint":
            ctx.error("HQ0109", attr.span, name=attr.name, near=near(attr.name, ("disjoint",)))
        names: list[str] = []
        for arg in attr.args:
            name = arg.value.id if isinstance(arg.value, ast.Name) else arg.value.span.text
            if name not in regions or arg.name is not None:
                ctx.error("HQ0905", arg.span, name=name, near=near(name, [r for r in regions if r]))
            names.append(name)
        if len(names) < 2:
            ctx.error("HQ0922", attr.span, problem="names of two regions or more are needed")
        for first, second in combinations(names, 2):
            mine, theirs = ({_condition(c) for c in regions[r].cuts} for r in (first, second))
            if mine <= theirs or theirs <= mine:
                inner, outer = (second, first) if mine <= theirs else (first, second)
                problem = f"all events of `{inner}` are in `{outer}`: no cut of `{outer}` is missing there"
                ctx.error("HQ0922", attr.span, problem=problem)
            plan.disjoint.append((first, second))


def _condition(cut: CutPlan) -> int:
    """The same number for cuts of one condition: equal expressions are one node. Names of cuts are a region's own."""
    return id(cut if cut.condition is None else cut.condition.handle)
