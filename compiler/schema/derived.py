# SPDX-License-Identifier: Apache-2.0
"""A dataset's variables as a program for NumPy: what says which of them is not a number (``runtime.derived``)."""

from __future__ import annotations

from collections.abc import Mapping

from hepq.compiler.ir.build import Built
from hepq.compiler.ir.node import Module, Node, topological
from hepq.compiler.lower.program import NotStraight, to_program
from hepq.core.ops.table import ELEMENTWISE, IDENTITY, QUANTUM, REDUCE, SHAPE
from hepq.core.types import Dim
from hepq.lang.elaborate.builder import Tensor
from hepq.runtime.events.derived import Variables

#: what makes each entry of a dim of that entry alone, unless the dim is among its attributes
_LOCAL = ELEMENTWISE | SHAPE | REDUCE | IDENTITY | {"input", "const", "contract"}


def variables(built: Built, module: Module) -> Variables | None:
    """Of the variables and inputs that ``module``'s outputs are made of; None where there are none, or no dataset."""
    plan, (straight, unchecked) = built.plan.dataset, _named(built, module)
    if plan is None or not straight:
        return None
    return Variables(
        roles={n: "input" if n in plan.inputs else "variable" for n in straight},
        program=to_program(_alone(module, straight)), entries={n: d.name for n, d in entries(straight).items()},
        unchecked=unchecked,
    )  # fmt: skip


def derived_module(built: Built, module: Module) -> Module:
    """What ``variables`` has a program for, as outputs."""
    return _alone(module, _named(built, module)[0])


def entries(values: Mapping[str, Node]) -> dict[str, Dim]:
    """The ragged dim of those that are made of each entry of it alone."""
    found = {}
    for name, node in values.items():
        ragged = [d for d in node.type.dims if d.ragged]
        if len(ragged) == 1 and not ragged[0].primes and _entrywise(node, ragged[0]):
            found[name] = ragged[0]
    return found


def _entrywise(node: Node, dim: Dim) -> bool:
    for n in topological([node]):
        lists = [n.attrs.get(key, ()) for key in ("over", "along")]
        touched = [d for dims in lists if isinstance(dims, tuple) for d in dims]
        touched += [n.attrs.get(key) for key in ("dim", "src", "dst")]
        if n.op not in _LOCAL or any(isinstance(d, Dim) and d.name == dim.name for d in touched):
            return False
    return True


def _named(built: Built, module: Module) -> tuple[dict[str, Node], tuple[str, ...]]:
    """By name, those that such a program can compute; and the names of the others."""
    plan = built.plan.dataset
    if plan is None:
        return {}, ()
    used = {id(node) for node in module.walk()}
    values = plan.names | plan.inputs | plan.unguarded
    named = {name: v.handle for name, v in values.items() if isinstance(v, Tensor) and name not in plan.branches}
    known = {n: node for n, node in named.items() if id(node) in used and node.op != "input"}
    straight = {n: node for n, node in known.items() if _straight(node)}
    return straight, tuple(n for n in known if n not in straight)


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
