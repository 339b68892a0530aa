# SPDX-License-Identifier: Apache-2.0
"""Trainings: a dataset, blocks, and losses over what the blocks make of the dataset's events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lark.tree import Meta

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import Dim, Type
from hepq.lang.declarations.const import static_arguments
from hepq.lang.declarations.dataset import DatasetPlan, elaborate_dataset
from hepq.lang.declarations.model import check_sizes, results
from hepq.lang.declarations.train_events import reweight, split
from hepq.lang.declarations.train_settings import DESCENT, SETTINGS, Spec
from hepq.lang.elaborate.attributes import check_attributes
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.calls import bind, call_function
from hepq.lang.elaborate.context import Context, Frame, Instance, Reported
from hepq.lang.elaborate.signature import concrete_type
from hepq.lang.elaborate.values import UNKNOWN, Function, Init, Value, describe
from hepq.lang.format.layout import group
from hepq.lang.modules import Binding, name_span
from hepq.lang.syntax import ast
from hepq.lang.syntax.build import Build, Children, attributed, node
from hepq.lang.syntax.declaration import Declaration, register

#: settings that speak of the events
OF_EVENTS = ("split", "reweight")
#: names that say what is trained, beside settings
ROLES = ("data", "model", "output", "loss", "weight")
#: items whose words are none of the events' values
_OF_NO_VALUE = ("data", "model", "split")
_NOISES = ("normal", "uniform")


@dataclass(frozen=True)
class StepPlan:
    """``loss``: a number for each event. ``over``: paths of the blocks whose weights are moved; none: all weights."""

    name: str
    loss: Tensor
    over: tuple[str, ...] = ()
    optimiser: Spec | None = None


@dataclass(frozen=True)
class TrainPlan:
    """What is computed of an event: ``outputs``, a loss for each of ``steps``, and its ``weight``.

    ``inputs``: branches, the label and noise. Without steps the loss is what suits ``outputs`` and the label.
    ``reweighted``: variables that events are reweighted by.
    ``blocks``: path of each block that is bound to a name, or applied once without, and what it is.
    """

    name: str
    dataset: DatasetPlan
    inputs: Mapping[str, Tensor]
    noises: Mapping[str, Init]
    outputs: Mapping[str, Tensor]
    steps: tuple[StepPlan, ...]
    weight: Tensor | None
    settings: Mapping[str, Any]
    instances: tuple[Instance, ...]
    blocks: Mapping[str, str]
    reweighted: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass
class _Train:
    """A training while its items are read."""

    decl: ast.TrainDecl
    data: DatasetPlan
    inputs: dict[str, Tensor]
    noises: dict[str, Init] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    steps: list[StepPlan] = field(default_factory=list)
    roles: dict[str, Value] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    reweighted: dict[str, Tensor] = field(default_factory=dict)


def elaborate_train(
    ctx: Context, decl: ast.TrainDecl, module: str, statics: Mapping[str, Value], dataset: str | None = None,
    model: str | None = None,
) -> TrainPlan | None:  # fmt: skip
    """The plan of ``decl``; None if errors were reported. ``dataset``, ``model``: chosen from outside."""
    try:
        check_sizes(ctx, decl)
        chosen = _dataset(ctx, decl, module, dataset)
        data = elaborate_dataset(ctx, chosen, ctx.program.home(chosen), _named(decl))
        label = data.label
        truth = {} if label is None else {label.name: _label(ctx, label.dim, label.name, decl.span)}
        ctx.frames.append(Frame(module, locals=dict(data.outside) | truth, owns_params=True))
        try:
            train = _Train(decl, data, dict(data.read) | truth)
            _model(ctx, train, module, statics, model)
            read = [_read(ctx, train, item) for item in decl.items]
            return _finished(ctx, train) if all(read) else None
        finally:
            ctx.frames.pop()
    except Reported:
        return None


def _named(decl: ast.TrainDecl) -> list[ast.Name]:
    """Names that may be the dataset's: those that the items do not bind."""
    items = [i for i in decl.items if not (isinstance(i, ast.Bind) and set(i.targets) & {*SETTINGS, *_OF_NO_VALUE})]
    found, own, waiting = list[ast.Name](), set[str](), list[Any](reversed(items))
    while waiting:
        match waiting.pop():
            case ast.Name() as one:
                found.append(one)
            case ast.Node() as one:
                own |= set(one.targets) if isinstance(one, ast.Bind) else set()
                if isinstance(one, ast.Bind) and one.targets == ("reweight",) and isinstance(one.value, ast.Call):
                    found += [ast.Name(a.name, span=name_span(a.span, a.name)) for a in one.value.args if a.name]
                waiting += reversed([getattr(one, f.name) for f in fields(one)])
            case tuple() as several:
                waiting += reversed(several)
    return [one for one in found if one.id not in own]


def _label(ctx: Context, dim: Dim, name: str, span: Span) -> Tensor:
    """1 for the event's class, 0 for the others."""
    return ctx.emit("input", (), Type("real", (dim,)), span, name=name)


def _dataset(ctx: Context, decl: ast.TrainDecl, module: str, chosen: str | None) -> ast.DatasetDecl:
    scope = ctx.program.modules[module].scope
    written = _written(decl, "data")
    name = chosen or (written.value.span.text if written is not None else None)
    known = {n: b.decl for n, b in scope.items() if isinstance(b.decl, ast.DatasetDecl)}
    where = written.value.span if written is not None else name_span(decl.span, decl.name)
    if name is not None and name not in known:
        close = near(name, known)
        ctx.error("HQ0655", where, train=decl.name, near=close, what=f"no dataset `{name}`")
    if name is None and len(known) != 1:
        what = f"several datasets: {', '.join(known)}" if known else "no dataset"
        ctx.error("HQ0655", where, train=decl.name, near=[], what=what)
    return known[name] if name is not None else next(iter(known.values()))


def _written(decl: ast.TrainDecl, name: str) -> ast.Bind | None:
    return next((i for i in decl.items if isinstance(i, ast.Bind) and i.targets == (name,)), None)


def _model(ctx: Context, train: _Train, module: str, statics: Mapping[str, Value], chosen: str | None) -> None:
    """``model`` and ``output``: what is written, or the file's only model if the dataset feeds it."""
    decl, written = train.decl, _written(train.decl, "model")
    if written is not None and chosen is None:
        value = ctx.value(written.value)
        if not isinstance(value, Function) or value.decl.kind == "fn":
            ctx.error("HQ0651", written.value.span, wanted="a model or block", found=describe(value))
        given = _given(ctx, value.decl, statics, written.span)
        fn = replace(value, instance="", statics=(*value.statics, *given))
    else:
        scope = ctx.program.modules[module].scope
        found = {n: b for n, b in scope.items() if isinstance(b.decl, ast.FnDecl) and b.decl.kind == "model"}
        own = {n: b for n, b in found.items() if b.module == module and _is_fed(b, train.data)}
        binding = found.get(chosen) if chosen is not None else next(iter(own.values())) if len(own) == 1 else None
        if binding is None or not isinstance(binding.decl, ast.FnDecl):
            static_arguments(ctx, decl, statics)
            return
        given = _given(ctx, binding.decl, statics, decl.span)
        fn = Function(binding.decl, binding.module, given, instance="")
    train.roles["model"] = ctx.frame.locals["model"] = fn
    train.blocks[""] = fn.decl.name
    if any(p.name in train.data.failed for p in fn.decl.params):
        ctx.frame.locals["output"] = UNKNOWN
    elif _is_fed(Binding(fn.module, fn.decl, fn.decl.name), train.data) and not _steps(decl) and _uses_output(decl):
        args = [(p.name, train.data.inputs[p.name], p.span) for p in fn.decl.params if p.name in train.data.inputs]
        train.roles["output"] = ctx.frame.locals["output"] = call_function(ctx, fn, args, fn.decl.span, entry=True)


def _given(
    ctx: Context, decl: ast.FnDecl, statics: Mapping[str, Value], span: Span
) -> tuple[tuple[str, tuple[Value, Span]], ...]:
    return tuple((k, (v, span)) for k, v in static_arguments(ctx, decl, statics).items())


def _uses_output(decl: ast.TrainDecl) -> bool:
    """Is the model applied to the dataset's inputs? Not where a loss speaks neither of it nor of what it gives."""
    text = re.sub(r"\bmodel\s*=(?!=)", "", decl.span.text)
    return _written(decl, "loss") is None or re.search(r"\b(model|output)\b", text) is not None


def _steps(decl: ast.TrainDecl) -> bool:
    return any(isinstance(i, ast.StepItem) for i in decl.items)


def _is_fed(binding: Binding, data: DatasetPlan) -> bool:
    decl = binding.decl
    given = data.inputs.keys() | data.failed
    return isinstance(decl, ast.FnDecl) and all(p.name in given or p.default is not None for p in decl.params)


def _read(ctx: Context, train: _Train, item: ast.TrainEntry) -> bool:
    """Whether the item is right; if not, its names are unknown from here on."""
    try:
        match item:
            case ast.NoiseItem():
                _noise(ctx, train, item)
            case ast.StepItem():
                _step(ctx, train, item)
            case ast.Bind():
                _bind(ctx, train, item, train.settings, train.roles)
    except Reported:
        names = item.targets if isinstance(item, ast.Bind) else (item.name,) if isinstance(item, ast.NoiseItem) else ()
        ctx.frame.locals.update(dict.fromkeys(names, UNKNOWN))
        ctx.go_on()
        return False
    return True


def _bind(ctx: Context, train: _Train, item: ast.Bind, settings: dict[str, Any], roles: dict[str, Value]) -> None:
    """A setting, or a name as in any body."""
    name = item.targets[0] if len(item.targets) == 1 else ""
    if name in SETTINGS:
        settings[name] = SETTINGS[name](ctx, item.value)
    elif name == "split":
        settings[name] = split(ctx, item.value, train.data)
    elif name == "reweight":
        settings[name], train.reweighted = reweight(ctx, item.value, train.data)
    elif name not in ("data", "model"):
        _check_spelling(ctx, train, item, name)
        bind(ctx, item)
        value = ctx.frame.locals.get(name)
        if isinstance(value, Function) and value.instance is not None:
            train.blocks[value.instance] = value.decl.name
        if name in ROLES:
            roles[name] = value


def _check_spelling(ctx: Context, train: _Train, item: ast.Bind, name: str) -> None:
    """A binding that nothing uses and that is nearly a setting is one misspelt."""
    words = (*SETTINGS, *OF_EVENTS, *ROLES)
    alone = len(re.findall(rf"\b{name}\b", train.decl.span.text)) == 1
    if name and name not in words and not item.type and alone and near(name, words):
        ctx.error("HQ0650", item.span, name=name, near=near(name, words))


def _noise(ctx: Context, train: _Train, item: ast.NoiseItem) -> None:
    if item.name in ctx.frame.locals:
        ctx.error("HQ0102", item.span, name=item.name)
    init = ctx.value(item.init)
    if not isinstance(init, Init) or init.kind not in _NOISES:
        ctx.error("HQ0651", item.init.span, wanted="`normal(mean, std)` or `uniform(low, high)`", found=describe(init))
    t = concrete_type(ctx, item.type)
    if t.elem != "real":
        ctx.error("HQ0309", item.type.span, found=t, wanted="real", what=f"noise `{item.name}`",
                  help="noise is real numbers")  # fmt: skip
    train.noises[item.name] = init
    train.inputs[item.name] = ctx.frame.locals[item.name] = ctx.emit("input", (), t, item.span, name=item.name)


def _step(ctx: Context, train: _Train, item: ast.StepItem) -> None:
    settings: dict[str, Any] = {}
    roles: dict[str, Value] = {}
    over: tuple[Value, ...] | None = None
    for one in item.items:
        if one.targets == ("weights",):
            value = ctx.value(one.value)
            over = value if isinstance(value, tuple) else (value,)
        else:
            _bind(ctx, train, one, settings, roles)
    over = over if over is not None else (ctx.frame.locals.get(item.name),)
    if any(not isinstance(b, Function) or b.instance is None for b in over):
        ctx.error("HQ0654", name_span(item.span, item.name), name=item.name)
    if "loss" not in roles or set(settings) - {"optimiser"}:
        ctx.error("HQ0656", item.span, name=item.name)
    paths = tuple(b.instance for b in over if b.instance)
    train.steps.append(StepPlan(item.name, _loss(ctx, roles["loss"], item.span), paths, settings.get("optimiser")))


def _loss(ctx: Context, value: Value, span: Span) -> Tensor:
    """One pure real number for each event; whole numbers and truth values become one."""
    t = ctx.tensor(value, span)
    t = ctx.cast(t, "real", span) if t.type.elem in ("int", "bool") else t
    if t.type.elem != "real" or t.type.dims or not t.type.unit.dimensionless:
        ctx.error("HQ0653", span, found=t.type)
    return t


def is_machine(instance: Instance) -> bool:
    """Whether it is a support vector machine, which is fitted on its kernel matrix."""
    return (instance.module, instance.block) == ("std.quantum", "svm") and isinstance(
        instance.statics.get("kernel"), Function
    )


def _check_machine(ctx: Context, decl: ast.TrainDecl) -> None:
    """A machine takes no steps: what says how they are taken, and what is made small, would change nothing."""
    bad = False
    for item in decl.items:
        name = f"step {item.name}" if isinstance(item, ast.StepItem) else "".join(getattr(item, "targets", ()))
        if isinstance(item, ast.StepItem) or name in (*DESCENT, "loss"):
            bad = True
            with suppress(Reported):
                ctx.error("HQ0649", item.span, name=name, train=decl.name)
    if bad:
        raise Reported


def _finished(ctx: Context, train: _Train) -> TrainPlan:
    decl, roles = train.decl, train.roles
    if train.data.failed:
        raise Reported
    if any(map(is_machine, ctx.instances)):
        _check_machine(ctx, decl)
    if "loss" in roles:
        written = _written(decl, "loss")
        assert written is not None
        if train.steps:
            ctx.error("HQ0657", written.span)
        train.steps.append(StepPlan("", _loss(ctx, roles["loss"], written.value.span)))
    if "split" in train.settings and "validation" in train.settings:
        written = _written(decl, "validation")
        assert written is not None
        ctx.error("HQ0659", written.span, split=train.settings["split"])
    outputs = _outputs(ctx, roles.get("output"), decl.span)
    if not train.steps and (not outputs or train.data.label is None):
        lacks = "a label" if outputs else "a model that the dataset feeds, or a loss"
        ctx.error("HQ0655", name_span(decl.span, decl.name), train=decl.name, near=[], what=f"it lacks {lacks}")
    weight = roles.get("weight")
    if weight is not None:
        written = _written(decl, "weight")
        weight = _loss(ctx, weight, written.value.span if written else decl.span)
    return TrainPlan(
        decl.name, train.data, train.inputs, train.noises, outputs, tuple(train.steps), weight, train.settings,
        tuple(ctx.instances), train.blocks, train.reweighted,
    )  # fmt: skip


def _outputs(ctx: Context, value: Value, span: Span) -> dict[str, Tensor]:
    """What is scored, as the outputs of a model."""
    if value is None:
        return {}
    found = {}
    for name, item in results(value).items():
        with suppress(Reported):
            found[name] = ctx.tensor(item, span)
    return found


def _check(ctx: Context, decl: ast.TrainDecl, module: str) -> None:
    check_attributes(ctx, decl.attrs)
    ctx.frames.pop()
    elaborate_train(ctx, decl, module, {})


def _step_item(b: Build, meta: Meta, c: Children) -> ast.StepItem:
    return ast.StepItem(str(c[0]), tuple(c[1:]), span=b.span(meta))


register(
    Declaration(
        ast.TrainDecl,
        words=("train",),
        items=("noise", "step"),
        rules={
            "train": attributed(ast.TrainDecl, items=1), "noise": node(ast.NoiseItem), "step": _step_item,
        },
        written={
            ast.TrainDecl: lambda f, d: f.braced(d, f"train {d.name} ", d.items),
            ast.NoiseItem: lambda f, i: group(f"noise {i.name}: ", f.type(i.type), " ~ ", f.expr(i.init)),
            ast.StepItem: lambda f, i: group(f"step {i.name} ", f.block(i.items, i.span)),
        },
        check=_check,
        tall=lambda d: True,
    )
)  # fmt: skip
