# SPDX-License-Identifier: Apache-2.0
"""A training as IR: its losses, and what is scored, are outputs of one module; labels and noise are inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hepq.compiler.driver.build import Built, NodeBuilder, build, static_values
from hepq.compiler.driver.options import Options
from hepq.compiler.ir.node import Module
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.lang.checker import check
from hepq.lang.declarations.model import ModelPlan, sized
from hepq.lang.declarations.train import TrainPlan, elaborate_train
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.modules import Program, load, name_span
from hepq.lang.syntax import ast

#: outputs of a training's module that are not scored
LOSS, WEIGHT = "loss", "weight"


def loss_name(step: str) -> str:
    return f"{LOSS}.{step}" if step else LOSS


def build_training_file(path: Path, options: Options | None = None, name: str | None = None) -> Built:
    """The training ``name`` of a file, its only one, or its model if it has none.

    Raises HepqError with everything that is wrong.
    """
    options, sink = options or Options(), Sink()
    program = load(path, None, sink)
    check(program, sink)
    if sink.errors:
        raise HepqError(sink.items)
    decl = _choose(program, name)
    if decl is None:
        return build(
            program, sink, model=options.model, dataset=options.dataset, dims=options.dims, statics=options.statics,
            use_dataset=options.use_dataset,
        )  # fmt: skip
    ctx = Elaborator(program, NodeBuilder(), sink)
    ctx.open_dims = sized(options.dims)
    statics = static_values(options.statics)
    plan = elaborate_train(ctx, decl, program.main.name, statics, options.dataset, options.model)
    if plan is None or sink.errors:
        raise HepqError(sink.items)
    outputs = {name: t.handle for name, t in plan.outputs.items()}
    outputs |= {loss_name(step.name): step.loss.handle for step in plan.steps}
    outputs |= {} if plan.weight is None else {WEIGHT: plan.weight.handle}
    module = Module(plan.name, tuple(t.handle for t in plan.inputs.values()), outputs)
    plan = replace(plan, blocks={**_unbound(plan, module, program), **plan.blocks})
    model = ModelPlan(plan.name, program.main.name, plan.inputs, plan.outputs, plan.dataset, plan.instances, ())
    return Built(module, model, program, plan)


def _unbound(plan: TrainPlan, module: Module, program: Program) -> dict[str, str]:
    """Path of each block of the program that has weights and is applied without a name, once; and what it is."""
    with_weights = {path.partition(".")[0] for path in module.params if "." in path}
    applied = {i.path: i.block for i in plan.instances if i.path in with_weights and i.module == program.main.name}
    return {path: block for path, block in applied.items() if list(applied.values()).count(block) == 1}


def _choose(program: Program, name: str | None) -> ast.TrainDecl | None:
    found = {d.name: d for d in program.main.file.decls if isinstance(d, ast.TrainDecl)}
    if name is not None and name not in found:
        close = near(name, found)
        help = None if close else f"it has {', '.join(found) or 'none'}"
        raise HepqError([diag("HQ0658", found=f"no training `{name}`", near=close, help=help)])
    if name is None and len(found) > 1:
        where = [name_span(d.span, d.name) for d in found.values()]
        raise HepqError([diag("HQ0658", where[0], found=f"several trainings: {', '.join(found)}")])
    return found.get(name or "", next(iter(found.values()), None))
