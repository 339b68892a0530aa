# SPDX-License-Identifier: Apache-2.0
"""``tagger = artifact("tagger.hepqx")``: models as functions of objects, in analyses; compiled, or to be compiled.

A call is an input of the program: what the model makes of values that are computed before. Its results are those of
each event, or of each entry of one collection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.core.types import LORENTZ, UNITS, Dim, Type, Unit
from hepq.core.upward import INTERFACES
from hepq.lang.elaborate import arithmetic, presence, selection
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.objects import View
from hepq.lang.elaborate.signature import Given
from hepq.lang.elaborate.values import Function, Named, Native, Objects, Value, describe

#: the argument that says whose entries a model is applied to, where its inputs do not
EACH = "each"


@dataclass(frozen=True)
class ModelInput:
    """``branch``: how the artifact calls it. ``list``: whether it has any number of entries. ``shape``: of each.
    ``factor`` takes the artifact's numbers to base units."""

    name: str
    branch: str
    elem: str
    list: bool
    shape: tuple[int, ...]
    unit: Unit
    factor: float
    optional: bool


@dataclass(frozen=True)
class ModelOutput:
    """``dims``: static ones."""

    name: str
    elem: str
    dims: tuple[Dim, ...]
    unit: Unit

    @property
    def held(self) -> Literal["int", "real"]:
        """How an analysis holds its numbers."""
        return "int" if self.elem == "int" else "real"


@dataclass(frozen=True)
class Interface:
    """What a model takes and gives. ``key``: a hash of all that it follows from. ``compiled``: given a target, the path
    and the SHA-256 of its artifact."""

    name: str
    key: str
    inputs: tuple[ModelInput, ...]
    outputs: tuple[ModelOutput, ...]
    compiled: Callable[[str], tuple[str, str]] = field(compare=False)


@dataclass(frozen=True)
class Wanted:
    """What is called: the ``model`` of a program, with the weights in ``file``, if it has any; else ``file``, an
    artifact or a network."""

    file: Path | None
    model: Function | None = None


class NoInterface(Exception):
    """Why something cannot be called, in words."""


@dataclass(frozen=True)
class CallPlan:
    """``each``: the dim to whose entries the model is applied, None: the event. ``root``: the dim of the file that
    results are over; ``index``: which of its entries each one is, None: ``each`` is that dim. ``owners``: of dims of
    lists in its entries, which one each of their entries is of. ``outputs``: by the input that they are here."""

    interface: Interface
    each: Dim | None
    root: Dim | None
    index: Tensor | None
    owners: Mapping[str, Tensor]
    inputs: Mapping[str, tuple[Tensor, float]]
    outputs: Mapping[str, str]

    def same(self, other: CallPlan) -> bool:
        """Whether another one calls the same model with the same values."""
        if self.interface.key != other.interface.key or self.each != other.each:
            return False
        mine, theirs = ({n: x.handle for n, (x, _) in one.inputs.items()} for one in (self, other))
        return mine.keys() == theirs.keys() and all(mine[n] is theirs[n] for n in mine)


def opened(
    ctx: Context, file: str | None, model: Function | None, note: Callable[[CallPlan], str], span: Span
) -> Native:
    """``file``: an artifact, a network, or the weights of ``model``. ``note`` is told of a call, and gives the name of
    the inputs that its results are.

    Reports HQ0938 for what cannot be called, HQ0939 for other inputs.
    """
    path = None if file is None else Path(span.source.path).parent / file
    name = model.decl.name if model is not None else file or ""
    try:
        found: tuple[Interface, str] = INTERFACES[0](Wanted(path, model))
        interface, digest = found
    except NoInterface as why:
        ctx.error("HQ0938", span, file=name, problem=str(why))
    if file is not None:
        ctx.named_files[file] = digest
    signature = ([(i.name, i.elem, i.list, i.shape, i.unit) for i in interface.inputs], interface.outputs)
    return Native(name, "model", signature, lambda ctx, args, where: _Call(ctx, interface, args, where).made(note))


class _Call:
    def __init__(self, ctx: Context, interface: Interface, args: Sequence[Given], span: Span) -> None:
        self.ctx, self.interface, self.span = ctx, interface, span
        self.args = self._named(args)

    def made(self, note: Callable[[CallPlan], str]) -> Value:
        each, objects = self._each()
        inputs: dict[str, tuple[Tensor, float]] = {}
        owners: dict[str, Tensor] = {}
        for one in self.interface.inputs:
            if one.name in self.args:
                x, where = self.args[one.name]
                inputs[one.branch] = self._input(one, x, where, each, owners), one.factor
        root, index = (None, None) if objects is None else self._root(objects)
        outputs: dict[str, str] = {}
        plan = CallPlan(self.interface, each, root, index, owners, inputs, outputs)
        name = note(plan)
        found: dict[str, Tensor] = {}
        for output in self.interface.outputs:
            outputs[f"{name} {output.name}"] = output.name
            found[output.name] = self._output(f"{name} {output.name}", output, root, index)
        return next(iter(found.values())) if len(found) == 1 else Named.of(found)

    def _named(self, args: Sequence[Given]) -> dict[str, tuple[Value, Span]]:
        """Arguments by name, all that are needed."""
        known = {i.name: i for i in self.interface.inputs}
        alias = {i.branch: i.name for i in self.interface.inputs}
        given: dict[str, tuple[Value, Span]] = {}
        for name, value, where in args:
            slot = alias.get(name or "", name)
            if slot is None or (slot not in known and slot != EACH):
                close = near(slot or "", known)
                problem = f"it has no input `{name}`" if name else "its inputs have names"
                help = None if close else f"it takes {', '.join(known)}: write `{next(iter(known))}=…`"
                self.ctx.error("HQ0939", where, name=self.interface.name, problem=problem, near=close, help=help)
            if slot in given:
                self.ctx.error("HQ0402", where, name=slot, what=self.interface.name)
            given[slot] = value, where
        missing = [i.name for i in self.interface.inputs if i.name not in given and not i.optional]
        if missing:
            help = f"it takes {', '.join(known)}"
            problem = f"`{missing[0]}` is missing"
            self.ctx.error("HQ0939", self.span, name=self.interface.name, problem=problem, near=[], help=help)
        return given

    def _each(self) -> tuple[Dim | None, Objects | None]:
        """What is written, or the dim of inputs that are one number."""
        ctx = self.ctx
        if EACH in self.args:
            value, where = self.args[EACH]
            objects = selection.objects(ctx, value, where)
            return selection.dim_of(ctx, objects, where), objects
        for one in self.interface.inputs:
            if one.list or one.name not in self.args:
                continue
            x = presence.single(ctx, ctx.tensor(*self.args[one.name]), self.args[one.name][1])
            ragged = [d for d in x.type.dims if d.ragged]
            if ragged:
                return ragged[0], self._objects(ragged[0])
        return None, None

    def _objects(self, dim: Dim) -> Objects:
        if known := selection.objects_over(self.ctx, dim):
            return known[0]
        problem, help = f"nothing says which entries `{dim}` has", f"say it: `{EACH}=…`"
        return self.ctx.error("HQ0939", self.span, name=self.interface.name, problem=problem, near=[], help=help)

    def _root(self, objects: Objects) -> tuple[Dim, Tensor | None]:
        """The collection of the file, and which of its entries ``objects`` are."""
        at, index = objects, None
        while isinstance(at, View):
            index = at.index if index is None else selection.at(self.ctx, at.index, index, self.span)
            at = at.base
        dim = selection.dim_of(self.ctx, at, self.span)
        if dim.key in selection.data(self.ctx).over:
            problem = f"`{objects.name}` is made of several collections"
            help = "call it on each of them, or on what was chosen of one"
            self.ctx.error("HQ0939", self.span, name=self.interface.name, problem=problem, near=[], help=help)
        return dim, index

    def _input(self, one: ModelInput, value: Value, where: Span, each: Dim | None, owners: dict[str, Tensor]) -> Tensor:
        ctx = self.ctx
        given = presence.single(ctx, ctx.tensor(value, where), where, each)
        if one.elem == "real" and given.type.elem in ("int", "bool"):
            given = ctx.cast(given, "real", where)
        if given.type.elem != one.elem or LORENTZ in given.type.dims:
            problem = f"`{one.name}` is of type {one.elem}, and not {describe(given)}"
            ctx.error("HQ0939", where, name=self.interface.name, problem=problem, near=[])
        if given.type.unit != one.unit:
            arithmetic.units_differ(ctx, f"{one.name}=", [given.type.unit, one.unit], where, [where, where])
        ragged = [d for d in given.type.dims if d.ragged]
        shape = tuple(d.size for d in given.type.dims if not d.ragged)
        own = [d for d in ragged if each is None or d.key != each.key]
        if shape != one.shape or len(own) != int(one.list) or len(ragged) > 1:
            wanted = "any number of entries" if one.list else "one number"
            shaped = f" of shape {list(one.shape)}" if one.shape else ""
            of = f"each `{each}`" if each is not None else "the event"
            problem = f"`{one.name}` has {wanted}{shaped} of {of}, and not {describe(given)}"
            ctx.error("HQ0939", where, name=self.interface.name, problem=problem, near=[])
        if own and each is not None:
            owners[own[0].name] = selection.owner_of(ctx, own[0], each, where)
        return presence.required(ctx, given, where, f"input `{one.name}`", *ragged)

    def _output(self, name: str, output: ModelOutput, root: Dim | None, index: Tensor | None) -> Tensor:
        dims = (*([] if root is None else [root]), *output.dims)
        x = self.ctx.emit("input", (), Type(output.held, dims, output.unit), self.span, name=name)
        return x if index is None else selection.at(self.ctx, x, index, self.span)


def units(name: str) -> tuple[Unit, float]:
    """A unit as artifacts write it, ``GeV^2`` or ``1``, and the factor to base units."""
    base, _, power = name.partition("^")
    if base not in UNITS:
        return Unit(), 1.0
    unit, factor = UNITS[base]
    return unit ** int(power or 1), factor ** int(power or 1)
