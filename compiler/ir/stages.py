# SPDX-License-Identifier: Apache-2.0
"""What a dataset with objects makes of an event: a module before the model's, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

from hepq.compiler.ir.node import Module, Node, made_dims
from hepq.core.types import Dim
from hepq.lang.declarations.dataset import DatasetPlan

#: outputs besides the model's inputs: of each ``select``; how many entries an object has before its bound cuts; which
#: entry of ``each`` those of a nested dim belong to
SELECT, CUT, OWNER = "select ", "cut ", "owner "


def event_module(plan: DatasetPlan, model: Module) -> Module | None:
    """From branches to what ``model`` reads; None of a dataset without objects."""
    if not plan.objects:
        return None
    wanted = {n["name"] for n in model.walk() if n.op == "input"}
    outputs: dict[str, Node] = {name: t.handle for name, t in plan.made.items() if name in wanted}
    dims = {d.name for name in outputs for d in outputs[name].type.dims}
    outputs |= {SELECT + name: t.handle for name, t in plan.selects.items()}
    outputs |= {CUT + name: before.handle for name, (dim, before) in plan.cuts.items() if dim.name in dims}
    outputs |= {OWNER + name: t.handle for name, t in plan.owners.items() if name in dims}
    return Module(plan.name, _read(plan, outputs), outputs)


def _read(plan: DatasetPlan, outputs: Mapping[str, Node]) -> tuple[Node, ...]:
    """Branches that ``outputs`` need; of dims that they only count, one of each."""
    nodes = tuple(Module("", (), outputs).walk())
    read = [n for n in nodes if n.op == "input"]
    there = {d.name for n in read for d in n.type.dims} | set(made_dims(Module("", (), outputs)))
    dims = [d for n in nodes for d in (*n.type.dims, *(v for v in n.attrs.values() if isinstance(v, Dim)))]
    for name in dict.fromkeys(d.name for d in dims if d.ragged and d.name not in there):
        read += [t.handle for t in plan.tensors.values() if name in {d.name for d in t.type.dims if d.ragged}][:1]
    return tuple(read)
