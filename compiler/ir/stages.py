# SPDX-License-Identifier: Apache-2.0
"""A program with objects in two modules: what it makes of an event, in double precision, and the model on top."""

from __future__ import annotations

from dataclasses import dataclass

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.infer import make
from hepq.compiler.ir.node import Module, Node
from hepq.compiler.passes.base import substitute

#: outputs of the first module besides inputs of the second: of a ``select``, and of an object before its bound cuts
SELECT, CUT = "select ", "cut "


@dataclass(frozen=True)
class Stages:
    """``events``: from branches to the inputs of ``model`` and what is counted; None if a dataset has no objects."""

    events: Module | None
    model: Module


def split(built: Built) -> Stages:
    """Cut where the dataset's inputs are."""
    plan = built.plan.dataset
    if plan is None or not plan.objects:
        return Stages(None, built.module)
    used = set(built.module.walk())
    given: dict[Node, Node] = {}
    outputs: dict[str, Node] = {}
    for name, tensor in plan.inputs.items():
        node = tensor.handle
        if node in used and node not in given and node.op != "const":
            given[node] = make("input", name=name, type=node.type, span=plan.spans[name])
            outputs[name] = node
    model = substitute(built.module, given)
    outputs |= {SELECT + name: tensor.handle for name, tensor in plan.selects.items()}
    outputs |= {CUT + name: before.handle for name, (_, before) in plan.cuts.items()}
    events = Module(built.module.name, (), outputs)
    read = tuple(node for node in events.walk() if node.op == "input")
    return Stages(Module(events.name, read, outputs), Module(model.name, tuple(given.values()), model.outputs))
