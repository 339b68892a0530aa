# SPDX-License-Identifier: Apache-2.0
"""What an event's code is for: outputs that are written, fills that are added to, checks, and what is kept for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from hepq.compiler.ir.node import Fill, Module, Node
from hepq.compiler.lower.events.conditions import NOTHING, Term, conditions, implied
from hepq.core.types import Dim


@dataclass(frozen=True)
class Outputs:
    """Those over one ragged dim, written in one loop; ``dim`` None: those that have one row for each event.
    ``when``: all that must hold where they are of use."""

    dim: Dim | None
    names: tuple[str, ...]
    when: Term


@dataclass(frozen=True)
class Weight:
    """Of the ``number``-th fill; ``when``: all that must hold beside what must for the others of its record."""

    number: int
    when: Term
    node: Node


@dataclass(frozen=True)
class Adding:
    """A fill of so many ``cells``, the ``number``-th, or the first of those that share a record; ``dim``: the ragged
    dim whose entries it adds; None: it adds one for an event. ``when``: all that must hold; of a cell that is -1
    elsewhere, ``cell`` is what it is there. ``weights``: of each fill; of one that counts, none."""

    cells: int
    number: int
    dim: Dim | None
    when: Term
    cell: Node
    weights: tuple[Weight, ...]

    @property
    def terms(self) -> list[Term]:
        """Under which something is added."""
        return [self.when | weight.when for weight in self.weights] or [self.when]


@dataclass(frozen=True)
class Check:
    """The ``number``-th. Where ``when`` holds, ``fine`` must be true; None: it must hold nowhere."""

    name: str
    number: int
    when: Term
    fine: Node | None


#: fills that share a record, at most
TOGETHER = 32
#: what nothing reads
End = Outputs | Adding | Check
#: what has loops: a node that is kept, or an end
Root = Node | End


def ends(module: Module) -> list[End]:
    """All of them."""
    terms = {name: _within(module, name) for name in handed_out(module)}
    given, together = {d.key for d in module.ragged_dims}, dict[Dim, Term]()
    for name, term in terms.items():
        if (dim := row_dim(module.outputs[name])) is not None and dim.key not in given:
            # rows of a dim that is made are counted once
            together[dim] = together.get(dim, term) & term
    groups: dict[tuple[Dim | None, Term], list[str]] = defaultdict(list)
    for name, term in terms.items():
        dim = row_dim(module.outputs[name])
        groups[dim, term if dim is None else together.get(dim, term)].append(name)
    found: list[End] = [Outputs(dim, tuple(names), term) for (dim, term), names in groups.items()]
    found += _together(_adding(module, fill, i) for i, fill in enumerate(module.fills))
    return [*found, *(_check(name, module.outputs[name], i) for i, name in enumerate(module.checks))]


def _within(module: Module, name: str) -> Term:
    """All that must hold where an output is of use."""
    return implied(conditions(module.outputs[module.within[name]])) if name in module.within else NOTHING


def handed_out(module: Module) -> list[str]:
    """Names of outputs that are neither added up nor checked."""
    inner = {name for fill in module.fills for name in fill.outputs} | {*module.checks}
    return [name for name in module.outputs if name not in inner]


def row_dim(node: Node) -> Dim | None:
    """The ragged dim whose entries are the rows of an input or output."""
    dims = node.type.dims
    return dims[0] if dims and dims[0].ragged else None


def _adding(module: Module, fill: Fill, number: int) -> Adding:
    cell, weight = module.outputs[fill.cell], None if fill.weight is None else module.outputs[fill.weight]
    term = conditions(None if fill.when is None else module.outputs[fill.when])
    while cell.op == "where" and not cell.operands[0].type.dims and _nowhere(cell.operands[2]):
        term |= conditions(cell.operands[0])
        cell = cell.operands[1]
    weights = () if weight is None else (Weight(number, NOTHING, weight),)
    return Adding(fill.cells, number, _filled(module, fill), term, cell, weights)


def _together(fills: Iterable[Adding]) -> list[Adding]:
    """Fills of the same cells and cuts, in which only weights differ, and what else of the event must be true, as one:
    so are those of variations."""
    groups = dict[Hashable, list[Adding]]()
    for one in fills:
        key: Hashable = one.number
        for weight in one.weights:
            dims = frozenset(d.key for node in (one.cell, weight.node) for d in node.type.dims)
            key = one.cell, one.cells, one.dim, dims, frozenset(c for c in one.when if c.kind != "true")
        groups.setdefault(key, []).append(one)
    return [_joined(group[i : i + TOGETHER]) for group in groups.values() for i in range(0, len(group), TOGETHER)]


def _joined(fills: Sequence[Adding]) -> Adding:
    first, common = fills[0], frozenset.intersection(*(one.when for one in fills))
    weights = tuple(replace(weight, when=one.when - common) for one in fills for weight in one.weights)
    return replace(first, when=common, weights=weights)


def _nowhere(cell: Node) -> bool:
    return cell.op == "const" and cell["value"] < 0


def _check(name: str, fine: Node, number: int) -> Check:
    """Of what is true unless some conditions hold."""
    term = NOTHING
    while fine.op == "or" and (escape := next((o for o in reversed(fine.operands) if o.op == "not"), None)):
        term |= conditions(escape.operands[0])
        fine = next(o for o in fine.operands if o is not escape)
    if fine.op == "not":
        return Check(name, number, term | conditions(fine.operands[0]), None)
    return Check(name, number, term, fine)


def _filled(module: Module, fill: Fill) -> Dim | None:
    """The dim of the cell, or of the weight where each entry adds to one cell."""
    names = [fill.cell] if fill.weight is None else [fill.cell, fill.weight]
    dims = (row_dim(module.outputs[name]) for name in names)
    return next((dim for dim in dims if dim is not None), None)


def read_at_once(module: Module, root: End) -> list[Node]:
    """Values that an end is made of, those of its conditions last."""
    inner = [weight.when for weight in root.weights] if isinstance(root, Adding) else []
    made = [node for node, _ in made_of(module, root)]
    return [*made, *(c.of for term in (*inner, root.when) for c in term)]


def made_of(module: Module, root: End) -> list[tuple[Node, Term]]:
    """What an end reads, and where."""
    if isinstance(root, Outputs):
        return [(module.outputs[name], root.when) for name in root.names]
    if isinstance(root, Adding):
        cells = [(root.cell, term) for term in root.terms]
        return cells + [(weight.node, root.when | weight.when) for weight in root.weights]
    return [] if root.fine is None else [(root.fine, root.when)]
