# SPDX-License-Identifier: Apache-2.0
"""From a model's plan to the schema its artifact carries: dims, inputs, branches, order, label, outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module
from hepq.compiler.schema.elementwise import NotElementwise, instructions
from hepq.compiler.schema.four_vectors import four_vectors
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.types import Dim, Type
from hepq.lang.declarations.dataset import BranchPlan, DatasetPlan, OrderPlan
from hepq.runtime.artifact import manifest as m
from hepq.runtime.events.ordering import Instruction


def read_inputs(module: Module) -> Module:
    """The module without inputs that no output uses; the code then never asks for them.

    A ragged dim that is only counted keeps its first input, which says how many entries an event has.
    """
    used = {id(n) for n in module.walk()}
    led = {d.name for i in module.inputs if id(i) in used for d in i.type.dims}
    for node in module.walk():
        if node.op in ("count", "iota") and node["dim"].ragged and node["dim"].name not in led:
            counted = node["dim"].name
            led.add(counted)
            used.add(next(id(i) for i in module.inputs if any(d.name == counted for d in i.type.dims)))
    return Module(module.name, tuple(i for i in module.inputs if id(i) in used), module.outputs)


def event_schema(built: Built | None, module: Module) -> m.EventSchema:
    """What the runtime needs to turn events into the inputs of ``module``; without ``built``, events are its inputs."""
    inputs = tuple(_value(n["name"], n.type) for n in module.inputs)
    plan = built.plan.dataset if built is not None else None
    dataset = _dataset(plan, module, built.plan.fixed) if built is not None and plan is not None else None
    columns: list[Any] = [n.type for n in module.inputs]
    if plan is not None and dataset is not None:
        columns += [plan.branches[b.name].type for b in dataset.branches]
        columns += [Type(dims=(plan.label.dim,))] if plan.label else []
    columns += [n.type for n in module.outputs.values()]
    return m.EventSchema(dims=_dims(columns), inputs=inputs, dataset=dataset)


def outputs(module: Module, schema: m.EventSchema) -> tuple[m.Output, ...]:
    """Outputs; a dim whose name the schema has for another size is named by its size."""
    sizes = {d.name: d.size for d in schema.dims}
    return tuple(
        m.Output(
            **_described(name, node.type)
            | {"dims": tuple(str(d) if sizes.get(d.name, d.size) == d.size else str(d.size) for d in node.type.dims)},
            entries=node.type.dims[-1].entries if node.type.dims else (),
        )
        for name, node in module.outputs.items()
    )


def stage(module: Module) -> tuple[m.Output, ...]:
    """What compiled code gives to a program: static dims by their sizes, a leading ragged one by its name."""
    return tuple(
        m.Output(name=name, dims=tuple(str(d) if d.ragged else str(d.size) for d in node.type.dims))
        for name, node in module.outputs.items()
    )


def _dims(types: Iterable[Type]) -> tuple[m.Dim, ...]:
    found: dict[str, Dim] = {}
    for t in types:
        for d in t.dims:
            if not d.anonymous:
                found.setdefault(d.name, d.base)
    return tuple(m.Dim(name=d.name, size=d.size, bound=d.bound, entries=d.entries) for d in found.values())


def _value(name: str, t: Type) -> m.Value:
    return m.Value(**_described(name, t))


def _described(name: str, t: Type) -> dict[str, Any]:
    return {"name": name, "elem": t.elem, "dims": tuple(str(d) for d in t.dims), "unit": str(t.unit)}


def _branch(b: BranchPlan) -> m.Branch:
    return m.Branch(**_value(b.name, b.type).model_dump(), branch=b.branch, factor=b.factor)


def _dataset(plan: DatasetPlan, module: Module, fixed: Sequence[str]) -> m.Dataset:
    orders = tuple(_order(o) for o in plan.orders)
    used = {n["name"] for n in module.inputs}
    vectors, unmoved = four_vectors(module, fixed)
    used |= {a for o in orders for step in o.key for a in step.args if isinstance(a, str)}
    return m.Dataset(
        name=plan.name,
        files=plan.files,
        tree=plan.tree,
        branches=tuple(_branch(b) for b in plan.branches.values() if b.name in used),
        order=orders,
        policy=m.Policy.model_validate(plan.policy),
        vectors=vectors,
        unmoved=unmoved,
        label=m.Label(name=plan.label.name, dim=str(plan.label.dim), branches=plan.label.branches)
        if plan.label
        else None,
    )


def _order(plan: OrderPlan) -> m.Order:
    return m.Order(dim=str(plan.dim), descending=plan.descending, key=_key(plan))


def _key(plan: OrderPlan) -> tuple[Instruction, ...]:
    """The key as instructions over branches. Raises HepqError if it is not elementwise."""
    try:
        return instructions(plan.key.handle)
    except NotElementwise as error:
        node = error.node
        raise HepqError([diag("HQ0610", *([node.span] if node.span else []), dim=plan.dim, found=node.op)]) from None


def shapes(module: Module) -> Mapping[str, tuple[int, ...]]:
    """Path of every weight and its shape."""
    return {path: tuple(d.size or 0 for d in node.type.dims) for path, node in module.params.items()}
