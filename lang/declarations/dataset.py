# SPDX-License-Identifier: Apache-2.0
"""Datasets: branches of a tree, and the expressions that make a model's inputs of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lark.tree import Meta

from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.declarations.analysis.corrections import correction
from hepq.lang.declarations.analysis.plan import CorrectionUse
from hepq.lang.declarations.branch_items import (
    branch_item,
    branch_name,
    branch_written,
    count_entries,
    names_of_objects,
    read_branch,
    read_branches,
)
from hepq.lang.declarations.collection import stored
from hepq.lang.declarations.dataset_labels import (
    LabelPlan,
    check_sources,
    elaborate_label,
    label_entry,
    label_item,
    label_rules,
    label_written,
)
from hepq.lang.declarations.dataset_sources import SourcePlan, elaborate_source
from hepq.lang.declarations.object_items import OBJECT_RULES, Cut, decided, elaborate_object, object_written
from hepq.lang.elaborate import presence, selection
from hepq.lang.elaborate.arithmetic import where
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.branches import BranchPlan, no_entries
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import bind
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.event import Data, Fact
from hepq.lang.elaborate.names import lookup_dim
from hepq.lang.elaborate.objects import NO_BOUND
from hepq.lang.elaborate.signature import Given, annotate
from hepq.lang.elaborate.values import STATIC_NUMBER, UNKNOWN, Native, Objects, Value
from hepq.lang.format.layout import group
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, attributed, node
from hepq.lang.syntax.declaration import Declaration, register

#: beyond which a number is infinite in compiled code
LARGEST = 3.4028234663852886e38
POLICIES: dict[str, tuple[str, ...]] = {
    "nan": ("error", "drop", "zero"),
    "overflow": ("truncate", "error"),
    "empty": ("nan", "error", "score"),
}


@dataclass(frozen=True)
class OrderPlan:
    dim: Dim
    key: Tensor
    descending: bool


@dataclass
class DatasetPlan:
    name: str
    sources: dict[str, SourcePlan] = field(default_factory=dict)
    branches: dict[str, BranchPlan] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    orders: list[OrderPlan] = field(default_factory=list)
    policy: dict[str, str] = field(default_factory=lambda: {k: v[0] for k, v in POLICIES.items()})
    written: set[str] = field(default_factory=set)  #: policies that the program writes
    zero: bool = False  #: `policy nan = zero` is one of them, wherever it stands
    label: LabelPlan | None = None
    #: what leaves events out: for which it is false
    selects: dict[str, Tensor] = field(default_factory=dict)
    #: of objects with a bound
    cuts: dict[str, Cut] = field(default_factory=dict)
    #: the dim whose entries the model is applied to, not the event
    each: Dim | None = None
    #: it has objects: what it computes of an event is a program of its own, whose results are the model's inputs
    objects: bool = False
    #: of a dataset with objects: each input as the event has it
    made: dict[str, Tensor] = field(default_factory=dict)
    #: of each nested dim of the inputs: the entry of ``each`` that its entries belong to
    owners: dict[str, Tensor] = field(default_factory=dict)
    #: of each dim that is lists in lists in files, the dim in whose entries they are
    lists: dict[str, str] = field(default_factory=dict)
    corrections: list[CorrectionUse] = field(default_factory=list)
    unguarded: dict[str, Tensor] = field(default_factory=dict)  #: derived values before `policy nan = zero`
    inputs: dict[str, Tensor] = field(default_factory=dict)
    #: of a dataset with objects: values that a training names, handed to it as inputs are
    lent: dict[str, Value] = field(default_factory=dict)
    names: dict[str, Value] = field(default_factory=dict)  #: all that it binds
    spans: dict[str, Span] = field(default_factory=dict)  #: where each input stands
    failed: set[str] = field(default_factory=set)

    @property
    def read(self) -> dict[str, Tensor]:
        """What a model, or a training, is given of an event: branches; of a dataset with objects, what it makes."""
        lent = {name: value for name, value in self.lent.items() if isinstance(value, Tensor)}
        return self.inputs | lent if self.objects else self.tensors

    @property
    def outside(self) -> Mapping[str, Value]:
        """What a training may name."""
        return self.inputs | self.lent if self.objects else self.names


def feeds(dataset: ast.DatasetDecl, model: ast.FnDecl) -> bool:
    """Whether the dataset has an input for every parameter of ``model``."""
    inputs = {i.name for i in dataset.items if isinstance(i, ast.InputItem)}
    return all(p.name in inputs or p.default is not None for p in model.params)


def elaborate_dataset(ctx: Context, decl: ast.DatasetDecl, module: str, named: Sequence[ast.Name] = ()) -> DatasetPlan:
    """Check a dataset and emit its branches as inputs, its derived variables as operations. ``module``: that it stands
    in. ``named``: what a training of it names."""
    plan = DatasetPlan(decl.name, objects=_has_objects(ctx, decl, module), zero=any(map(_is_zero, decl.items)))
    ctx.frames.append(Frame(module, dataset=decl.name))
    ctx.data = Data(lambda ctx, d, home: _collection(ctx, plan, d, home))
    ctx.data.reserved |= names_of_objects(ctx, decl.items, module)
    ctx.data.facts |= _never_empty(ctx, decl, plan, module)
    try:
        for item in decl.items:
            try:
                _item(ctx, plan, item)
            except Reported:
                if isinstance(item, ast.InputItem):
                    plan.failed.add(item.name)
                names = item.targets if isinstance(item, ast.Bind) else (getattr(item, "name", ""),)
                if isinstance(item, ast.BranchItem):
                    names = tuple(n for n, _ in item.branches)
                if isinstance(item, ast.EachItem):
                    names = ()
                ctx.frame.locals.update(dict.fromkeys(names, UNKNOWN))
        for name in named if plan.objects else ():
            _lend(ctx, plan, name)
        count_entries(ctx, plan)
        if not any(isinstance(item, ast.SourceItem) for item in decl.items):
            ctx.error("HQ0602", name_span(decl.span, decl.name), name=decl.name)
        _check_targets(ctx, plan, decl)
        plan.lists = ctx.data.lists
        if plan.label is not None and plan.label.by_source:
            check_sources(ctx, plan.label, plan.sources)
    finally:
        plan.names = ctx.frames.pop().locals
        ctx.data = None
    return plan


def _has_objects(ctx: Context, decl: ast.DatasetDecl, module: str) -> bool:
    words = (ast.ObjectItem, ast.SelectItem, ast.EachItem, ast.CorrectionItem)
    scope = ctx.program.modules[module].scope.values()
    homes = [m for b in scope if isinstance(b.decl, ast.Import) for m in ctx.program.modules[b.module].scope.values()]
    named = any(isinstance(b.decl, ast.CollectionDecl | ast.RecordDecl) for b in (*scope, *homes))
    return named or any(isinstance(item, words) for item in decl.items)


def _never_empty(ctx: Context, decl: ast.DatasetDecl, plan: DatasetPlan, module: str) -> set[Fact]:
    """Of a dataset of branches over one ragged dim: it has entries, as events without any are not scored."""
    policies = [i.value for i in decl.items if isinstance(i, ast.PolicyItem) and i.name == "empty"]
    scored = any(isinstance(v, ast.Name) and v.id == "score" for v in policies)
    written = [d for i in decl.items if isinstance(i, ast.BranchItem) for d in i.type.dims if isinstance(d, ast.Name)]
    scope = ctx.program.modules[module].scope
    ragged = {d.id for d in written if d.id in scope and _is_ragged(scope[d.id].decl)}
    return {Fact(d, d) for d in ragged} if len(ragged) == 1 and not scored and not plan.objects else set()


def _is_ragged(decl: ast.Decl) -> bool:
    return isinstance(decl, ast.DimDecl) and decl.op == "<="


def _collection(ctx: Context, plan: DatasetPlan, decl: ast.CollectionDecl | ast.RecordDecl, module: str) -> Objects:
    return stored(ctx, decl, module, lambda ctx, branch, span: read_branch(ctx, plan, branch, span))


def _is_zero(item: ast.DatasetEntry) -> bool:
    if not isinstance(item, ast.PolicyItem) or item.name != "nan":
        return False
    return isinstance(item.value, ast.Name) and item.value.id == "zero"


def _item(ctx: Context, plan: DatasetPlan, item: ast.DatasetEntry) -> None:
    ctx.spend(1, item.span)
    match item:
        case ast.SourceItem():
            if item.name in plan.sources:
                ctx.error("HQ0603", item.span, name=item.name)
            plan.sources[item.name] = elaborate_source(ctx, item)
        case ast.BranchItem():
            read_branches(ctx, plan, item)
        case ast.CorrectionItem():
            ctx.frame.locals[item.name] = _correction(ctx, plan, item)
        case ast.OrderItem():
            plan.orders.append(_order(ctx, item))
        case ast.PolicyItem():
            _policy(ctx, plan, item)
        case ast.InputItem():
            tensor = _given(ctx, plan, item, f"input `{item.name}`")
            if item.name in plan.inputs:
                ctx.error("HQ0613", item.span, name=item.name)
            if plan.objects:
                plan.inputs[item.name] = _handed(ctx, plan, item, tensor)
                ctx.frame.locals[item.name] = tensor
            else:
                guarded = _guarded(ctx, plan, item.name, tensor, item.span)
                plan.inputs[item.name] = ctx.frame.locals[item.name] = guarded
            plan.spans[item.name] = item.span
        case ast.ObjectItem():
            ctx.frame.locals[item.name], cut = elaborate_object(ctx, item)
            if cut is not None:
                plan.cuts[item.name] = cut
        case ast.SelectItem():
            plan.selects[item.name] = ctx.frame.locals[item.name] = _select(ctx, plan, item)
        case ast.EachItem():
            plan.each = _each(ctx, plan, item)
            selection.data(ctx).each = plan.each.key
        case ast.LabelItem():
            plan.label = elaborate_label(ctx, item)
        case ast.Bind():
            bind(ctx, item)
            for name in item.targets:
                value = ctx.frame.locals[name]
                if isinstance(value, Tensor):
                    ctx.frame.locals[name] = _guarded(ctx, plan, name, value, item.span)


def _given(ctx: Context, plan: DatasetPlan, item: ast.InputItem, what: str) -> Tensor:
    value = ctx.value(item.value)
    if plan.objects and isinstance(value, Tensor | Objects):
        value = presence.single(ctx, ctx.tensor(value, item.value.span), item.value.span)
    if item.type is not None:
        value = annotate(ctx, value, item.type, item.value.span, what)
    return presence.required(ctx, ctx.tensor(value, item.value.span), item.value.span, what)


def _lend(ctx: Context, plan: DatasetPlan, name: ast.Name) -> None:
    """A value that a training names: it is handed over as an input is."""
    value = ctx.frame.locals.get(name.id)
    if isinstance(value, STATIC_NUMBER):
        plan.lent[name.id] = value
    elif isinstance(value, Tensor) and name.id not in plan.inputs | plan.lent:
        item = ast.InputItem(name.id, None, name, span=name.span)
        plan.lent[name.id] = _handed(ctx, plan, item, _given(ctx, plan, item, f"`{name.id}` of the dataset"))


def _correction(ctx: Context, plan: DatasetPlan, item: ast.CorrectionItem) -> Native:
    """NaN where the file has no value, so that `policy nan` says what becomes of it."""
    if item.name in ctx.frame.locals:
        ctx.error("HQ0102", item.span, name=item.name)
    made = correction(ctx, item, tuple, plan.corrections.append)

    def call(ctx: Context, args: Sequence[Given], span: Span) -> Value:
        value = made.call(ctx, args, span)
        wrong = plan.corrections[-1].wrong
        return value if wrong is None else where(ctx, wrong, math.nan, value, span, span, span, span)

    return replace(made, call=call)


def _guarded(ctx: Context, plan: DatasetPlan, name: str, x: Tensor, span: Span) -> Tensor:
    """0 where a derived value is NaN or infinite, under `policy nan = zero`."""
    if not plan.zero or x.type.elem != "real":
        return x
    plan.unguarded[name] = x
    flag = Type("bool", x.type.dims)
    size = ctx.emit("abs", (x,), x.type, span)
    finite = ctx.emit("le", (size, _scalar(ctx, LARGEST, x, span)), flag, span)
    return ctx.emit("where", (finite, x, _scalar(ctx, 0.0, x, span)), x.type, span)


def _scalar(ctx: Context, value: float, like: Tensor, span: Span) -> Tensor:
    return ctx.emit("const", (), like.type.with_dims(()), span, value=value)


def _select(ctx: Context, plan: DatasetPlan, item: ast.SelectItem) -> Tensor:
    if item.name in ctx.frame.locals:
        ctx.error("HQ0102", item.span, name=item.name)
    given = ctx.tensor(ctx.value(item.value), item.value.span)
    x = presence.required(ctx, given, item.value.span, f"`select {item.name}`")
    if x.type.elem != "bool" or x.type.dims:
        ctx.error("HQ0670", item.value.span, what="select", wanted="one truth value of the event", found=x.type,
                  help=decided(x, []))  # fmt: skip
    selection.data(ctx).facts |= given.says
    return x


def _each(ctx: Context, plan: DatasetPlan, item: ast.EachItem) -> Dim:
    if plan.each is not None or plan.inputs:
        ctx.error("HQ0672", item.span, name=item.name)
    found = selection.objects(ctx, ctx.value(ast.Name(item.name, span=item.span)), item.span)
    return selection.dim_of(ctx, found, item.span)


def _handed(ctx: Context, plan: DatasetPlan, item: ast.InputItem, made: Tensor) -> Tensor:
    """The model's input: what the dataset makes of an event, or of each entry of ``each``."""
    data, dims = selection.data(ctx), list(made.type.dims)
    if plan.each is not None:
        if not any(d.ragged for d in dims):
            spread = (plan.each, *dims)
            true = presence.any_over(ctx, plan.each, item.span)
            made = ctx.emit("where", [true, made, made], made.type.with_dims(spread), item.span)
            dims = list(spread)
        dims = [d for d in dims if d.key != plan.each.key]
        for i, dim in enumerate(dims):
            if dim.ragged:
                owner = plan.owners.get(dim.name) or selection.owner_of(ctx, dim, plan.each, item.span)
                plan.owners[dim.name] = owner
                dims[i] = replace(dim, bound=data.most.get(dim.key, dim.bound))
    plan.made[item.name] = made
    t = made.type.with_dims(dims)
    for dim in dims:
        if dim.bound == NO_BOUND:
            ctx.error("HQ0673", item.span, name=item.name, dim=dim, help=_bounded(plan, dim))
    ragged = [d for d in dims if d.ragged]
    if sum(d.ragged for d in made.type.dims) > 1 or t.elem == "index":
        ctx.error("HQ0611", item.span, found=t, notes=_unfit_notes(ragged), help=_unfit_help(ragged))
    return ctx.emit("input", (), t, item.span, name=item.name)


def _unfit_notes(ragged: Sequence[Dim]) -> Sequence[str]:
    return ["what a dataset makes of objects is handed to the model as branches would be"] if len(ragged) > 1 else []


def _unfit_help(ragged: Sequence[Dim]) -> str | None:
    """Of an input over several ragged dims, if it is that."""
    if len(ragged) < 2:
        return None
    first, *_, last = ragged
    values = f"values of `{first}`" if first.base == last.base else f"values of `{first}` and of `{last.base}`"
    return f"reduce over one, as `min(…, over={last})` does; or make inputs of {values}, and pairs in the model"


def _bounded(plan: DatasetPlan, dim: Dim) -> str:
    if plan.each is not None:
        return f"say how many each `{plan.each}` has at most: `object NAME = {dim} … take 64`"
    return f"say how many there are at most: `object NAME <= 64 = {dim} …`"


def _check_targets(ctx: Context, plan: DatasetPlan, decl: ast.DatasetDecl) -> None:
    """How many entries there are that references may be of, a branch over their dim says."""
    spans = {n: i.type.span for i in decl.items if isinstance(i, ast.BranchItem) for n, _ in i.branches}
    led = {t.type.dims[0].key for t in plan.tensors.values() if t.type.dims}
    for name, b in plan.branches.items():
        if b.into is not None and b.into.ragged and b.into.key not in led:
            found = replace(b.type, elem="index", into=b.into)
            ctx.error("HQ0611", spans[name], found=found, help=no_entries(b.into))


def _order(ctx: Context, item: ast.OrderItem) -> OrderPlan:
    dim = lookup_dim(ctx, ast.Name(item.dim, span=item.span))
    if not isinstance(dim, Dim) or not dim.ragged:
        ctx.error("HQ0609", item.span, dim=item.dim)
    key = presence.required(ctx, ctx.tensor(ctx.value(item.key), item.key.span), item.key.span, f"`by` of `{dim}`")
    if [d.key for d in key.type.dims] != [dim.key] or key.type.elem == "index":
        ctx.error("HQ0610", item.key.span, dim=dim, found=key.type)
    return OrderPlan(dim, key, item.descending)


def _policy(ctx: Context, plan: DatasetPlan, item: ast.PolicyItem) -> None:
    allowed = POLICIES.get(item.name)
    if allowed is None:
        ctx.error("HQ0607", item.span, name=item.name, known=", ".join(POLICIES))
    value = item.value.id if isinstance(item.value, ast.Name) else item.value.span.text
    if value not in allowed:
        ctx.error("HQ0608", item.value.span, name=item.name, value=value, known=", ".join(allowed))
    plan.policy[item.name] = value
    plan.written.add(item.name)


def _check(ctx: Context, decl: ast.DatasetDecl, module: str) -> None:
    check_attributes(ctx, decl.attrs)
    elaborate_dataset(ctx, decl, module)


def _order_item(b: Build, meta: Meta, c: Children) -> ast.OrderItem:
    dim, key, direction = c
    return ast.OrderItem(str(dim), key, descending=direction == "desc", span=b.span(meta))


register(
    Declaration(
        ast.DatasetDecl,
        words=("dataset",),
        items=("source", "branch", "order", "policy", "input", "label", "object", "select", "each"),
        rules={
            "dataset": attributed(ast.DatasetDecl, items=1),
            "source_item": node(ast.SourceItem),
            "branch": branch_item,
            "branch_name": branch_name,
            "order": _order_item,
            "policy": node(ast.PolicyItem),
            "input": node(ast.InputItem),
            "label": label_item,
            "label_rules": label_rules,
            "label_entry": label_entry,
            **OBJECT_RULES,
            "select": node(ast.SelectItem),
            "each": node(ast.EachItem),
        },
        written={
            ast.DatasetDecl: lambda f, d: f.braced(d, f"dataset {d.name} ", d.items),
            ast.SourceItem: lambda f, i: group(f"source {i.name} = ", f.expr(i.value)),
            ast.BranchItem: branch_written,
            ast.OrderItem: lambda f, i: group(f"order {i.dim} by ", f.expr(i.key), " desc" if i.descending else ""),
            ast.PolicyItem: lambda f, i: group(f"policy {i.name} = ", f.expr(i.value)),
            ast.InputItem: lambda f, i: group(f"input {i.name}", *f.typed(i.type), " = ", f.expr(i.value)),
            ast.ObjectItem: object_written,
            ast.SelectItem: lambda f, i: group(f"select {i.name} = ", f.expr(i.value)),
            ast.EachItem: lambda f, i: f"each {i.name}",
            ast.LabelItem: label_written,
        },
        check=_check,
        tall=lambda d: True,
    )
)
