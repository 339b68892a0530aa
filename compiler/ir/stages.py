# SPDX-License-Identifier: Apache-2.0
"""What a dataset with objects makes of an event: a module before the model's, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

from hepq.compiler.ir.node import Module, Node
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
    return Module(plan.name, _read(outputs), outputs)


def _read(outputs: Mapping[str, Node]) -> tuple[Node, ...]:
    return tuple(n for n in Module("", (), outputs).walk() if n.op == "input")
