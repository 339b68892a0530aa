# SPDX-License-Identifier: Apache-2.0
"""``dim a, b``, ``dim xy = 2``, ``dim part <= 128``, ``dim cls = [QCD, Hbb]``."""

from __future__ import annotations

from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.names import dim_size
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter, wrapped
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import node
from hepq.lang.syntax.declaration import Declaration, register


def _check(ctx: Context, decl: ast.DimDecl, module: str) -> None:
    if decl.op is not None:
        for name in decl.names:
            dim_size(ctx, decl, name, module)


def _written(f: Formatter, d: ast.DimDecl) -> Doc:
    head = wrapped("dim ", d.names)
    return head if d.value is None else group(head, f" {d.op} ", f.expr(d.value))


register(
    Declaration(
        ast.DimDecl,
        words=("dim",),
        rules={"dim": node(ast.DimDecl)},
        written={ast.DimDecl: _written},
        check=_check,
        names=lambda d: d.names,
    )
)
