# SPDX-License-Identifier: Apache-2.0
"""``const name: type = value``: a value known at compile time."""

from __future__ import annotations

from hepq.lang.elaborate.names import constant
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import node
from hepq.lang.syntax.declaration import Declaration, register


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
