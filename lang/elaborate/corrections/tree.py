# SPDX-License-Identifier: Apache-2.0
"""The tree of a correction, emitted as operations that every back end has.

A tree of a thousand leaves is not a thousand branches: nodes of one kind that stand side by side are one node whose
numbers are looked up. ``Tree.value`` is given the nodes from which a value is to be taken and, if they are several, the
number of the one that is meant: of binnings of one input, say, whatever their edges are, the place of the input among
all edges together with that number says which of all their contents is meant; of formulas that differ by numbers
alone, each number is looked up.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NoReturn

from hepq.core.diagnostics.catalogue import near
from hepq.core.source import Span
from hepq.lang.elaborate.algebra import Algebra, Operand
from hepq.lang.elaborate.builder import Tensor
from hepq.lang.elaborate.context import Context
from hepq.lang.elaborate.corrections import schema, tformula
from hepq.lang.elaborate.corrections.slots import Axis, Bins, Keys, Slots, slots

Content = schema.Content
#: by the name of an input: a text, a number, or a tensor
Env = Mapping[str, Operand | str]
#: entries of one table, beyond which nodes with different edges are not looked up at once
MOST = 200_000
#: numbers of a table that is written out again rather than looked up in turn
FEW = 64
#: of nodes in each other
DEEPEST = 64
MISSING = None


@dataclass
class Known:
    """What follows from a correction alone, once for all its calls; nodes are known by their ids."""

    axes: dict[int, tuple[Axis, ...]] = field(default_factory=dict)
    formulas: dict[int, tuple[tformula.Formula, tuple[str, ...], tuple[float, ...]]] = field(default_factory=dict)
    #: by nodes, and by their places in the slots of what is static: contents, which are outside, which are none
    tables: dict[Hashable, tuple[list[Content | None], list[bool], list[bool]]] = field(default_factory=dict)
    groups: dict[Hashable, list[list[int]]] = field(default_factory=dict)
    #: by nodes: those that differ, and which of them each is
    distinct: dict[Hashable, tuple[list[Content], list[int]]] = field(default_factory=dict)


@dataclass
class Tree:
    """``outside``, ``wrong``: bool tensors, of which each says where a number was outside of bins, or has no value."""

    ctx: Context
    correction: schema.Correction
    known: Known
    file: str
    span: Span
    outside: list[Tensor] = field(default_factory=list)
    wrong: list[Tensor] = field(default_factory=list)
    depth: int = 0

    def __post_init__(self) -> None:
        self.f = Algebra(self.ctx, self.span)
        #: of the numbers of nodes that were looked up, by id: themselves, what they were looked up by, and the table
        self.tables: dict[int, tuple[Tensor, Tensor, tuple[int, ...]]] = {}
        self.kinds = {variable.name: variable.type for variable in self.correction.inputs}

    def applied(self, env: Env) -> Operand:
        return self.value([self.correction.data], None, env, None)

    def bad(self, problem: str) -> NoReturn:
        self.ctx.error("HQ0942", self.span, file=self.file, problem=f"`{self.correction.name}`: {problem}")

    # --- which node

    def value(self, nodes: Sequence[Content | None], index: Tensor | None, env: Env, mask: Tensor | None) -> Operand:
        """Of the node ``index`` of ``nodes``, or of the only one. ``mask``: where it matters; None: everywhere."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.bad("it nests too deeply")
        chosen = [self._chosen(node, env) for node in nodes]
        if MISSING in chosen:
            self._flag(self.wrong, [node is MISSING for node in chosen], index, mask)
        there: list[Content] = [0.0 if node is MISSING else node for node in chosen]
        found = self._of(*self._compact(there, index), env, mask)
        self.depth -= 1
        return found

    def _chosen(self, node: Content | None, env: Env) -> Content | None:
        """What a category says of a text; ``MISSING``: nothing."""
        while isinstance(node, schema.Category) and self._kind(node.input) == "string":
            key = env[node.input]
            node = next((item.value for item in node.content if item.key == key), node.default)
        return node

    def _compact(self, nodes: Sequence[Content], index: Tensor | None) -> tuple[Sequence[Content], Tensor | None]:
        """Equal nodes as one."""
        if index is None or len(nodes) == 1:
            return nodes, None
        key = tuple(map(id, nodes))
        if key not in self.known.distinct:
            numbers: dict[Hashable, int] = {}
            places = [numbers.setdefault(repr(n) if isinstance(n, float) else id(n), len(numbers)) for n in nodes]
            found: dict[int, Content] = {}
            for node, place in zip(nodes, places, strict=True):
                found.setdefault(place, node)
            self.known.distinct[key] = list(found.values()), places
        distinct, places = self.known.distinct[key]
        if len(distinct) == 1:
            return distinct, None
        if len(distinct) == len(nodes) or all(isinstance(n, float) for n in nodes):
            return nodes, index
        return distinct, self._table(index, places)

    def _of(self, nodes: Sequence[Content], index: Tensor | None, env: Env, mask: Tensor | None) -> Operand:
        groups = self._groups(nodes)
        if len(groups) == 1 or index is None:
            return self._alike(nodes, index, env, mask)
        of, within = [0] * len(nodes), [0] * len(nodes)
        for number, members in enumerate(groups):
            for place, member in enumerate(members):
                of[member], within[member] = number, place
        group, inner = self._table(index, of), self._table(index, within)
        result: Operand | None = None
        for number, members in enumerate(groups):
            here = self.f("eq", group, number)
            both = here if mask is None else self.f("and", mask, here)
            few = [nodes[m] for m in members]
            made = self._alike(few, inner if len(few) > 1 else None, env, both)
            result = made if result is None else self.f("where", here, made, result)
        assert result is not None
        return result

    def _groups(self, nodes: Sequence[Content]) -> list[list[int]]:
        key = tuple(map(id, nodes))
        if key not in self.known.groups:
            self.known.groups[key] = self._made_groups(nodes)
        return self.known.groups[key]

    def _made_groups(self, nodes: Sequence[Content]) -> list[list[int]]:
        found: dict[Hashable, list[int]] = {}
        for number, node in enumerate(nodes):
            found.setdefault(self._signature(node), []).append(number)
        groups: list[list[int]] = []
        for members in found.values():
            axes = [self._axes(nodes[m]) for m in members]
            if axes[0] and len(members) * math.prod(_slots_of(column) for column in zip(*axes, strict=True)) > MOST:
                finer: dict[Hashable, list[int]] = {}
                for member, own in zip(members, axes, strict=True):
                    finer.setdefault(tuple(own), []).append(member)
                groups += finer.values()
            else:
                groups.append(members)
        return groups

    def _signature(self, node: Content) -> Hashable:
        """Nodes for which it is the same are looked up at once."""
        match node:
            case schema.Formula() | schema.FormulaRef():
                formula, variables, _ = self._formula(node)
                return "formula", formula, variables
            case schema.Transform():
                return "transform", node.input
            case schema.HashPRNG() | schema.LWTNN():
                return id(node)
            case float() | int():
                return "number"
        return (*self._inputs(node), *(axis.alike for axis in self._axes(node)))

    # --- nodes of one signature

    def _alike(self, nodes: Sequence[Content], index: Tensor | None, env: Env, mask: Tensor | None) -> Operand:
        match nodes[0]:
            case schema.Formula() | schema.FormulaRef():
                return self._formulas(nodes, index, env)
            case schema.Transform(input=name):
                rules = [node.rule for node in nodes if isinstance(node, schema.Transform)]
                contents = [node.content for node in nodes if isinstance(node, schema.Transform)]
                new = self._as_input(name, self.value(rules, index, env, mask))
                return self.value(contents, index, {**env, name: new}, mask)
            case schema.HashPRNG() | schema.LWTNN() as node:
                what, why = _REFUSED[node.nodetype]
                self.ctx.error("HQ0947", self.span, name=self.correction.name, what=what, why=why)
            case float() | int():
                return self._looked_up([float(n) for n in nodes if isinstance(n, (float, int))], index)
        return self._tables(nodes, index, env, mask)

    def _looked_up(self, numbers: Sequence[float], index: Tensor | None) -> Operand:
        if index is None or len({repr(n) for n in numbers}) == 1:
            return numbers[0]
        return self._table(index, numbers)

    def _table(self, index: Tensor, values: Sequence[float]) -> Tensor:
        """The number ``index`` of ``values``; 0 where there is none, which is where it does not matter."""
        _, base, table = self.tables.get(id(index), (index, index, ()))
        if table and (len(table) <= FEW or len(table) <= 2 * len(values)):
            index, values = base, [values[place] if place < len(values) else type(values[0])() for place in table]
        if list(values) == list(range(len(values))) and isinstance(values[0], int):
            return index
        made = self.f("lookup", index, values=tuple(values))
        if made.type.elem == "int":
            self.tables[id(made)] = made, index, tuple(map(int, values))
        return made

    def _formulas(self, nodes: Sequence[Content], index: Tensor | None, env: Env) -> Operand:
        formula, variables, _ = self._formula(nodes[0])
        rows = [self._formula(node)[2] for node in nodes]
        columns = {column: self._looked_up(column, index) for column in zip(*rows, strict=True)}
        parameters = [columns[column] for column in zip(*rows, strict=True)]
        return tformula.emit(self.f, formula, [_number(env, name) for name in variables], parameters)

    def _formula(self, node: Content) -> tuple[tformula.Formula, tuple[str, ...], tuple[float, ...]]:
        """With its variables, and its numbers apart."""
        if id(node) not in self.known.formulas:
            self.known.formulas[id(node)] = self._made_formula(node)
        return self.known.formulas[id(node)]

    def _made_formula(self, node: Content) -> tuple[tformula.Formula, tuple[str, ...], tuple[float, ...]]:
        if isinstance(node, schema.FormulaRef):
            shared = self.correction.generic_formulas or []
            if node.index >= len(shared):
                self.bad(f"it has no generic formula {node.index}")
            written, parameters = shared[node.index], node.parameters
        else:
            assert isinstance(node, schema.Formula)
            written, parameters = node, node.parameters or []
        try:
            parsed = tformula.parse(written.expression)
        except ValueError as problem:
            self.bad(f"{problem}")
        variables, needed = tformula.needed(parsed)
        if variables > len(written.variables):
            self.bad(f"`{written.expression[:80]}` needs {variables} variables")
        if needed > len(parameters):
            self.bad(f"`{written.expression[:80]}` needs {needed} parameters")
        for name in written.variables:
            if self._kind(name) != "real":
                self.bad(f"a formula takes real numbers; `{name}` is a {self._kind(name)}")
        formula, numbers = tformula.lifted(parsed, parameters)
        return formula, tuple(written.variables), numbers

    def _as_input(self, name: str, value: Operand) -> Operand:
        """Of a whole input: the nearest whole number, away from 0 if there are two."""
        kind = self._kind(name)
        if kind == "string":
            self.bad(f"a transform cannot make the text `{name}`")
        if kind == "real":
            return value
        if not isinstance(value, Tensor):
            fraction, number = math.modf(value)
            return int(number) + (fraction >= 0.5) - (fraction <= -0.5)
        whole = self.ctx.cast(value, "int", self.span)
        rest = self.f("sub", value, self.f.real(whole))
        up, down = (self.ctx.cast(self.f(op, rest, edge), "int", self.span) for op, edge in _HALVES)
        return self.f("sub", self.f("add", whole, up), down)

    # --- bins and keys

    def _kind(self, name: str) -> schema.Kind:
        if name not in self.kinds:
            close = near(name, self.kinds)
            self.bad(f"it has no input `{name}`{f'; is `{close[0]}` meant?' if close else ''}")
        return self.kinds[name]

    def _inputs(self, node: Content) -> tuple[str, ...]:
        if isinstance(node, schema.MultiBinning):
            return tuple(node.inputs)
        assert isinstance(node, schema.Binning | schema.Category), "of what is looked up"
        return (node.input,)

    def _axes(self, node: Content) -> tuple[Axis, ...]:
        if id(node) not in self.known.axes:
            self.known.axes[id(node)] = self._made_axes(node)
        return self.known.axes[id(node)]

    def _made_axes(self, node: Content) -> tuple[Axis, ...]:
        match node:
            case schema.Binning():
                return (Bins.of(node.edges, node.flow == "wrap"),)
            case schema.MultiBinning():
                return tuple(Bins.of(edges, node.flow == "wrap") for edges in node.edges)
            case schema.Category():
                keys = [item.key for item in node.content if isinstance(item.key, int)]
                if len(keys) < len(node.content):
                    self.bad(f"a key of the whole number `{node.input}` is a text")
                return (Keys(tuple(keys)),)
        return ()

    def _tables(self, nodes: Sequence[Content], index: Tensor | None, env: Env, mask: Tensor | None) -> Operand:
        names, axes = self._inputs(nodes[0]), [self._axes(node) for node in nodes]
        found = []
        for place, name in enumerate(names):
            kind = self._kind(name)
            if kind == "string" or (kind == "real" and isinstance(axes[0][place], Keys)):
                assert not isinstance(nodes[0], float | int), "of what is looked up"
                self.bad(f"{nodes[0].nodetype} of `{name}`, a {kind}")
            found.append(slots(self.f, _number(env, name), [own[place] for own in axes]))
        for one in found:
            self._flag_at(self.wrong, one.wrong, mask)
        # of static numbers, the only slot
        ranges = tuple(range(one.count) if isinstance(one.at, Tensor) else (one.at,) for one in found)
        key = tuple(map(id, nodes)), ranges
        if key not in self.known.tables:
            self.known.tables[key] = _contents(nodes, axes, found, list(product(*ranges)))
        contents, outside, wrong = self.known.tables[key]
        at = index
        for one in found:
            if isinstance(one.at, Tensor):
                at = one.at if at is None else self.f("add", self.f("mul", at, one.count), one.at)
        self._flag(self.outside, outside, at, mask)
        self._flag(self.wrong, wrong, at, mask)
        return self.value(contents, at, env, mask)

    # --- what is counted

    def _flag(self, flags: list[Tensor], true: Sequence[bool], index: Tensor | None, mask: Tensor | None) -> None:
        if not any(true):
            return
        if all(true) or index is None:
            self._flag_at(flags, True, mask)
            return
        self._flag_at(flags, self.f("ne", self._table(index, list(map(int, true))), 0), mask)

    def _flag_at(self, flags: list[Tensor], where: Tensor | bool, mask: Tensor | None) -> None:
        if where is False:
            return
        if where is True:
            if mask is None and flags is self.wrong:
                problem = "is given a number for which its file has no value"
                self.ctx.error("HQ0945", self.span, name=self.correction.name, problem=problem)
            flags.append(self.f.tensor(True) if mask is None else mask)
        elif isinstance(where, Tensor):
            flags.append(where if mask is None else self.f("and", mask, where))


def _number(env: Env, name: str) -> Operand:
    """An input that is no text."""
    value = env[name]
    assert not isinstance(value, str), name
    return value


_HALVES = (("ge", 0.5), ("le", -0.5))
_REFUSED = {
    "hashprng": (
        "random numbers of the node `hashprng`",
        "they are made of the bits of the inputs, by XXH64 and PCG32, and the language has no operations on bits",
    ),
    "lwtnn": ("a neural network (the node `lwtnn`)", "networks are models of the program"),
}


def _slots_of(axes: Sequence[Axis]) -> int:
    """At most."""
    first = axes[0]
    if isinstance(first, Keys):
        return 2 * len({key for axis in axes if isinstance(axis, Keys) for key in axis.keys}) + 1
    if first.uniform is not None:
        return first.count + 2
    return len({edge for axis in axes if isinstance(axis, Bins) for edge in axis.edges}) + 1


def _contents(
    nodes: Sequence[Content], axes: Sequence[Sequence[Axis]], found: Sequence[Slots], places: Sequence[Sequence[int]]
) -> tuple[list[Content | None], list[bool], list[bool]]:
    """Of each node, in each place: what it has, whether that is outside of its bins, whether there is nothing."""
    contents: list[Content | None] = []
    outside: list[bool] = []
    wrong: list[bool] = []
    for node, own in zip(nodes, axes, strict=True):
        for place in places:
            local = [s.local(axis, p) for s, axis, p in zip(found, own, place, strict=True)]
            content, out, error = _content(node, own, local)
            contents.append(content)
            outside.append(out)
            wrong.append(error)
    return contents, outside, wrong


def _content(node: Content, axes: Sequence[Axis], local: Sequence[int]) -> tuple[Content | None, bool, bool]:
    """What a node has at a place; whether that is outside of its bins; whether there is nothing."""
    if isinstance(node, schema.Category):
        if local[0] >= 0:
            return node.content[local[0]].value, False, False
        return (node.default, False, False) if node.default is not None else (0.0, False, True)
    assert isinstance(node, (schema.Binning, schema.MultiBinning))
    counts = [axis.count for axis in axes if isinstance(axis, Bins)]
    out = any(not 0 <= place < count for place, count in zip(local, counts, strict=True))
    if out and not isinstance(node.flow, str):
        return node.flow, True, False
    number = 0
    for place, count in zip(local, counts, strict=True):
        number = number * count + min(max(place, 0), count - 1)
    return node.content[number], out and node.flow == "clamp", out and node.flow == "error"
