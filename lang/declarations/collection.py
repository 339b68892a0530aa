# SPDX-License-Identifier: Apache-2.0
"""``collection Jet = "Jet_*" { pt: GeV }`` and ``record MET = "MET_*" { pt: GeV }``: how a file names its objects."""

from __future__ import annotations

from collections.abc import Callable

from lark.tree import Meta

from hepq.core.diagnostics.catalogue import near
from hepq.core.diagnostics.diagnostic import Label
from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.branches import BranchPlan, written_unit
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context, Frame
from hepq.lang.elaborate.names import lookup
from hepq.lang.elaborate.objects import NO_BOUND, Stored, View
from hepq.lang.elaborate.signature import concrete_type
from hepq.lang.elaborate.values import Objects, Value
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.modules import name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, attributed
from hepq.lang.syntax.declaration import Declaration, register

Decl = ast.CollectionDecl | ast.RecordDecl


#: given a branch and where it is used, its values
Read = Callable[[Context, BranchPlan, Span], Tensor]


def stored(ctx: Context, decl: Decl, module: str, read: Read) -> Stored:
    """The objects of a declaration; their values are read where they are used."""
    data = ctx.data
    assert data is not None
    known = data.objects.get(id(decl))
    if isinstance(known, Stored):
        return known
    name = data.free_name(decl.name)
    dim = None if isinstance(decl, ast.RecordDecl) else Dim(name, bound=NO_BOUND)
    fields: dict[str, Callable[[Context, Span], Value]] = {}
    made = data.objects[id(decl)] = Stored(name, dim, fields, name_span(decl.span, decl.name))
    if isinstance(decl, ast.CollectionDecl) and decl.of is not None:
        parent = _objects(ctx, decl.of, module, decl.span)
        assert dim is not None
        made.parent = parent.name
        fields[parent.name] = lambda ctx, span: _owner(ctx, name, dim, parent, read, span)
    for item in decl.fields:
        for called, branch in item.branches:
            if called in fields:
                ctx.error("HQ0603", item.span, name=f"{decl.name}.{called}")
            fields[called] = _reader(item, f"{name}.{called}", _in_file(decl, called, branch), dim, module, read)
    return made


def _in_file(decl: Decl, name: str, branch: str | None) -> str:
    return (decl.pattern or "*").replace("*", branch or name)


def _reader(
    item: ast.FieldItem, name: str, branch: str, dim: Dim | None, module: str, read: Read
) -> Callable[[Context, Span], Value]:
    def field(ctx: Context, span: Span) -> Value:
        ctx.frames.append(Frame(module))
        try:
            t, target = _field_type(ctx, item.type, dim, module)
        finally:
            ctx.frames.pop()
        unit, factor = written_unit(item.type)
        values = read(ctx, BranchPlan(name, branch, t, unit, factor), span)
        return values if target is None else View(name, dim, target, values, optional=True)

    return field


def _field_type(ctx: Context, t: ast.TypeExpr, dim: Dim | None, module: str) -> tuple[Type, Objects | None]:
    """Of a field over ``dim``; and what it numbers."""
    target = None
    if t.name == "index":
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
        ctx.error("HQ0307", t.span, name=t.span.text, help=f"each entry has one: `index of {t.of}`")


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


def _owner(ctx: Context, name: str, dim: Dim, parent: Objects, read: Read, span: Span) -> View:
    """Which entry of its parent each entry is in the list of."""
    assert parent.dim is not None
    t = Type("index", (dim,), into=parent.dim)
    owner = BranchPlan(f"{name}.{parent.name}", "", t, "1", 1.0, owner=parent.name)
    return View(parent.name, dim, parent, read(ctx, owner, span))


def _check(ctx: Context, decl: Decl, module: str) -> None:
    """What can be said of a declaration by itself."""
    check_attributes(ctx, decl.attrs)
    names: dict[str, Span] = {}
    scope = ctx.program.modules[module].scope
    wanted = [(item.type.of, item.type.span) for item in decl.fields if item.type.of]
    wanted += [(decl.of, decl.span)] if isinstance(decl, ast.CollectionDecl) and decl.of else []
    for name, span in wanted:
        target = scope.get(name)
        if target is None or not isinstance(target.decl, ast.CollectionDecl):
            collections = [n for n, b in scope.items() if isinstance(b.decl, ast.CollectionDecl)]
            ctx.error("HQ0661", span, found=f"`{name}`", near=near(name, collections))
    if isinstance(decl, ast.CollectionDecl):
        _check_nested(ctx, decl, module)
    if decl.pattern is not None and decl.pattern.count("*") != 1:
        help = 'write `*` where the field\'s name stands: `"Jet_*"`'
        ctx.error("HQ0605", name_span(decl.span, decl.name), what="name", pattern=decl.pattern, help=help)
    if not decl.fields:
        ctx.error("HQ0674", name_span(decl.span, decl.name), name=decl.name)
    for item in decl.fields:
        if item.type.name != "index":
            _field_type(ctx, item.type, None, module)
        else:
            _check_index(ctx, item.type)
        for name, _ in item.branches:
            if name in names:
                ctx.error("HQ0603", item.span, Label(names[name], "first here"), name=f"{decl.name}.{name}")
            names[name] = item.span


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
    *branches, type_, default = c
    names = [(name, branch) for name, branch in branches]
    return ast.FieldItem(tuple(names), type_, default, span=b.span(meta))


def _field_written(f: Formatter, item: ast.FieldItem) -> Doc:
    names = [n if branch in (None, n) else f'{n} = "{branch}"' for n, branch in item.branches]
    default = [] if item.default is None else [" else ", f.expr(item.default)]
    return group(wrapped("", names), ": ", f.type(item.type), *default)


def _head(keyword: str, decl: Decl) -> str:
    of = f" of {decl.of}" if isinstance(decl, ast.CollectionDecl) and decl.of else ""
    return f"{keyword} {decl.name}{of} " + (f'= "{decl.pattern}" ' if decl.pattern is not None else "")


register(
    Declaration(
        ast.CollectionDecl,
        words=("collection",),
        rules={"collection": attributed(ast.CollectionDecl, items=3), "field_item": _field_item},
        written={
            ast.CollectionDecl: lambda f, d: f.braced(d, _head("collection", d), d.fields),
            ast.FieldItem: _field_written,
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
