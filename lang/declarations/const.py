# SPDX-License-Identifier: Apache-2.0
"""``const name: type = value``: a value known at compile time, which may be given another one from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Sink
from hepq.core.source import Source
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import constant
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter
from hepq.lang.modules import ModuleAst, Program, name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import node
from hepq.lang.syntax.declaration import Declaration, register
from hepq.lang.syntax.parser import parse


def settable(program: Program) -> dict[str, ast.ConstDecl]:
    """Consts that may be given another value: those that the main module knows by a name, but the library's."""
    return {
        name: binding.decl
        for name, binding in program.main.scope.items()
        if isinstance(binding.decl, ast.ConstDecl) and not binding.module.startswith("std.")
    }


def with_consts(program: Program, values: Mapping[str, Any], sink: Sink) -> Program:
    """``program`` with other values of its consts: numbers, lists, texts, or, as texts, expressions: ``30 GeV``.

    Other names are left alone. What is wrong with a value is reported as of the text `--set NAME=VALUE`.
    """
    known = settable(program)
    other = {
        id(known[name]): replace(known[name], value=written)
        for name, value in values.items()
        if name in known and (written := _expression(known[name], value, sink)) is not None
    }
    if not other:
        return program

    def changed(module: ModuleAst) -> ModuleAst:
        decls = tuple(other.get(id(d), d) for d in module.file.decls)
        scope = {n: replace(b, decl=other.get(id(b.decl), b.decl)) for n, b in module.scope.items()}
        return replace(module, file=replace(module.file, decls=decls), scope=scope)

    modules = {name: changed(module) for name, module in program.modules.items()}
    return Program(modules[program.main.name], modules)


def static_arguments(ctx: Context, decl: ast.FnDecl | ast.TrainDecl, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``values`` that are static arguments of ``decl``, consts being set already. HQ0638 for other names."""
    own = [p.name for p in decl.statics] if isinstance(decl, ast.FnDecl) else []
    consts = settable(ctx.program)
    for name in values:
        if name not in own and name not in consts:
            known = [*own, *consts]
            close = near(name, known)
            help = None if close else f"there are: {', '.join(known)}" if known else "it has neither"
            ctx.error("HQ0638", name_span(decl.span, decl.name), name=name, model=decl.name, near=close, help=help)
    return {name: value for name, value in values.items() if name in own}


def _expression(decl: ast.ConstDecl, value: Any, sink: Sink) -> ast.Expr | None:
    as_text = isinstance(decl.value, ast.String) or (decl.type is not None and decl.type.name == "string")
    text = _text(value, as_text)
    before = len(sink.items)
    given = parse(Source(f"--set {decl.name}", f"const {decl.name} = {text}"), sink)
    if len(given.decls) == 1 and isinstance(given.decls[0], ast.ConstDecl):
        return given.decls[0].value
    if len(sink.items) == before:
        sink.add(diag("HQ0404", given.span, wanted=f"one value for `{decl.name}`", found="several declarations"))
    return None


def _text(value: Any, quoted: bool) -> str:
    """As the language writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"' if quoted else value
        case list() | tuple():
            return f"[{', '.join(_text(v, True) for v in value)}]"
    return repr(value)


def _written(f: Formatter, d: ast.ConstDecl) -> Doc:
    return group(f"const {d.name}", *f.typed(d.type), " = ", f.expr(d.value))


register(
    Declaration(
        ast.ConstDecl,
        words=("const",),
        rules={"const": node(ast.ConstDecl)},
        written={ast.ConstDecl: _written},
        check=constant,
    )
)
