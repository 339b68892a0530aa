# SPDX-License-Identifier: Apache-2.0
"""What an event's code is for: outputs that are written, fills that are added to, checks, and what is kept for them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from hepq.compiler.ir.node import Fill, Module, Node
from hepq.compiler.lower.events.conditions import Term, conditions
from hepq.core.types import Dim


@dataclass(frozen=True)
class Outputs:
    """Those over one ragged dim, written in one loop; ``dim`` None: those that have one row for each event."""

    dim: Dim | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Adding:
    """A fill, the ``number``-th; ``dim``: the ragged dim whose entries it adds; None: it adds one for an event.
    ``when``: all that must hold."""

    fill: Fill
    number: int
    dim: Dim | None
    when: Term


@dataclass(frozen=True)
class Check:
    """The ``number``-th."""

    name: str
    number: int


#: what has loops: a node that is kept, or what nothing reads
Root = Node | Outputs | Adding | Check


def ends(module: Module) -> list[Outputs | Adding | Check]:
    """All that nothing reads."""
    groups: dict[Dim | None, list[str]] = defaultdict(list)
    for name in handed_out(module):
        groups[row_dim(module.outputs[name])].append(name)
    found: list[Outputs | Adding | Check] = [Outputs(dim, tuple(names)) for dim, names in groups.items()]
    found += [Adding(fill, i, _filled(module, fill), asked(module, fill)) for i, fill in enumerate(module.fills)]
    return [*found, *(Check(name, i) for i, name in enumerate(module.checks))]


def handed_out(module: Module) -> list[str]:
    """Names of outputs that are neither added up nor checked."""
    inner = {name for fill in module.fills for name in fill.outputs} | {*module.checks}
    return [name for name in module.outputs if name not in inner]


def row_dim(node: Node) -> Dim | None:
    """The ragged dim whose entries are the rows of an input or output."""
    dims = node.type.dims
    return dims[0] if dims and dims[0].ragged else None


def asked(module: Module, fill: Fill) -> Term:
    """All that must hold where ``fill`` adds."""
    return conditions(None if fill.when is None else module.outputs[fill.when])


def _filled(module: Module, fill: Fill) -> Dim | None:
    """The dim of the cell, or of the weight where each entry adds to one cell."""
    names = [fill.cell] if fill.weight is None else [fill.cell, fill.weight]
    dims = (row_dim(module.outputs[name]) for name in names)
    return next((dim for dim in dims if dim is not None), None)


def read_at_once(module: Module, root: Outputs | Adding | Check) -> list[Node]:
    """Values that an end is made of, those of its conditions last."""
    if isinstance(root, Adding):
        return [*added(module, root.fill), *(c.of for c in root.when)]
    return [module.outputs[name] for name in (root.names if isinstance(root, Outputs) else (root.name,))]


def added(module: Module, fill: Fill) -> list[Node]:
    """The cell and, if there is one, the weight."""
    return [module.outputs[name] for name in (fill.cell, fill.weight) if name is not None]
