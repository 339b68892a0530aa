# SPDX-License-Identifier: Apache-2.0
"""``collection Jet = "Jet_*" { pt: GeV }`` and ``record MET = "MET_*" { pt: GeV }``: how a file names its objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lark.tree import Meta

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate import presence
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.branches import BranchPlan, written_unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context, Frame, Reported
from hepq.lang.elaborate.event import Data
from hepq.lang.elaborate.names import lookup
from hepq.lang.elaborate.objects import NO_BOUND, Known, Stored, View
from hepq.lang.elaborate.signature import concrete_type
from hepq.lang.elaborate.values import Objects, Value, describe
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, attributed, node
from hepq.lang.syntax.declaration import Declaration, register

Decl = ast.CollectionDecl | ast.RecordDecl


#: given a branch and where it is used, its values
Read = Callable[[Context, BranchPlan, Span], Tensor]
Field = Callable[[Context, Span, Known], Value]
#: types of references: to one entry or to none, and to one entry
INDEX, ENTRY = "index", "entry"
#: the type of a field, over a parent, that says where the list of each of its entries ends
ENDS = "ends"


def stored(ctx: Context, decl: Decl, module: str, read: Read) -> Stored:
    """The objects of a declaration; their values are read where they are used."""
    data = ctx.data
    assert data is not None
    known = data.objects.get(id(decl))
    if isinstance(known, Stored):
        return known
    name = data.free_name(decl.name, id(decl))
    dim = None if isinstance(decl, ast.RecordDecl) else Dim(name, bound=NO_BOUND)
    fields: dict[str, Field] = {}
    made = data.objects[id(decl)] = Stored(name, dim, fields, name_span(decl.span, decl.name))
    if isinstance(decl, ast.CollectionDecl) and decl.of is not None:
        parent = _objects(ctx, decl.of, module, decl.span)
        assert parent.dim is not None
        made.parent = decl.of
        item = next((i for i in decl.fields if decl.of in _declared(i)), None)
        if item is None:
            data.lists[name] = parent.dim.name
        fields[decl.of] = _owner(decl, item, name, parent.dim, module, read)
    for item in decl.fields:
        if isinstance(item, ast.FormulaItem):
            words = tuple(w for w in dict.fromkeys(re.findall(r"\w+", item.value.span.text)) if w != item.name)
            made.uses[item.name] = words
            fields[item.name] = _formula(item, f"{name}.{item.name}", words, fields, module)
            continue
        for called, branch in item.branches:
            in_file = _in_file(decl, called, branch)
            made.branches[called] = in_file
            if called != made.parent:
                made.first = made.first or called
                fields[called] = _reader(item, f"{name}.{called}", in_file, dim, module, read)
    return made


def _declared(item: ast.FieldItem | ast.FormulaItem) -> tuple[str, ...]:
    return (item.name,) if isinstance(item, ast.FormulaItem) else tuple(n for n, _ in item.branches)


def _in_file(decl: Decl, name: str, branch: str | None) -> str:
    return (decl.pattern or "*").replace("*", branch or name)


def _reader(item: ast.FieldItem, name: str, branch: str, dim: Dim | None, module: str, read: Read) -> Field:
    def field(ctx: Context, span: Span, of: Known) -> Value:
        ctx.frames.append(Frame(module))
        try:
            t, target = _field_type(ctx, item.type, dim, module)
        finally:
            ctx.frames.pop()
        unit, factor = written_unit(item.type)
        in_file, by, key = branch, "", 0
        if target is not None:
            in_file, _, digits = branch.partition("@")
            key = int(digits or 0)
            by = _identity(ctx, item.type, target)
        plan = BranchPlan(name, in_file, t, unit, factor, by=by, key=key, sure=item.type.name == ENTRY)
        values = read(ctx, plan, span)
        return values if target is None else View(name, dim, target, values, optional=not plan.sure)

    return field


def _formula(item: ast.FormulaItem, name: str, words: Sequence[str], fields: Mapping[str, Field], module: str) -> Field:
    """A value computed of other ``fields``, those among ``words``."""
    within: list[str] = []

    def field(ctx: Context, span: Span, of: Known) -> Value:
        if within:
            ctx.error("HQ0411", item.span, name=name, help="declare what the file has: `pt: GeV`")
        within.append(name)
        try:
            known = {w: of.field(ctx, w, span) for w in words if w in fields}
        finally:
            within.pop()
        ctx.frames.append(Frame(module, known))
        try:
            x = ctx.tensor(ctx.value(item.value), item.value.span)
        finally:
            ctx.frames.pop()
        dim = of.dim
        if x.needs:
            presence.required(ctx, x, item.value.span, f"field `{item.name}`")
        if any(d.ragged and (dim is None or d.key != dim.key) for d in x.type.dims):
            ctx.error("HQ0670", item.value.span, what=item.name, wanted="one value of each entry", found=x.type)
        return x if dim is None or x.type.dim(dim) is not None else _spread(ctx, x, dim, span)

    return field


def _spread(ctx: Context, x: Tensor, dim: Dim, span: Span) -> Tensor:
    """The same value for each entry."""
    t = replace(x.type, dims=(dim, *x.type.dims))
    return ctx.emit("where", [presence.any_over(ctx, dim, span), x, x], t, span)


def _field_type(ctx: Context, t: ast.TypeExpr, dim: Dim | None, module: str) -> tuple[Type, Objects | None]:
    """Of a field over ``dim``; and what it numbers."""
    target = None
    if t.name in (INDEX, ENTRY):
        _check_index(ctx, t)
        assert t.of is not None
        target = _objects(ctx, t.of, module, t.span)
        own = Type("index", (), into=target.dim)
    else:
        own = concrete_type(ctx, t)
    if own.elem not in ("real", "int", "bool", "index") or t.name == "p4" or any(d.size is None for d in own.dims):
        ctx.error("HQ0611", t.span, found=own)
    return Type(own.elem, (*([dim] if dim else []), *own.dims), own.unit, own.into), target


def _check_index(ctx: Context, t: ast.TypeExpr) -> None:
    if t.of is None:
        ctx.error("HQ0669", t.span)
    if t.dims or t.rest or t.power != 1:
        ctx.error("HQ0307", t.span, name=t.span.text, help=f"each entry has one: `{t.name} of {t.of}`")


def _identity(ctx: Context, t: ast.TypeExpr, target: Objects) -> str:
    """The branch that a reference is looked up in; "" if it is a place."""
    if t.by is None:
        return ""
    branches = target.branches if isinstance(target, Stored) else {}
    if t.by not in branches:
        close = near(t.by, branches)
        help = None if close else f"it has {', '.join(branches)}"
        ctx.error("HQ0310", t.span, name=t.by, found=describe(target), near=close, help=help)
    return branches[t.by]


def _objects(ctx: Context, name: str, module: str, span: Span) -> Objects:
    """The collection that a declaration names."""
    ctx.frames.append(Frame(module))
    try:
        found = lookup(ctx, ast.Name(name, span=span))
    finally:
        ctx.frames.pop()
    if not isinstance(found, Objects) or found.dim is None:
        ctx.error("HQ0661", span, found=f"`{name}`")
    return found


def _owner(
    decl: ast.CollectionDecl, item: ast.FieldItem | ast.FormulaItem | None, name: str, of: Dim, module: str, read: Read
) -> Field:
    """Which entry of its parent, ``of``, each entry is in the list of: as the nesting of lists says, or the field
    ``item``."""
    parent, dim = decl.of or "", Dim(name, bound=NO_BOUND)
    ends = isinstance(item, ast.FieldItem) and item.type.name == ENDS
    branches = dict(item.branches) if isinstance(item, ast.FieldItem) else {}
    branch = _in_file(decl, parent, branches[parent]) if branches else ""
    t = Type("index", (dim,), into=of)
    plan = BranchPlan(f"{name}.{parent}", branch, t, "1", 1.0, owner=str(of), ends=ends)

    def field(ctx: Context, span: Span, of: Known) -> Value:
        objects = _objects(ctx, parent, module, span)  # as a program may have said their fields since
        return View(objects.name, dim, objects, read(ctx, plan, span))

    return field


def _check(ctx: Context, decl: Decl, module: str) -> None:
    """What can be said of a declaration by itself."""
    check_attributes(ctx, decl.attrs)
    if isinstance(decl, ast.CollectionDecl) and decl.of is not None:
        _check_collection(ctx, decl.of, name_span(decl.span, decl.of), module)
        _check_nested(ctx, decl, module)
    if decl.pattern is not None and decl.pattern.count("*") != 1:
        help = 'write `*` where the field\'s name stands: `"Jet_*"`'
        ctx.error("HQ0605", name_span(decl.span, decl.name), what="name", pattern=decl.pattern, help=help)
    if not any(isinstance(item, ast.FieldItem) for item in decl.fields):
        ctx.error("HQ0674", name_span(decl.span, decl.name), name=decl.name)
    names: dict[str, Span] = {}
    for item in decl.fields:
        with suppress(Reported):
            _check_field(ctx, decl, item, names, module)
    if any(isinstance(item, ast.FormulaItem) for item in decl.fields):
        _check_formulas(ctx, decl, module)


def _check_field(
    ctx: Context, decl: Decl, item: ast.FieldItem | ast.FormulaItem, names: dict[str, Span], module: str
) -> None:
    for name in _declared(item):
        if name in names:
            ctx.error("HQ0603", item.span, Label(names[name], "first here"), name=f"{decl.name}.{name}",
                      help=f'remove one, or give it another name: `other = "{name}": …`')  # fmt: skip
        names[name] = item.span
    if isinstance(item, ast.FormulaItem):
        return
    of = decl.of if isinstance(decl, ast.CollectionDecl) else None
    owner = of in _declared(item)
    if item.type.name in (INDEX, ENTRY, ENDS):
        _check_index(ctx, item.type)
        assert item.type.of is not None
        _check_collection(ctx, item.type.of, item.type.span, module)
    if owner and (item.type.name not in (INDEX, ENTRY, ENDS) or item.type.of != of):
        ctx.error("HQ0675", item.span, name=of, found=item.type.span.text)
    elif not owner and item.type.name not in (INDEX, ENTRY):
        _field_type(ctx, item.type, None, module)


def _check_formulas(ctx: Context, decl: Decl, module: str) -> None:
    def read(ctx: Context, branch: BranchPlan, span: Span) -> Tensor:
        return ctx.emit("input", (), branch.type, span, name=branch.name)

    ctx.data = Data(lambda ctx, d, home: stored(ctx, d, home, read))
    try:
        made = stored(ctx, decl, module, read)
        for item in decl.fields:
            if isinstance(item, ast.FormulaItem):
                made.field(ctx, item.name, item.span)
    finally:
        ctx.data = None


def _check_collection(ctx: Context, name: str, span: Span, module: str) -> None:
    scope = ctx.program.modules[module].scope
    target = scope.get(name)
    if target is None or not isinstance(target.decl, ast.CollectionDecl):
        collections = [n for n, b in scope.items() if isinstance(b.decl, ast.CollectionDecl)]
        ctx.error("HQ0661", span, found=f"`{name}`", near=near(name, collections))


def _check_nested(ctx: Context, decl: ast.CollectionDecl, module: str) -> None:
    """Lists in lists end somewhere."""
    above: list[ast.CollectionDecl] = []
    at: ast.Decl | None = decl
    while isinstance(at, ast.CollectionDecl) and at not in above:
        above.append(at)
        binding = ctx.program.modules[module].scope.get(at.of or "")
        at, module = (None, module) if binding is None else (binding.decl, binding.module)
    if at is decl:
        help = "leave out `of`, or name the collection that has such a list in each entry"
        ctx.error("HQ0411", name_span(decl.span, decl.name), name=decl.name, help=help)


def _field_item(b: Build, meta: Meta, c: Children) -> ast.FieldItem:
    *branches, type_ = c
    names = [(name, branch) for name, branch in branches]
    return ast.FieldItem(tuple(names), type_, span=b.span(meta))


def _field_written(f: Formatter, item: ast.FieldItem) -> Doc:
    names = [n if branch in (None, n) else f'{n} = "{branch}"' for n, branch in item.branches]
    return group(wrapped("", names), ": ", f.type(item.type))


def _head(keyword: str, decl: Decl) -> str:
    of = f" of {decl.of}" if isinstance(decl, ast.CollectionDecl) and decl.of else ""
    return f"{keyword} {decl.name}{of} " + (f'= "{decl.pattern}" ' if decl.pattern is not None else "")


register(
    Declaration(
        ast.CollectionDecl,
        words=("collection",),
        rules={
            "collection": attributed(ast.CollectionDecl, items=3),
            "field_item": _field_item,
            "formula": node(ast.FormulaItem),
        },
        written={
            ast.CollectionDecl: lambda f, d: f.braced(d, _head("collection", d), d.fields),
            ast.FieldItem: _field_written,
            ast.FormulaItem: lambda f, i: group(f"{i.name} = ", f.expr(i.value)),
        },
        check=_check,
        tall=lambda d: True,
    )
)
register(
    Declaration(
        ast.RecordDecl,
        words=("record",),
        rules={"record": attributed(ast.RecordDecl, items=2)},
        written={ast.RecordDecl: lambda f, d: f.braced(d, _head("record", d), d.fields)},
        check=_check,
        tall=lambda d: True,
    )
)
