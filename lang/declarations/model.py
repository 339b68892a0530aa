# SPDX-License-Identifier: Apache-2.0
"""Elaborating a whole model: from its dataset's branches, or its own parameters, to its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hepq.core.diagnostics.catalogue import diag, near
from hepq.core.diagnostics.diagnostic import Label, Sink
from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.declarations.const import static_arguments
from hepq.lang.declarations.dataset import DatasetPlan, elaborate_dataset
from hepq.lang.elaborate.attributes import together
from hepq.lang.elaborate.branches import no_entries, read_index, readable
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import call_function
from hepq.lang.elaborate.context import Context, Frame, Instance, Reported, bounded
from hepq.lang.elaborate.names import lookup_dim
from hepq.lang.elaborate.signature import concrete_type, match, pattern, rename
from hepq.lang.elaborate.values import UNKNOWN, Function, Named, Value, describe
from hepq.lang.modules import Program, name_span
from hepq.lang.syntax import ast


@dataclass(frozen=True)
class ModelPlan:
    """``inputs`` are what the compiled function reads: branches if there is a dataset.

    ``fixed``: parameters that are four-vectors but that no branch of the dataset reaches.
    ``shots``, ``budget``: what ``@shots`` and ``@budget`` say of its circuits. ``into``: of inputs of its own that are
    references, the dim whose entries they number.
    """

    name: str
    module: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    dataset: DatasetPlan | None
    instances: tuple[Instance, ...]
    invariances: tuple[str, ...]
    fixed: tuple[str, ...] = ()
    shots: int | None = None
    budget: Mapping[str, float] = field(default_factory=dict)
    into: Mapping[str, Dim] = field(default_factory=dict)


def elaborate_model(
    ctx: Context, decl: ast.FnDecl, dataset: ast.DatasetDecl | None, statics: Mapping[str, Value]
) -> ModelPlan | None:
    """The plan of ``decl``; None if errors were reported. ``ctx.open_dims`` sizes open dims."""
    module = ctx.program.home(decl)
    try:
        statics = static_arguments(ctx, decl, statics)
        check_sizes(ctx, decl)
        plan = elaborate_dataset(ctx, dataset, ctx.program.home(dataset)) if dataset is not None else None
        ctx.frames.append(Frame(module, owns_params=True))
        try:
            with bounded(ctx, decl):
                for p in decl.statics:
                    if p.default is None and p.name not in statics:
                        ctx.error("HQ0628", p.span, name=p.name, model=decl.name)
                own: dict[str, Tensor] = {}
                inputs = _from_dataset(ctx, decl, plan, statics) if plan is not None else _own_inputs(ctx, decl, own)
                read = own if plan is None else plan.read
                ctx.collections = frozenset(d.name for t in read.values() for d in t.type.dims if d.ragged)
                fn = Function(decl, module, tuple((k, (v, decl.span)) for k, v in statics.items()), instance="")
                result = call_function(ctx, fn, [(n, t, decl.span) for n, t in inputs.items()], decl.span, entry=True)
                outputs = _outputs(ctx, decl, result)
                _check_invariances(ctx, decl, outputs)
        finally:
            ctx.frames.pop()
    except Reported:
        return None
    measured = together(ctx.measuring, decl.attrs)
    return ModelPlan(decl.name, module, read, outputs, plan, tuple(ctx.instances), _invariances(decl),
                     _fixed(decl, inputs), measured.shots, measured.budget,
                     {n: t.type.into for n, t in inputs.items() if n in own and t.type.into is not None})  # fmt: skip


def _own_inputs(ctx: Context, decl: ast.FnDecl, read: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the parameters are; and, in ``read``, what of them comes from outside."""
    inputs: dict[str, Tensor] = {}
    for p in decl.params:
        if p.type is None:
            ctx.error("HQ0630", p.span, name=p.name, model=decl.name)
        t = concrete_type(ctx, p.type)
        for dim in t.dims:
            if dim.open:
                ctx.error("HQ0216", p.type.span, dim=dim, name=decl.name)
        _check_layout(ctx, t, p)
        if t.elem == "index":
            read[p.name], inputs[p.name] = read_index(ctx, p.name, t, p.span)
        else:
            read[p.name] = inputs[p.name] = ctx.emit("input", (), t, p.span, name=p.name)
    for p in decl.params:
        _check_target(ctx, inputs[p.name].type, read.values(), p.span)
    return inputs


def _check_layout(ctx: Context, t: Type, p: ast.Param) -> None:
    if not readable(t) or (t.into is not None and t.into.open):
        ctx.error("HQ0611", p.span, found=t)


def _check_target(ctx: Context, t: Type, read: Iterable[Tensor], span: Span) -> None:
    """How many entries there are that an index may number, an input over their dim says."""
    if (into := t.into) is not None and into.ragged and not any(r.type.dim(into) for r in read):
        ctx.error("HQ0611", span, found=t, help=no_entries(into))


def _from_dataset(ctx: Context, decl: ast.FnDecl, plan: DatasetPlan, statics: Mapping[str, Value]) -> dict[str, Tensor]:
    inputs: dict[str, Tensor] = {}
    frame = Frame(ctx.frame.module, locals=dict.fromkeys((p.name for p in decl.statics), UNKNOWN) | dict(statics))
    failed = False
    for p in decl.params:
        try:
            if p.name in plan.inputs:
                inputs[p.name] = plan.inputs[p.name]
                _check_fit(ctx, decl, p, plan, frame)
            elif p.name in plan.failed:
                failed = True
            elif p.default is None:
                ctx.error("HQ0625", p.span, name=p.name, dataset=plan.name, model=decl.name)
        except Reported:
            failed = True
    if failed:
        raise Reported
    return inputs


def _check_fit(ctx: Context, decl: ast.FnDecl, p: ast.Param, plan: DatasetPlan, frame: Frame) -> None:
    """Report an input whose type is not that of the parameter it feeds."""
    if p.type is None:
        return
    where, given = plan.spans[p.name], plan.inputs[p.name]
    sink, ctx.sink = ctx.sink, Sink()
    ctx.frames.append(frame)
    try:
        match(ctx, pattern(ctx, p.type), given, frame, where, lift=False, what=f"input `{p.name}`")
    except Reported:
        pass
    finally:
        ctx.frames.pop()
        tried, ctx.sink = ctx.sink, sink
    for problem in tried.errors[:1]:
        ctx.error(
            "HQ0626", where, Label(p.span, "expected here"), notes=[problem.title], help=problem.help,
            name=p.name, found=given.type, model=decl.name, wanted=p.type.span.text,
        )  # fmt: skip


def warn_unused_inputs(ctx: Context, decl: ast.FnDecl, plan: DatasetPlan) -> None:
    """Warn about inputs that feed no parameter of the model."""
    names = [p.name for p in decl.params]
    for name, span in plan.spans.items():
        if name not in names:
            ctx.sink.add(diag("HQ0627", span, model=decl.name, name=name, near=near(name, names)))


def results(value: Value) -> dict[str, Value]:
    """What a model returns, by the names of outputs."""
    if isinstance(value, Named):
        return dict(zip(value.names, value, strict=True))
    if isinstance(value, tuple) and len(value) > 1:
        return {f"output{i}": item for i, item in enumerate(value)}
    return {"output": value[0] if isinstance(value, tuple) and value else value}


def _outputs(ctx: Context, decl: ast.FnDecl, result: Value) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for name, item in results(result).items():
        if not isinstance(item, Tensor):
            ctx.error("HQ0629", name_span(decl.span, decl.name), model=decl.name, found=describe(item))
        item = _unprimed(ctx, item, decl.span)
        ragged = [d for d in item.type.dims if d.ragged]
        odd = [d for d in item.type.dims if d.primes and d not in ragged[1:]]
        made = [d for d in ragged if d.name not in (ctx.collections or ()) and len(ragged) > 1]
        if len(ragged) > 2 or item.type.elem == "index" or odd or made:
            ctx.error("HQ0629", name_span(decl.span, decl.name), model=decl.name, found=describe(item))
        order = (*ragged, *(d for d in item.type.dims if not d.ragged))
        if order != item.type.dims:
            item = ctx.emit("transpose", [item], item.type.with_dims(order), decl.span)
        out[name] = item
    _check_names(ctx, decl, out)
    return out


def _unprimed(ctx: Context, item: Tensor, span: Span) -> Tensor:
    """A result over two ragged dims with no more primes than it takes to tell them apart."""
    ragged = [d for d in item.type.dims if d.ragged]
    if len(ragged) != 2:
        return item
    first, second = (d.base for d in ragged)
    wanted = (first, second.prime() if first.key == second.key else second)
    if tuple(ragged) == wanted:
        return item
    free = [d.base.prime(2 + i + sum(r.primes for r in ragged)) for i, d in enumerate(ragged)]
    for src, dst in (*zip(ragged, free, strict=True), *zip(free, wanted, strict=True)):
        item = rename(ctx, item, src, dst, span)
    return item


def _check_names(ctx: Context, decl: ast.FnDecl, outputs: Mapping[str, Tensor]) -> None:
    """Report two columns of one name, and names that are none in other programs."""
    seen = set[str]()
    for name, item in outputs.items():
        dims = item.type.dims
        entries = dims[-1].entries if dims else ()
        if not name.isidentifier():
            ctx.error("HQ0634", name_span(decl.span, decl.name), model=decl.name, name=name)
        for column in [f"{name}_{e}" for e in entries] or [name]:
            if column in seen:
                ctx.error("HQ0633", name_span(decl.span, decl.name), model=decl.name, name=column)
            seen.add(column)


def _invariances(decl: ast.FnDecl) -> tuple[str, ...]:
    found = [a for a in decl.attrs if a.name in ("invariant", "equivariant")]
    return tuple(f"{a.name} {arg.value.span.text}" for a in found for arg in a.args)


def _fixed(decl: ast.FnDecl, inputs: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(p.name for p in decl.params if p.type is not None and p.type.name == "p4" and p.name not in inputs)


def _check_invariances(ctx: Context, decl: ast.FnDecl, outputs: Mapping[str, Tensor]) -> None:
    """An output with one entry per particle moves with the particles: it is equivariant, not invariant."""
    for attr in decl.attrs:
        for arg in attr.args:
            call = arg.value
            if attr.name == "invariant" and isinstance(call, ast.Call) and call.args:
                name = call.args[0].value
                moved = lookup_dim(ctx, name) if isinstance(name, ast.Name) else None
                for tensor in outputs.values():
                    if isinstance(moved, Dim) and tensor.type.dim(moved) is not None:
                        ctx.error("HQ0631", attr.span, dim=moved, found=tensor.type)


def sizable(program: Program) -> dict[str, ast.DimDecl]:
    """Dims that a name may be meant for from outside: those the main module knows, and the only one of all modules."""
    decls = [d for m in program.modules.values() for d in m.file.decls if isinstance(d, ast.DimDecl)]
    names = [name for d in decls for name in d.names]
    found = {name: d for d in decls for name in d.names if names.count(name) == 1}
    scope = {name: binding.decl for name, binding in program.main.scope.items()}
    return {n: d for n, d in {**found, **scope}.items() if isinstance(d, ast.DimDecl)}


def check_sizes(ctx: Context, decl: ast.FnDecl | ast.TrainDecl) -> None:
    """HQ0639 for sizes given from outside to what is no dim, or to one whose size is not a number alone."""
    known = sizable(ctx.program)
    for name in ctx.open_dims:
        dim = known.get(name)
        if dim is None:
            close = near(name, known)
            own = ", ".join(n for n in known if n in ctx.program.main.scope)
            help = None if close else f"there are: {own}" if own else "it has none"
            span = name_span(decl.span, decl.name)
            ctx.error("HQ0639", span, name=name, reason="the program has no such dim", near=close, help=help)
        if dim.op == "<=" or isinstance(dim.value, ast.ListExpr):
            reason = "events decide how many it has" if dim.op == "<=" else "its entries have names"
            ctx.error("HQ0639", name_span(dim.span, name), name=name, reason=reason, help="change it in the program")


def sized(dims: Mapping[str, int]) -> dict[str, Dim]:
    """Sizes given on the command line for open dims."""
    return {name: Dim(name, size) for name, size in dims.items()}
