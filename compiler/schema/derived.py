# SPDX-License-Identifier: Apache-2.0
"""A dataset's variables as a program for NumPy: what says which of them is not a number (``runtime.derived``)."""

from __future__ import annotations

from collections.abc import Mapping

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.core.ops.table import QUANTUM
from hepq.lang.elaborate.builder import Tensor
from hepq.runtime.events.derived import Variables


def variables(built: Built, module: Module) -> Variables | None:
    """Of the variables and inputs that ``module``'s outputs are made of; None where there are none, or no dataset."""
    plan = built.plan.dataset
    if plan is None:
        return None
    used = {id(node) for node in module.walk()}
    values = plan.names | plan.inputs
    named = {name: v.handle for name, v in values.items() if isinstance(v, Tensor) and name not in plan.branches}
    known = {n: node for n, node in named.items() if id(node) in used and node.op != "input"}
    straight = {n: node for n, node in known.items() if _straight(node)}
    if not straight:
        return None
    program = to_program(_alone(module, straight))
    return Variables(
        roles={n: "input" if n in plan.inputs else "variable" for n in straight}, program=program,
        unchecked=tuple(n for n in known if n not in straight),
    )  # fmt: skip


def _alone(module: Module, outputs: Mapping[str, Node]) -> Module:
    read = {id(n) for n in topological(outputs.values())}
    return Module(module.name, tuple(n for n in module.inputs if id(n) in read), outputs)


def _straight(node: Node) -> bool:
    """Whether it is made of branches alone, by what such a program can do."""
    behind = list(topological([node]))
    if any(n.op == "param" or n.op in QUANTUM for n in behind):
        return False
    try:
        to_program(Module("", (), {"": node}))
    except NotStraight:
        return False
    return True
