# SPDX-License-Identifier: Apache-2.0
"""From a model's plan to the schema its artifact carries: dims, inputs, branches, order, label, outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.ir.stages import label_nodes
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.compiler.schema.derived import variables
from hepq.core.diagnostics.catalogue import diag
from hepq.core.diagnostics.diagnostic import HepqError
from hepq.core.ops.table import COUNTING, ELEMENTWISE, KNOWN, SEGMENT
from hepq.core.types import LORENTZ, Dim, Type
from hepq.lang.declarations.dataset import DatasetPlan, OrderPlan
from hepq.lang.declarations.dataset_labels import LabelPlan
from hepq.lang.declarations.dataset_sources import SourcePlan
from hepq.lang.elaborate.branches import BranchPlan
from hepq.runtime.artifact import manifest as m
from hepq.runtime.events.ordering import Instruction


def read_inputs(module: Module) -> Module:
    """The module without inputs that no output uses; the code then never asks for them.

    A ragged dim that is only counted keeps its first input, which says how many entries an event has.
    """
    used = {id(n) for n in module.walk()}
    led = {d.name for i in module.inputs if id(i) in used for d in i.type.dims}
    given = {d.name for d in module.ragged_dims}
    for node in module.walk():
        counted = _sized_by(node)
        if counted in given - led:
            led.add(counted)
            used.add(next(id(i) for i in module.inputs if any(d.name == counted for d in i.type.dims)))
    return replace(module, inputs=tuple(i for i in module.inputs if id(i) in used))


def _sized_by(node: Node) -> str:
    """The dim whose number of entries ``node`` asks for without reading a value over it."""
    if node.op in KNOWN and node.op != "const":
        return str(node["dim"].name)
    into = node.operands[1].type.into if node.op in SEGMENT else None
    return "" if into is None else into.name


def event_schema(built: Built | None, module: Module) -> m.EventSchema:
    """What the runtime needs to turn events into the inputs of ``module``; without ``built``, events are its inputs."""
    plan = built.plan.dataset if built is not None else None
    into = _references(built)
    inputs = tuple(_value(n["name"], n.type, into.get(n["name"])) for n in module.inputs)
    dataset = None
    if built is not None and plan is not None:
        # a policy that is written holds for what is derived, too
        derived = variables(built, module) if "nan" in plan.written else None
        dataset = _dataset(plan, module, built.plan.fixed, derived)
    columns: list[Any] = [n.type for n in module.inputs]
    columns += [Type(dims=(into[v.name],)) for v in inputs if v.into]
    if plan is not None and dataset is not None:
        columns += [] if plan.objects else [plan.branches[b.name].type for b in dataset.branches]
        columns += [Type(dims=(plan.label.dim,))] if plan.label else []
    columns += [n.type for n in module.outputs.values()]
    return m.EventSchema(dims=_dims(columns), inputs=inputs, dataset=dataset)


def _references(built: Built | None) -> dict[str, Dim]:
    """Of each input that holds references, the dim whose entries they number."""
    if built is None:
        return {}
    branches = {} if built.plan.dataset is None else built.plan.dataset.branches
    own = {} if built.plan.dataset is not None and built.plan.dataset.objects else branches
    return {**built.plan.into, **{name: b.into for name, b in own.items() if b.into is not None}}


def outputs(module: Module, schema: m.EventSchema) -> tuple[m.Output, ...]:
    """Outputs; a dim whose name the schema has for another size is named by its size."""
    sizes = {d.name: d.size for d in schema.dims}
    return tuple(
        m.Output(
            **_described(name, node.type)
            | {"dims": tuple(str(d) if sizes.get(d.name, d.size) == d.size else str(d.size) for d in node.type.dims)},
            entries=node.type.dims[-1].entries if node.type.dims else (),
            counts=module.counts.get(name, ""),
        )
        for name, node in module.outputs.items()
    )


def stage(module: Module) -> tuple[m.Output, ...]:
    """What compiled code gives to a program: static dims by their sizes, a leading ragged one by its name."""
    dims = {n: tuple(str(d) if d.ragged else str(d.size) for d in v.type.dims) for n, v in module.outputs.items()}
    return tuple(
        m.Output(name=name, elem=_described(name, node.type)["elem"], dims=dims[name])
        for name, node in module.outputs.items()
    )


def _dims(types: Iterable[Type]) -> tuple[m.Dim, ...]:
    found: dict[str, Dim] = {}
    for t in types:
        for d in t.dims:
            if not d.anonymous:
                found.setdefault(d.name, d.base)
    return tuple(m.Dim(name=d.name, size=d.size, bound=d.bound, entries=d.entries) for d in found.values())


def _value(name: str, t: Type, into: Dim | None = None) -> m.Value:
    return m.Value(**_described(name, t) | ({} if into is None else {"elem": "index", "into": into.name}))


def _described(name: str, t: Type) -> dict[str, Any]:
    return {"name": name, "elem": t.elem, "dims": tuple(str(d) for d in t.dims), "unit": str(t.unit)}


def _branch(b: BranchPlan) -> m.Branch:
    return m.Branch(**_value(b.name, b.type, b.into).model_dump(), branch=b.branch, factor=b.factor, default=b.default)


def _dataset(plan: DatasetPlan, module: Module, fixed: Sequence[str], derived: m.Derived | None) -> m.Dataset:
    orders = tuple(_order(o) for o in plan.orders)
    used = {n["name"] for n in module.inputs}
    vectors, unmoved = four_vectors(module, fixed)
    used |= {a for o in orders for step in o.key for a in step.args if isinstance(a, str)}
    return m.Dataset(
        name=plan.name,
        sources=tuple(map(_files, plan.sources.values())),
        branches=_made(module) if plan.objects else tuple(_branch(b) for b in plan.branches.values() if b.name in used),
        order=() if plan.objects else orders,
        policy=m.Policy.model_validate(plan.policy),
        vectors=vectors,
        unmoved=unmoved,
        derived=derived,
        label=None if plan.label is None else _label(plan, plan.label, used),
    )


def _made(module: Module) -> tuple[m.Branch, ...]:
    """What a dataset with objects gives: the inputs themselves."""
    return tuple(m.Branch(**_value(n["name"], n.type).model_dump(), branch=n["name"]) for n in module.inputs)


def _label(plan: DatasetPlan, label: LabelPlan, used: Collection[str]) -> m.Label:
    """``used``: branches that the model reads, which say which particles there are."""
    found = m.Label(name=label.name, dim=str(label.dim), branches=label.branches, by_source=label.by_source)
    if label.branches or label.by_source:
        return found
    classes, values = tuple(c for _, c in label.rules or label.values), tuple(v for v, _ in label.values)
    if plan.objects:
        made = m.Made(by_number=label.number is not None, classes=classes, rest=label.rest, values=values)
        return found.model_copy(update={"made": made})
    nodes = label_nodes(label)
    inputs = _inputs(plan, nodes.values())
    try:
        program = to_program(Module(label.name, inputs, nodes))
    except NotStraight as error:
        raise HepqError([diag("HQ0637", label.span, what=f"`{error}`")]) from None
    read = {n["name"] for n in inputs}
    over = {d for n in inputs for d in n.type.dims if d.ragged}
    orders = tuple(_order(o) for o in plan.orders if o.dim in over)
    read |= {a for o in orders for step in o.key for a in step.args if isinstance(a, str)}
    # references say nothing of which particles there are: they are not dropped for what they hold
    branches = [
        b for b in plan.branches.values()
        if b.name in read or (b.name in used and b.into is None and over & set(b.type.dims))
    ]  # fmt: skip
    rules = m.Rules(
        dims=_dims(b.type for b in branches),
        inputs=tuple(_value(n["name"], n.type) for n in inputs),
        dataset=m.Dataset(
            name=label.name, branches=tuple(map(_branch, branches)), order=orders,
            policy=m.Policy.model_validate({**plan.policy, "empty": "score"}),
        ),
        program=program,
        classes=classes,
        rest=label.rest,
        values=values,
    )  # fmt: skip
    return found.model_copy(update={"rules": rules})


def _inputs(plan: DatasetPlan, nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Branches that ``nodes`` are made of; of a ragged dim that is only counted, its first branch."""
    walked = list(topological(nodes))
    found = [n for n in walked if n.op == "input"]
    for dim in (n["dim"].base for n in walked if n.op in ("count", "iota") and n["dim"].ragged):
        over = [t.handle for t in plan.tensors.values() if dim in t.type.dims]
        if not any(n in over for n in found):
            found += over[:1]
    return tuple(found)


def _files(plan: SourcePlan) -> m.Files:
    friend = None if plan.friend is None else _files(plan.friend)
    return m.Files(
        name=plan.name, format=plan.format, files=plan.files, tree=plan.tree, columns=plan.columns, friend=friend
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


def four_vectors(module: Module, fixed: Sequence[str]) -> tuple[tuple[m.FourVector, ...], str]:
    """The four-vectors that ``module`` makes of its inputs; and why they cannot all be moved, if so.

    ``p4(px=…, py=…, pz=…, energy=…)`` of branches is recognised, and ``p4(pt=…, eta=…, phi=…, …)``; the energy may be
    a branch or computed. ``fixed``: parameters of the model that are four-vectors and come from no branch.
    """
    if fixed:
        return (), f"{', '.join(fixed)} has no branch that makes it"
    made = [n for n in module.walk() if n.op == "stack" and n["dim"].key == LORENTZ.key]
    found = {n: v for n in made if (v := _recognised(n)) is not None}
    moving = {name for v in found.values() for name in v.moving}
    left = [n for n in made if n not in found and not _branches(n) <= moving]
    if left:
        span = left[0].span
        return (), f"a four-vector is not made of branches as they are{f': {span.text}' if span else ''}"
    if not found:
        return (), "no four-vector is made of branches"
    return tuple(dict.fromkeys(found.values())), ""


def _recognised(node: Node) -> m.FourVector | None:
    names = [_branch_name(o) for o in node.operands]
    columns, polar = names[:3], False
    if None in columns:
        columns, polar = _polar([_branches(o) for o in node.operands[:3]]), True
    a, b, c = columns
    if a is None or b is None or c is None or len({a, b, c}) < 3:
        return None
    dims = {n.type.dims for n in topological([node]) if n.op == "input"}
    if len(dims) > 1:
        return None
    try:
        components = tuple(instructions(o) for o in node.operands)
    except NotElementwise:
        return None
    return m.FourVector(columns=(a, b, c), polar=polar, energy=names[3], components=components)


def _polar(read: Sequence[set[str]]) -> list[str | None]:
    """pt, eta, phi, from what px, py and pz depend on: pt and phi, pt and phi, pt and eta."""
    x, y, z = read
    if x == y and len(x) == len(z) == 2 and len(x & z) == 1:
        return [*(x & z), *(z - x), *(x - z)]
    return [None, None, None]


def _branch_name(node: Node) -> str | None:
    while node.op == "cast":
        node = node.operands[0]
    name: str | None = node["name"] if node.op == "input" else None
    return name


def _branches(node: Node) -> set[str]:
    return {n["name"] for n in topological([node]) if n.op == "input"}


class NotElementwise(Exception):
    """``node`` is not an elementwise operation."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.op)
        self.node = node


def instructions(result: Node) -> tuple[Instruction, ...]:
    """``result`` over inputs, by name. Raises NotElementwise."""
    steps: list[Instruction] = []
    where: dict[Node, int | str] = {}
    for node in topological([result]):
        source = _through_stack(node)
        if source is not node:
            where[node] = where[source]
        elif node.op == "input":
            where[node] = node["name"]
        elif node.op == "const":
            where[node] = _append(steps, Instruction(op="const", value=float(node["value"])))
        elif node.op == "cast" and node.type.elem == "int" and node.operands[0].type.elem == "real":
            x = where[node.operands[0]]
            whole = _append(steps, Instruction(op="floor", args=(_append(steps, Instruction(op="abs", args=(x,))),)))
            sign = _append(steps, Instruction(op="sign", args=(x,)))
            made = _append(steps, Instruction(op="mul", args=(whole, sign)))
            number = _append(steps, Instruction(op="eq", args=(x, x)))
            none = _append(steps, Instruction(op="const", value=0.0))
            where[node] = _append(steps, Instruction(op="where", args=(number, made, none)))
        elif node.op in ELEMENTWISE - COUNTING:
            where[node] = _append(steps, Instruction(op=node.op, args=tuple(where[o] for o in node.operands)))
        elif node.op != "stack":
            raise NotElementwise(node)
    if where[result] != len(steps) - 1:
        _append(steps, Instruction(op="cast", args=(where[result],)))
    return tuple(steps)


def _through_stack(node: Node) -> Node:
    """``pick(stack(a, b), i)`` is the i-th operand: how four-vectors' components reach a key."""
    if node.op == "pick" and node.operands[0].op == "stack" and node.operands[0]["dim"].key == node["dim"].key:
        entry: int = node["index"]
        return node.operands[0].operands[entry]
    return node


def _append(steps: list[Instruction], step: Instruction) -> int:
    steps.append(step)
    return len(steps) - 1
