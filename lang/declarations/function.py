# SPDX-License-Identifier: Apache-2.0
"""``fn``, ``block`` and ``model``: a body is checked for any arguments that its signature admits."""

from __future__ import annotations

from contextlib import suppress

from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.calls import check_numbering, check_result, run_body
from hepq.lang.elaborate.context import Context, Frame, Reported, known
from hepq.lang.elaborate.signature import STATIC_KINDS, bind_any, pattern
from hepq.lang.format.layout import SPACE, Doc, group, nest
from hepq.lang.format.program import Formatter
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import attributed
from hepq.lang.syntax.declaration import Declaration, register


def _check(ctx: Context, decl: ast.FnDecl, module: str) -> None:
    check_attributes(ctx, decl.attrs)
    ctx.frames.append(Frame(module, owns_params=decl.kind != "fn", decl=decl))
    bind_any(ctx, decl)
    if decl.ret is not None and decl.ret.name not in STATIC_KINDS:
        with suppress(Reported):
            pattern(ctx, decl.ret)
    result = run_body(ctx, decl.body, decl.span)
    check_numbering(ctx, decl)
    check_result(ctx, decl, known(result), [], decl.span)


def _written(f: Formatter, d: ast.FnDecl) -> Doc:
    ret: list[Doc] = [] if d.ret is None else [" -> ", f.type(d.ret)]
    header = [*f.header(d.kind, d), *ret]
    if isinstance(d.body, tuple):
        return group(*header, " ", f.block(d.body, d.span))
    return group(*header, " =", group(nest(SPACE, f.expr(d.body))))


register(
    Declaration(
        ast.FnDecl,
        words=("fn", "block", "model"),
        rules={"fn": attributed(ast.FnDecl, statics=2)},
        written={ast.FnDecl: _written},
        check=_check,
        tall=lambda d: isinstance(d.body, tuple) or bool(d.attrs),
    )
)
