# SPDX-License-Identifier: Apache-2.0
"""``circuit A[reps: int = 2](x: real[wire]) on q: qubit[wire] { … }``"""

from __future__ import annotations

from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.circuits.circuits import check_circuit
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.signature import bind_any
from hepq.lang.format.layout import Doc, group
from hepq.lang.format.program import Formatter
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import attributed
from hepq.lang.syntax.declaration import Declaration, register


def _check(ctx: Context, decl: ast.CircuitDecl, module: str) -> None:
    check_attributes(ctx, decl.attrs)
    bind_any(ctx, decl)
    check_circuit(ctx, decl)


def _written(f: Formatter, d: ast.CircuitDecl) -> Doc:
    return group(*f.header("circuit", d), " on ", f.param(d.register), " ", f.block(d.body, d.span))


register(
    Declaration(
        ast.CircuitDecl,
        words=("circuit",),
        rules={"circuit": attributed(ast.CircuitDecl, statics=1)},
        written={ast.CircuitDecl: _written},
        check=_check,
        tall=lambda d: True,
    )
)
