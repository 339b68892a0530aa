# SPDX-License-Identifier: Apache-2.0
"""From a program's analysis to its description and its modules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hepq.compiler.ir.analyses import filling
from hepq.compiler.ir.build import SharingBuilder, complete, refused
from hepq.compiler.ir.node import Module
from hepq.compiler.schema.analysis import described
from hepq.core.analyses import Kind
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError, Label, Sink
from hepq.core.source import Span
from hepq.lang.declarations.analysis.elaborate import elaborate_analysis
from hepq.lang.declarations.analysis.fits import elaborate_fit
from hepq.lang.elaborate.context import Frame, Reported
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.modules import Program, name_span
from hepq.lang.syntax.ast_analysis import AnalysisDecl, FitDecl
from hepq.runtime.analysis.description import Analysis


def build_analysis(
    program: Program, sink: Sink, name: str | None = None, target: str = "cpu"
) -> tuple[Analysis, dict[Kind, Module]]:
    """The analysis ``name`` of a checked program, or its only one; a module for each kind of its sources. Models that
    it calls are compiled for ``target``.

    Raises HepqError with everything that is wrong.
    """
    analysis, modules, _ = build_from_files(program, sink, name, target)
    return analysis, modules


def build_from_files(
    program: Program, sink: Sink, name: str | None = None, target: str = "cpu"
) -> tuple[Analysis, dict[Kind, Module], dict[str, str]]:
    """As ``build_analysis``; also the files that the program names and that were read, and the SHA-256 of each."""
    decl = _chosen(program, name)
    builder = SharingBuilder()
    ctx = Elaborator(program, builder, sink)
    try:
        plan = elaborate_analysis(ctx, decl, program.main.name, varied=True)
        ctx.frames.append(Frame(program.main.name))
        fits = [elaborate_fit(ctx, d, plan) for d in program.main.file.decls if isinstance(d, FitDecl)]
    except Reported:
        raise refused(ctx, decl) from None
    made = {kind: filling(f"{plan.name} {kind}", one, plan.disjoint, builder) for kind, one in plan.kinds.items()}
    modules = {kind: complete(ctx, one.module, decl) for kind, one in made.items()}
    return described(plan, made, fits, digest(program, ctx.named_files), target), modules, ctx.named_files


def digest(program: Program, files: Mapping[str, str]) -> str:
    """SHA-256 of the program's text, of what it imports, and of the files that it names."""
    texts = (module.file.span.source.text for _, module in sorted(program.modules.items()))
    named = (f"{file} {sha256}" for file, sha256 in sorted(files.items()))
    return hashlib.sha256("\0".join((*texts, *named)).encode()).hexdigest()


def _chosen(program: Program, name: str | None) -> AnalysisDecl:
    found = {d.name: d for d in program.main.file.decls if isinstance(d, AnalysisDecl)}
    start = Label(Span(program.main.file.span.source, 0, 0))
    if name is not None and name not in found:
        close = near(name, found)
        what, help = f"no analysis `{name}`", None if close else f"it has {', '.join(found) or 'none'}"
        raise HepqError([diag("HQ0935", start, what=what, near=close, help=help)])
    if name is None and len(found) != 1:
        where = [Label(name_span(d.span, d.name)) for d in found.values()] or [start]
        what = f"several analyses: {', '.join(found)}" if found else "no analysis"
        raise HepqError([diag("HQ0935", *where, what=what)])
    return found[name] if name is not None else next(iter(found.values()))
