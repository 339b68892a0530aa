# SPDX-License-Identifier: Apache-2.0
"""What a dataset with objects makes of an event: a module before the model's, in double precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hepq.compiler.ir.arranged import arranged
from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.core.types import Dim, Type
from hepq.lang.declarations.branch_items import Reads
from hepq.lang.declarations.dataset import LARGEST, DatasetPlan
from hepq.lang.declarations.dataset_labels import LabelPlan

#: outputs besides the model's inputs: of each ``select``; how many entries an object has before its bound cuts, and
#: how many it keeps; how many numbers of a value are 0 for NaN or infinity; which entry of ``each`` those of a nested
#: dim belong to; which class an event is of: whether it meets a rule, or its number; how many calls of a correction are
#: outside of its bins
SELECT, CUT, KEPT, ZEROED, OWNER, LABEL = "select ", "cut ", "kept ", "zeroed ", "owner ", "label "
OUTSIDE = "outside "


def event_module(plan: DatasetPlan, model: Module) -> Module | None:
    """From branches to what ``model`` reads; None of a dataset without objects."""
    if not plan.objects:
        return None
    wanted = {n["name"] for n in model.walk() if n.op == "input"}
    outputs: dict[str, Node] = {name: t.handle for name, t in plan.made.items() if name in wanted}
    dims = {d.name for name in outputs for d in outputs[name].type.dims}
    outputs |= {LABEL + name: node for name, node in label_nodes(plan.label).items()}
    outputs |= {SELECT + name: t.handle for name, t in plan.selects.items()}
    outputs |= {OWNER + name: t.handle for name, t in plan.owners.items() if name in dims}
    used = set(Module("", (), outputs).walk())
    outputs |= {ZEROED + n: not_finite(t.handle) for n, t in plan.unguarded.items() if t.handle in used}
    outputs |= {OUTSIDE + name: number for name, number in _outside(plan, used)}
    made = made_dims(Module("", (), outputs))
    branches = arranged(plan, outputs)
    outputs = dict(branches.outputs)
    for name, (before, kept) in branches.cuts.items():
        outputs |= {CUT + name: before, KEPT + name: kept}
    for name, cut in plan.cuts.items():
        if cut.dim.name in made:
            outputs |= {CUT + name: cut.before.handle, KEPT + name: cut.kept.handle}
    return Module(plan.name, inputs_of(plan, outputs, branches.read), outputs)


def not_finite(x: Node) -> Node:
    """int: how many numbers of ``x`` are NaN or infinite."""
    largest = Node("const", (), {"value": LARGEST}, x.type.with_dims(()))
    finite = Node("le", (Node("abs", (x,), {}, x.type), largest), {}, Type("bool", x.type.dims))
    odd = Node("cast", (Node("not", (finite,), {}, finite.type),), {}, Type("int", x.type.dims))
    return Node("reduce_sum", (odd,), {"over": x.type.dims}, Type("int")) if x.type.dims else odd


def _outside(plan: DatasetPlan, used: set[Node]) -> Iterator[tuple[str, Node]]:
    """Of each correction that is used, how many of its calls are outside of its bins."""
    found: dict[str, Node] = {}
    for use in plan.corrections:
        if use.outside is None or not set(Module("", (), {"": use.outside.handle}).walk()) & used:
            continue
        flags: Node = use.outside.handle
        number = Node("cast", (flags,), {}, Type("int", flags.type.dims))
        if flags.type.dims:
            number = Node("reduce_sum", (number,), {"over": flags.type.dims}, Type("int"))
        known = found.get(use.name)
        found[use.name] = number if known is None else Node("add", (known, number), {}, Type("int"))
    yield from found.items()


def label_nodes(label: LabelPlan | None) -> dict[str, Node]:
    """What decides the class, where it is computed: ``number``, or each rule by its place."""
    if label is None:
        return {}
    if label.number is not None:
        return {"number": label.number.handle}
    return {str(i): tensor.handle for i, (tensor, _) in enumerate(label.rules)}


def inputs_of(plan: Reads, outputs: Mapping[str, Node], whole: Mapping[str, Node]) -> tuple[Node, ...]:
    """What the outputs use; and a value of each dim of the file that is only counted, or numbered. ``whole``: of dims
    that are cut, one."""
    module = Module("", (), outputs)
    nodes = tuple(module.walk())
    read = {n["name"]: n for n in nodes if n.op == "input"}
    made = made_dims(module)
    named = [v for n in nodes for v in (*n.type.dims, n.type.into, *n.attrs.values()) if isinstance(v, Dim)]
    for dim in dict.fromkeys(d.base for d in named if d.ragged and d.name not in made):
        if not any(_led_by(n, dim) for n in read.values()):
            known = [t.handle for n, t in plan.tensors.items() if not plan.branches[n].owner]
            of = [n for n in (*known, *whole.values()) if _led_by(n, dim)]
            read |= {n["name"]: n for n in of[:1]}
    return tuple(read.values())


def _led_by(node: Node, dim: Dim) -> bool:
    return bool(node.type.dims) and node.type.dims[0].name == dim.name
