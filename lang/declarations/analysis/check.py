# SPDX-License-Identifier: Apache-2.0
"""Checking analyses and the fits of their histograms."""

from __future__ import annotations

from hepq.lang.declarations.analysis.elaborate import elaborate_analysis
from hepq.lang.declarations.analysis.fits import elaborate_fit
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.context import Context, Frame
from hepq.lang.modules import name_span
from hepq.lang.syntax.ast_analysis import AnalysisDecl, FitDecl


def check_analysis(ctx: Context, decl: AnalysisDecl, module: str) -> None:
    elaborate_analysis(ctx, decl, module, varied=False)


def check_fit(ctx: Context, decl: FitDecl, module: str) -> None:
    """Of the only analysis of the module; of one with errors nothing is said."""
    check_attributes(ctx, decl.attrs)
    found = [d for d in ctx.program.modules[module].file.decls if isinstance(d, AnalysisDecl)]
    if len(found) != 1:
        what = f"there are {len(found)}" if found else "there is none"
        ctx.error("HQ0934", name_span(decl.span, decl.name), name=decl.name, what=what)
    quiet, ctx.sink = ctx.sink, type(ctx.sink)()
    try:
        plan = elaborate_analysis(ctx, found[0], module, varied=False)
    finally:
        ctx.sink = quiet
    ctx.frames.append(Frame(module))
    try:
        elaborate_fit(ctx, decl, plan)
    finally:
        ctx.frames.pop()
