# SPDX-License-Identifier: Apache-2.0
"""``import a.b as c`` and ``from a.b import x, y``; ``lang/modules.py`` follows them."""

from __future__ import annotations

from lark.tree import Meta

from hepq.lang.format.program import wrapped
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, node, plain
from hepq.lang.syntax.declaration import Declaration, register


def _from_import(b: Build, meta: Meta, c: Children) -> ast.FromImport:
    return ast.FromImport(c[0], tuple(map(plain, c[1:])), span=b.span(meta))


register(
    Declaration(
        ast.Import,
        words=("import",),
        rules={"import_": node(ast.Import)},
        written={ast.Import: lambda f, d: f"import {'.'.join(d.path)}" + (f" as {d.alias}" if d.alias else "")},
        names=lambda d: (d.alias or d.path[-1],),
        kind="module",
    )
)
register(
    Declaration(
        ast.FromImport,
        words=("from",),
        rules={"from_import": _from_import},
        written={ast.FromImport: lambda f, d: wrapped(f"from {'.'.join(d.path)} import ", d.names)},
        names=lambda d: d.names,
    )
)
