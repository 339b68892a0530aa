# SPDX-License-Identifier: Apache-2.0
"""Datasets: branches of a tree, and the expressions that make a model's inputs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from lark.tree import Meta

from hepq.core.source import Span
from hepq.core.types import UNITS, Dim, Type, Unit
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
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import bind
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.names import lookup_dim
from hepq.lang.elaborate.signature import annotate, concrete_type
from hepq.lang.elaborate.values import UNKNOWN, Quantity, Value, describe, is_number, is_whole
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, attributed, node, plain
from hepq.lang.syntax.declaration import Declaration, register

#: beyond which a number is infinite in compiled code
_LARGEST = 3.4028234663852886e38
POLICIES: dict[str, tuple[str, ...]] = {
    "nan": ("error", "drop", "zero"),
    "overflow": ("truncate", "error"),
    "empty": ("nan", "error", "score"),
}


@dataclass(frozen=True)
class BranchPlan:
    """``factor`` takes the file's numbers to base units (GeV, mm, ns, rad). ``default``: in those of the file."""

    name: str
    branch: str
    type: Type
    unit: str
    factor: float
    default: float | None = None


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
    unguarded: dict[str, Tensor] = field(default_factory=dict)  #: derived values before `policy nan = zero`
    inputs: dict[str, Tensor] = field(default_factory=dict)
    names: dict[str, Value] = field(default_factory=dict)  #: all that it binds
    spans: dict[str, Span] = field(default_factory=dict)  #: where each input stands
    failed: set[str] = field(default_factory=set)


def feeds(dataset: ast.DatasetDecl, model: ast.FnDecl) -> bool:
    """Whether the dataset has an input for every parameter of ``model``."""
    inputs = {i.name for i in dataset.items if isinstance(i, ast.InputItem)}
    return all(p.name in inputs or p.default is not None for p in model.params)


def elaborate_dataset(ctx: Context, decl: ast.DatasetDecl, module: str) -> DatasetPlan:
    """Check a dataset and emit its branches as inputs, its derived variables as operations."""
    plan = DatasetPlan(decl.name, zero=any(map(_is_zero, decl.items)))
    ctx.frames.append(Frame(module, dataset=decl.name))
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
                ctx.frame.locals.update(dict.fromkeys(names, UNKNOWN))
        if not any(isinstance(item, ast.SourceItem) for item in decl.items):
            ctx.error("HQ0602", name_span(decl.span, decl.name), name=decl.name)
        if plan.label is not None and plan.label.by_source:
            check_sources(ctx, plan.label, plan.sources)
    finally:
        plan.names = ctx.frames.pop().locals
    return plan


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
            _branches(ctx, plan, item)
        case ast.OrderItem():
            plan.orders.append(_order(ctx, item))
        case ast.PolicyItem():
            _policy(ctx, plan, item)
        case ast.InputItem():
            value = ctx.value(item.value)
            if item.type is not None:
                value = annotate(ctx, value, item.type, item.value.span, f"input `{item.name}`")
            tensor = ctx.tensor(value, item.value.span)
            if item.name in plan.inputs:
                ctx.error("HQ0613", item.span, name=item.name)
            plan.inputs[item.name] = ctx.frame.locals[item.name] = _guarded(ctx, plan, item.name, tensor, item.span)
            plan.spans[item.name] = item.span
        case ast.LabelItem():
            plan.label = elaborate_label(ctx, item)
        case ast.Bind():
            bind(ctx, item)
            for name in item.targets:
                value = ctx.frame.locals[name]
                if isinstance(value, Tensor):
                    ctx.frame.locals[name] = _guarded(ctx, plan, name, value, item.span)


def _guarded(ctx: Context, plan: DatasetPlan, name: str, x: Tensor, span: Span) -> Tensor:
    """0 where a derived value is NaN or infinite, under `policy nan = zero`."""
    if not plan.zero or x.type.elem != "real":
        return x
    plan.unguarded[name] = x
    flag = Type("bool", x.type.dims)
    size = ctx.emit("abs", (x,), x.type, span)
    finite = ctx.emit("le", (size, _scalar(ctx, _LARGEST, x, span)), flag, span)
    return ctx.emit("where", (finite, x, _scalar(ctx, 0.0, x, span)), x.type, span)


def _scalar(ctx: Context, value: float, like: Tensor, span: Span) -> Tensor:
    return ctx.emit("const", (), like.type.with_dims(()), span, value=value)


def _branches(ctx: Context, plan: DatasetPlan, item: ast.BranchItem) -> None:
    t = concrete_type(ctx, item.type)
    ragged = [d for d in t.dims if d.ragged]
    fine = t.elem in ("real", "int", "bool") and len(ragged) <= 1 and (not ragged or t.dims[0].ragged)
    if not fine or item.type.name == "p4" or any(d.primes or d.open for d in t.dims):
        ctx.error("HQ0611", item.type.span, found=t, help=_branch_help(item.type.name, t))
    unit, factor = item.type.name, 1.0
    if unit in UNITS:
        factor = UNITS[unit][1] ** item.type.power
        unit = unit if item.type.power == 1 else f"{unit}^{item.type.power}"
    else:
        unit = "1"
    default = None if item.default is None else _default(ctx, item.default, t) / factor
    for name, branch in item.branches:
        if name in plan.branches:
            ctx.error("HQ0603", item.span, name=name)
        plan.branches[name] = BranchPlan(name, branch, t, unit, factor, default)
        plan.tensors[name] = ctx.frame.locals[name] = ctx.emit("input", (), t, item.span, name=name)


def _default(ctx: Context, e: ast.Expr, t: Type) -> float:
    """In base units: a static number of the branch's type and unit."""
    value = ctx.value(e)
    number, unit = (value.value, value.unit) if isinstance(value, Quantity) else (value, Unit())
    fits = {"bool": isinstance(value, bool), "int": is_whole(value)}.get(t.elem, is_number(number))
    if not fits or unit != t.unit or not math.isfinite(number):
        ctx.error("HQ0615", e.span, found=describe(value), wanted=t.with_dims(()))
    return float(number)


def _branch_help(name: str, t: Type) -> str | None:
    if name == "p4":
        return "read its components as branches, and build it: `p = p4(px=px, py=py, pz=pz, energy=energy)`"
    unsized = next((d for d in t.dims if d.open), None)
    return f"give dim `{unsized}` a size" if unsized else None


def _order(ctx: Context, item: ast.OrderItem) -> OrderPlan:
    dim = lookup_dim(ctx, ast.Name(item.dim, span=item.span))
    if not isinstance(dim, Dim) or not dim.ragged:
        ctx.error("HQ0609", item.span, dim=item.dim)
    key = ctx.tensor(ctx.value(item.key), item.key.span)
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


def _branch_item(b: Build, meta: Meta, c: Children) -> ast.BranchItem:
    return ast.BranchItem(tuple(c[:-2]), *c[-2:], span=b.span(meta))


def _branch_name(b: Build, meta: Meta, c: Children) -> tuple[str, str]:
    name, branch = map(plain, c)
    return name, name if branch is None else branch


def _branch_written(f: Formatter, item: ast.BranchItem) -> Doc:
    names = [n if n == branch else f'{n} = "{branch}"' for n, branch in item.branches]
    default = [] if item.default is None else [" else ", f.expr(item.default)]
    return group(wrapped("branch ", names), ": ", f.type(item.type), *default)


register(
    Declaration(
        ast.DatasetDecl,
        words=("dataset",),
        items=("source", "branch", "order", "policy", "input", "label"),
        rules={
            "dataset": attributed(ast.DatasetDecl, items=1),
            "source_item": node(ast.SourceItem),
            "branch": _branch_item,
            "branch_name": _branch_name,
            "order": _order_item,
            "policy": node(ast.PolicyItem),
            "input": node(ast.InputItem),
            "label": label_item,
            "label_rules": label_rules,
            "label_entry": label_entry,
        },
        written={
            ast.DatasetDecl: lambda f, d: f.braced(d, f"dataset {d.name} ", d.items),
            ast.SourceItem: lambda f, i: group(f"source {i.name} = ", f.expr(i.value)),
            ast.BranchItem: _branch_written,
            ast.OrderItem: lambda f, i: group(f"order {i.dim} by ", f.expr(i.key), " desc" if i.descending else ""),
            ast.PolicyItem: lambda f, i: group(f"policy {i.name} = ", f.expr(i.value)),
            ast.InputItem: lambda f, i: group(f"input {i.name}", *f.typed(i.type), " = ", f.expr(i.value)),
            ast.LabelItem: label_written,
        },
        check=_check,
        tall=lambda d: True,
    )
)
