# SPDX-License-Identifier: Apache-2.0
"""Checking a program: every declaration on its own, then each model with the dataset that feeds it."""

from __future__ import annotations

from contextlib import suppress

from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import MORE, Diagnostic, Sink
from hepq.core.source import Source
from hepq.lang.declarations.checkpoint import check_placeholders, check_tables
from hepq.lang.declarations.dataset import elaborate_dataset, feeds
from hepq.lang.declarations.model import elaborate_model, warn_unused_inputs
from hepq.lang.declarations.train import elaborate_train
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.builder import NullBuilder
from hepq.lang.elaborate.calls import check_numbering, check_result, run_body
from hepq.lang.elaborate.circuits.circuits import check_circuit
from hepq.lang.elaborate.context import Context, Frame, Reported, bounded, known
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.elaborate.names import constant, dim_size
from hepq.lang.elaborate.signature import STATIC_KINDS, bind_any, pattern
from hepq.lang.elaborate.work import Work
from hepq.lang.modules import Program
from hepq.lang.syntax import ast


def check(program: Program, sink: Sink, work: Work | None = None) -> None:
    """Report everything that is wrong with the main module, for at most so much ``work``."""
    main, work = program.main, work or Work()
    for decl in main.file.decls:
        if work.stopped:
            break
        ctx = Elaborator(program, NullBuilder(), sink, work)
        with suppress(Reported), bounded(ctx, decl):
            _declaration(ctx, decl, main.name)
    _pair(program, sink, work)
    sink.items.sort(key=lambda d: _place(d, main.file.span.source))


def _place(d: Diagnostic, main: Source) -> tuple[int, int]:
    """Imported modules first, as they were read; then the main file from top to bottom; how many more at the end."""
    if d.code == MORE:
        return 2, 0
    inside = bool(d.labels) and d.labels[0].span.source is main
    return int(inside), d.labels[0].span.start if inside else 0


def _declaration(ctx: Context, decl: ast.Decl, module: str) -> None:
    ctx.frames.append(Frame(module))
    match decl:
        case ast.DimDecl(op=op, names=names):
            if op is not None:
                for name in names:
                    dim_size(ctx, decl, name, module)
        case ast.ConstDecl():
            constant(ctx, decl, module)
        case ast.FnDecl():
            check_attributes(ctx, decl.attrs)
            _generic(ctx, decl, module)
        case ast.CircuitDecl():
            check_attributes(ctx, decl.attrs)
            bind_any(ctx, decl)
            check_circuit(ctx, decl)
        case ast.DatasetDecl():
            check_attributes(ctx, decl.attrs)
            elaborate_dataset(ctx, decl, module)
        case ast.TrainDecl():
            check_attributes(ctx, decl.attrs)
            ctx.frames.pop()
            elaborate_train(ctx, decl, module, {})
        case ast.CheckpointDecl(block=block):
            binding = ctx.program.modules[module].scope.get(block)
            check_placeholders(ctx, decl)
            if binding is None or not isinstance(binding.decl, ast.FnDecl) or binding.decl.kind == "fn":
                blocks = [n for n, b in ctx.program.modules[module].scope.items() if isinstance(b.decl, ast.FnDecl)]
                ctx.error("HQ0640", decl.span, name=block, near=near(block, blocks))


def _generic(ctx: Context, decl: ast.FnDecl, module: str) -> None:
    """Check a body for any argument its signature admits."""
    frame = Frame(module, owns_params=decl.kind != "fn", decl=decl)
    ctx.frames.append(frame)
    bind_any(ctx, decl)
    if decl.ret is not None and decl.ret.name not in STATIC_KINDS:
        with suppress(Reported):
            pattern(ctx, decl.ret)
    result = run_body(ctx, decl.body, decl.span)
    check_numbering(ctx, decl)
    check_result(ctx, decl, known(result), [], decl.span)


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
            plan = elaborate_model(ctx, model, program.main.name, datasets[0], {})
            if plan is not None and plan.dataset is not None and len(models) == 1:
                warn_unused_inputs(ctx, model, plan.dataset)
        elif not datasets and _lacks_interface(model, sink):
            continue
        elif _stands_alone(ctx, model, program.main.name):
            plan = elaborate_model(ctx, model, program.main.name, None, {})
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
