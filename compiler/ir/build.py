# SPDX-License-Identifier: Apache-2.0
"""Checked program to IR: elaborates a model, or a training, with a builder that makes nodes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hepq.compiler.ir.infer import make
from hepq.compiler.ir.lists import with_lists
from hepq.compiler.ir.node import Module, Node
from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Diagnostic, HepqError, Label, Sink
from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.declarations.dataset import feeds
from hepq.lang.declarations.model import ModelPlan, elaborate_model, sized
from hepq.lang.declarations.train import TrainPlan, elaborate_train
from hepq.lang.elaborate.context import Context, in_library
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.modules import Program, name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.ast_analysis import AnalysisDecl

#: outputs of a training's module that are not scored; no result of a model has such a name
LOSS, WEIGHT, VARIABLE = "<loss>", "<weight>", "<variable>"


class NodeBuilder:
    def emit(
        self, op: str, operands: Sequence[Any], attrs: Mapping[str, Hashable], type: Type, span: Span | None
    ) -> Node:
        if op == "cast" and operands[0].op == "const":
            value = {"real": float, "int": int, "bool": bool}[type.elem](operands[0]["value"])
            return Node("const", (), MappingProxyType({"value": value}), type, span)
        return Node(op, tuple(operands), MappingProxyType(dict(attrs)), type, span)


class SharingBuilder(NodeBuilder):
    """The same operation on the same values is one node."""

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, ...], Node] = {}

    def emit(
        self, op: str, operands: Sequence[Any], attrs: Mapping[str, Hashable], type: Type, span: Span | None
    ) -> Node:
        return self._shared(super().emit(op, operands, attrs, type, span))

    def make(self, op: str, *operands: Node, type: Type | None = None, **attrs: Any) -> Node:
        """A node whose type is inferred; ``type``: the declared one."""
        return self._shared(make(op, *operands, type=type, **attrs))

    def _shared(self, node: Node) -> Node:
        # 0.0 and -0.0 are equal, and 1 and True
        attrs = tuple((name, repr(v) if name in _NUMBERS else v) for name, v in sorted(node.attrs.items()))
        key = (node.op, *node.operands, *attrs, node.type)
        return self._known.setdefault(key, node)


#: attributes that are numbers, or lists of them
_NUMBERS = ("value", "values")


@dataclass(frozen=True)
class Built:
    """A model as IR, and what the artifact must know about its data. ``training``: what trains it, if it is written."""

    module: Module
    plan: ModelPlan
    program: Program
    training: TrainPlan | None = None


def build(
    program: Program, sink: Sink, *, model: str | None = None, dataset: str | None = None,
    dims: Mapping[str, int] | None = None, statics: Mapping[str, Any] | None = None, use_dataset: bool = True,
) -> Built:  # fmt: skip
    """IR of the chosen model, fed by the chosen dataset (or by its own parameters).

    Raises HepqError with everything that is wrong.
    """
    fn = _choose(program, sink, "model", model)
    wanted = use_dataset and _has(program, "dataset") and (dataset is not None or _is_model(fn))
    data = _choose(program, sink, "dataset", dataset) if wanted else None
    if data is not None and dataset is None and _is_of_training(program, fn, data):
        data = None
    if isinstance(fn, ast.FnDecl) and not sink.errors:
        ctx = Elaborator(program, NodeBuilder(), sink)
        ctx.open_dims = sized(dims or {})
        plan = elaborate_model(ctx, fn, data, static_values(statics or {}))
        if plan is not None and not sink.errors:
            inputs = tuple(t.handle for t in plan.inputs.values())
            outputs = {name: t.handle for name, t in plan.outputs.items()}
            return Built(complete(ctx, with_lists(Module(plan.name, inputs, outputs)), fn), plan, program)
        raise refused(ctx, fn)
    raise HepqError(sink.items)


#: what can be built
Subject = ast.FnDecl | ast.TrainDecl | AnalysisDecl


def refused(ctx: Context, decl: Subject) -> HepqError:
    """What is wrong where ``decl`` cannot be built: an error, or else a dim whose size was needed."""
    if ctx.waiting is not None and not ctx.sink.errors:
        ctx.sink.add(_unsized(ctx.waiting.dim, ctx.waiting.name or decl.name, decl, ctx.waiting.places))
    assert ctx.sink.errors, "elaboration ended without a message"
    return HepqError(ctx.sink.items)


def complete(ctx: Context, module: Module, decl: Subject) -> Module:
    """``module``, made of ``decl``, if nothing was left out and its dims have sizes; those of weights may come with the
    weights. Raises HepqError."""
    if ctx.waiting is not None:
        raise refused(ctx, decl)
    weights = {d.key for p in module.params.values() for d in p.type.dims}
    returned = {id(node) for node in module.outputs.values()}
    for node in module.walk():
        for dim in (*node.type.dims, *(d for d in node.attrs.values() if isinstance(d, Dim))):
            if dim.open and (dim.key not in weights or id(node) in returned):
                where = node.span if node.span and not in_library(node.span) else name_span(decl.span, decl.name)
                raise HepqError([_unsized(dim.base, decl.name, decl, [Label(where)])])
    return module


def _unsized(dim: Dim, name: str, decl: Subject, places: Sequence[Label]) -> Diagnostic:
    help = f"write `dim {dim} = size`" if isinstance(decl, AnalysisDecl) else None  # it is given none from outside
    return diag("HQ0216", *places, dim=dim, name=name, help=help)


def loss_name(step: str) -> str:
    return f"{LOSS} {step}" if step else LOSS


def variable_name(name: str) -> str:
    """The output with a variable that events are reweighted by."""
    return f"{VARIABLE} {name}"


def build_training(
    program: Program,
    sink: Sink,
    name: str | None = None,
    *,
    model: str | None = None,
    dataset: str | None = None,
    dims: Mapping[str, int] | None = None,
    statics: Mapping[str, Any] | None = None,
    use_dataset: bool = True,
) -> Built | None:
    """The training ``name`` of a checked program, or its only one; None if it has none.

    Its losses, and what is scored, are outputs of one module; labels and noise are inputs.
    Raises HepqError with everything that is wrong.
    """
    decl = _training(program, name)
    if decl is None:
        return None
    ctx = Elaborator(program, NodeBuilder(), sink)
    ctx.open_dims = sized(dims or {})
    plan = elaborate_train(ctx, decl, program.main.name, static_values(statics or {}), dataset, model)
    if plan is None or sink.errors:
        raise refused(ctx, decl)
    outputs = {name: t.handle for name, t in plan.outputs.items()}
    outputs |= {loss_name(step.name): step.loss.handle for step in plan.steps}
    outputs |= {} if plan.weight is None else {WEIGHT: plan.weight.handle}
    outputs |= {variable_name(name): value.handle for name, value in plan.reweighted.items()}
    module = complete(ctx, with_lists(Module(plan.name, tuple(t.handle for t in plan.inputs.values()), outputs)), decl)
    plan = replace(plan, blocks={**_unbound(plan, module, program), **plan.blocks})
    described = ModelPlan(plan.name, program.main.name, plan.inputs, plan.outputs, plan.dataset, plan.instances, ())
    return Built(module, described, program, plan)


def _unbound(plan: TrainPlan, module: Module, program: Program) -> dict[str, str]:
    """Path of each block of the program that has weights and is applied without a name, once; and what it is."""
    with_weights = {path.partition(".")[0] for path in module.params if "." in path}
    applied = {i.path: i.block for i in plan.instances if i.path in with_weights and i.module == program.main.name}
    return {path: block for path, block in applied.items() if list(applied.values()).count(block) == 1}


def _training(program: Program, name: str | None) -> ast.TrainDecl | None:
    found = {d.name: d for d in program.main.file.decls if isinstance(d, ast.TrainDecl)}
    if name is not None and name not in found:
        close = near(name, found)
        help = None if close else f"it has {', '.join(found) or 'none'}"
        raise HepqError([diag("HQ0658", found=f"no training `{name}`", near=close, help=help)])
    if name is None and len(found) > 1:
        where = [name_span(d.span, d.name) for d in found.values()]
        raise HepqError([diag("HQ0658", where[0], found=f"several trainings: {', '.join(found)}")])
    return found.get(name or "", next(iter(found.values()), None))


def _is_of_training(program: Program, fn: Any, data: ast.DatasetDecl) -> bool:
    """A model that the dataset cannot feed, in a file whose trainings feed it: it has inputs of its own."""
    trained = any(isinstance(d, ast.TrainDecl) for d in program.main.file.decls)
    return trained and isinstance(fn, ast.FnDecl) and not feeds(data, fn)


def require_sizes(module: Module, weights: Path | None = None) -> None:
    """Raises HepqError HQ0217 for each weight over a dim that nothing gives a size, not ``weights`` either."""
    said = {"help": f"`{weights}` does not say it: is it what `hepqc train` wrote for this program?"} if weights else {}
    found = [
        diag("HQ0217", *([node.span] if node.span else []), name=path, model=module.name, dim=dim, **said)
        for path, node in module.params.items()
        for dim in node.type.dims
        if dim.open
    ]
    if found:
        raise HepqError(found)


def static_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of the command line and of manifests are tuples in the language."""
    return {name: _as_static(value) for name, value in values.items()}


def _as_static(value: Any) -> Any:
    return tuple(map(_as_static, value)) if isinstance(value, list) else value


def models_of(program: Program) -> dict[str, ast.FnDecl]:
    """Models of the main module; those it only imports count where it declares none."""
    return _candidates(program, "model")


def _candidates(program: Program, kind: str) -> dict[str, Any]:
    """Declarations of the main module; models it only imports count where it declares none."""
    own: dict[str, Any] = {}
    imported: dict[str, Any] = {}
    for name, binding in program.main.scope.items():
        decl = binding.decl
        fits = isinstance(decl, ast.DatasetDecl) if kind == "dataset" else _is_model(decl)
        if fits:
            (own if binding.module == program.main.name else imported)[name] = decl
    return own or imported


def _functions(program: Program) -> dict[str, Any]:
    """Functions of the main module, which are compiled only when they are named."""
    decls = program.main.file.decls
    return {d.name: d for d in decls if isinstance(d, ast.FnDecl) and d.kind == "fn"}


def _is_model(decl: object) -> bool:
    return isinstance(decl, ast.FnDecl) and decl.kind == "model"


def _has(program: Program, kind: str) -> bool:
    return bool(_candidates(program, kind))


def _choose(program: Program, sink: Sink, kind: str, name: str | None) -> Any:
    found = _candidates(program, kind)
    start = Label(Span(program.main.file.span.source, 0, 0))
    if name is not None:
        if kind == "model" and name not in found:
            found = _functions(program) | found
        if name not in found:
            help = f"it has {', '.join(found) or 'none'}"
            close = near(name, found)
            code = "HQ0622" if kind == "model" else "HQ0624"
            sink.add(diag(code, start, name=name, near=close, help=None if close else help))
        return found.get(name)
    if not found:
        sink.add(diag("HQ0620", start, path=program.main.file.span.source.path))
        return None
    if len(found) > 1:
        names = ", ".join(found)
        sink.add(diag("HQ0621" if kind == "model" else "HQ0623", start, names=names))
        return None
    return next(iter(found.values()))
