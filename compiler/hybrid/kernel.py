# SPDX-License-Identifier: Apache-2.0
"""What an artifact is of: a model; with a support vector machine, its kernel too; untrained, the kernel alone.

The kernel function is found in the model's support vector machine, and built over rows and columns of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hepq.compiler.ir.build import Built, NodeBuilder, refused
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import Weights
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError, Sink
from hepq.core.source import Span
from hepq.core.types import ONE, Dim, Type
from hepq.lang.declarations.model import sized
from hepq.lang.declarations.train import is_machine
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.context import Context, Frame, Instance, Reported
from hepq.lang.elaborate.evaluate import Elaborator
from hepq.lang.elaborate.values import Function
from hepq.lang.syntax import ast

#: dims that the language cannot write: events down and across a kernel matrix
ROW, COL = Dim("<row>", bound=1 << 20), Dim("<col>", bound=1 << 20)
#: what an untrained model's artifact gives: what its kernel takes of an event
FEATURES = "features"
#: the same as one more output of a trained model, on its way through the passes; no output of a program is called so
CARRIED = "<features>"


class Optimised(NamedTuple):
    """IR after passes; ``features``: what the kernel of a trained model takes of an event."""

    module: Module
    weights: Weights
    features: Node | None


@dataclass(frozen=True)
class KernelModule:
    """A kernel over rows and columns as optimised IR; ``shape``: of what it takes of one event."""

    module: Module
    weights: Weights
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Subject:
    """``module``: what the artifact computes of an event: the model's outputs; untrained, what its kernel takes."""

    built: Built
    module: Module
    plan: KernelPlan | None
    trained: bool = True

    def with_features(self, module: Module) -> Module:
        """``module``, carrying what the kernel takes of an event as one more output."""
        if self.plan is None or self.plan.features is None or not self.trained:
            return module
        return Module(module.name, module.inputs, {**module.outputs, CARRIED: self.plan.features})

    def kernel(
        self, optimise: Callable[[Module], tuple[Module, Weights]], dims: Mapping[str, int]
    ) -> KernelModule | None:
        """The kernel over rows and columns of events, optimised."""
        if self.plan is None:
            return None
        module, weights = optimise(build_kernel(self.built, self.plan, sized(dims)))
        return KernelModule(module, weights, tuple(d.size or 0 for d in self.plan.type.dims))


def subject_of(built: Built, trained: bool) -> Subject:
    """Without weights, a model with a support vector machine stands for its kernel."""
    plan = find_kernel(built)
    if plan is None or plan.features is None or trained:
        return Subject(built, built.module, plan)
    return Subject(built, Module(built.module.name, built.module.inputs, {FEATURES: plan.features}), plan, False)


@dataclass(frozen=True)
class KernelPlan:
    """``fn`` of two events of type ``type``; ``features``: what an event gives it (None: given from outside)."""

    fn: Function
    type: Type
    features: Node | None
    instance: Instance | None = None


def find_kernel(built: Built) -> KernelPlan | None:
    """The kernel of the model's ``svm``, or the function of two events that was chosen as the model itself."""
    for instance in built.plan.instances:
        if is_machine(instance):
            x = instance.inputs[0]
            return KernelPlan(instance.statics["kernel"], x.type, x.handle, instance)
    decl = built.program.main.scope[built.plan.name].decl
    types = [t.type for t in built.plan.inputs.values()]
    if isinstance(decl, ast.FnDecl) and decl.kind == "fn" and len(types) == 2 and types[0] == types[1]:
        return KernelPlan(Function(decl, built.plan.module), types[0], None)
    return None


def build_kernel(built: Built, plan: KernelPlan, dims: Mapping[str, Dim]) -> Module:
    """K[row, col] over inputs ``a`` [row, …] and ``b`` [col, …]. Raises HepqError if it is no such function."""
    sink = Sink()
    ctx = Elaborator(built.program, NodeBuilder(), sink)
    ctx.open_dims = dict(dims)
    ctx.frames.append(Frame(plan.fn.module))
    span = plan.fn.decl.span
    given: list[Tensor] = []
    for name, dim in (("a", ROW), ("b", COL)):
        given.append(ctx.emit("input", (), plan.type.with_dims((dim, *plan.type.dims)), span, name=name))
    try:
        result: Any = call_function(ctx, plan.fn, [(None, g, span) for g in given], span)
    except Reported:
        raise refused(ctx, plan.fn.decl) from None
    if not isinstance(result, Tensor) or result.type.elem != "real" or result.type.unit != ONE:
        raise HepqError([diag("HQ0751", span, name=plan.fn.decl.name, found=_words(result))])
    if {d.key for d in result.type.dims} - {ROW.key, COL.key}:
        raise HepqError([diag("HQ0751", span, name=plan.fn.decl.name, found=_words(result))])
    result = _spread(ctx, result, span)
    if result.type.dims != (ROW, COL):
        result = ctx.emit("transpose", [result], result.type.with_dims((ROW, COL)), span)
    return Module(plan.fn.decl.name, tuple(g.handle for g in given), {"k": result.handle})


def _words(result: Any) -> str:
    """A result's type as the program would have it: without the dims that stand for the events themselves."""
    if not isinstance(result, Tensor):
        return "no value"
    return str(result.type.with_dims(tuple(d for d in result.type.dims if d.key not in (ROW.key, COL.key))))


def _spread(ctx: Context, result: Tensor, span: Span) -> Tensor:
    """The same for all rows, or columns, of which it does not depend: a constant kernel is one too."""
    for dim in (ROW, COL):
        if result.type.dim(dim) is None:
            count = ctx.emit("iota", (), Type("int", (dim,)), span, dim=dim)
            none = ctx.emit("mul", (ctx.cast(count, "real", span), _zero(ctx, span)), Type("real", (dim,)), span)
            result = ctx.emit("add", (result, none), Type("real", (*result.type.dims, dim)), span)
    return result


def _zero(ctx: Context, span: Span) -> Tensor:
    return ctx.emit("const", (), Type("real"), span, value=0.0)
