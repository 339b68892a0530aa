# SPDX-License-Identifier: Apache-2.0
"""``vary jes { up { Jet.pt = 1.03 * Jet.pt } }``: what names, weights and fields are instead, of nominal values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.lang.declarations.analysis.plan import WeightPlan
from hepq.lang.declarations.analysis.weights import event_weight
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import lookup
from hepq.lang.elaborate.objects import Known, Stored
from hepq.lang.elaborate.selection import data
from hepq.lang.elaborate.values import UNKNOWN, Function, Native, Objects, Value, describe, is_number
from hepq.lang.syntax import ast, ast_analysis

#: what no number can be put in the place of
_NAMED = Objects | Function | Native | str


@dataclass(frozen=True)
class Field:
    """The key of a field of objects that ``of`` is the key of."""

    of: Hashable
    name: str


def key_of(ctx: Context, name: str, value: Value, keys: Mapping[str, Hashable]) -> Hashable:
    """What variations know the objects by that ``name`` stands for: a file's own by theirs, made ones by their item."""
    own = isinstance(value, Stored) and any(value is known for known in data(ctx).objects.values())
    return value.name if own else keys.get(name)


def full_name(ctx: Context, name: str, direction: ast_analysis.Direction, known: dict[str, tuple[str, str]]) -> str:
    """``jes_up``; ``known``: names and directions of those so far. Reports HQ0912 for one of another's."""
    full = f"{name}_{direction.name}"
    first, its = known.setdefault(full, (name, direction.name))
    if first != name:
        what = f"`{first}` with `{its}` and `{name}` with `{direction.name}` are both called `{full}`"
        ctx.error("HQ0912", direction.span, what=what)
    return full


def rebinds(
    ctx: Context, direction: ast_analysis.Direction, weights: Mapping[str, WeightPlan], keys: Mapping[str, Hashable]
) -> tuple[dict[Hashable, Value], bool]:
    """What is replaced, by key, and whether that can change nothing but numbers. A weight's value is a
    ``WeightPlan``."""
    found: dict[Hashable, Value] = {}
    first: dict[Hashable, ast_analysis.Rebind] = {}
    numbers = True
    for rebind in direction.rebinds:
        key, nominal, value = _rebind(ctx, rebind, weights, keys)
        numbers = numbers and _same_but_for_numbers(nominal, value)
        if key in found:
            labels = [Label(first[key].target.span, "first here")]
            ctx.error("HQ0912", rebind.target.span, *labels, what=f"`{rebind.target.span.text}` is replaced twice")
        found[key], first[key] = value, rebind
    return found, numbers


def _same_but_for_numbers(nominal: Value, value: Value) -> bool:
    """Neither what is known where it holds, nor what it needs to be there, nor anything that is static differs."""
    if isinstance(nominal, Tensor) and isinstance(value, Tensor):
        return not nominal.says and nominal.counts is None and value.needs.keys() <= nominal.needs.keys()
    return isinstance(nominal, WeightPlan | Native)


def _rebind(
    ctx: Context, rebind: ast_analysis.Rebind, weights: Mapping[str, WeightPlan], keys: Mapping[str, Hashable]
) -> tuple[Hashable, Value, Value]:
    """The key, the nominal value, and the other one."""
    target = rebind.target
    match target:
        case ast.Name(id=name) if name in weights and name in keys:
            return keys[name], weights[name], event_weight(ctx, name, ctx.value(rebind.value), rebind.value.span)
        case ast.Name(id=name) if name in keys:
            nominal = ctx.frame.locals[name]
            return keys[name], nominal, replacement(ctx, nominal, rebind)
        case ast.Field(base=ast.Name(id=name) as base, name=field):
            value = lookup(ctx, base)
            key = key_of(ctx, name, value, keys)
            if isinstance(value, Known) and key is not None:
                nominal = value.field(ctx, field, rebind.span)
                return Field(key, field), nominal, field_value(ctx, value, field, rebind)
    name = target.id if isinstance(target, ast.Name) else target.span.text
    close = near(name, [*keys])
    return ctx.error("HQ0910", target.span, name=target.span.text, near=close)


def field_value(
    ctx: Context, objects: Known, field: str, item: ast_analysis.Rebind | ast_analysis.RedefineItem
) -> Value:
    """The value that a field has instead. Reports HQ0926, HQ0911."""
    nominal = objects.field(ctx, field, item.span)
    if nominal is None:
        close = near(field, objects.names())
        help = None if close else f"it has {', '.join(objects.names()) or 'no values of its own'}"
        ctx.error("HQ0310", item.span, name=field, found=describe(objects), near=close, help=help)
    if not isinstance(nominal, Tensor):
        ctx.error("HQ0911", item.span, found="another value", wanted=describe(nominal))
    return replacement(ctx, nominal, item)


def replacement(ctx: Context, nominal: Value, item: ast_analysis.Rebind | ast_analysis.RedefineItem) -> Value:
    """The value of ``item``, which is of the nominal one's kind."""
    if nominal is UNKNOWN:
        ctx.value(item.value)
        return UNKNOWN
    value = ctx.value(item.value)
    if isinstance(nominal, str) and isinstance(value, str):  # of a category of a correction
        return value
    if isinstance(nominal, Function) and isinstance(value, Function) and nominal.decl.kind == value.decl.kind:
        return value
    if isinstance(nominal, Native) and isinstance(value, Native) and nominal.signature == value.signature:
        return value
    if isinstance(nominal, _NAMED) or isinstance(value, _NAMED):
        ctx.error("HQ0911", item.value.span, found=describe(value), wanted=describe(nominal))
    wanted, found = ctx.tensor(nominal, item.span), ctx.tensor(value, item.value.span)
    if is_number(nominal) and found.type.elem == "real":  # `scale = 1` is a number like any other
        wanted = ctx.tensor(float(nominal), item.span)
    if wanted.type.elem == "real" and found.type.elem in ("int", "bool"):
        found = ctx.cast(found, "real", item.value.span)
    if found.type.elem != wanted.type.elem or found.type.unit != wanted.type.unit:
        ctx.error("HQ0911", item.value.span, found=describe(found), wanted=describe(wanted))
    if any(wanted.type.dim(d) is None for d in found.type.dims):
        ctx.error("HQ0911", item.value.span, found=describe(found), wanted=describe(wanted))
    for dim in wanted.type.dims:
        if found.type.dim(dim) is None:  # the same for each entry
            t = found.type.with_dims((dim, *found.type.dims))
            found = ctx.emit("where", [presence.any_over(ctx, dim, item.span), found, found], t, item.value.span)
    return found
