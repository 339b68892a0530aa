# SPDX-License-Identifier: Apache-2.0
"""Checking a program: every declaration on its own, then each model with the dataset that feeds it."""

from __future__ import annotations

from contextlib import suppress

from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import MORE, Diagnostic, Sink
from hepq.core.source import Source
from hepq.lang.declarations.checkpoint import check_tables
from hepq.lang.declarations.dataset import feeds
from hepq.lang.declarations.model import elaborate_model, warn_unused_inputs
from hepq.lang.elaborate.builder import NullBuilder
from hepq.lang.elaborate.context import Context, Frame, Reported, bounded
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.elaborate.signature import pattern
from hepq.lang.elaborate.work import Work
from hepq.lang.modules import Program
from hepq.lang.syntax import ast
from hepq.lang.syntax.declaration import declaration_of


def check(program: Program, sink: Sink, work: Work | None = None) -> None:
    """Report everything that is wrong with the main module, for at most so much ``work``."""
    main, work = program.main, work or Work()
    for decl in main.file.decls:
        if work.stopped:
            break
        ctx = Elaborator(program, NullBuilder(), sink, work)
        with suppress(Reported), bounded(ctx, decl):
            ctx.frames.append(Frame(main.name))
            declaration_of(decl).check(ctx, decl, main.name)
    _pair(program, sink, work)
    sink.items.sort(key=lambda d: _place(d, main.file.span.source))


def _place(d: Diagnostic, main: Source) -> tuple[int, int]:
    """Imported modules first, as they were read; then the main file from top to bottom; how many more at the end."""
    if d.code == MORE:
        return 2, 0
    inside = bool(d.labels) and d.labels[0].span.source is main
    return int(inside), d.labels[0].span.start if inside else 0


def _pair(program: Program, sink: Sink, work: Work) -> None:
    """A file with one dataset and one model means one with the other."""
    decls = program.main.file.decls
    models = [d for d in decls if isinstance(d, ast.FnDecl) and d.kind == "model"]
    datasets = [d for d in decls if isinstance(d, ast.DatasetDecl)]
    trainings = any(isinstance(d, ast.TrainDecl) for d in decls)  # which may feed a model with other things
    for model in models:
        if work.stopped:
            break
        ctx = Elaborator(program, NullBuilder(), sink, work)
        if len(datasets) == 1 and ((len(models) == 1 and not trainings) or feeds(datasets[0], model)):
            plan = elaborate_model(ctx, model, datasets[0], {})
            # a training names inputs of a dataset with objects, and nothing else of it
            used = plan is not None and plan.dataset is not None and plan.dataset.objects and trainings
            if plan is not None and plan.dataset is not None and len(models) == 1 and not used:
                warn_unused_inputs(ctx, model, plan.dataset)
        elif not datasets and _lacks_interface(model, sink):
            continue
        elif _stands_alone(ctx, model, program.main.name):
            plan = elaborate_model(ctx, model, None, {})
        else:
            continue
        if plan is not None:
            check_tables(ctx, program.main)


def _lacks_interface(model: ast.FnDecl, sink: Sink) -> bool:
    """Report inputs whose type is missing or open-ended: nothing could feed them."""
    found = [diag("HQ0630", p.span, name=p.name, model=model.name) for p in model.params if p.type is None]
    found += [diag("HQ0205", p.type.span) for p in model.params if p.type is not None and p.type.rest]
    for problem in found:
        sink.add(problem)
    return bool(found)


def _stands_alone(ctx: Context, model: ast.FnDecl, module: str) -> bool:
    """Whether the declaration alone fixes every size and static argument."""
    if any(p.default is None for p in model.statics):
        return False
    ctx.frames.append(Frame(module))
    try:
        types = [pattern(ctx, p.type) for p in model.params if p.type is not None]
    except Reported:
        return False
    finally:
        ctx.frames.pop()
    return len(types) == len(model.params) and not any(t.rest or any(d.open for d in t.dims) for t in types)
